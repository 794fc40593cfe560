"""Networks: from settings to a Keras model, and from a model to a file without code in it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import h5py
import keras
import numpy as np
from numpy.typing import NDArray

from landex.h5ad import Block

_ROWS_OF_PREDICTION = 1024


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


def build_network(settings: NetworkSettings, inputs: int, outputs: int) -> keras.Model:
    """Build an untrained network from `inputs` landmarks to `outputs` targets.

    Every hidden layer is dense weights, layer normalisation (where asked for), activation, dropout.
    `initialisation: dgex` draws weights from +-sqrt(6 / (in + out)) (Glorot & Bengio 2010) and the output's
    from +-1e-4, biases 0 (Chen et al. 2016).
    """
    draws = iter(range(settings.seed, settings.seed + 10_000))
    layer = keras.Input((inputs,))
    network_inputs = layer
    for units in settings.hidden:
        glorot = keras.initializers.GlorotUniform(seed=next(draws))
        layer = keras.layers.Dense(units, kernel_initializer=glorot)(layer)
        if settings.normalisation == "layer":
            layer = keras.layers.LayerNormalization()(layer)
        layer = keras.layers.Activation(settings.activation)(layer)
        if settings.dropout:
            layer = keras.layers.Dropout(settings.dropout, seed=next(draws))(layer)
    if settings.initialisation == "dgex":
        last: keras.Initializer = keras.initializers.RandomUniform(-1e-4, 1e-4, seed=next(draws))
    else:
        last = keras.initializers.GlorotUniform(seed=next(draws))
    layer = keras.layers.Dense(outputs, kernel_initializer=last, activation=settings.output)(layer)
    return keras.Model(network_inputs, layer)


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


@dataclass(frozen=True)
class NetworkModel:
    """A trained network.

    Attributes
    ----------
    settings
        What it was built from.
    weights
        Arrays in the order of Keras' `get_weights`.
    scale
        From its output to z-scores.
    inputs
        Number of landmarks.
    """

    settings: NetworkSettings
    weights: list[NDArray[np.float32]]
    scale: OutputScale
    inputs: int

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""
        network = build_network(self.settings, self.inputs, len(self.scale.centre))
        network.set_weights(self.weights)
        starts = range(0, len(inputs), _ROWS_OF_PREDICTION)
        blocks = [np.asarray(network(inputs[start : start + _ROWS_OF_PREDICTION])) for start in starts]
        return self.scale.to_scores(np.concatenate(blocks))

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return sum(array.size for array in self.weights)

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group: settings as JSON, arrays as datasets; no code."""
        group.attrs["settings"] = json.dumps(asdict(self.settings))
        group.attrs["inputs"] = self.inputs
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
        return cls(settings, weights, scale, int(group.attrs["inputs"]))
