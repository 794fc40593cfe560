"""Sparse regression of many targets along a path of penalties: batched ADMM with a float64 finish."""

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike
from threadpoolctl import threadpool_limits

from landex.baselines.active_set import solve_on_supports
from landex.baselines.quadratics import Floats, Indices, LinearMap, Quadratic, Real
from landex.baselines.sparse_problem import Penalty, Solutions, SparseProblem, no_solutions

# Over-relaxation: Boyd et al. 2011 (section 3.4.3) recommend 1.5 to 1.8. 1.8 took 10 % fewer iterations than 1.6.
_RELAXATION = 1.8
# A check costs a product, as an iteration does.
_ITERATIONS_OF_CHECK = 6
# float32 gets so far without stalling; where less is asked, it is cheaper to go over to float64 early.
_GAP_OF_SINGLE, _GAP_FOR_DOUBLE = 1e-5, 1e-3
# Most targets take 10 to 40 iterations in float32; few are left for float64, unless it is asked for.
_SINGLE_ITERATIONS, _DOUBLE_ITERATIONS = 100, 200
# Rounds of solving on supports and iterating in float64: one does but for ill-conditioned problems without a path.
_ROUNDS = 10
# Steps are compared by the iterations that pilots take to this gap, which float32 reaches.
_PILOT_GAP = 1e-4
# The first step that is tried, relative to the mean of G's diagonal: the best was 2 to 5 at the largest penalties.
_FIRST_STEP = 4.0


class SparsePath:
    """Sparse regressions at decreasing penalties, each target starting from its solution at the last penalty.

    Targets leave a batch of ADMM in float32 when their duality gap is small enough. Those that float32 does not
    bring there are solved on their supports in float64, and what that leaves, by ADMM in float64.

    Parameters
    ----------
    quadratic
        G = X'X / n.
    penalties
        Decreasing.
    steps
        ADMM's step for every penalty; see `choose_steps`.
    tolerance
        Duality gap, as a share of ||y||^2 / n, at which a target is solved.
    """

    def __init__(self, quadratic: Quadratic, penalties: list[Penalty], steps: Floats, tolerance: float) -> None:
        self._tolerance = tolerance
        self._iterations = [
            Iteration(quadratic, penalty, step) for penalty, step in zip(penalties, steps.tolist(), strict=True)
        ]

    def solve(self, cross: Floats, squares: Floats) -> Iterator[Solutions]:
        """Yield the solutions at every penalty; a gap above the tolerance says that a target did not get there.

        Parameters
        ----------
        cross, squares
            y'X / n, shape (targets, features), and ||y||^2 / n, of a batch of targets.
        """
        solutions = no_solutions(cross)
        for iteration in self._iterations:
            problem = iteration.problem(cross, squares)
            solutions = self._solve(iteration, problem, solutions)
            yield solutions

    def _solve(self, iteration: "Iteration", problem: SparseProblem, start: Solutions) -> Solutions:
        aim = self._tolerance if self._tolerance >= _GAP_OF_SINGLE else _GAP_FOR_DOUBLE
        found, _ = iteration.run(problem.astype(np.float32), start, aim, _SINGLE_ITERATIONS)
        solutions = problem.evaluate(found.astype(np.float64))
        for _ in range(_ROUNDS):
            left = solutions.beyond(self._tolerance)
            if not len(left):
                break
            solutions.improve(left, solve_on_supports(problem.take(left), solutions.take(left), self._tolerance))
            left = solutions.beyond(self._tolerance)
            if len(left):
                some = problem.take(left)
                found, _ = iteration.run(some, solutions.take(left), self._tolerance, _DOUBLE_ITERATIONS)
                solutions.improve(left, some.evaluate(found))
        return solutions


