"""Training: the paper's update step by step, and what every training has to keep."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import write_matrix
from landex.kinds import KINDS
from landex.models import open_model, validation_error
from landex.networks import NetworkSettings
from landex.presets import PRESETS
from landex.trainer import Trained, Trainer, learning_rates, loss_function
from landex.training import fit_network

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")

MakeExamples = Callable[..., Examples]
Floats = NDArray[np.float64]

LINEAR = {
    "hidden": [], "activation": "tanh", "normalisation": "none", "dropout": 0.0, "output": "linear", "loss": "mse",
    "optimiser": "sgd", "learning_rate": 0.05, "momentum": 0.0, "weight_decay": 0.0, "deeper_rate": 1.0,
    "schedule": "constant", "warmup": 0.0, "batch": 50, "epochs": 1, "initialisation": "glorot", "keep": "last",
    "monitored": 50, "seed": 1,
}  # fmt: skip


def settings_of(preset: dict[str, Any] | str, **changes: Any) -> NetworkSettings:
    return NetworkSettings.from_mapping({**(PRESETS[preset] if isinstance(preset, str) else preset), **changes})


@pytest.fixture(scope="module")
def data(make_examples: MakeExamples) -> tuple[Examples, Examples]:
    """Return training and select: 6 landmarks, 4 targets that follow them in part."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(90, 6))
    targets = np.tanh(inputs @ random.normal(size=(6, 4))) * 2 + random.normal(0, 0.5, (90, 4))
    measured = random.random(targets.shape) < 0.95
    return (
        make_examples(inputs[:60], targets[:60], measured[:60]),
        make_examples(inputs[60:], targets[60:], measured[60:]),
    )


class DgexByHand:
    """D-GEX's training of a 2-3-2 network without dropout, in float64.

    tanh hidden units, linear output, the squared error summed over the targets and averaged over the batch, SGD with
    (classical) momentum .5; weights above the first layer learn 3 times as fast, biases do not.
    """

    def __init__(self, weights: list[NDArray[np.float32]]) -> None:
        self.weights = [array.astype(np.float64) for array in weights]
        self.velocities = [np.zeros_like(array) for array in self.weights]

    def step(self, inputs: Floats, targets: Floats, rate: float) -> float:
        first, first_bias, second, second_bias = self.weights
        hidden = np.tanh(inputs @ first + first_bias)
        difference = hidden @ second + second_bias - targets
        output_slope = 2 * difference / len(inputs)
        hidden_slope = output_slope @ second.T * (1 - hidden**2)
        slopes = [inputs.T @ hidden_slope, hidden_slope.sum(0), hidden.T @ output_slope, output_slope.sum(0)]
        for number, (slope, factor) in enumerate(zip(slopes, (1, 1, 3, 1), strict=True)):
            self.velocities[number] = 0.5 * self.velocities[number] - rate * factor * slope
            self.weights[number] = self.weights[number] + self.velocities[number]
        return float((difference**2).sum() / len(inputs))


