"""From a network's settings to an untrained Keras model, and from a trained one to its arrays."""

import keras
import numpy as np
from numpy.typing import NDArray

from landex.h5ad import Block
from landex.networks.layers import Taaf
from landex.networks.network import EPSILON
from landex.networks.settings import NetworkSettings

# Keras' .99 still remembers its start after some hundred steps, more than a training on few samples has; .9 averages
# the last dozen batches.
_MOMENTUM_OF_STATISTICS = 0.9


def build_network(
    settings: NetworkSettings, inputs: int, outputs: int, skip: tuple[Block, Block] | None = None
) -> keras.Model:
    """Build an untrained network.

    A hidden layer is weights, normalisation, activation, dropout, and then, if the network is `residual` and the
    layer as wide as what is below it, the sum of both. Noise is added to the inputs, but not to those of a ridge:
    the network learns what the ridge leaves over when it predicts, and then there is no noise.

    Weights are drawn from +-sqrt(6 / (in + out)) (Glorot & Bengio 2010), biases are 0; `initialisation: dgex` draws
    the output's from +-1e-4 (Chen et al. 2016). A trained linear skip starts at 0, a network without it.

    With `precision: mixed_bfloat16` variables stay float32, layers compute in bfloat16, and what follows the
    output's weights is float32 again. Weights under a TAAF have no biases, whose place its gamma takes.

    Parameters
    ----------
    settings
        Of the network; the same settings build the same network.
    inputs, outputs
        Number of landmarks and of targets.
    skip
        Coefficients, shape (inputs, outputs), and intercepts, shape (outputs,), of the ridge where `settings.skip`
        is `ridge`.

    Raises
    ------
    ValueError
        If the settings ask for a ridge and there is none, or the other way round.
    """
    if (settings.skip == "ridge") != (skip is not None):
        raise ValueError(f"skip is {settings.skip}, and a fitted ridge is {'given' if skip else 'missing'}")
    blocks = _Blocks(settings)
    network_inputs = keras.Input((inputs,), name="landmarks")
    noisy = blocks.noise(network_inputs)
    layer = noisy
    for number, units in enumerate(settings.hidden, 1):
        layer = blocks.hidden(number, layer, units)
    output = blocks.output(layer, outputs)
    if settings.skip != "none":
        beside = blocks.skip(network_inputs if skip else noisy, outputs)
        output = keras.layers.Add(name="sum", dtype="float32")([output, beside])
    network = keras.Model(network_inputs, output)
    if skip:
        network.get_layer("skip").set_weights(list(skip))
    return network


def arrays_of(network: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Return a copy of all arrays that prediction needs, by path; see `Network`."""
    return {variable.path: np.array(variable.numpy(), np.float32) for variable in network.weights}


class _Blocks:
    """Puts layers of a network onto what is below them."""

    def __init__(self, settings: NetworkSettings) -> None:
        self._settings = settings
        self._dtype = keras.DTypePolicy(settings.precision)

    def noise(self, layer: keras.KerasTensor) -> keras.KerasTensor:
        if not self._settings.input_noise:
            return layer
        seed = self._seed("input_noise")
        return keras.layers.GaussianNoise(self._settings.input_noise, seed, name="input_noise", dtype=self._dtype)(
            layer
        )

    def hidden(self, number: int, below: keras.KerasTensor, units: int) -> keras.KerasTensor:
        settings = self._settings
        layer = self._dense(f"hidden_{number}", below, units, use_bias=settings.activation != "taaf")
        layer = self._normalised(f"normalisation_{number}", layer)
        layer = self._activated(settings.activation, f"activation_{number}", layer, self._dtype)
        if settings.dropout:
            name = f"dropout_{number}"
            layer = keras.layers.Dropout(settings.dropout, seed=self._seed(name), name=name, dtype=self._dtype)(layer)
        if settings.residual and below.shape[-1] == units:
            layer = keras.layers.Add(name=f"residual_{number}", dtype=self._dtype)([layer, below])
        return layer

    def output(self, layer: keras.KerasTensor, outputs: int) -> keras.KerasTensor:
        settings = self._settings
        if settings.rank is not None:
            layer = self._dense("rank", layer, settings.rank, use_bias=False)
        small = keras.initializers.RandomUniform(-1e-4, 1e-4, seed=self._seed("output"))
        initial = {"kernel_initializer": small} if settings.initialisation == "dgex" else {}
        layer = self._dense("output", layer, outputs, use_bias=settings.output != "taaf", **initial)
        return self._activated(settings.output, "output_activation", layer, keras.DTypePolicy("float32"))

    def skip(self, inputs: keras.KerasTensor, outputs: int) -> keras.KerasTensor:
        trained = self._settings.skip == "linear"
        # The output has a bias already, which is one too many for a trained skip.
        # A ridge is exact: rounded, its products would be worse than the baseline that it is.
        dtype = self._dtype if trained else keras.DTypePolicy("float32")
        options = {"kernel_initializer": "zeros", "use_bias": not trained, "trainable": trained, "dtype": dtype}
        return self._dense("skip", inputs, outputs, **options)

    def _dense(self, name: str, layer: keras.KerasTensor, units: int, **options: object) -> keras.KerasTensor:
        glorot = keras.initializers.GlorotUniform(seed=self._seed(name))
        return keras.layers.Dense(units, name=name, **{"kernel_initializer": glorot, "dtype": self._dtype, **options})(
            layer
        )

    def _normalised(self, name: str, layer: keras.KerasTensor) -> keras.KerasTensor:
        kind = self._settings.normalisation
        if kind == "none":
            return layer
        if kind == "layer":
            return keras.layers.LayerNormalization(epsilon=EPSILON, name=name, dtype=self._dtype)(layer)
        return keras.layers.BatchNormalization(
            momentum=_MOMENTUM_OF_STATISTICS, epsilon=EPSILON, name=name, dtype=self._dtype
        )(layer)

    @staticmethod
    def _activated(activation: str, name: str, layer: keras.KerasTensor, dtype: keras.DTypePolicy) -> keras.KerasTensor:
        if activation == "taaf":
            return Taaf(name=name, dtype=dtype)(layer)
        return keras.layers.Activation(activation, name=name, dtype=dtype)(layer)

    def _seed(self, name: str) -> int:
        """Return the seed of a layer: its own, so that one layer more or less leaves the others' draws as they are."""
        return int(np.random.SeedSequence([self._settings.seed, *name.encode()]).generate_state(1)[0])
