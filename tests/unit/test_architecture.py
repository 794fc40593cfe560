"""Untrained networks in Keras: their sizes, first weights and random layers, and that NumPy predicts as they do."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from network_arrays import random_network, shapes_of
from network_settings import settings_of

from landex.networks.architecture import arrays_of, build_network
from landex.networks.layers import Taaf
from landex.networks.network import Network, OutputScale
from landex.networks.optimisers import build_optimiser
from landex.networks.presets import PRESETS
from landex.networks.settings import NetworkSettings

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")

# Settings that a network's layers depend on, with all their values; of one width twice, so that residuals occur.
CHOICES: dict[str, list[Any]] = {
    "hidden": [[], [8], [8, 8, 6], [20, 20]],
    "activation": ["relu", "tanh", "gelu", "silu", "elu", "taaf"],
    "normalisation": ["none", "layer", "batch"],
    "dropout": [0.0, 0.5],
    "input_noise": [0.0, 0.5],
    "residual": [False, True],
    "skip": ["none", "ridge", "linear"],
    "rank": [None, 1, 4],
    "output": ["linear", "tanh", "taaf"],
    "initialisation": ["glorot", "dgex"],
}


def ridge(inputs: int, outputs: int) -> tuple[Any, Any]:
    random = np.random.default_rng(9)
    return random.normal(size=(inputs, outputs)).astype("f4"), random.normal(size=outputs).astype("f4")


def built(wanted: NetworkSettings, inputs: int, outputs: int) -> keras.Model:
    return build_network(wanted, inputs, outputs, ridge(inputs, outputs) if wanted.skip == "ridge" else None)


def in_keras(network: Network, inputs: int, outputs: int) -> keras.Model:
    """Return a Keras model with the arrays of a network."""
    model = built(network.settings, inputs, outputs)
    assert {variable.path: tuple(variable.shape) for variable in model.weights} == shapes_of(
        network.settings, inputs, outputs
    )
    for variable in model.weights:
        variable.assign(network.arrays[variable.path])
    return model


# Sizes


@pytest.mark.parametrize(
    ("preset", "changes", "outputs", "parameters"),
    [
        ("relu_tanh", {}, 1, 943 * 512 + 512 + 512 * 512 + 512 + 512 + 1),
        ("dgex", {}, 4760, 943 * 3000 + 3000 + 3000 * 4760 + 4760),
        # Layer normalisation has a gain and an offset a unit.
        ("deep", {}, 100, 943 * 1000 + 1000 + 2000 + 1000 * 1000 + 1000 + 2000 + 1000 * 100 + 100),
        ("deep", {"hidden": []}, 100, 943 * 100 + 100),
        ("deep", {"hidden": [], "skip": "linear"}, 100, 2 * 943 * 100 + 100),
        ("deep", {"hidden": [], "rank": 7}, 100, 943 * 7 + 7 * 100 + 100),
        # Batch normalisation has two trained numbers a unit, and two moving statistics that Keras counts.
        ("dgex", {"hidden": [30, 30], "normalisation": "batch", "residual": True}, 9,
         943 * 30 + 30 + 120 + 30 * 30 + 30 + 120 + 30 * 9 + 9),
        ("taaf", {}, 10, 943 * 3000 + 4 * 3000 + 3000 * 10 + 4 * 10),
    ],
)  # fmt: skip
def test_a_network_has_the_size_that_its_layers_say(
    preset: str, changes: dict[str, Any], outputs: int, parameters: int
) -> None:
    assert build_network(settings_of(preset, **changes), 943, outputs).count_params() == parameters


def test_the_demos_network_for_one_gene_has_746497_parameters() -> None:
    assert build_network(settings_of("relu_tanh"), 943, 1).count_params() == 746_497


def test_taaf_has_as_many_parameters_as_its_authors_example() -> None:
    # As printed in the README of their code.
    assert build_network(settings_of("taaf", hidden=[300, 300]), 942, 952).count_params() == 664_408


# Prediction


def assert_predicts_as_keras(wanted: NetworkSettings) -> None:
    network = random_network(wanted, 20, 7)
    inputs = np.random.default_rng(8).normal(size=(15, 20)).astype(np.float32)
    expected = network.scale.to_scores(np.asarray(in_keras(network, 20, 7)(inputs, training=False)))
    np.testing.assert_allclose(network.predict(inputs), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in CHOICES.items() for value in values])
def test_numpy_predicts_as_keras_whatever_one_setting_is(name: str, value: Any) -> None:
    assert_predicts_as_keras(settings_of("deep", **{"hidden": [20, 20], name: value}))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_numpy_predicts_as_keras_for_every_preset(preset: str) -> None:
    assert_predicts_as_keras(settings_of(preset, hidden=[40, 30]))


# Building a network takes Keras some 50 ms.
@settings(max_examples=60)
@given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CHOICES.items()}))
def test_numpy_predicts_as_keras_whatever_the_settings_together_are(changes: dict[str, Any]) -> None:
    assert_predicts_as_keras(settings_of("deep", **changes))


def test_arrays_are_a_copy_of_what_prediction_needs() -> None:
    wanted = settings_of("taaf", hidden=[6, 6], normalisation="batch", rank=3, skip="ridge", input_noise=0.1)
    network = built(wanted, 6, 4)
    arrays = arrays_of(network)
    assert {path: array.shape for path, array in arrays.items()} == shapes_of(wanted, 6, 4)
    before = {path: array.copy() for path, array in arrays.items()}
    for variable in network.weights:
        variable.assign(variable.value + 1)
    for path, array in arrays.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, before[path])
        np.testing.assert_array_equal(arrays_of(network)[path], array + 1)


# First weights


def test_dgex_starts_within_its_bounds_and_fills_them() -> None:
    arrays = arrays_of(build_network(settings_of("dgex", hidden=[300, 200]), 100, 50))
    bounds = {"hidden_1": np.sqrt(6 / 400), "hidden_2": np.sqrt(6 / 500), "output": 1e-4}
    for layer, bound in bounds.items():
        weights = arrays[f"{layer}/kernel"]
        assert np.abs(weights).max() <= bound
        assert np.abs(weights).max() > 0.99 * bound
        # Uniform weights have a standard deviation of bound / sqrt(3), and a mean of 0.
        assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
        assert abs(weights.mean()) < 0.02 * bound
        assert not arrays[f"{layer}/bias"].any()


def test_glorot_starts_the_output_as_every_layer() -> None:
    wanted = settings_of("deep", hidden=[300], rank=100)
    arrays = arrays_of(build_network(wanted, 100, 50))
    for layer, widths in (("hidden_1", 400), ("rank", 400), ("output", 150)):
        bound = np.sqrt(6 / widths)
        assert 0.99 * bound < np.abs(arrays[f"{layer}/kernel"]).max() <= bound


def test_the_seed_decides_on_the_first_weights() -> None:
    one, same, other = (
        arrays_of(build_network(settings_of("deep", hidden=[20], seed=seed), 10, 5)) for seed in (3, 3, 4)
    )
    for path, array in one.items():
        np.testing.assert_array_equal(array, same[path])
    for path in ("hidden_1/kernel", "output/kernel"):
        assert not np.array_equal(one[path], other[path])


def test_layers_of_one_shape_start_from_different_weights_in_neighbouring_seeds_too() -> None:
    # An ensemble has neighbouring seeds.
    networks = [build_network(settings_of("deep", hidden=[30] * 3, rank=30, seed=seed), 30, 30) for seed in (1, 2, 3)]
    kernels = [array for network in networks for path, array in arrays_of(network).items() if path.endswith("kernel")]
    assert len(kernels) == 15
    assert len({kernel.tobytes() for kernel in kernels}) == 15


@pytest.mark.parametrize(
    "changes",
    [{"skip": "linear"}, {"input_noise": 0.1}, {"dropout": 0.0}, {"residual": True}, {"activation": "silu"}],
)
def test_one_setting_more_leaves_the_other_first_weights_as_they_are(changes: dict[str, Any]) -> None:
    plain = settings_of("deep", hidden=[10, 10])
    changed = settings_of("deep", hidden=[10, 10], **changes)
    left, right = arrays_of(build_network(plain, 10, 5)), arrays_of(build_network(changed, 10, 5))
    for path, array in left.items():
        np.testing.assert_array_equal(array, right[path])


# Skips


def test_a_network_with_a_trained_skip_begins_without_it() -> None:
    inputs = np.random.default_rng(1).normal(size=(9, 10)).astype(np.float32)
    plain, skipping = (build_network(settings_of("deep", hidden=[10], skip=skip), 10, 5) for skip in ("none", "linear"))
    np.testing.assert_array_equal(np.asarray(skipping(inputs)), np.asarray(plain(inputs)))
    assert not arrays_of(skipping)["skip/kernel"].any()
    assert "skip/bias" not in arrays_of(skipping)


def trained_some_steps(network: keras.Model, wanted: NetworkSettings, inputs: Any) -> dict[str, Any]:
    """Take steps towards outputs of 1 with a real optimiser, and return the arrays."""
    optimiser = build_optimiser(wanted, network.trainable_variables)
    for step in range(1, 6):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((network(inputs, training=True) - 1) ** 2)
        gradients = tape.gradient(loss, network.trainable_variables)
        assert all(gradient is not None for gradient in gradients)
        optimiser.apply(gradients, tf.constant(0.01), tf.constant(float(step)))
    return arrays_of(network)


def test_a_frozen_ridge_is_the_given_one_and_stays_so() -> None:
    wanted = settings_of("deep", hidden=[10], skip="ridge")
    network = built(wanted, 10, 5)
    kernel, bias = ridge(10, 5)
    inputs = np.random.default_rng(1).normal(size=(9, 10)).astype(np.float32)
    before = arrays_of(network)
    assert not any(variable.path.startswith("skip") for variable in network.trainable_variables)
    after = trained_some_steps(network, wanted, inputs)
    np.testing.assert_array_equal(after["skip/kernel"], kernel)
    np.testing.assert_array_equal(after["skip/bias"], bias)
    for path in before.keys() - {"skip/kernel", "skip/bias"}:
        assert not np.array_equal(after[path], before[path]), path


def test_everything_of_a_network_is_trained_but_statistics_and_a_ridge() -> None:
    wanted = settings_of(
        "taaf", hidden=[10, 10], normalisation="batch", residual=True, rank=3, skip="linear", optimiser="adam"
    )
    network = built(wanted, 10, 5)
    before = arrays_of(network)
    after = trained_some_steps(network, wanted, np.random.default_rng(1).normal(size=(9, 10)).astype(np.float32))
    for path in before:
        assert not np.array_equal(after[path], before[path]), path


def test_moving_statistics_average_about_the_last_ten_batches() -> None:
    network = build_network(settings_of("dgex", hidden=[4], normalisation="batch"), 6, 3)
    inputs = np.random.default_rng(1).normal(3, 2, size=(50, 6)).astype(np.float32)
    layer = inputs @ arrays_of(network)["hidden_1/kernel"]
    for _ in range(20):
        network(inputs, training=True)
    arrays = arrays_of(network)
    # They started at 0 and 1, of which .9 ** 20 is left.
    left = 0.9**20
    np.testing.assert_allclose(arrays["normalisation_1/moving_mean"], layer.mean(0) * (1 - left), rtol=1e-4)
    expected = layer.var(0) * (1 - left) + left
    np.testing.assert_allclose(arrays["normalisation_1/moving_variance"], expected, rtol=1e-4)


@pytest.mark.parametrize(("skip", "given"), [("ridge", False), ("none", True), ("linear", True)])
def test_a_ridge_that_is_missing_or_in_the_way_is_refused(skip: str, given: bool) -> None:
    with pytest.raises(ValueError, match=f"skip is {skip}"):
        build_network(settings_of("deep", hidden=[4], skip=skip), 6, 3, ridge(6, 3) if given else None)


# Random layers


def bare(width: int, **changes: Any) -> tuple[NetworkSettings, dict[str, Any]]:
    """Return settings of a network whose output shows its last layer, and the output's arrays for that."""
    wanted = settings_of("dgex", **{"dropout": 0.0, "initialisation": "glorot", "hidden": [], **changes})
    return wanted, {"output/kernel": np.eye(width, dtype="f4"), "output/bias": np.zeros(width, "f4")}


