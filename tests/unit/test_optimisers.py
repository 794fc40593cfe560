"""Optimisers: the steps of Keras' own, in fewer passes over memory."""

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from network_settings import settings_of
from numpy.typing import NDArray

from landex.networks.architecture import build_network
from landex.networks.optimisers import build_optimiser

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")

SETTINGS = settings_of("deep", hidden=[7, 5], dropout=0.0, weight_decay=0.1, momentum=0.6)

Apply = Callable[[list[tf.Tensor], float, int], object]


def after_steps(network: keras.Model, apply: Apply, count: int) -> list[NDArray[np.float32]]:
    """Return the weights after some steps with gradients drawn at random, at rates that change."""
    random = np.random.default_rng(3)
    for step in range(1, count + 1):
        gradients = [tf.constant(random.normal(size=v.shape), tf.float32) for v in network.trainable_variables]
        apply(gradients, 0.01 / step, step)
    return network.get_weights()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_steps_are_those_of_keras(name: str) -> None:
    settings = replace(SETTINGS, optimiser=name)
    ours, theirs = build_network(settings, 4, 3), build_network(settings, 4, 3)
    if name == "adam":
        peer = keras.optimizers.Adam(settings.learning_rate)
    elif name == "sgd":
        peer = keras.optimizers.SGD(settings.learning_rate, momentum=0.6)
    else:
        peer = keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)
        peer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    peer.build(theirs.trainable_variables)
    optimiser = build_optimiser(settings, ours.trainable_variables)

    def step_of_ours(gradients: list[tf.Tensor], rate: float, step: int) -> None:
        optimiser.apply(gradients, tf.constant(rate), tf.constant(float(step)))

    def step_of_theirs(gradients: list[tf.Tensor], rate: float, step: int) -> None:
        peer.learning_rate.assign(rate)
        peer.apply(gradients, theirs.trainable_variables)

    begun = ours.get_weights()
    found = after_steps(ours, step_of_ours, 20)
    expected = after_steps(theirs, step_of_theirs, 20)
    for first, one, two in zip(begun, found, expected, strict=True):
        assert np.abs(one - first).min() > 0
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)


def test_the_deeper_rate_is_for_weights_above_the_first_layer_and_not_for_what_stands_on_the_inputs() -> None:
    settings = replace(SETTINGS, optimiser="sgd", momentum=0.0, deeper_rate=3.0, skip="linear", rank=2)
    network = build_network(settings, 4, 3)
    begun = {variable.path: variable.numpy() for variable in network.trainable_variables}
    optimiser = build_optimiser(settings, network.trainable_variables)
    ones = [tf.ones(variable.shape) for variable in network.trainable_variables]
    optimiser.apply(ones, tf.constant(0.5), tf.constant(1.0))
    moved = {v.path: float((begun[v.path] - v.numpy()).mean()) for v in network.trainable_variables}
    faster = {path for path, by in moved.items() if by == pytest.approx(1.5, rel=1e-5)}
    assert faster == {"hidden_2/kernel", "rank/kernel", "output/kernel"}
    assert {path for path, by in moved.items() if by == pytest.approx(0.5, rel=1e-5)} == moved.keys() - faster
