"""Rounding that keeps the order of values, so that a matrix packs small and every rank statistic stays."""

import math

import numpy as np
from numpy.typing import NDArray


def round_keeping_order(values: NDArray[np.float32], tolerance: float) -> NDArray[np.float32]:
    """Move each value to the number with the fewest binary digits that is near enough to stand for it.

    Near enough means: at most `tolerance` away, and on the value's own side of the midpoints to its two neighbours
    in sorted order. So unequal values keep their strict order, equal values stay equal, and only values that
    crowd keep many digits; the low bytes of all others are zero, which shuffle + gzip packs well.

    Parameters
    ----------
    values
        Shape (n,), finite.
    tolerance
        Greatest move, in the unit of the values; a power of two.

    Returns
    -------
    NDArray[np.float32]
        Shape (n,), float32.

    Raises
    ------
    ValueError
        A value is not finite, or the tolerance is not a positive power of two.

    """
    if not (tolerance > 0 and math.frexp(tolerance)[0] == 0.5):
        raise ValueError(f"tolerance {tolerance} is not a positive power of two")
    if not np.isfinite(values).all():
        raise ValueError("values hold NaN or infinity: order-keeping rounding takes finite values only")
    distinct, position = np.unique(values.astype(np.float64), return_inverse=True)
    midpoints = (distinct[1:] + distinct[:-1]) / 2
    lower = np.maximum(distinct - tolerance, np.concatenate([[-np.inf], midpoints]))  # exclusive
    upper = np.minimum(distinct + tolerance, np.concatenate([midpoints, [np.inf]]))  # inclusive

    rounded = np.empty_like(distinct)
    pending = np.arange(distinct.size)
    # An interval is no wider than 2 * tolerance, so it holds at most one multiple of that; and at most one
    # multiple of a step when it holds none of twice the step. The highest below `upper` is the only candidate.
    step = 2 * tolerance
    while pending.size:
        candidates = np.floor(upper[pending] / step) * step
        inside = candidates > lower[pending]
        rounded[pending[inside]] = candidates[inside]
        pending = pending[~inside]
        step /= 2
    return rounded[position].astype(np.float32)