def test_dgex_takes_the_steps_worked_out_by_hand(make_examples: MakeExamples) -> None:
    random = np.random.default_rng(2)
    inputs, targets = random.normal(size=(12, 2)).astype(np.float32), random.normal(size=(12, 2)).astype(np.float32)
    examples = make_examples(inputs, targets)
    trainer = Trainer(settings_of("dgex", hidden=[3], dropout=0.0, batch=4), examples, examples)
    # Weights of the size that they reach, so that every slope counts.
    start = [random.normal(0, 0.5, array.shape).astype(np.float32) for array in trainer.network.get_weights()]
    trainer.network.set_weights(start)
    by_hand = DgexByHand(start)
    for rate, rows in ((0.05, [3, 1, 7, 0]), (0.05, [2, 11, 5, 8]), (0.045, [4, 6, 9, 10])):
        loss = float(trainer.step(tf.constant(rows), tf.constant(rate)))
        expected = by_hand.step(inputs[rows].astype(np.float64), targets[rows].astype(np.float64), rate)
        assert loss == pytest.approx(expected, rel=1e-5)
        for found, wanted in zip(trainer.network.get_weights(), by_hand.weights, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


def test_the_whole_training_of_dgex_is_those_steps_in_shuffled_batches(make_examples: MakeExamples) -> None:
    random = np.random.default_rng(3)
    inputs, targets = random.normal(size=(10, 2)).astype(np.float32), random.normal(size=(10, 2)).astype(np.float32)
    examples = make_examples(inputs, targets)
    # The last batch of an epoch is smaller: 4, 4 and 2.
    settings = settings_of("dgex", hidden=[3], dropout=0.0, batch=4, epochs=3, learning_rate=0.02, keep="last")
    trainer = Trainer(settings, examples, examples)
    by_hand, order = DgexByHand(trainer.network.get_weights()), np.random.default_rng(settings.seed)
    trained = trainer.train()
    for epoch in range(3):
        rows, losses = order.permutation(10), []
        for start in range(0, 10, 4):
            batch = rows[start : start + 4]
            rate = trained.history[epoch].learning_rate
            losses.append(by_hand.step(inputs[batch].astype(float), targets[batch].astype(float), rate) * len(batch))
        assert trained.history[epoch].training_loss == pytest.approx(sum(losses) / 10, rel=1e-5)
    for found, wanted in zip(trained.model.weights, by_hand.weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("loss", "expected"),
    # Differences of the measured values: 1, -2 | 3, (8).
    [("mse", (1 + 4 + 9) / 3), ("mae", (1 + 2 + 3) / 3), ("summed_squares", (1 + 4 + 9) / 2)],
)
def test_losses_by_hand(loss: str, expected: float) -> None:
    truth = tf.constant([[1.0, 0.0], [5.0, 8.0]])
    prediction = tf.constant([[0.0, 2.0], [2.0, 0.0]])
    measured = tf.constant([[1.0, 1.0], [1.0, 0.0]])
    assert float(loss_function(loss)(truth, prediction, measured)) == pytest.approx(expected)


def follow_decay_rule(history: list[Any], rate: float) -> list[float]:
    """Return the rates of the epochs by the paper's rule: x .9 whenever the monitored MAE has risen, floor 1e-5."""
    rates, before = [rate], np.inf
    for row in history:
        if row.training_mae > before:
            rates.append(max(1e-5, rates[-1] * 0.9))
        else:
            rates.append(rates[-1])
        before = row.training_mae
    return rates[:-1]


def test_the_rate_decays_when_the_monitored_error_rises(data: tuple[Examples, Examples]) -> None:
    settings = settings_of("dgex", hidden=[5], batch=10, epochs=30, learning_rate=0.05, monitored=20)
    trained = Trainer(settings, *data).train()
    rates = [row.learning_rate for row in trained.history]
    assert rates == pytest.approx(follow_decay_rule(trained.history, 0.05), rel=1e-6)
    assert rates[-1] < 0.9 * 0.05


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        # Rises are seen after the epochs 2, 4 and 5.
        (5e-4, [5e-4, 5e-4, 4.5e-4, 4.5e-4, 4.05e-4, 3.645e-4, 3.645e-4]),
        (1.15e-5, [1.15e-5, 1.15e-5, 1.035e-5, 1.035e-5, 1e-5, 1e-5, 1e-5]),
        # A rate that begins below the floor is never raised.
        (4e-6, [4e-6] * 7),
    ],
)
def test_the_rate_falls_by_a_tenth_at_every_rise_down_to_its_floor(
    data: tuple[Examples, Examples], monkeypatch: pytest.MonkeyPatch, start: float, expected: list[float]
) -> None:
    training, select = data
    monitored = iter([0.9, 1.0, 0.8, 0.81, 0.82, 0.82, 0.7])

    def error(monitor: Any) -> float:
        return next(monitored) if monitor._inputs.shape[0] == 20 else 1.0

    monkeypatch.setattr("landex.trainer._Monitor.error", error)
    settings = settings_of("dgex", hidden=[5], epochs=7, learning_rate=start, monitored=20)
    history = Trainer(settings, training, select).train().history
    assert [row.learning_rate for row in history] == pytest.approx(expected, rel=1e-5)


