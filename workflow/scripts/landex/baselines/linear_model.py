"""An affine map from landmarks to targets: what all linear baselines predict with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landex.blocks import Block

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class LinearModel:
    """An affine map from landmarks to targets.

    Attributes
    ----------
    coefficients
        Shape (landmarks, targets), float32.
    intercept
        Shape (targets,), float32.
    """

    coefficients: Block
    intercept: Block

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks)."""
        return inputs @ self.coefficients + self.intercept

    def of_targets(self, targets: NDArray[np.intp]) -> "LinearModel":
        """Return the model of some targets alone, by their places."""
        return LinearModel(np.ascontiguousarray(self.coefficients[:, targets]), self.intercept[targets])

    @property
    def parameters(self) -> int:
        """Number of fitted numbers."""
        return self.coefficients.size + self.intercept.size

    def write(self, group: "h5py.Group") -> None:
        """Store the model in an open HDF5 group."""
        group["coefficients"] = self.coefficients
        group["intercept"] = self.intercept

    @classmethod
    def read(cls, group: "h5py.Group") -> "LinearModel":
        """Load what `write` stored."""
        return cls(group["coefficients"][:], group["intercept"][:])
