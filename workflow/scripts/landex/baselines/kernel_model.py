"""A sum of Gaussian bells around training profiles, and of products with them: what kernel regression predicts with."""

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from landex.h5ad import Block

Floats = NDArray[np.float64]

# Profiles predicted at once: with 20,000 points their kernel takes 80 MB in float64.
_ROWS = 512


def kernel_of(left: NDArray[np.floating], right: NDArray[np.floating], gamma: float, slope: float = 0.0) -> Floats:
    """Return exp(-gamma |a - b|^2) + slope ab of every row a of `left` and b of `right`, shape (rows, rows).

    A sum of kernels is a kernel: its functions are sums of bells and of a linear one, which goes on where bells end.
    """
    kernel = gaussian_kernel(left, right, gamma)
    if slope:
        kernel += slope * (left.astype(np.float64, copy=False) @ right.T.astype(np.float64, copy=False))
    return kernel


def gaussian_kernel(left: NDArray[np.floating], right: NDArray[np.floating], gamma: float) -> Floats:
    """Return exp(-gamma |a - b|^2) of every row a of `left` and b of `right`, shape (rows, rows).

    |a - b|^2 = |a|^2 + |b|^2 - 2 ab, in float64. For z-scores float32 would do (2e-6 of a squared distance on GDSC),
    but not for profiles far from the origin or near each other (3 % of the squared distance of near-duplicates), and
    the products with the targets take most of the time anyway.
    """
    left, right = left.astype(np.float64, copy=False), right.astype(np.float64, copy=False)
    distances = left @ right.T
    distances *= -2
    distances += np.einsum("ij,ij->i", left, left)[:, None]
    distances += np.einsum("ij,ij->i", right, right)
    np.maximum(distances, 0, out=distances)
    distances *= -gamma
    return np.exp(distances, out=distances)


@dataclass(frozen=True)
class KernelModel:
    """Targets as f(x) = intercept + sum_i coefficients_i (exp(-gamma |x - points_i|^2) + slope x points_i).

    Attributes
    ----------
    points
        Training profiles, shape (points, landmarks), float32.
    gamma
        1 / (2 width^2) for bells of that width.
    coefficients
        Shape (points, targets), float32: a prediction is good to about 1e-7 of the sum of their absolute values,
        which matters only where a wide kernel meets a penalty far below any that is chosen.
    intercept
        Shape (targets,), float32.
    slope
        Of the linear part.
    """

    points: Block
    gamma: float
    coefficients: Block
    intercept: Block
    slope: float = 0.0

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks)."""
        predicted = np.empty((len(inputs), self.coefficients.shape[1]), np.float32)
        for start in range(0, len(inputs), _ROWS):
            place = slice(start, start + _ROWS)
            kernel = kernel_of(inputs[place], self.points, self.gamma, self.slope).astype(np.float32)
            np.matmul(kernel, self.coefficients, out=predicted[place])
        predicted += self.intercept
        return predicted

    def of_targets(self, targets: NDArray[np.intp]) -> "KernelModel":
        """Return the model of some targets alone, by their places."""
        chosen = np.ascontiguousarray(self.coefficients[:, targets])
        return KernelModel(self.points, self.gamma, chosen, self.intercept[targets], self.slope)

    @property
    def profiles(self) -> int:
        """Number of training profiles that the model carries, readable by whoever has its file."""
        return len(self.points)

    @property
    def parameters(self) -> int:
        """Numbers carried: profiles, coefficients and intercepts."""
        return self.points.size + self.coefficients.size + self.intercept.size

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""
        group["points"] = self.points
        group["coefficients"] = self.coefficients
        group["intercept"] = self.intercept
        group.attrs["gamma"] = self.gamma
        group.attrs["slope"] = self.slope

    @classmethod
    def read(cls, group: h5py.Group) -> "KernelModel":
        """Load what `write` stored."""
        # Bundles of before linear parts have no slope.
        slope = float(group.attrs.get("slope", 0))
        return cls(
            group["points"][:], float(group.attrs["gamma"]), group["coefficients"][:], group["intercept"][:], slope
        )
