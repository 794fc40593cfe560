"""Least absolute deviations with weights of at least 0, for many small problems at once."""

import numpy as np
from numpy.typing import NDArray

from landex.h5ad import Block

Floats = NDArray[np.float64]

# What a weight of 1 costs, as a share of the mean absolute value of the truth. It changes no error that anyone would
# see, and a member that predicts (almost) nothing for a target gets no weight instead of an arbitrary one.
_COST = 1e-6
# Duality gap at which weights are final, as a share of the mean absolute value of the truth.
_GAP = 1e-6
# Some 20 steps reach the gap.
_MOST_STEPS = 100
# What each step aims to leave of the gap, and how near to the boundary it may go. Others change no weight by more
# than the gap; these took the fewest steps (17, where .1 took 21 and .01 took 29).
_CENTRING, _BOUNDARY = 0.3, 0.99
# A member that contributes less, again as a share, has a weight of 0 that the method, which stays inside the
# boundary, has not quite reached.
_NO_SHARE = 1e-5


def least_absolute_weights(truth: Block, predictions: Block) -> Floats:
    """Return the weights w >= 0 that minimise sum |y - P'w|, for many problems at once.

    Parameters
    ----------
    truth
        y, shape (problems, values).
    predictions
        P, shape (problems, members, values).

    Returns
    -------
    array
        Shape (problems, members). No problem's weights depend on other problems.
    """
    # In units of the problem's mean absolute value.
    scale = np.abs(truth).sum(axis=1, dtype=np.float64) / max(1, truth.shape[1])
    scale = np.where(scale > 0, scale, 1)[:, None]
    # In one order in memory, so that a problem is solved alike alone and among others.
    scaled = np.divide(predictions, scale[:, :, None], order="C")
    point = _InteriorPoint(truth / scale, scaled)
    for _ in range(_MOST_STEPS):
        going = point.unfinished()
        if not going.any():
            break
        point.step(going)
    shares = point.weights * np.abs(scaled).sum(axis=2)
    return np.where(shares < _NO_SHARE * truth.shape[1], 0, point.weights)


class _InteriorPoint:
    """Primal-dual interior point method for least absolute deviations with weights of at least 0.

    After Portnoy & Koenker 1997 (Statistical Science 12:279), without predictor step. A linear programme: its dual
    maximises y'd over -1 <= d <= 1 with P d <= 0. With y - P'w = u - v for u, v >= 0 and slack s >= 0, the points
    u (1 - d) = v (1 + d) = w s = m and P d + s = cost lead to the optimum as m goes to 0. A step of Newton's method
    for these equations, with D = 1 / (u / (1 - d) + v / (1 + d)) and c = m / (1 - d) - m / (1 + d) - (y - P'w), is

        (P D P' + diag(s / w)) dw = P (d - D c) + m / w - cost,    dd = -D (P'dw + c).
    """

    def __init__(self, truth: Floats, predictions: Floats) -> None:
        problems, members, values = predictions.shape
        self._truth, self._predictions = truth, predictions
        self._cost = _COST * values
        self.weights = np.full((problems, members), 1 / members)
        residuals = truth - self._combined(self.weights)
        self._above = np.maximum(residuals, 0) + 1
        self._below = self._above - residuals
        self._dual = np.zeros((problems, values))
        self._slack = np.full((problems, members), float(values))

    def unfinished(self) -> NDArray[np.bool_]:
        """Tell which problems' weights are not final yet, shape (problems,)."""
        infeasible = np.abs(self._products(self._dual) + self._slack - self._cost).max(axis=1)
        return np.maximum(self._gap(), infeasible) > _GAP * self._truth.shape[1]

    def step(self, going: NDArray[np.bool_]) -> None:
        """Take a step in the problems that are still going."""
        weights, slack, dual, above, below = self.weights, self._slack, self._dual, self._above, self._below
        up, down = 1 - dual, 1 + dual
        aim = (_CENTRING * self._gap() / (2 * dual.shape[1] + weights.shape[1]))[:, None]
        scaling = 1 / (above / up + below / down)
        centre = aim / up - aim / down - (self._truth - self._combined(weights))
        normal = (self._predictions * scaling[:, None]) @ self._predictions.transpose(0, 2, 1)
        diagonal = np.einsum("ijj->ij", normal)
        # With fewer values than members the matrix is singular but for the slack, which rounding may take away.
        diagonal[...] += slack / weights + 1e-12 * diagonal
        right = self._products(dual - scaling * centre) + aim / weights - self._cost
        to_weights = np.linalg.solve(normal, right[:, :, None])[:, :, 0]
        to_dual = -scaling * (self._combined(to_weights) + centre)
        to_above = (aim + above * to_dual) / up - above
        to_below = (aim - below * to_dual) / down - below
        to_slack = (aim - slack * to_weights) / weights - slack

        length = going[:, None] * _longest((above, to_above), (below, to_below), (weights, to_weights))
        above += length * to_above
        below += length * to_below
        length_of_dual = going[:, None] * _longest((up, -to_dual), (down, to_dual), (slack, to_slack))
        weights += length * to_weights
        dual += length_of_dual * to_dual
        slack += length_of_dual * to_slack

    def _gap(self) -> Floats:
        """Return what is left to gain, once all equations hold, shape (problems,)."""
        lost = self._above * (1 - self._dual) + self._below * (1 + self._dual)
        return lost.sum(axis=1) + (self.weights * self._slack).sum(axis=1)

    def _combined(self, weights: Floats) -> Floats:
        return (weights[:, None] @ self._predictions)[:, 0]

    def _products(self, values: Floats) -> Floats:
        return (self._predictions @ values[:, :, None])[:, :, 0]


def _longest(*pairs: tuple[Floats, Floats]) -> Floats:
    """Return how much of each problem's steps, at most 1, keeps all values above 0, shape (problems, 1)."""
    lengths = [np.divide(-now, step, out=np.full_like(now, np.inf), where=step < 0).min(axis=1) for now, step in pairs]
    return np.minimum(1, _BOUNDARY * np.min(lengths, axis=0))[:, None]