def test_the_cosine_rises_over_its_warm_up_and_falls_to_0() -> None:
    settings = settings_of("deep", learning_rate=2.0, warmup=0.2)
    rates = learning_rates(settings, 10)
    # Two steps up, then half a cosine over eight.
    falling = [1 + np.cos(np.pi * step / 8) for step in range(1, 9)]
    assert rates.tolist() == pytest.approx([1, 2, *falling], abs=1e-6)


@pytest.mark.parametrize("schedule", ["constant", "decay_on_rise"])
def test_other_schedules_start_from_one_rate(schedule: str) -> None:
    assert learning_rates(settings_of("deep", schedule=schedule), 5).tolist() == pytest.approx([1e-3] * 5)


def small(preset: str) -> NetworkSettings:
    return settings_of(preset, hidden=[16, 8], batch=16, epochs=6, monitored=25)


def weights_of(trained: Trained) -> list[NDArray[np.float32]]:
    return [trained.model.scale.centre, trained.model.scale.factor, *trained.model.weights]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_training_twice_gives_the_same_weights_to_the_bit(preset: str, data: tuple[Examples, Examples]) -> None:
    one, two = (Trainer(small(preset), *data).train() for _ in range(2))
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_array_equal(left, right)
    assert [row.select_mae for row in one.history] == [row.select_mae for row in two.history]


def test_the_best_epoch_is_kept_and_its_error_is_that_of_the_model(data: tuple[Examples, Examples]) -> None:
    training, select = data
    # Without dropout a wide network learns the noise by heart, and its error on `select` rises again.
    settings = settings_of("deep", hidden=[200], dropout=0.0, batch=8, epochs=20, schedule="constant")
    trained = Trainer(settings, training, select).train()
    errors = [row.select_mae for row in trained.history]
    assert trained.best_epoch == 1 + int(np.argmin(errors))
    assert 1 < trained.best_epoch < 20
    assert validation_error(trained.model, select) == pytest.approx(min(errors), rel=1e-5)


@pytest.mark.parametrize("preset", ["relu_tanh", "dgex"])
def test_errors_in_the_history_are_in_z_scores_without_dropout(preset: str, data: tuple[Examples, Examples]) -> None:
    training, select = data
    settings = settings_of(preset, hidden=[16], dropout=0.5, epochs=4, batch=20, monitored=60, keep="last")
    trained = Trainer(settings, training, select).train()
    assert trained.best_epoch == 4
    for examples, error in ((training, trained.history[-1].training_mae), (select, trained.history[-1].select_mae)):
        assert validation_error(trained.model, examples) == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_values_that_were_not_measured_teach_nothing(
    preset: str, data: tuple[Examples, Examples], make_examples: MakeExamples
) -> None:
    training, select = data
    assert not training.measured.all()
    other = make_examples(training.inputs, np.where(training.measured, training.targets, 50), training.measured)
    one, two = (Trainer(small(preset), examples, select).train() for examples in (training, other))
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_network_without_hidden_layers_comes_to_ordinary_least_squares(make_examples: MakeExamples) -> None:
    random = np.random.default_rng(4)
    inputs = random.normal(size=(50, 4))
    targets = inputs @ random.normal(size=(4, 3)) + random.normal(0, 0.5, (50, 3)) + 1
    examples = make_examples(inputs, targets)
    trained = Trainer(settings_of(LINEAR, epochs=400, learning_rate=0.3), examples, examples).train()
    expected = LinearRegression().fit(inputs, targets)
    np.testing.assert_allclose(trained.model.weights[0], expected.coef_.T, atol=1e-4)
    np.testing.assert_allclose(trained.model.weights[1], expected.intercept_, atol=1e-4)


