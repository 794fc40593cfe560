"""Paired tests of two models, gene by gene."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import false_discovery_control

from landex.evaluation.ranks import average_ranks

Floats = NDArray[np.float64]

# Up to here the distribution is counted; above, the normal one is as good.
_EXACT = 50


@dataclass(frozen=True)
class SignedRanks:
    """Wilcoxon's signed ranks of rows of paired differences.

    Attributes
    ----------
    p
        Two-sided p values; 1 where no difference is left, NaN where nothing was measured.
    effects
        Matched-pairs rank-biserial correlations, from -1 (all differences below 0) to 1; 0 where no difference is left.
    """

    p: Floats
    effects: Floats


def signed_ranks(differences: Floats) -> SignedRanks:
    """Test whether paired differences lie around 0, row by row (Wilcoxon 1945, Biometrics Bull 1:80).

    Zeros are dropped. Of up to 50 differences p is exact, given their mid-ranks where some are equal: each sign is as
    likely as the other. Of more, the sum of signed ranks s r is taken for normal, with variance sum r^2. The effect is
    sum s r / sum r (Kerby 2014, Compr Psychol 3:1).

    Parameters
    ----------
    differences
        Shape (genes, units), NaN where a gene was not measured in a unit.
    """
    counted = ~np.isnan(differences) & (differences != 0)
    values = np.where(counted, differences, 0)
    ranks = average_ranks(np.abs(values).astype(np.float32), counted)
    signed = np.einsum("ij,ij->i", ranks, np.sign(values))
    squares = np.einsum("ij,ij->i", ranks, ranks)
    n = counted.sum(axis=1)
    some = n > 0
    p = 2 * ndtr(-np.abs(signed) / np.sqrt(np.where(some, squares, 1)))
    effects = np.where(some, signed / np.where(some, ranks.sum(axis=1), 1), 0.0)
    few = some & (n <= _EXACT)
    # The smaller of the doubled sums of ranks with either sign.
    smaller = np.rint((n * (n + 1) - np.abs(2 * signed)) / 2).astype(np.intp)
    untied = squares == n * (n + 1) * (2 * n + 1) / 6
    for count in np.unique(n[few & untied]):
        rows = few & untied & (n == count)
        p[rows] = np.minimum(1, 2 * _untied_tail(int(count))[smaller[rows]])
    for row in np.flatnonzero(few & ~untied):
        doubled = np.rint(2 * ranks[row, counted[row]]).astype(np.intp)
        p[row] = min(1.0, 2 * _tail(doubled)[smaller[row]])
    unmeasured = np.isnan(differences).all(axis=1)
    p[unmeasured] = effects[unmeasured] = np.nan
    return SignedRanks(p, effects)


@lru_cache(_EXACT)
def _untied_tail(count: int) -> Floats:
    """Return `_tail` of the doubled ranks 2, 4, ..., which all rows of as many different values share."""
    return _tail(2 * np.arange(1, count + 1))


def _tail(doubled: NDArray[np.intp]) -> Floats:
    """Return the probability that the doubled ranks with a positive sign add up to at most 0, 1, 2, ..."""
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1
    for rank in doubled:
        with_it = np.zeros_like(ways)
        with_it[rank:] = ways[: len(ways) - rank]
        ways = (ways + with_it) / 2
    return np.cumsum(ways)


def adjusted(p: Floats) -> Floats:
    """Return q values: p adjusted for the false discovery rate (Benjamini & Hochberg 1995), NaN where p is."""
    q = np.full_like(p, np.nan)
    known = ~np.isnan(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q
