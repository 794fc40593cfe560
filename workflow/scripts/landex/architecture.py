"""From a network's settings to an untrained Keras model."""

import keras

from landex.networks import NetworkSettings


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
