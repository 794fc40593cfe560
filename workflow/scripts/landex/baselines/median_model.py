"""The mean of two kernel regressions, one of z-scores and one of normal scores: what `median_kernel` predicts with."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from landex.baselines.kernel_model import KernelModel
from landex.blocks import Block
from landex.normal_scores import NormalScores

if TYPE_CHECKING:
    import h5py


@dataclass(frozen=True)
class MedianModel:
    """Targets as (1 - share) f(x) + share g^-1(h(x)), f fitted to z-scores and h to their normal scores g.

    Attributes
    ----------
    of_values, of_scores
        f and h, around the same profiles.
    scale
        g.
    share
        Of the normal scores, from 0 to 1.
    """

    of_values: KernelModel
    of_scores: KernelModel
    scale: NormalScores
    share: float

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""
        predicted = self.of_values.predict(inputs)
        predicted *= np.float32(1 - self.share)
        mapped = self.scale.to_values(self.of_scores.predict(inputs))
        mapped *= np.float32(self.share)
        predicted += mapped
        return predicted

    def of_targets(self, targets: NDArray[np.intp]) -> "MedianModel":
        """Return the model of some targets alone, by their places."""
        of_values, of_scores = self.of_values.of_targets(targets), self.of_scores.of_targets(targets)
        return MedianModel(of_values, of_scores, self.scale.of_targets(targets), self.share)

    @property
    def profiles(self) -> int:
        """Number of training profiles that the model carries, readable by whoever has its file."""
        return self.of_values.profiles

    @property
    def parameters(self) -> int:
        """Numbers carried: profiles, coefficients, intercepts and quantiles."""
        again = self.of_scores.parameters - self.of_scores.points.size
        return self.of_values.parameters + again + self.scale.parameters

    def write(self, group: "h5py.Group") -> None:
        """Store the model in an open HDF5 group; the profiles once."""
        self.of_values.write(group.create_group("values"))
        scores = group.create_group("scores")
        replace(self.of_scores, points=np.empty((0, 0), np.float32)).write(scores)
        self.scale.write(group.create_group("normal_scores"))
        group.attrs["share"] = self.share

    @classmethod
    def read(cls, group: "h5py.Group") -> "MedianModel":
        """Load what `write` stored."""
        of_values = KernelModel.read(group["values"])
        of_scores = replace(KernelModel.read(group["scores"]), points=of_values.points)
        return cls(of_values, of_scores, NormalScores.read(group["normal_scores"]), float(group.attrs["share"]))
