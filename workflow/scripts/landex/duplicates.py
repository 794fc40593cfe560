"""Near-duplicate samples, found without labels on scale-free profiles: every pair, at a fraction of the products."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from landex.orders import ROWS_AT_ONCE, fill_runs, orders_of

Scores = NDArray[np.float32]
Floats = NDArray[np.float64]

# Samples of a block of products of sketches: 16 MB of float32.
_BLOCK = 2048
# Samples of a block of products of whole profiles: at 10,000 genes 40 MB a side.
_WHOLE_BLOCK = 1024
# Dimensions of a sketch, and the samples that choose them: profiles of expression differ in few directions mostly.
_DIMENSIONS = 128
_CHOOSING = 512
# Candidates a row of a block, above which whole profiles' products are cheaper than measuring pair by pair.
_MANY = 4
_SEED = 1


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
    scores = np.zeros(values.shape, np.float32)
    for start in range(0, len(values), ROWS_AT_ONCE):
        block = np.ascontiguousarray(values[start : start + ROWS_AT_ONCE])
        orders = orders_of(block)
        by_rank = np.zeros(block.shape)
        for place, count in enumerate(orders.counts):
            by_rank[place, :count] = _quantiles_of_ranks(int(count))
        row, first, last = orders.runs()
        measured = orders.counts[row]
        ranks = (first + last) / 2 + 1
        fill_runs(by_rank, (row, first, last), _normal_quantile((ranks - 0.375) / (measured + 0.25)))
        scores[start : start + len(block)].reshape(-1)[orders.places.reshape(-1)] = by_rank.reshape(-1)
    return scores


def _normal_quantile(shares: NDArray[np.floating]) -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(shares), np.float64)


@lru_cache(maxsize=16)
def _quantiles_of_ranks(count: int) -> Floats:
    """Return the scores of the ranks 1 to `count` where none is tied."""
    return _normal_quantile((np.arange(1, count + 1) - 0.375) / (count + 0.25))


@dataclass(frozen=True)
class _Sketch:
    """A few coordinates of profiles in an orthonormal basis: sketches are never farther apart than profiles."""

    centre: NDArray[np.float32]
    basis: NDArray[np.float32]

    @classmethod
    def of(cls, scores: Scores) -> "_Sketch":
        """Take the directions in which some of the samples differ most."""
        rows = np.sort(np.random.default_rng(_SEED).permutation(len(scores))[:_CHOOSING])
        some = np.asarray(scores[rows], np.float64)
        centre = some.mean(axis=0)
        some -= centre
        strengths, mixtures = np.linalg.eigh(some @ some.T)
        # A direction of no strength would be made of rounding.
        real = strengths > 1e-6 * max(strengths[-1], 1.0)
        directions = some.T @ mixtures[:, real][:, -_DIMENSIONS:]
        basis, _ = np.linalg.qr(directions)
        return cls(centre.astype(np.float32), basis.astype(np.float32))

    def __call__(self, scores: Scores) -> Scores:
        """Return the sketches of profiles, shape (samples, dimensions)."""
        blocks = range(0, len(scores), _WHOLE_BLOCK)
        parts = [(scores[start : start + _WHOLE_BLOCK] - self.centre) @ self.basis for start in blocks]
        return np.concatenate(parts) if parts else np.empty((0, self.basis.shape[1]), np.float32)


def near_pairs(first: Scores, second: Scores, distance: float) -> Iterator[Pair]:
    """Yield all pairs of rows of two matrices that lie within a distance; exact, in blocks.

    Sketches of the profiles, whose distances are lower bounds, leave few candidates; these are measured in float64.

    Parameters
    ----------
    first, second
        Normal scores, shapes (n, genes) and (m, genes), in memory or mapped from disk. If they are the same object,
        each unordered pair comes once and no sample is paired with itself.
    distance
        Largest root mean square difference.
    """
    genes = first.shape[1]
    if not len(first) or not len(second):
        return
    sketch = _Sketch.of(first)
    ours = sketch(first)
    theirs = ours if first is second else sketch(second)
    squares = [np.einsum("ij,ij->i", sketches, sketches, dtype=np.float64) for sketches in (ours, theirs)]
    limit = genes * distance**2
    # A profile's squares add up to its number of genes; float32 products are good to about 1e-6 of that.
    slack = 1e-5 * genes
    for start in range(0, len(first), _BLOCK):
        rows = slice(start, start + _BLOCK)
        for other in range(start if first is second else 0, len(second), _BLOCK):
            columns = slice(other, other + _BLOCK)
            apart = squares[0][rows, None].astype(np.float32) + squares[1][None, columns].astype(np.float32)
            apart -= 2 * (ours[rows] @ theirs[columns].T)
            found = np.argwhere(apart <= limit + slack) + np.array([start, other])
            if first is second:
                found = found[found[:, 0] < found[:, 1]]
            if len(found) > _MANY * _BLOCK:
                found = _by_whole_profiles(first, second, found, limit)
            yield from _measured(first, second, found, distance)


def _by_whole_profiles(first: Scores, second: Scores, found: NDArray[np.intp], limit: float) -> NDArray[np.intp]:
    """Keep the candidates whose whole profiles may lie within a limit of squares, by their products."""
    kept = []
    for some in _tiles(found):
        rows, row = np.unique(some[:, 0], return_inverse=True)
        columns, column = np.unique(some[:, 1], return_inverse=True)
        ours, theirs = np.asarray(first[rows]), np.asarray(second[columns])
        squares = [np.einsum("ij,ij->i", scores, scores, dtype=np.float64) for scores in (ours, theirs)]
        apart = squares[0][:, None] + squares[1][None] - 2.0 * (ours @ theirs.T)
        slack = 1e-5 * max(float(part.max()) for part in squares)
        kept.append(some[apart[row, column] <= limit + slack])
    return np.concatenate(kept)


def _tiles(found: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Cut candidates into those of blocks of whole profiles, of which two are in memory at a time."""
    tile = (found // _WHOLE_BLOCK).astype(np.int64)
    for one in np.unique(tile, axis=0):
        yield found[(tile == one).all(axis=1)]


def _measured(first: Scores, second: Scores, found: NDArray[np.intp], distance: float) -> Iterator[Pair]:
    for row, column in found.tolist():
        exact = profile_distance(first[row], second[column])
        if exact <= distance:
            yield Pair(row, column, exact)


def profile_distance(one: Scores, other: Scores) -> float:
    """Return the root mean square difference of two samples' normal scores, each of shape (genes,)."""
    return float(np.sqrt(np.mean((one.astype(np.float64) - other) ** 2)))


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