class Iteration:
    """ADMM at one penalty (Boyd et al. 2011, section 6.4).

    With step rho, S the soft threshold, and x over-relaxed by a towards the last z where it is used,

        x = (G + (lambda (1 - r) + rho) I)^-1 (X'y / n + rho (z - u))
        z = S(x + u, lambda r / rho)
        u = x + u - z

    The iterations are those of the point v = z + u alone, whose part within the threshold is u: with
    M = a (rho (G + (lambda (1 - r) + rho) I)^-1 - I / 2), v becomes (1 - a / 2) v + (v - 2 u) M plus what y adds. That
    is one product for all targets of a batch.

    Parameters
    ----------
    quadratic
        G = X'X / n.
    penalty
        lambda and r.
    step
        rho.
    """

    def __init__(self, quadratic: Quadratic, penalty: Penalty, step: float) -> None:
        self._quadratic, self._penalty, self._step = quadratic, penalty, step
        self._single = self._map(np.float32)

    def problem(self, cross: Floats, squares: Floats) -> SparseProblem:
        """Return the problem of a batch of targets, given as y'X / n and ||y||^2 / n."""
        return SparseProblem(self._quadratic, cross, squares, self._penalty)

    def run(self, problem: SparseProblem, start: Solutions, tolerance: float, most: int) -> tuple[Real, Indices]:
        """Return coefficients with a duality gap up to the tolerance, or those after `most` iterations, and how many.

        Parameters
        ----------
        problem
            Its type is that of the work.
        start
            Solutions at this penalty or the last.
        tolerance
            Duality gap as a share of ||y||^2 / n.
        most
            1 or more.
        """
        dtype = problem.cross.dtype
        mapped = self._single if dtype == np.float32 else self._double
        step, half = dtype.type(self._step), dtype.type(_RELAXATION / 2)
        threshold = dtype.type(self._penalty.absolute / self._step)
        points = start.coefficients.astype(dtype)
        points += start.gradients.astype(dtype) / step
        added = mapped(problem.cross)
        added += half * problem.cross
        added /= step
        coefficients = np.empty_like(points)
        counts = np.full(len(points), most)
        live = np.arange(len(points))
        for count in range(most + 1):
            within = np.clip(points, -threshold, threshold)
            if count == most or (count and count % _ITERATIONS_OF_CHECK == 0):
                beyond = points - within
                coefficients[live] = beyond
                going = ~(problem.evaluate(beyond).gaps <= tolerance)
                if not going.all():
                    counts[live[~going]] = count
                    problem, live = problem.take(going), live[going]
                    points, within, added = points[going], within[going], added[going]
                if not len(live):
                    break
            within *= -2
            within += points
            points *= 1 - half
            points += mapped(within)
            points += added
        return coefficients, counts

    @cached_property
    def _double(self) -> LinearMap:
        return self._map(np.float64)

    def _map(self, dtype: DTypeLike) -> LinearMap:
        """Return the map of rows to rows @ M."""
        shift = self._penalty.square + self._step
        return self._quadratic.resolvent(shift, _RELAXATION * self._step, _RELAXATION / 2, dtype)


def choose_steps(quadratic: Quadratic, penalties: list[Penalty], cross: Floats, squares: Floats) -> Floats:
    """Return the step of ADMM for every penalty with which some pilot targets take the fewest iterations.

    Steps are tried that differ by factors of 2, beginning with the last penalty's, while they get better. Neither time
    nor a random number has a say.

    Parameters
    ----------
    quadratic, penalties
        As for `SparsePath`.
    cross, squares
        y'X / n and ||y||^2 / n of the pilots.
    """
    solutions = no_solutions(cross)
    steps: list[float] = []
    # BLAS' own threads gain little on so few targets, and lose much where they have to wait for a core.
    with threadpool_limits(1, "blas"):
        for penalty in penalties:
            first = steps[-1] if steps else _FIRST_STEP * (quadratic.scale or 1)
            problem = SparseProblem(quadratic, cross, squares, penalty)
            step, solutions = _best_step(problem, first, solutions)
            steps.append(step)
    return np.array(steps)


def _best_step(problem: SparseProblem, first: float, start: Solutions) -> tuple[float, Solutions]:
    """Return the best step for a problem and the solutions that it led to."""
    trials: dict[float, Solutions] = {}
    single = problem.astype(np.float32)

    def iterations(step: float) -> float:
        iteration = Iteration(problem.quadratic, problem.penalty, step)
        found, counts = iteration.run(single, start, _PILOT_GAP, _SINGLE_ITERATIONS)
        trials[step] = problem.evaluate(found.astype(np.float64))
        # What is not there yet takes about as many more for every factor of 10.
        missing = np.log10(np.maximum(trials[step].gaps / _PILOT_GAP, 1))
        return float((counts * (1 + missing)).mean())

    best = _descend(iterations, first)
    return best, trials[best]


def _descend(function: Callable[[float], float], start: float) -> float:
    """Return the argument, start times a power of 2, from where no factor of 2 leads lower."""
    best, lowest = start, function(start)
    for factor in (0.5, 2.0):
        while (value := function(best * factor)) < lowest:
            best, lowest = best * factor, value
        if best != start:
            break
    return best
