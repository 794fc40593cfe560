"""Conformal prediction: how far off a model may be, and how unusual a sample is, without assuming a distribution."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Weights add up with rounding.
_ROUNDING = 1e-9


def conformal_quantile(
    scores: Floats, units: NDArray[np.intp], coverage: float, measured: Mask | None = None
) -> Floats:
    """Return the score that a new sample stays below with at least a given probability, column by column.

    Every unit weighs 1 / (units + 1), shared by its samples, and one more unit lies at infinity: the quantile of these
    weights. Where a unit is a sample this is the split-conformal quantile, the ceil((n + 1) coverage)-th smallest of n
    scores (Lei et al. 2018, J Am Stat Assoc 113:1094, with samples exchangeable). Where units are series it is that of
    hierarchical conformal prediction: it covers one sample of a new series, where series are exchangeable, and samples
    within a series are (Lee, Barber & Willett 2023, arXiv:2306.06342; Dunn, Wasserman & Ramdas 2022, J Am Stat Assoc
    118:2491, who draw one sample a series).

    Parameters
    ----------
    scores
        Of calibration samples, not negative, shape (samples, targets).
    units
        The unit of every sample, from 0, shape (samples,).
    coverage
        The probability, in (0, 1).
    measured
        Of the shape of `scores`: what counts; all by default.

    Returns
    -------
    array
        Shape (targets,); infinite where there are too few units: fewer than coverage / (1 - coverage).
    """
    there = np.ones(scores.shape, bool) if measured is None else measured
    _, codes = np.unique(units, return_inverse=True)
    in_order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[in_order], prepend=-1))
    sizes = np.add.reduceat(there[in_order], starts, axis=0, dtype=np.intp)
    units_there = (sizes > 0).sum(axis=0)
    weights = np.where(there, 1 / np.maximum(sizes, 1)[codes] / (units_there + 1), 0)
    order = np.argsort(np.where(there, scores, np.inf), axis=0)
    below = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
    reached = below >= coverage - _ROUNDING
    first = np.argmax(reached, axis=0)
    place = np.take_along_axis(order, first[None], axis=0)
    found = np.take_along_axis(scores, place, axis=0)[0]
    return np.where(reached.any(axis=0), found, np.inf)


def conformal_p_values(distances: Floats, calibration: Floats) -> Floats:
    """Return the share of calibration samples that lie at least as far, counting the sample itself.

    (1 + #{calibration >= distance}) / (n + 1): below a only for a share a of samples that are exchangeable with the
    calibration samples (Bates et al. 2023, Ann Stat 51:149).
    """
    nearer = np.searchsorted(np.sort(calibration), distances, side="left")
    return (1 + len(calibration) - nearer) / (len(calibration) + 1)
