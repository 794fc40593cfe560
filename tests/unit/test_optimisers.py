from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from landex.architecture import build_network
from landex.networks import NetworkSettings
from landex.optimisers import build_optimiser
from landex.presets import PRESETS

SETTINGS = replace(NetworkSettings.from_mapping(PRESETS["deep"]), hidden=(7, 5), dropout=0.0, weight_decay=0.1)


def steps(network: keras.Model, optimiser: object, count: int) -> list[np.ndarray]:
    """Return the weights after some steps with gradients drawn at random, at rates that change."""
    random = np.random.default_rng(3)
    for step in range(count):
        gradients = [tf.constant(random.normal(size=v.shape), tf.float32) for v in network.trainable_variables]
        optimiser.learning_rate.assign(0.01 / (step + 1))  # type: ignore[attr-defined]
        optimiser.apply(gradients, network.trainable_variables)  # type: ignore[attr-defined]
    return network.get_weights()


@pytest.mark.usefixtures("tensorflow_on_two_threads")
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_fused_adam_steps_as_keras_does(name: str) -> None:
    settings = replace(SETTINGS, optimiser=name)
    ours, theirs = build_network(settings, 4, 3), build_network(settings, 4, 3)
    if name == "adam":
        peer = keras.optimizers.Adam(settings.learning_rate)
    else:
        peer = keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)
        peer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    peer.build(theirs.trainable_variables)
    begun = ours.get_weights()
    found = steps(ours, build_optimiser(settings, ours.trainable_variables), 20)
    expected = steps(theirs, peer, 20)
    for first, one, two in zip(begun, found, expected, strict=True):
        assert np.abs(one - first).min() > 0
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
