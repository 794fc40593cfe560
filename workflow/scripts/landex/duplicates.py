"""Near-duplicate samples, found without labels on scale-free profiles."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Scores = NDArray[np.float32]

_BLOCK = 1024


@dataclass(frozen=True)
class Pair:
    """Two samples, by row, and the root mean square difference of their normal scores."""

    first: int
    second: int
    distance: float


def normal_scores(values: NDArray[np.floating]) -> Scores:
    """Replace every sample's values by the normal quantiles of their ranks (Blom 1958: (r - 3/8) / (m + 1/4)).

    Parameters
    ----------
    values
        Shape (samples, genes). Ties share their mean rank; missing values score 0, the middle.

    Returns
    -------
    array
        Shape (samples, genes), float32: independent of every sample's scale.
    """
    measured = np.sum(~np.isnan(values), axis=1, keepdims=True)
    ranks = rankdata(values, axis=1, nan_policy="omit")
    return np.nan_to_num(norm.ppf((ranks - 0.375) / (measured + 0.25))).astype(np.float32)


def near_pairs(first: Scores, second: Scores, distance: float) -> Iterator[Pair]:
    """Yield all pairs of rows of two matrices that lie within a distance; exact, in blocks.

    Parameters
    ----------
    first, second
        Normal scores, shapes (n, genes) and (m, genes). If they are the same object, each unordered pair
        comes once and no sample is paired with itself.
    distance
        Largest root mean square difference.
    """
    genes = first.shape[1]
    squares = [np.einsum("ij,ij->i", scores, scores, dtype=np.float64) for scores in (first, second)]
    # float32 products are good to about 1e-6 of the squares: candidates are taken a little wider, then
    # measured in float64.
    limit = genes * distance**2
    slack = 1e-5 * max(float(part.max(initial=0)) for part in squares)
    for start in range(0, len(first), _BLOCK):
        rows = slice(start, start + _BLOCK)
        begin = start if first is second else 0
        for other in range(begin, len(second), _BLOCK):
            columns = slice(other, other + _BLOCK)
            products = first[rows] @ second[columns].T
            apart = squares[0][rows, None] + squares[1][None, columns] - 2 * products
            for i, j in np.argwhere(apart <= limit + slack):
                row, column = start + int(i), other + int(j)
                if first is second and row >= column:
                    continue
                exact = float(np.sqrt(np.mean((first[row].astype(np.float64) - second[column]) ** 2)))
                if exact <= distance:
                    yield Pair(row, column, exact)


def groups_of(pairs: list[Pair], samples: int) -> NDArray[np.intp]:
    """Return for every sample the first sample of its group: groups are what pairs connect."""
    leader = np.arange(samples)

    def find(sample: int) -> int:
        while leader[sample] != sample:
            leader[sample] = leader[leader[sample]]
            sample = int(leader[sample])
        return sample

    for pair in pairs:
        one, two = sorted((find(pair.first), find(pair.second)))
        leader[two] = one
    return np.array([find(sample) for sample in range(samples)], dtype=np.intp)