def with_arrays(network: keras.Model, arrays: dict[str, Any]) -> keras.Model:
    for variable in network.weights:
        if variable.path in arrays:
            variable.assign(arrays[variable.path])
    return network


def test_noise_is_added_to_the_inputs_while_training_only() -> None:
    wanted, shown = bare(20, input_noise=0.3)
    network = with_arrays(build_network(wanted, 20, 20), shown)
    inputs = np.random.default_rng(1).normal(size=(2000, 20)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(network(inputs, training=False)), inputs, atol=1e-6)
    noise = np.asarray(network(inputs, training=True)) - inputs
    # Of 40,000 draws: standard errors of .0011 and .0015.
    assert noise.std() == pytest.approx(0.3, abs=0.005)
    assert noise.mean() == pytest.approx(0, abs=0.006)


def test_a_ridge_sees_the_landmarks_without_noise_and_a_trained_skip_with_it() -> None:
    inputs = np.random.default_rng(1).normal(size=(50, 10)).astype(np.float32)
    kernel, bias = ridge(10, 5)
    for skip in ("ridge", "linear"):
        wanted = settings_of("deep", hidden=[], skip=skip, input_noise=0.5)
        silent = {"output/kernel": np.zeros((10, 5)), "output/bias": np.zeros(5), "skip/kernel": kernel}
        network = with_arrays(built(wanted, 10, 5), silent)
        seen = np.asarray(network(inputs, training=True)) - inputs @ kernel - (bias if skip == "ridge" else 0)
        assert (np.abs(seen).max() < 1e-4) == (skip == "ridge")