def test_weight_decay_takes_hold_of_weights_and_of_nothing_else(make_examples: MakeExamples) -> None:
    examples = make_examples(np.ones((4, 3)), np.zeros((4, 2)), np.zeros((4, 2), bool))
    settings = settings_of("deep", hidden=[5], learning_rate=0.1, weight_decay=0.5)
    trainer = Trainer(settings, examples, examples)
    trainer.network.set_weights([np.full(array.shape, 2.0) for array in trainer.network.get_weights()])
    # Nothing is measured, so there is no slope: what moves, moves by decay, 2 (1 - .1 x .5).
    trainer.step(tf.range(4), tf.constant(0.1))
    for variable in trainer.network.trainable_variables:
        expected = 1.9 if variable.name == "kernel" else 2.0
        np.testing.assert_allclose(variable.value.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize(("epochs", "keep"), [(50, "best"), (1, "last"), (1, "best")])
def test_a_training_that_diverges_ends_in_one_clear_line(
    data: tuple[Examples, Examples], epochs: int, keep: str
) -> None:
    # One batch an epoch: the loss is measured before the step that breaks the weights.
    settings = settings_of(
        LINEAR, hidden=[5], activation="relu", batch=60, epochs=epochs, learning_rate=1e30, keep=keep
    )
    with pytest.raises(UserError, match=r"diverged in epoch \d+ .*lower the model's learning_rate \(1e\+30\)"):
        Trainer(settings, *data).train()


def write_run(folder: Path, samples: int = 30) -> None:
    random = np.random.default_rng(5)
    genes = [f"g{number}" for number in range(6)]
    var = pd.DataFrame({"role": ["landmark"] * 3 + ["target"] * 3}, index=pd.Index(genes, name="gene"))
    obs = pd.DataFrame(index=pd.Index([f"s{row}" for row in range(samples)], name="sample"))
    values = random.normal(size=(samples, 6)).astype(np.float32)
    write_matrix(folder / "normalised.h5ad", obs, var, values, {"measured": np.ones(values.shape, bool)})
    parts = np.array(["training"] * 18 + ["select"] * 6 + ["calibrate"] * 3 + ["test"] * 3)
    pd.DataFrame({"sample": obs.index, "part": parts}).to_csv(folder / "split.tsv", sep="\t", index=False)


def test_a_network_is_written_with_its_history_and_cost(tmp_path: Path) -> None:
    write_run(tmp_path)
    settings = {**PRESETS["deep"], "hidden": [7], "epochs": 5}
    outputs = [tmp_path / name for name in ("weights.h5", "history.tsv", "metrics.json")]
    fit_network("deep", settings, 2, tmp_path / "normalised.h5ad", tmp_path / "split.tsv", *outputs)
    history = pd.read_csv(outputs[1], sep="\t")
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    metrics = json.loads(outputs[2].read_text())
    assert metrics["parameters"] == 3 * 7 + 7 + 14 + 7 * 3 + 3
    assert metrics["select_mae"] == pytest.approx(history["select_mae"].min(), rel=1e-4)
    assert metrics["best_epoch"] == history.loc[history["select_mae"].idxmin(), "epoch"]
    assert (metrics["kind"], metrics["preset"], metrics["epochs"]) == ("network", "deep", 5)
    assert metrics["settings"] == settings
    assert metrics["peak_memory_mb"] > 0


def test_the_test_part_has_no_part_in_training(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write_run(folder)
        if name == "two":
            with h5py.File(folder / "normalised.h5ad", "a") as file:
                file["X"][24:] = np.nan  # calibrate and test
        outputs = [folder / name for name in ("weights.h5", "history.tsv", "metrics.json")]
        settings = {**PRESETS["relu_tanh"], "hidden": [7], "epochs": 3, "batch": 8}
        fit_network("relu_tanh", settings, 2, folder / "normalised.h5ad", folder / "split.tsv", *outputs)
        with open_model(outputs[0], KINDS["network"].model) as model:
            found.append(model.predict(np.eye(3, dtype=np.float32)))
    np.testing.assert_array_equal(found[0], found[1])
