"""Units: on which scale a file's values are, found by looking at some of its profiles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.scale import Values, in_log2, needs_log2
from landex.vocabulary import QUANTILES

# Of the values of z-scores about half are negative, of log2 values few.
_NEGATIVE = 0.1
# Rank correlation of profiles with the means of the training samples: here .36 for L1000 against GDSC, more between
# arrays, and of z-scores about 0.
_ALIKE = 0.2
# Counts of a profile go higher, integers in log2 do not.
_HIGH_COUNT = 20
# TPM have many zeros, array values hardly any.
_ZEROS = 0.02


@dataclass(frozen=True)
class Units:
    """What a look at some profiles found.

    Attributes
    ----------
    scale
        One of `vocabulary.SCALES`.
    likeness
        Median correlation of the profiles' landmarks with the means of the training samples; NaN where there is none.
    """

    scale: str
    likeness: float


def find_units(values: NDArray[np.floating], landmarks: NDArray[np.floating], mean: NDArray[np.floating]) -> Units:
    """Find the scale of values.

    Parameters
    ----------
    values
        All values of some profiles, shape (rows, genes), NaN where missing.
    landmarks
        The landmarks among them, shape (rows, landmarks).
    mean
        Means of these landmarks in the training samples, shape (landmarks,).
    """
    measured = values[np.isfinite(values)]
    likeness = _likeness(landmarks, mean)
    if not len(measured):
        return Units("auto", likeness)
    if np.mean(measured < 0) >= _NEGATIVE:
        return Units("zscores" if not likeness >= _ALIKE else "log2", likeness)
    if measured.max() >= _HIGH_COUNT and (measured >= 0).all() and (measured == np.round(measured)).all():
        return Units("counts", likeness)
    if np.mean(measured == 0) >= _ZEROS and needs_log2(_quantiles(measured)):
        return Units("tpm", likeness)
    return Units("auto", likeness)


def _likeness(landmarks: NDArray[np.floating], mean: NDArray[np.floating]) -> float:
    """Return the median over profiles of the rank correlation with the means."""
    found = []
    for row in landmarks:
        there = np.isfinite(row)
        if there.sum() > 2 and np.ptp(row[there]) > 0:
            ranks, of_mean = np.argsort(np.argsort(row[there])), np.argsort(np.argsort(mean[there]))
            found.append(float(np.corrcoef(ranks, of_mean)[0, 1]))
    return float(np.median(found)) if found else float("nan")


def _quantiles(values: NDArray[np.floating]) -> dict[str, float]:
    return dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values())).tolist(), strict=True))


def scales_of(block: NDArray[np.floating], scale: str) -> list[str]:
    """Return the scale of every profile: `auto` decides between log2 and linear, as `scale.to_log2` does.

    Parameters
    ----------
    block
        Shape (rows, genes), NaN where missing.
    scale
        One of `vocabulary.SCALES`.
    """
    if scale != "auto":
        return [scale] * len(block)
    with np.errstate(invalid="ignore"):
        high, low = np.fmax.reduce(block, axis=1), np.fmin.reduce(block, axis=1)
        # Elsewhere GEO2R's rule cannot ask for logarithms, and quantiles take their time.
        possible = (high > 100) | (high - low > 50)
    found = ["log2"] * len(block)
    for row in np.flatnonzero(possible):
        measured = block[row][np.isfinite(block[row])].astype(np.float64)
        if len(measured) and needs_log2(_quantiles(measured)):
            found[row] = "linear"
    return found


def logged(block: NDArray[np.floating], scales: list[str]) -> NDArray[np.floating]:
    """Return profiles in log2, each from its scale; z-scores stay what they are.

    Parameters
    ----------
    block
        Shape (rows, genes).
    scales
        Of every row, `log2`, `linear`, `counts`, `tpm` or `zscores`.
    """
    if all(scale in ("log2", "zscores") for scale in scales):
        return block if np.isfinite(block).all() else np.where(np.isfinite(block), block, np.nan)
    rows: list[Values] = [
        in_log2(values.astype(np.float64), "log2" if scale == "zscores" else scale)
        for values, scale in zip(block, scales, strict=True)
    ]
    return np.stack(rows)