def test_dropout_comes_after_the_activation_and_before_the_sum_with_what_is_below() -> None:
    wanted, shown = bare(20, hidden=[20], activation="relu", dropout=0.25, residual=True)
    ones = {"hidden_1/kernel": np.zeros((20, 20), "f4"), "hidden_1/bias": np.ones(20, "f4")}
    network = with_arrays(build_network(wanted, 20, 20), shown | ones)
    inputs = np.random.default_rng(1).normal(size=(500, 20)).astype(np.float32)
    added = np.asarray(network(inputs, training=True)) - inputs
    dropped, kept = np.isclose(added, 0, atol=1e-5), np.isclose(added, 1 / 0.75, atol=1e-5)
    assert (dropped | kept).all()
    # Of 10,000 draws: a standard error of .0043.
    assert dropped.mean() == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(np.asarray(network(inputs, training=False)) - inputs, 1, atol=1e-5)


def test_dropout_and_noise_repeat_with_the_seed_and_differ_between_layers() -> None:
    inputs = np.ones((40, 30), np.float32)

    def draws(seed: int, **changes: Any) -> Any:
        wanted, shown = bare(30, seed=seed, **changes)
        network = with_arrays(build_network(wanted, 30, 30), shown)
        return [np.asarray(network(inputs, training=True)).tobytes() for _ in range(3)]

    for changes in ({"input_noise": 0.5}, {"hidden": [30], "activation": "relu", "dropout": 0.5}):
        assert draws(1, **changes) == draws(1, **changes)
        assert len({*draws(1, **changes), *draws(2, **changes)}) == 6
    network = build_network(settings_of("dgex", hidden=[30, 30], dropout=0.5), 30, 30)
    masks = [np.asarray(network.get_layer(f"dropout_{number}")(inputs, training=True)) for number in (1, 2)]
    assert not np.array_equal(*masks)


