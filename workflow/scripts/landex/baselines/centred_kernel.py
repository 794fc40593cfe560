"""The centred kernel of training samples, and systems of equations with a penalty on its diagonal.

Up to some 20,000 samples the matrix fits (3.2 GB), and a Cholesky factor a penalty costs a sixteenth of what an
eigendecomposition does.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from landex.baselines.kernel_model import Floats, kernel_of

# Rows copied at once: few enough to leave no second matrix in memory.
_ROWS = 512


class CentredKernel:
    """H K H for samples' kernel matrix K and H = I - 11'/n, and systems of equations with H K H + penalty I.

    The upper triangle of one float64 matrix keeps H K H, the lower one takes the factor of the penalty in use.

    Parameters
    ----------
    points
        The samples, shape (samples, landmarks).
    gamma
        The kernel is exp(-gamma |a - b|^2) + slope ab.
    slope
        Of its linear part.

    Attributes
    ----------
    mean
        Column means of K, shape (samples,).
    """

    def __init__(self, points: NDArray[np.floating], gamma: float, slope: float = 0.0) -> None:
        self._matrix = kernel_of(points, points, gamma, slope)
        self.mean: Floats = self._matrix.mean(axis=0)
        self._matrix -= self.mean
        self._matrix -= (self.mean - self.mean.mean())[:, None]
        self._diagonal = self._matrix.diagonal().copy()

    def factorise(self, penalty: float) -> None:
        """Take the Cholesky factor of H K H + penalty I, for `solve`."""
        for start in range(0, len(self._matrix), _ROWS):
            rows = slice(start, start + _ROWS)
            self._matrix[rows, :start] = self._matrix[:start, rows].T
            corner = np.triu(self._matrix[rows, rows])
            self._matrix[rows, rows] = corner + np.triu(corner, 1).T
        np.fill_diagonal(self._matrix, self._diagonal + penalty)
        # LAPACK counts by columns: what it takes for the upper triangle is the lower one here, and it leaves the other.
        cho_factor(self._matrix.T, lower=False, overwrite_a=True, check_finite=False)

    def solve(self, right: Floats) -> Floats:
        """Return (H K H + penalty I)^-1 right, for `right` of shape (samples, columns); call `factorise` before.

        `right` is overwritten where it is stored by columns.
        """
        solved: Floats = cho_solve((self._matrix.T, False), right, overwrite_b=True, check_finite=False)
        return solved
