"""Means and deviations of columns, gathered from blocks of rows in one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rounding leaves a constant column a deviation of about 1e-7 instead of 0.
_CONSTANT = 1e-5


@dataclass(frozen=True)
class Moments:
    """Of every column: how many values it has, their mean, and the sum of squared distances from it.

    Attributes
    ----------
    counts, means, squares
        Shape (columns,); missing values (NaN) count nowhere.
    """

    counts: Floats
    means: Floats
    squares: Floats

    @classmethod
    def of(cls, block: NDArray[np.floating]) -> "Moments":
        """Take the moments of a block of shape (rows, columns)."""
        values = block.astype(np.float64)
        means = values.mean(axis=0) if len(values) else np.zeros(values.shape[1])
        counts = np.full(len(means), float(len(values)))
        missing = np.isnan(values) if np.isnan(means).any() else None
        if missing is not None:
            counts -= np.count_nonzero(missing, axis=0)
            values[missing] = 0
            means = values.sum(axis=0) / np.maximum(counts, 1)
        values -= means
        if missing is not None:
            values[missing] = 0
        return cls(counts, means, np.einsum("ij,ij->j", values, values))

    def __add__(self, other: "Moments") -> "Moments":
        """Join the moments of two sets of rows (Chan, Golub & LeVeque 1983, American Statistician 37:242)."""
        counts = self.counts + other.counts
        share = other.counts / np.maximum(counts, 1)
        apart = other.means - self.means
        return Moments(
            counts, self.means + share * apart, self.squares + other.squares + apart**2 * self.counts * share
        )

    def deviations(self) -> Floats:
        """Return standard deviations (of the population); 1 where a column is constant, so that it scores 0."""
        deviations = np.sqrt(self.squares / np.maximum(self.counts, 1))
        return np.where(deviations > _CONSTANT, deviations, 1.0)


@dataclass(frozen=True)
class Correlation:
    """What a shrunk correlation needs of standardised columns (mean 0), gathered from blocks of rows.

    Attributes
    ----------
    rows
        Number of rows.
    products
        Sum over rows of the outer products, shape (columns, columns).
    fourth
        Sum over rows of the fourth powers of their lengths.
    """

    rows: int
    products: Floats
    fourth: float

    @classmethod
    def of(cls, block: NDArray[np.floating]) -> "Correlation":
        """Take a block of shape (rows, columns); a missing value counts as the mean, 0."""
        values = np.nan_to_num(block.astype(np.float64))
        lengths = np.einsum("ij,ij->i", values, values)
        return cls(len(values), values.T @ values, float(lengths @ lengths))

    def __add__(self, other: "Correlation") -> "Correlation":
        """Join what was gathered from two sets of rows."""
        return Correlation(self.rows + other.rows, self.products + other.products, self.fourth + other.fourth)

    def shrunk(self) -> Floats:
        """Return the correlation, its covariance shrunk towards a multiple of the identity.

        The shrinkage is that of Ledoit & Wolf 2004 (Journal of Multivariate Analysis 88:365), as scikit-learn's
        `ledoit_wolf` has it: the ratio of the covariance's sampling error to its distance from the target.
        """
        columns = len(self.products)
        covariance = self.products / self.rows
        scale = np.trace(covariance) / columns
        squared = float(np.sum(covariance**2))
        error = (self.fourth / self.rows - squared) / (columns * self.rows)
        distance = squared / columns - scale**2
        shrinkage = min(error, distance) / distance if distance > 0 else 0.0
        covariance *= 1 - shrinkage
        covariance[np.diag_indices(columns)] += shrinkage * scale
        deviations = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
        return covariance / np.outer(deviations, deviations)
