"""The quadratic part of sparse regression: X'X / n and its resolvents, from the matrix itself or from a factor.

Right-hand sides and solutions are rows: products are rows @ G, in the type of the rows.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

Real = NDArray[np.floating]
Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# A symmetric linear map of rows; shape and type unchanged.
LinearMap = Callable[[Real], Real]

# Rows of the factor that are turned to float64 at a time: at 943 columns 31 MB.
_ROWS_AT_ONCE = 4096


class Quadratic(Protocol):
    """A symmetric matrix G without negative eigenvalues.

    Attributes
    ----------
    features
        Number of rows and columns.
    scale
        Mean of the diagonal.
    work
        Multiplications of one product with a row.
    """

    @property
    def features(self) -> int: ...  # noqa: D102

    @property
    def scale(self) -> float: ...  # noqa: D102

    @property
    def work(self) -> int: ...  # noqa: D102

    def product(self, rows: Real) -> Real:
        """Return rows @ G."""

    def resolvent(self, shift: float, factor: float, less: float, dtype: DTypeLike) -> LinearMap:
        """Return the map to rows @ (factor (G + shift I)^-1 - less I), for rows of a type and a shift above 0."""

    def block(self, chosen: Indices) -> Floats:
        """Return the rows and columns of G with the chosen numbers."""


class GramQuadratic:
    """G given as a matrix: one eigendecomposition serves every resolvent.

    Parameters
    ----------
    gram
        G, shape (features, features).
    eigenvalues, eigenvectors
        Of G, an eigenvector a column.
    """

    def __init__(self, gram: Floats, eigenvalues: Floats, eigenvectors: Floats) -> None:
        self._gram, self._single = gram, gram.astype(np.float32)
        self._eigenvalues, self._eigenvectors = np.maximum(eigenvalues, 0), eigenvectors
        self.features = len(gram)
        self.scale = float(np.trace(gram)) / len(gram)
        self.work = gram.size

    def product(self, rows: Real) -> Real:
        """Return rows @ G."""
        return rows @ (self._gram if rows.dtype == np.float64 else self._single)

    def resolvent(self, shift: float, factor: float, less: float, dtype: DTypeLike) -> LinearMap:
        """Return the map to rows @ (factor (G + shift I)^-1 - less I)."""
        values = factor / (self._eigenvalues + shift) - less
        matrix: Real = ((self._eigenvectors * values) @ self._eigenvectors.T).astype(dtype)
        return lambda rows: rows @ matrix

    def block(self, chosen: Indices) -> Floats:
        """Return the rows and columns of G with the chosen numbers."""
        return self._gram[np.ix_(chosen, chosen)]


class FactorQuadratic:
    """G = A A' / m, with A the given profiles less the mean of each: all work is with them and m x m matrices.

    (G + s I)^-1 = (I - A (s m I + A'A)^-1 A') / s, by the matrix inverse lemma (Woodbury 1950).

    Parameters
    ----------
    profiles
        Shape (features, m), float32. No copy is made, centred or in float64: means are taken out of the products.
    """

    def __init__(self, profiles: NDArray[np.float32]) -> None:
        self._profiles = profiles
        self.features, self._columns = profiles.shape
        inner = np.zeros((self._columns, self._columns))
        for _, some in _in_double(self._profiles):
            centred = _centred(some)
            inner += centred.T @ centred
        values, self._inner_vectors = np.linalg.eigh(inner)
        self._inner_values = np.maximum(values, 0)
        self.scale = float(values.sum()) / profiles.size
        self.work = 2 * profiles.size

    def product(self, rows: Real) -> Real:
        """Return rows @ G."""
        return self._outward(self._inward(rows) / rows.dtype.type(self._columns))

    def resolvent(self, shift: float, factor: float, less: float, dtype: DTypeLike) -> LinearMap:
        """Return the map to rows @ (factor (G + shift I)^-1 - less I)."""
        values = -factor / shift / (self._inner_values + shift * self._columns)
        matrix: Real = ((self._inner_vectors * values) @ self._inner_vectors.T).astype(dtype)
        share = matrix.dtype.type(factor / shift - less)

        def mapped(rows: Real) -> Real:
            result = self._outward(self._inward(rows) @ matrix)
            result += share * rows
            return result

        return mapped

    def block(self, chosen: Indices) -> Floats:
        """Return the rows and columns of G with the chosen numbers."""
        centred = _centred(self._profiles[chosen].astype(np.float64))
        return centred @ centred.T / self._columns

    def _inward(self, rows: Real) -> Real:
        """Return rows @ A."""
        if rows.dtype == np.float32:
            return _centred(rows @ self._profiles)
        inner = np.zeros((len(rows), self._columns))
        for place, profiles in _in_double(self._profiles):
            inner += rows[:, place] @ profiles
        return _centred(inner)

    def _outward(self, inner: Real) -> Real:
        """Return inner @ A' for rows with mean 0, which need no centred A."""
        if inner.dtype == np.float32:
            return inner @ self._profiles.T
        rows = np.empty((len(inner), self.features))
        for place, profiles in _in_double(self._profiles):
            np.matmul(inner, profiles.T, out=rows[:, place])
        return rows


def quadratic_of_profiles(profiles: NDArray[np.float32]) -> Quadratic:
    """Return A A' / m, with A the profiles, shape (features, m), less the mean of each.

    As a matrix where its products cost less than the factor's.
    """
    features, columns = profiles.shape
    if features > 2 * columns:
        return FactorQuadratic(profiles)
    centred = _centred(profiles.astype(np.float64))
    gram = centred @ centred.T / columns
    return GramQuadratic(gram, *np.linalg.eigh(gram))


def cross_with_profiles(rows: Floats, profiles: NDArray[np.float32]) -> Floats:
    """Return rows @ A' / m for rows of m values with mean 0, and A as above."""
    cross = np.empty((len(rows), len(profiles)))
    for place, some in _in_double(profiles):
        np.matmul(rows, some.T, out=cross[:, place])
    cross /= profiles.shape[1]
    return cross


def _in_double(profiles: NDArray[np.float32]) -> Iterator[tuple[slice, Floats]]:
    """Yield some profiles at a time in float64, and their place."""
    for start in range(0, len(profiles), _ROWS_AT_ONCE):
        place = slice(start, start + _ROWS_AT_ONCE)
        yield place, profiles[place].astype(np.float64)


def _centred(rows: Real) -> Real:
    """Take every row's mean out of it, in place."""
    rows -= rows.mean(axis=1, keepdims=True)
    return rows