# Structure


def test_a_residual_is_added_only_where_widths_agree() -> None:
    network = build_network(settings_of("deep", hidden=[10, 8, 8], residual=True), 10, 5)
    names = {layer.name for layer in network.layers if layer.name.startswith("residual")}
    assert names == {"residual_1", "residual_3"}


def test_batches_of_mixed_precision_keep_variables_gradients_and_outputs_in_float32() -> None:
    changes = {"hidden": [64, 64], "residual": True, "skip": "ridge", "rank": 16, "dropout": 0.0}
    plain = built(settings_of("deep", **changes), 32, 10)
    mixed = built(settings_of("deep", **changes, precision="mixed_bfloat16"), 32, 10)
    inputs = np.random.default_rng(1).normal(size=(100, 32)).astype(np.float32)
    for layer in ("hidden_1", "hidden_2", "rank", "output"):
        assert mixed.get_layer(layer).compute_dtype == "bfloat16"
        assert plain.get_layer(layer).compute_dtype == "float32"
    # A ridge stays the baseline that it is.
    assert mixed.get_layer("skip").compute_dtype == "float32"
    assert {str(variable.dtype) for variable in mixed.weights} == {"float32"}
    with tf.GradientTape() as tape:
        output = mixed(inputs, training=True)
        loss = tf.reduce_mean(output**2)
    gradients = tape.gradient(loss, mixed.trainable_variables)
    assert output.dtype == tf.float32
    assert {gradient.dtype for gradient in gradients} == {tf.float32}
    expected = np.asarray(plain(inputs))
    difference = np.asarray(mixed(inputs)) - expected
    # bfloat16 has 8 bits: relative errors of .4 % each, and some layers of them.
    assert 1e-4 < np.abs(difference).mean() / np.abs(expected).mean() < 0.02


