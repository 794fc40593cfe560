"""Networks as data: settings, arrays, and the prediction, which needs no TensorFlow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from landex.h5ad import Block

_ROWS_OF_PREDICTION = 1024
# Keras' own, which layer normalisation adds to the variance.
_EPSILON = np.float32(1e-3)


@dataclass(frozen=True)
class NetworkSettings:
    """Everything that decides on a network and its training; the config's schema describes the fields."""

    hidden: tuple[int, ...]
    activation: str
    normalisation: str
    dropout: float
    output: str
    loss: str
    optimiser: str
    learning_rate: float
    momentum: float
    weight_decay: float
    deeper_rate: float
    schedule: str
    warmup: float
    batch: int
    epochs: int
    initialisation: str
    keep: str
    monitored: int
    seed: int

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "NetworkSettings":
        """Build settings from a completed entry of `models:`."""
        return cls(**{**settings, "hidden": tuple(settings["hidden"])})


@dataclass(frozen=True)
class OutputScale:
    """Maps a network's output to z-scores: z = centre + factor * output, per target.

    A TanH output lies in (-1, 1) where z-scores do not fit: `around` puts the training samples' range of
    every target into [-.9, .9], which leaves room for values a little outside it.

    Attributes
    ----------
    centre, factor
        Shape (targets,).
    """

    centre: Block
    factor: Block

    @classmethod
    def identity(cls, targets: int) -> "OutputScale":
        """Leave a linear output as it is."""
        return cls(np.zeros(targets, np.float32), np.ones(targets, np.float32))

    @classmethod
    def around(cls, targets: Block, measured: NDArray[np.bool_]) -> "OutputScale":
        """Fit the scale to the measured range of targets of shape (samples, targets)."""
        low = np.min(np.where(measured, targets, np.inf), axis=0)
        high = np.max(np.where(measured, targets, -np.inf), axis=0)
        constant = ~(high > low)
        low, high = np.where(constant, -1, low), np.where(constant, 1, high)
        return cls(((low + high) / 2).astype(np.float32), ((high - low) / 2 / 0.9).astype(np.float32))

    def to_output(self, scores: Block) -> Block:
        """Map z-scores to the network's output."""
        return (scores - self.centre) / self.factor

    def to_scores(self, output: Block) -> Block:
        """Map the network's output to z-scores."""
        return self.centre + self.factor * output


def _gelu(layer: Block) -> Block:
    return layer * (1 + erf(layer / np.float32(np.sqrt(2)))) / 2


def _normalised(layer: Block) -> Block:
    """Centre and scale every sample over its units (Ba et al. 2016)."""
    return (layer - layer.mean(axis=1, keepdims=True)) / np.sqrt(layer.var(axis=1, keepdims=True) + _EPSILON)


_ACTIVATIONS: dict[str, Callable[[Block], Block]] = {
    "relu": lambda layer: np.maximum(layer, 0),
    "tanh": np.tanh,
    "gelu": _gelu,
    "linear": lambda layer: layer,
}


@dataclass(frozen=True)
class NetworkModel:
    """A trained network.

    Attributes
    ----------
    settings
        What it was built from.
    weights
        Arrays in the order of Keras' `get_weights`: layer by layer weights and biases, behind those of a
        hidden layer the gains and offsets of its normalisation, where it has one.
    scale
        From its output to z-scores.
    """

    settings: NetworkSettings
    weights: list[NDArray[np.float32]]
    scale: OutputScale

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""
        starts = range(0, len(inputs), _ROWS_OF_PREDICTION)
        blocks = [self._output(inputs[start : start + _ROWS_OF_PREDICTION]) for start in starts]
        return self.scale.to_scores(np.concatenate(blocks))

    def _output(self, layer: Block) -> Block:
        arrays = iter(self.weights)
        for _ in self.settings.hidden:
            layer = layer @ next(arrays) + next(arrays)
            if self.settings.normalisation == "layer":
                layer = _normalised(layer) * next(arrays) + next(arrays)
            layer = _ACTIVATIONS[self.settings.activation](layer)
        return _ACTIVATIONS[self.settings.output](layer @ next(arrays) + next(arrays))

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return sum(array.size for array in self.weights)

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group: settings as JSON, arrays as datasets; no code."""
        group.attrs["settings"] = json.dumps(asdict(self.settings))
        group["centre"] = self.scale.centre
        group["factor"] = self.scale.factor
        for number, array in enumerate(self.weights):
            group[f"weights/{number:03d}"] = array

    @classmethod
    def read(cls, group: h5py.Group) -> "NetworkModel":
        """Load what `write` stored."""
        settings = NetworkSettings.from_mapping(json.loads(group.attrs["settings"]))
        weights = [group["weights"][name][:] for name in sorted(group["weights"])]
        scale = OutputScale(group["centre"][:], group["factor"][:])
        return cls(settings, weights, scale)
