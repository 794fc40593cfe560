"""From the values of a file to log2: every sample decides for itself, since submissions mix scales."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.vocabulary import QUANTILES

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Logged:
    """A sample on the log2 scale.

    Attributes
    ----------
    values
        log2 values, shape (rows,); NaN where the value was missing or has no logarithm.
    scale
        What the values were: `log2`, `linear`, `counts` or `tpm`.
    quantiles
        Quantiles of the values as they came, keyed as in `QUANTILES`; NaN where there are no values.
    negative
        Share of the values that came which are 0 or less, where the scale is linear, so that they have no logarithm
        (as MAS 4's differences of probes); else 0.
    """

    values: Values
    scale: str
    quantiles: dict[str, float]
    negative: float = 0.0


def needs_log2(quantiles: dict[str, float]) -> bool:
    """Apply GEO2R's rule: the 99th percentile > 100, or a range > 50 with the first quartile > 0.

    Source: the R script that GEO2R prints for every analysis (NCBI GEO, "GEO2R").
    """
    wide = quantiles["q100"] - quantiles["q00"] > 50 and quantiles["q25"] > 0
    return quantiles["q99"] > 100 or wide


def to_log2(values: Values, scale: str = "auto", lengths: Values | None = None) -> Logged:
    """Bring one sample's values to log2.

    Parameters
    ----------
    values
        Shape (rows,); NaN where missing.
    scale
        `auto` (GEO2R's rule), `log2` (kept), `linear` (log2; values <= 0 become NaN, as in GEO2R), `counts`
        (log2(1 + counts per million), or TPM where there are lengths) or `tpm` (TPM, FPKM or RPKM: log2(1 + value), so
        that a zero, which is a measurement there, stays one).
    lengths
        Shape (rows,): with `counts`, lengths of the genes, which make transcripts per million of them (Wagner et al.
        2012, Theory in Biosciences 131:281); genes without one (NaN) become missing and count nowhere.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    measured = values[~np.isnan(values)]
    found = np.quantile(measured, list(QUANTILES.values())) if measured.size else np.full(len(QUANTILES), np.nan)
    quantiles = dict(zip(QUANTILES, map(float, found), strict=True))
    if scale == "auto":
        scale = "linear" if needs_log2(quantiles) else "log2"
    negative = float(np.mean(measured <= 0)) if scale == "linear" and measured.size else 0.0
    return Logged(in_log2(values, scale, lengths), scale, quantiles, negative)


def in_log2(values: Values, scale: str, lengths: Values | None = None) -> Values:
    """Return a sample's values in log2 where the decision on its scale is made; see `to_log2`."""
    values = np.where(np.isfinite(values), values, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "linear":
            return np.log2(np.where(values > 0, values, np.nan))
        if scale == "counts":
            rates = values if lengths is None else values / lengths
            return np.log2(1 + rates * (1e6 / np.nansum(rates)))
        if scale == "tpm":
            return np.log1p(values) / np.log(2)
    return values