@pytest.mark.parametrize("activation", ["taaf", "gelu"])
def test_the_output_of_mixed_precision_is_no_coarser_than_its_weights_product(activation: str) -> None:
    wanted = settings_of("taaf", hidden=[8], activation=activation, precision="mixed_bfloat16")
    network = build_network(wanted, 8, 5)
    assert network.get_layer("output_activation").compute_dtype == "float32"
    output = np.asarray(network(np.random.default_rng(1).normal(size=(100, 8)).astype(np.float32)))
    assert not np.array_equal(output, np.asarray(tf.cast(tf.cast(output, tf.bfloat16), tf.float32)))


# TAAF


def test_a_taaf_starts_as_the_plain_sigmoid() -> None:
    layer = Taaf()
    inputs = np.linspace(-8, 8, 60).reshape(12, 5).astype(np.float32)
    np.testing.assert_allclose(np.asarray(layer(inputs)), 1 / (1 + np.exp(-inputs.astype(float))), rtol=1e-6)
    assert [variable.name for variable in layer.trainable_variables] == ["alpha", "beta", "gamma", "delta"]


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_gradients_of_a_taaf_are_those_of_differences(seed: int) -> None:
    random = np.random.default_rng(seed)
    layer = Taaf(dtype="float64")
    inputs = tf.Variable(random.normal(size=(6, 4)))
    layer.build((None, 4))
    for variable in layer.trainable_variables:
        variable.assign(random.normal(size=4))
    # A weighted sum of squares, so that no gradient is trivial.
    weights = random.normal(size=(6, 4))

    def loss() -> tf.Tensor:
        return tf.reduce_sum(weights * layer(inputs) ** 2)

    watched = [*(variable.value for variable in layer.trainable_variables), inputs]
    with tf.GradientTape() as tape:
        value = loss()
    for variable, gradient in zip(watched, tape.gradient(value, watched), strict=True):
        start, numeric = variable.numpy(), np.empty(variable.shape)
        for place in np.ndindex(*variable.shape):
            sides = []
            for step in (1e-5, -1e-5):
                moved = start.copy()
                moved[place] += step
                variable.assign(moved)
                sides.append(float(loss()))
            numeric[place] = (sides[0] - sides[1]) / 2e-5
        variable.assign(start)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-8)


def test_taafs_stand_in_the_hidden_layers_and_the_output() -> None:
    network = build_network(settings_of("taaf", hidden=[6, 6]), 5, 4)
    taafs = [layer.name for layer in network.layers if isinstance(layer, Taaf)]
    assert taafs == ["activation_1", "activation_2", "output_activation"]


def test_a_network_of_keras_is_stored_as_its_arrays() -> None:
    wanted = settings_of("taaf", hidden=[6])
    model = build_network(wanted, 5, 4)
    network = Network(wanted, arrays_of(model), OutputScale.identity(4))
    assert network.parameters == model.count_params()
    inputs = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    np.testing.assert_allclose(network.predict(inputs), np.asarray(model(inputs)), rtol=1e-5, atol=1e-6)
