"""Networks: their size, first weights and output scale, and what is left of them in a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landex.architecture import build_network
from landex.kinds import KINDS
from landex.models import open_model, write_model
from landex.networks import NetworkModel, NetworkSettings, OutputScale
from landex.presets import PRESETS

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")


def settings_of(preset: str, **changes: Any) -> NetworkSettings:
    return NetworkSettings.from_mapping({**PRESETS[preset], **changes})


@pytest.mark.parametrize(
    ("preset", "outputs", "parameters"),
    [
        ("relu_tanh", 1, 943 * 512 + 512 + 512 * 512 + 512 + 512 + 1),
        ("dgex", 4760, 943 * 3000 + 3000 + 3000 * 4760 + 4760),
        # Layer normalisation has a gain and an offset a unit.
        ("deep", 100, 943 * 1000 + 1000 + 2000 + 1000 * 1000 + 1000 + 2000 + 1000 * 100 + 100),
    ],
)
def test_a_preset_has_the_size_that_its_layers_say(preset: str, outputs: int, parameters: int) -> None:
    network = build_network(settings_of(preset), 943, outputs)
    assert network.count_params() == parameters


def test_the_demos_network_for_one_gene_has_746497_parameters() -> None:
    assert build_network(settings_of("relu_tanh"), 943, 1).count_params() == 746_497


def test_dgex_starts_within_its_bounds_and_fills_them() -> None:
    first, first_bias, second, second_bias, last, last_bias = build_network(
        settings_of("dgex", hidden=[300, 200]), 100, 50
    ).get_weights()
    for weights, bound in ((first, np.sqrt(6 / 400)), (second, np.sqrt(6 / 500)), (last, 1e-4)):
        assert np.abs(weights).max() <= bound
        assert np.abs(weights).max() > 0.99 * bound
        # Uniform weights have a standard deviation of bound / sqrt(3), and a mean of 0.
        assert weights.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
        assert abs(weights.mean()) < 0.02 * bound
    assert not (first_bias.any() or second_bias.any() or last_bias.any())


def test_the_seed_decides_on_the_first_weights() -> None:
    one, same, other = (
        build_network(settings_of("deep", hidden=[20], seed=seed), 10, 5).get_weights() for seed in (3, 3, 4)
    )
    for left, right in zip(one, same, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(one[0], other[0])


def test_layers_of_one_shape_start_from_different_weights() -> None:
    weights = build_network(settings_of("dgex", hidden=[30, 30, 30]), 30, 30).get_weights()
    kernels = [array for array in weights if array.ndim == 2]
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[1], kernels[2])


@given(st.integers(0, 1000))
def test_a_scaled_target_fits_into_tanh_and_comes_back(seed: int) -> None:
    random = np.random.default_rng(seed)
    targets = (random.normal(0, 3, (20, 6)) * [1, 10, 0.1, 1, 1, 1]).astype(np.float32)
    targets[:, 4] = 0
    measured = random.random(targets.shape) < 0.8
    measured[:, 5] = False
    scale = OutputScale.around(targets, measured)
    output = scale.to_output(targets)
    assert np.abs(output[measured]).max() <= 0.9 + 1e-5
    for target in range(4):
        inside = output[measured[:, target], target]
        assert (inside.min(), inside.max()) == (pytest.approx(-0.9, abs=1e-5), pytest.approx(0.9, abs=1e-5))
    np.testing.assert_allclose(scale.to_scores(output), targets, rtol=1e-4, atol=1e-5)
    assert np.isfinite(output).all()


def test_the_scale_of_a_target_by_hand() -> None:
    scale = OutputScale.around(np.array([[-1.0], [5], [2]], np.float32), np.ones((3, 1), bool))
    assert scale.centre.tolist() == [2]
    assert scale.factor.tolist() == pytest.approx([3 / 0.9])
    assert scale.to_output(np.array([[-1.0], [2], [5]], np.float32)).ravel().tolist() == pytest.approx([-0.9, 0, 0.9])


def trained_like(settings: NetworkSettings, inputs: int, outputs: int) -> NetworkModel:
    """Return a model with weights that are no initial ones."""
    random = np.random.default_rng(5)
    shapes = [array.shape for array in build_network(settings, inputs, outputs).get_weights()]
    weights = [random.normal(0, 0.3, shape).astype(np.float32) for shape in shapes]
    centre, factor = (random.uniform(0.5, 2, outputs).astype(np.float32) for _ in range(2))
    return NetworkModel(settings, weights, OutputScale(centre, factor))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_network_read_back_predicts_to_the_bit_the_same(preset: str, tmp_path: Path) -> None:
    model = trained_like(settings_of(preset, hidden=[8, 7, 6, 5, 4, 3]), 5, 4)
    write_model(tmp_path / "weights.h5", "network", model)
    with open_model(tmp_path / "weights.h5", KINDS["network"].model) as found:
        assert isinstance(found, NetworkModel)
    inputs = np.random.default_rng(6).normal(size=(30, 5)).astype(np.float32)
    np.testing.assert_array_equal(found.predict(inputs), model.predict(inputs))
    assert found.settings == model.settings
    assert found.parameters == model.parameters == sum(array.size for array in model.weights)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_prediction_is_that_of_keras_to_rounding(preset: str) -> None:
    settings = settings_of(preset, hidden=[40, 30])
    model = trained_like(settings, 20, 10)
    network = build_network(settings, 20, 10)
    network.set_weights(model.weights)
    inputs = np.random.default_rng(8).normal(size=(50, 20)).astype(np.float32)
    expected = model.scale.to_scores(np.asarray(network(inputs, training=False)))
    np.testing.assert_allclose(model.predict(inputs), expected, rtol=1e-5, atol=1e-5)


def test_a_prediction_is_that_of_the_layers_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = trained_like(settings_of("relu_tanh", hidden=[6, 4]), 5, 3)
    inputs = np.random.default_rng(7).normal(size=(10, 5)).astype(np.float32)
    first, first_bias, second, second_bias, last, last_bias = model.weights
    hidden = np.maximum(np.maximum(inputs @ first + first_bias, 0) @ second + second_bias, 0)
    expected = model.scale.centre + model.scale.factor * np.tanh(hidden @ last + last_bias)
    np.testing.assert_allclose(model.predict(inputs), expected, rtol=1e-5, atol=1e-5)
    # In blocks too, and without dropout.
    monkeypatch.setattr("landex.networks._ROWS_OF_PREDICTION", 3)
    np.testing.assert_allclose(model.predict(inputs), expected, rtol=1e-5, atol=1e-5)
