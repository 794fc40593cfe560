"""Networks as data: what they predict, how large they are, how they are stored and joined, without Keras."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_arrays import random_network
from network_settings import settings_of
from numpy.typing import NDArray
from scipy.stats import norm

from landex.errors import UserError
from landex.examples import Examples
from landex.kinds import KINDS
from landex.models import open_model, write_model
from landex.networks.model import NetworkModel, joined
from landex.networks.network import Network, OutputScale
from landex.networks.presets import PRESETS

PACKAGE = Path(__file__).parents[2] / "workflow/scripts"
INPUTS = np.random.default_rng(7).normal(size=(10, 5)).astype(np.float32)

# Every array that a network can have, at once.
EVERYTHING: dict[str, Any] = {
    "hidden": [5, 4], "activation": "taaf", "normalisation": "batch", "residual": True, "skip": "ridge", "rank": 2,
    "output": "taaf",
}  # fmt: skip


class Streamed:
    """Examples that can only be read block by block."""

    def __init__(self, examples: Examples, rows: int) -> None:
        self.samples, self.features, self.landmarks = examples.samples, examples.features, examples.landmarks
        self._examples, self._rows = examples, rows

    def blocks(self) -> Iterator[Examples]:
        return self._examples.blocks(self._rows)


def scale_around(make_examples: Any, targets: NDArray[Any], measured: Any = None, rows: int = 3) -> OutputScale:
    examples = make_examples(np.zeros((len(targets), 1)), targets, measured)
    return OutputScale.around(Streamed(examples, rows))  # type: ignore[arg-type]


@given(st.integers(0, 1000))
def test_a_scaled_target_fits_into_tanh_and_comes_back(make_examples: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    targets = (random.normal(0, 3, (20, 6)) * [1, 10, 0.1, 1, 1, 1]).astype(np.float32)
    targets[:, 4] = 0
    measured = random.random(targets.shape) < 0.8
    measured[:, 5] = False
    scale = scale_around(make_examples, targets, measured)
    output = scale.to_output(targets)
    assert np.abs(output[measured]).max() <= 0.9 + 1e-5
    for target in range(4):
        inside = output[measured[:, target], target]
        assert (inside.min(), inside.max()) == (pytest.approx(-0.9, abs=1e-5), pytest.approx(0.9, abs=1e-5))
    np.testing.assert_allclose(scale.to_scores(output), targets, rtol=1e-4, atol=1e-5)
    assert np.isfinite(output).all()


def test_the_scale_of_a_target_by_hand(make_examples: Any) -> None:
    scale = scale_around(make_examples, np.array([[-1.0], [5], [2]]), rows=1)
    assert scale.centre.tolist() == [2]
    assert scale.factor.tolist() == pytest.approx([3 / 0.9])
    assert scale.to_output(np.array([[-1.0], [2], [5]], np.float32)).ravel().tolist() == pytest.approx([-0.9, 0, 0.9])


def test_a_target_with_one_value_or_none_keeps_its_unit_around_it(make_examples: Any) -> None:
    targets, measured = np.array([[3.0, 8], [3, 9]]), np.array([[True, False], [True, False]])
    scale = scale_around(make_examples, targets, measured)
    assert scale.centre.tolist() == [3, 0]
    assert scale.factor.tolist() == pytest.approx([1 / 0.9, 1 / 0.9])


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_the_scale_does_not_depend_on_the_blocks(make_examples: Any, rows: int) -> None:
    random = np.random.default_rng(3)
    targets = random.normal(size=(23, 4)).astype(np.float32)
    measured = random.random(targets.shape) < 0.5
    scale = scale_around(make_examples, targets, measured, rows)
    counted = np.where(measured, targets, np.nan)
    low, high = np.nanmin(counted, axis=0), np.nanmax(counted, axis=0)
    np.testing.assert_array_equal(scale.centre, (low + high) / 2)
    np.testing.assert_allclose(scale.factor, (high - low) / 1.8, rtol=1e-6)
    assert scale.centre.dtype == scale.factor.dtype == np.float32


def test_a_target_that_is_not_finite_is_named(make_examples: Any) -> None:
    with pytest.raises(UserError, match="sample s1, target t0"):
        scale_around(make_examples, np.array([[0.0], [np.nan]]))


def test_a_prediction_is_that_of_the_layers_written_out() -> None:
    network = random_network(settings_of("relu_tanh", hidden=[6, 4]), 5, 3)
    first, first_bias, second, second_bias, last, last_bias = network.arrays.values()
    hidden = np.maximum(np.maximum(INPUTS @ first + first_bias, 0) @ second + second_bias, 0)
    expected = network.scale.centre + network.scale.factor * np.tanh(hidden @ last + last_bias)
    np.testing.assert_allclose(network.predict(INPUTS), expected, rtol=1e-5, atol=1e-5)


def test_a_prediction_with_everything_is_that_of_the_layers_written_out() -> None:
    network = random_network(settings_of("taaf", **EVERYTHING), 5, 3)
    a = {path: array.astype(np.float64) for path, array in network.arrays.items()}

    def taaf(name: str, layer: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = a[f"{name}/beta"] * layer + a[f"{name}/gamma"]
        return a[f"{name}/alpha"] / (1 + np.exp(-inside)) + a[f"{name}/delta"]

    def hidden(number: int, layer: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = {name: a[f"normalisation_{number}/{name}"] for name in ("gamma", "beta", "moving_mean")}
        deviation = np.sqrt(a[f"normalisation_{number}/moving_variance"] + 1e-3)
        centred = (layer @ a[f"hidden_{number}/kernel"] - moved["moving_mean"]) / deviation
        return taaf(f"activation_{number}", centred * moved["gamma"] + moved["beta"])

    first = hidden(1, INPUTS) + INPUTS
    # Four units upon five: there is nothing to add.
    low_rank = hidden(2, first) @ a["rank/kernel"]
    output = taaf("output_activation", low_rank @ a["output/kernel"]) + INPUTS @ a["skip/kernel"] + a["skip/bias"]
    expected = network.scale.centre + network.scale.factor * output
    np.testing.assert_allclose(network.predict(INPUTS), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "formula"),
    [
        ("relu", lambda x: np.maximum(x, 0)),
        ("tanh", np.tanh),
        ("gelu", lambda x: x * norm.cdf(x)),
        ("silu", lambda x: x / (1 + np.exp(-x))),
        ("elu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    ],
)
def test_an_activation_is_its_formula(activation: str, formula: Any) -> None:
    x = np.concatenate([np.linspace(-12, 12, 481), [1e-6, -1e-6]])
    settings = settings_of("dgex", hidden=[1], activation=activation)
    unit, zero = np.ones((1, 1), np.float32), np.zeros(1, np.float32)
    arrays = {"hidden_1/kernel": unit, "hidden_1/bias": zero, "output/kernel": unit, "output/bias": zero}
    found = Network(settings, arrays, OutputScale.identity(1)).predict(x[:, None].astype(np.float32))
    np.testing.assert_allclose(found.ravel(), formula(x.astype(np.float32).astype(float)), rtol=2e-6, atol=1e-6)


def test_no_activation_overflows_or_warns(recwarn: pytest.WarningsRecorder) -> None:
    extremes = np.array([[-1e4], [-100], [100], [1e4]], np.float32)
    for activation in ("relu", "tanh", "gelu", "silu", "elu", "taaf"):
        network = random_network(settings_of("dgex", hidden=[3], activation=activation), 1, 2)
        assert np.isfinite(network.predict(extremes)).all()
    assert not recwarn.list


def test_a_layer_normalised_is_centred_and_scaled_sample_by_sample() -> None:
    settings = settings_of("deep", hidden=[4], activation="relu")
    network = random_network(settings, 5, 4)
    # Gain 1 and offset 10 keep it clear of the ReLU; the output shows it as it is.
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    shown = {"normalisation_1/gamma": ones, "normalisation_1/beta": 10 * ones, "output/kernel": np.eye(4, dtype="f4")}
    seen = Network(settings, {**network.arrays, **shown, "output/bias": zeros}, OutputScale.identity(4))
    layer = (INPUTS @ network.arrays["hidden_1/kernel"] + network.arrays["hidden_1/bias"]).astype(float)
    expected = (layer - layer.mean(1, keepdims=True)) / np.sqrt(layer.var(1, keepdims=True) + 1e-3)
    np.testing.assert_allclose(seen.predict(INPUTS) - 10, expected, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 3, 8])
def test_blocks_of_samples_do_not_show(monkeypatch: pytest.MonkeyPatch, samples: int) -> None:
    network = random_network(settings_of("taaf", **EVERYTHING), 5, 3)
    expected = network.predict(INPUTS)[:samples]
    monkeypatch.setattr("landex.networks.network._ROWS_OF_PREDICTION", 3)
    found = network.predict(INPUTS[:samples])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    assert found.shape == (samples, 3)
    assert found.dtype == np.float32


def test_a_prediction_leaves_its_inputs_and_the_network_as_they_are() -> None:
    # Without a hidden layer the inputs themselves reach the output.
    for hidden in ([], [5, 5]):
        network = random_network(settings_of("taaf", **{**EVERYTHING, "hidden": hidden}), 5, 3)
        before = {path: array.copy() for path, array in network.arrays.items()}
        inputs = INPUTS.copy()
        first, again = network.predict(inputs), network.predict(inputs)
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(inputs, INPUTS)
        for path, array in network.arrays.items():
            np.testing.assert_array_equal(array, before[path])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_low_rank_output_has_no_more_than_its_rank(rank: int) -> None:
    network = random_network(settings_of("deep", hidden=[20], rank=rank), 5, 12)
    inputs = np.random.default_rng(1).normal(size=(50, 5)).astype(np.float32)
    scores = (network.predict(inputs) - network.scale.centre) / network.scale.factor - network.arrays["output/bias"]
    singular = np.linalg.svd(scores, compute_uv=False)
    assert singular[rank] < 1e-5 * singular[0]
    assert singular[rank - 1] > 1e-2 * singular[0]


def test_a_residual_network_without_weights_shows_its_inputs_to_the_output() -> None:
    settings = settings_of("deep", hidden=[5, 5, 5], activation="relu", normalisation="none", residual=True)
    network = random_network(settings, 5, 3)
    arrays = {path: array * (path.startswith("output")) for path, array in network.arrays.items()}
    expected = INPUTS @ arrays["output/kernel"] + arrays["output/bias"]
    found = Network(settings, arrays, OutputScale.identity(3)).predict(INPUTS)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_parameters_count_the_ridge_but_no_moving_statistics() -> None:
    network = random_network(settings_of("taaf", **EVERYTHING), 5, 3)
    hidden = 5 * 5 + 5 * 4
    normalisations, taafs = 2 * (5 + 4), 4 * (5 + 4)
    output = 4 * 2 + 2 * 3 + 4 * 3
    ridge = 5 * 3 + 3
    assert network.parameters == hidden + normalisations + taafs + output + ridge


@pytest.mark.parametrize("changes", [EVERYTHING, {**EVERYTHING, "normalisation": "layer", "skip": "linear"}, {}])
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_model_read_back_is_to_the_bit_the_same(preset: str, changes: dict[str, Any], tmp_path: Path) -> None:
    settings = settings_of(preset, **{"hidden": list(range(12, 1, -1)), **changes})
    model = NetworkModel([[random_network(settings, 5, 4, seed) for seed in (1, 2)], [random_network(settings, 5, 3)]])
    write_model(tmp_path / "weights.h5", "network", model)
    with open_model(tmp_path / "weights.h5", KINDS["network"].model) as found:
        assert isinstance(found, NetworkModel)
    np.testing.assert_array_equal(found.predict(INPUTS), model.predict(INPUTS))
    assert found.parameters == model.parameters == sum(n.parameters for part in model.parts for n in part)
    for part, expected_part in zip(found.parts, model.parts, strict=True):
        for network, expected in zip(part, expected_part, strict=True):
            assert network.settings == expected.settings
            assert network.arrays.keys() == expected.arrays.keys()
            for path, array in network.arrays.items():
                np.testing.assert_array_equal(array, expected.arrays[path], strict=True)


def test_a_file_holds_numbers_and_text_only_under_the_names_of_parts_and_members(tmp_path: Path) -> None:
    network = random_network(settings_of("dgex", hidden=[4]), 5, 3)
    write_model(tmp_path / "weights.h5", "network", NetworkModel([[network, network], [network]]))
    with h5py.File(tmp_path / "weights.h5") as file:
        assert {part: sorted(file["model"][part]) for part in file["model"]} == {
            "part_1": ["member_1", "member_2"],
            "part_2": ["member_1"],
        }
        stored: list[str] = []
        file["model/part_1/member_1"].visititems(
            lambda name, item: stored.append(name) if isinstance(item, h5py.Dataset) else None
        )
        assert sorted(stored) == ["arrays/" + path for path in sorted(network.arrays)] + ["centre", "factor"]
        assert all(file["model/part_1/member_1"][name].dtype == np.float32 for name in stored)


def piece(outputs: int, seed: int) -> NetworkModel:
    return NetworkModel([[random_network(settings_of("deep", hidden=[6]), 5, outputs, seed)]])


def test_a_joined_model_averages_members_and_lays_parts_side_by_side() -> None:
    widths = {1: 4, 2: 3}
    pieces = {(m, p): piece(widths[p], 10 * m + p) for m in (1, 2, 3) for p in (1, 2)}
    model = joined(pieces)
    assert [len(part) for part in model.parts] == [3, 3]
    found = model.predict(INPUTS)
    assert found.shape == (10, 7)
    for part, place in ((1, slice(0, 4)), (2, slice(4, 7))):
        predictions = [pieces[member, part].predict(INPUTS).astype(float) for member in (1, 2, 3)]
        expected = (predictions[0] + predictions[1] + predictions[2]) / 3
        np.testing.assert_allclose(found[:, place], expected, rtol=1e-6, atol=1e-6)
    assert model.parameters == sum(model.parameters for model in pieces.values())


def test_a_joined_model_of_one_piece_predicts_to_the_bit_as_the_piece() -> None:
    only = piece(3, 1)
    np.testing.assert_array_equal(joined({(1, 1): only}).predict(INPUTS), only.predict(INPUTS))


def test_more_than_nine_parts_and_members_come_back_in_their_order(tmp_path: Path) -> None:
    pieces = {(m, p): piece(1 + p % 2, 100 * m + p) for m in range(1, 12) for p in range(1, 13)}
    write_model(tmp_path / "weights.h5", "network", model := joined(pieces))
    with open_model(tmp_path / "weights.h5", KINDS["network"].model) as found:
        np.testing.assert_array_equal(found.predict(INPUTS), model.predict(INPUTS))
    # The members are averaged in their order, which shows in the last bits, so their order is looked at too.
    assert isinstance(found, NetworkModel)
    for (member, part), expected in pieces.items():
        kernel = found.parts[part - 1][member - 1].arrays["output/kernel"]
        np.testing.assert_array_equal(kernel, expected.parts[0][0].arrays["output/kernel"])


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [(1, 1), (2, 1), (1, 2)],
        [(1, 1), (1, 3)],
        [(2, 1)],
        [(0, 1), (1, 1)],
        [(1, 2)],
    ],
)
def test_gaps_between_pieces_are_refused(keys: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="not every member of every part"):
        joined({key: piece(2, 1) for key in keys})


def test_a_piece_of_more_than_one_network_is_refused() -> None:
    network = piece(2, 1).parts[0][0]
    for several in (NetworkModel([[network, network]]), NetworkModel([[network], [network]])):
        with pytest.raises(ValueError, match=r"\(2, 1\) is not one network"):
            joined({(1, 1): piece(2, 1), (2, 1): several})


def test_predicting_needs_no_tensorflow(tmp_path: Path) -> None:
    write_model(tmp_path / "weights.h5", "network", piece(3, 1))
    program = f"""
import sys
sys.path.insert(0, {str(PACKAGE)!r})
import numpy as np
from landex.models import open_model
with open_model({str(tmp_path / "weights.h5")!r}, {KINDS["network"].model!r}) as model:
    print(model.predict(np.zeros((2, 5), np.float32)).shape)
print(sorted({{"tensorflow", "keras"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["(2, 3)", "[]"]
