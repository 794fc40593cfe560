"""Bootstrap over units: how sure an average over samples is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Certainty:
    """How sure to be.

    `confidence` of the intervals, and 1 less it the share of false discoveries that q values are held against;
    `resamples` of the bootstrap, and the `seed` of their draw.
    """

    confidence: float
    resamples: int
    seed: int


def draws(units: int, resamples: int, seed: int) -> NDArray[np.float32]:
    """Return how often each unit is drawn in every resample, shape (resamples, units).

    Units are drawn with replacement, as many as there are (Efron 1979); of series this is the cluster bootstrap
    (Davison & Hinkley 1997, section 3.8).
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(units, np.full(units, 1 / units), size=resamples).astype(np.float32)


def interval(replicates: Floats, confidence: float, units: int) -> tuple[Floats, Floats]:
    """Return the expanded percentile interval of replicates, along their first axis; NaN where all are NaN.

    Of one unit, whose resamples are all the same and tell nothing, it is everything.

    Percentiles alone are too narrow for few units: for six, "95 %" cover 84 %. They are taken further out, as far as
    Student's t and the deviation with n - 1 are from the normal quantile (Hesterberg 2015, Am Stat 69:371).

    Parameters
    ----------
    replicates
        Shape (resamples, ...).
    confidence
        Of the interval.
    units
        How many units were resampled.
    """
    if units < 2:
        nothing = np.full(replicates.shape[1:], np.inf)
        return -nothing, nothing
    tail = float(ndtr(-_reach(confidence, units)))
    # What is NaN comes last.
    ordered = np.sort(np.moveaxis(replicates, 0, -1), axis=-1)
    known = np.count_nonzero(~np.isnan(ordered), axis=-1)
    return _quantile(ordered, known, tail), _quantile(ordered, known, 1 - tail)


def _quantile(ordered: Floats, known: NDArray[np.intp], share: float) -> Floats:
    """Return a quantile of the first `known` of values in increasing order along the last axis; NaN where none is.

    To the bit that of `np.nanquantile`, which takes row by row where a value is NaN, a hundred times as long.
    """
    place = share * np.maximum(known - 1, 0)
    before = np.floor(place).astype(np.intp)
    after = np.maximum(np.minimum(before + 1, known - 1), 0)
    low, high = (np.take_along_axis(ordered, np.asarray(at)[..., None], -1)[..., 0] for at in (before, after))
    part = place - before
    # From the nearer of the two, as numpy does.
    return np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))


def normal_interval(estimate: float, replicates: Floats, confidence: float, units: int) -> tuple[float, float]:
    """Return the estimate, less and more its bootstrap standard error times an expanded normal quantile.

    For a share of genes: a resample's noise comes on top of the sample's own and draws the share of genes in which one
    model is better towards a half, so that percentiles of replicates may leave out the estimate itself. Parameters are
    those of `interval`.
    """
    if units < 2:
        return -np.inf, np.inf
    reach = _reach(confidence, units) * float(np.std(replicates, ddof=1))
    return estimate - reach, estimate + reach


def _reach(confidence: float, units: int) -> float:
    """Return how many bootstrap standard errors an interval of two or more units reaches."""
    return float(np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + confidence) / 2))
