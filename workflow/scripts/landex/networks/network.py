"""Networks as data: settings, arrays, and the prediction, which needs no TensorFlow."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit

from landex.blocks import Block
from landex.networks.settings import NetworkSettings
from landex.normal_scores import NormalScores

if TYPE_CHECKING:
    import h5py

    from landex.examples import ExampleSource

# Enough rows for products near the machine's peak; a layer of 9,000 units then takes 37 MB.
_ROWS_OF_PREDICTION = 1024
# Added to the variance by layer and batch normalisation: Keras' default.
EPSILON = 1e-3
# Beside them every array of a network is trained, or is the fitted ridge's.
_MOVING_STATISTICS = ("moving_mean", "moving_variance")

Arrays = Mapping[str, NDArray[np.float32]]


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
        """Leave an output as it is."""
        return cls(np.zeros(targets, np.float32), np.ones(targets, np.float32))

    @classmethod
    def around(cls, source: "ExampleSource") -> "OutputScale":
        """Fit the scale to the measured range of every target, block by block.

        A target with one value keeps its unit around that value, one without any around 0.
        """
        low = np.full(len(source.features), np.inf, np.float32)
        high = -low
        for block in source.blocks():
            np.minimum(low, np.min(block.targets, axis=0, where=block.measured, initial=np.inf), out=low)
            np.maximum(high, np.max(block.targets, axis=0, where=block.measured, initial=-np.inf), out=high)
        unmeasured = low > high
        low[unmeasured] = high[unmeasured] = 0
        half = np.where(high > low, (high - low) / 2, 1)
        return cls(((low + high) / 2).astype(np.float32), (half / 0.9).astype(np.float32))

    def to_output(self, scores: Block) -> Block:
        """Map z-scores to the network's output; an identity returns what it got."""
        if not self.centre.any() and (self.factor == 1).all():
            return scores
        return (scores - self.centre) / self.factor

    def to_scores(self, output: Block) -> Block:
        """Map the network's output to z-scores."""
        return self.centre + self.factor * output


@dataclass(frozen=True)
class NormalScale:
    """Maps a network's output, normal scores, to z-scores.

    Attributes
    ----------
    scores
        The map of every target.
    """

    scores: NormalScores

    def to_output(self, scores: Block) -> Block:
        """Map z-scores to the network's output."""
        return self.scores.to_scores(scores)

    def to_scores(self, output: Block) -> Block:
        """Map the network's output to z-scores."""
        return self.scores.to_values(output)


Scale = OutputScale | NormalScale


def _gelu(layer: Block) -> Block:
    """Return x Phi(x), Phi the normal distribution function itself (Hendrycks & Gimpel 2016)."""
    return layer * (1 + erf(layer / np.float32(np.sqrt(2)))) / 2


_ACTIVATIONS: dict[str, Callable[[Block], Block]] = {
    "relu": lambda layer: np.maximum(layer, 0),
    "tanh": np.tanh,
    "gelu": _gelu,
    "silu": lambda layer: layer * expit(layer),
    "elu": lambda layer: np.where(layer > 0, layer, np.expm1(np.minimum(layer, 0))),
    "linear": lambda layer: layer,
}


@dataclass(frozen=True)
class Network:
    """One trained network.

    Attributes
    ----------
    settings
        What it was built from.
    arrays
        By path of the Keras variable, as `hidden_1/kernel`: kernels of shape (units below, units) and biases of
        `hidden_1`.., `rank`, `output` and `skip`; `gamma` and `beta`, and the moving statistics, of
        `normalisation_1`..; `alpha`, `beta`, `gamma` and `delta` of the TAAFs `activation_1`.. and
        `output_activation`.
    scale
        From its output to z-scores.
    """

    settings: NetworkSettings
    arrays: Arrays
    scale: Scale

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""
        scores = np.empty((len(inputs), self.outputs), np.float32)
        for start in range(0, len(inputs), _ROWS_OF_PREDICTION):
            place = slice(start, start + _ROWS_OF_PREDICTION)
            scores[place] = self.scale.to_scores(self._output(inputs[place]))
        return scores

    @property
    def outputs(self) -> int:
        """Number of targets."""
        return self.arrays["output/kernel"].shape[1]

    @property
    def parameters(self) -> int:
        """Number of fitted numbers, those of a frozen ridge and of a map to normal scores included."""
        fitted = sum(array.size for path, array in self.arrays.items() if not path.endswith(_MOVING_STATISTICS))
        return fitted + (self.scale.scores.parameters if isinstance(self.scale, NormalScale) else 0)

    def write(self, group: "h5py.Group") -> None:
        """Store the network in an open HDF5 group: settings as JSON, arrays as datasets; no code."""
        group.attrs["settings"] = json.dumps(asdict(self.settings))
        if isinstance(self.scale, NormalScale):
            self.scale.scores.write(group.create_group("normal_scores"))
        else:
            group["centre"] = self.scale.centre
            group["factor"] = self.scale.factor
        for path, array in self.arrays.items():
            group[f"arrays/{path}"] = array

    @classmethod
    def read(cls, group: "h5py.Group") -> "Network":
        """Load what `write` stored."""
        settings = NetworkSettings.from_mapping(json.loads(group.attrs["settings"]))
        stored = group["arrays"]
        arrays = {f"{layer}/{name}": stored[layer][name][:] for layer in stored for name in stored[layer]}
        if "normal_scores" in group:
            return cls(settings, arrays, NormalScale(NormalScores.read(group["normal_scores"])))
        return cls(settings, arrays, OutputScale(group["centre"][:], group["factor"][:]))

    def _output(self, inputs: Block) -> Block:
        layer = inputs
        for number in range(1, len(self.settings.hidden) + 1):
            layer = self._hidden(number, layer)
        if self.settings.rank is not None:
            layer = layer @ self.arrays["rank/kernel"]
        output = self._activated(self.settings.output, "output_activation", self._dense("output", layer))
        return output if self.settings.skip == "none" else output + self._dense("skip", inputs)

    def _hidden(self, number: int, below: Block) -> Block:
        layer = self._normalised(f"normalisation_{number}", self._dense(f"hidden_{number}", below))
        layer = self._activated(self.settings.activation, f"activation_{number}", layer)
        return layer + below if self.settings.residual and layer.shape == below.shape else layer

    def _dense(self, name: str, layer: Block) -> Block:
        product = layer @ self.arrays[f"{name}/kernel"]
        # A trained skip has none, nor has what a TAAF stands upon.
        if (bias := self.arrays.get(f"{name}/bias")) is not None:
            product += bias
        return product

    def _normalised(self, name: str, layer: Block) -> Block:
        """Normalise every sample over its units (Ba et al. 2016), or every unit (Ioffe & Szegedy 2015), or neither."""
        if self.settings.normalisation == "none":
            return layer
        if self.settings.normalisation == "layer":
            mean, variance = layer.mean(axis=1, keepdims=True), layer.var(axis=1, keepdims=True)
        else:
            mean, variance = (self.arrays[f"{name}/{statistic}"] for statistic in _MOVING_STATISTICS)
        normalised = (layer - mean) / np.sqrt(variance + np.float32(EPSILON))
        return normalised * self.arrays[f"{name}/gamma"] + self.arrays[f"{name}/beta"]

    def _activated(self, activation: str, name: str, layer: Block) -> Block:
        if activation != "taaf":
            return _ACTIVATIONS[activation](layer)
        alpha, beta, gamma, delta = (self.arrays[f"{name}/{array}"] for array in ("alpha", "beta", "gamma", "delta"))
        return alpha * expit(beta * layer + gamma) + delta
