"""Occupancy: how often each landmark lies where on a reference, and so the reference of any of the landmarks alone.

A profile that lacks landmarks has to be mapped onto the mean quantiles of the training samples over the landmarks that
it has. These follow from the occupancy, so that whoever holds it needs no training sample.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.quantiles import Block, Reference

# Bins of a reference over all genes; one over landmarks alone has a bin a rank.
_MOST_BINS = 1024


@dataclass(frozen=True)
class Occupancy:
    """Shares of the training samples in which each landmark lies in each bin of a reference.

    Attributes
    ----------
    values
        Mean of the reference in every bin, increasing, shape (bins,).
    shares
        Shape (landmarks, bins), float32; a landmark's shares add up to 1.
    """

    values: Reference
    shares: NDArray[np.float32]

    def reference_of(self, landmarks: NDArray[np.intp]) -> Reference:
        """Return the reference of some landmarks, shape (len(landmarks),), increasing.

        The expected number of these landmarks in a bin is the sum of their shares. Laid out by value on a line as long
        as there are landmarks, the r-th of them takes the mean over [r - 1, r]: the quantiles of the landmarks'
        distribution over all samples together, where `mean_quantiles` averages each sample's own. On GDSC the two
        differ by a root mean square of .003 at 376 of 483 landmarks, where the reference has a deviation of 1.05.

        Parameters
        ----------
        landmarks
            Places of the landmarks, at least one.
        """
        weights = self.shares[landmarks].sum(axis=0, dtype=np.float64)
        # Float32 shares leave the line a rounding longer or shorter than it is.
        weights *= len(landmarks) / weights.sum()
        places = np.concatenate([[0.0], np.cumsum(weights)])
        sums = np.concatenate([[0.0], np.cumsum(weights * self.values)])
        return np.diff(np.interp(np.arange(len(landmarks) + 1), places, sums))


@dataclass(frozen=True)
class OccupancyCounts:
    """Gathers an occupancy from blocks of samples.

    Attributes
    ----------
    bins
        The bins.
    counts
        Shape (landmarks, bins): samples with the landmark in the bin.
    """

    bins: "Bins"
    counts: NDArray[np.int64]

    def __add__(self, other: "OccupancyCounts") -> "OccupancyCounts":
        """Join what was gathered from two sets of samples."""
        return OccupancyCounts(self.bins, self.counts + other.counts)

    def occupancy(self) -> Occupancy:
        """Return the shares; a landmark that was never measured may lie anywhere."""
        totals = self.counts.sum(axis=1, keepdims=True)
        shares = np.where(totals > 0, self.counts / np.maximum(totals, 1), 1 / self.counts.shape[1])
        return Occupancy(self.bins.values, shares.astype(np.float32))


@dataclass(frozen=True)
class Bins:
    """Bins of a reference.

    Attributes
    ----------
    values
        Their means, shape (bins,).
    edges
        Between them, shape (bins - 1,).
    """

    values: Reference
    edges: Reference

    @classmethod
    def of(cls, reference: Reference) -> "Bins":
        """Make a bin of every value, or, where there are many, of as many neighbours in each."""
        count = min(len(reference), _MOST_BINS)
        parts = np.array_split(reference, count)
        ends = np.array([[part[0], part[-1]] for part in parts])
        return cls(np.array([part.mean() for part in parts]), (ends[:-1, 1] + ends[1:, 0]) / 2)

    def counted(self, block: Block) -> OccupancyCounts:
        """Count the bins of normalised landmarks, shape (rows, landmarks), NaN where missing."""
        landmarks, count = block.shape[1], len(self.values)
        bins = np.searchsorted(self.edges, block) + count * np.arange(landmarks)
        found = np.bincount(bins[~np.isnan(block)], minlength=landmarks * count)
        return OccupancyCounts(self, found.reshape(landmarks, count))
