"""Exact sparse regression once it is nearly known which coefficients are not zero: linear systems in float64."""

import numpy as np

from landex.baselines.quadratics import Floats
from landex.baselines.sparse_problem import Solutions, SparseProblem

# Three steps are the rule from a good start; where 10 do not find the support, 20 rarely do.
_STEPS = 10
# Supports of k coefficients are solved for, at k^3 multiplications in all, while that is less than so many products
# with the features, which iterations would take. At 943 features 20 to 60 took the same time, 200 half as much more.
_PRODUCTS = 40
# Added to the diagonal, as a share of its mean, and made good for on the right-hand side: systems of collinear
# features stay solvable, and the solution is the one nearest the start.
_PROXIMITY = 1e-9


def solve_on_supports(problem: SparseProblem, start: Solutions, tolerance: float) -> Solutions:
    """Solve for the coefficients that are not 0, and correct which those are, until the gap is small enough.

    The primal-dual active set method (Hintermuller, Ito & Kunisch 2002), a semismooth Newton method: with the support
    and signs s of the start, w = (G + lambda (1 - r) I)^-1 (X'y / n - lambda r s); coefficients with the wrong sign
    leave the support, and those whose gradient exceeds lambda r enter. At the true support and signs w is exact.
    Targets whose supports are so large that iterations are cheaper are left as they are.

    Parameters
    ----------
    problem
        In float64.
    start
        In float64, near the solution.
    tolerance
        Gap that ends the work on a target.

    Returns
    -------
    Solutions
        The best that was seen of every target, the start included.
    """
    largest_support = (_PRODUCTS * problem.quadratic.work) ** (1 / 3)
    best = Solutions(start.coefficients.copy(), start.gradients.copy(), start.gaps.copy())
    live = np.arange(len(best.gaps))
    points, signs = best.coefficients, np.sign(best.coefficients)
    for _ in range(_STEPS):
        going = (best.gaps[live] > tolerance) & (np.count_nonzero(signs, axis=1) <= largest_support)
        live, points, signs = live[going], points[going], signs[going]
        if not len(live):
            break
        some = problem.take(live)
        for number, (point, sign) in enumerate(zip(points, signs, strict=True)):
            points[number] = _solution(some, number, point, sign)
        found = some.evaluate(points)
        best.improve(live, found)
        entering = (points == 0) & (np.abs(found.gradients) > problem.penalty.absolute)
        signs = np.sign(np.where(entering, found.gradients, points))
    return best


def _solution(problem: SparseProblem, target: int, point: Floats, sign: Floats) -> Floats:
    """Return the solution of one target on a support with given signs; 0 where it has another sign."""
    support = np.flatnonzero(sign)
    system = problem.quadratic.block(support)
    proximity = _PROXIMITY * problem.quadratic.scale
    system.flat[:: len(support) + 1] += problem.penalty.square + proximity
    wanted = problem.cross[target, support] - problem.penalty.absolute * sign[support] + proximity * point[support]
    values = np.linalg.solve(system, wanted)
    solution = np.zeros_like(point)
    solution[support] = np.where(values * sign[support] > 0, values, 0)
    return solution
