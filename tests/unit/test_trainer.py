"""Training: the paper's update step by step, and what every training has to keep."""

import json
import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from network_settings import LINEAR, mapping_of, settings_of
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from tensorflow.core.util.event_pb2 import Event

from landex.baselines.least_squares import Ridge
from landex.errors import UserError
from landex.examples import Examples, open_parts
from landex.h5ad import open_matrix, write_matrix
from landex.kinds import KINDS
from landex.models import open_model, validation_error
from landex.networks.architecture import arrays_of, build_network
from landex.networks.devices import Execution
from landex.networks.fit import fit_network, operations, part_of
from landex.networks.network import Network, OutputScale
from landex.networks.pools import Pool
from landex.networks.presets import PRESETS
from landex.networks.settings import NetworkSettings
from landex.networks.trainer import Trained, Trainer

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")

MakeExamples = Callable[..., Examples]
Floats = NDArray[np.float64]


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
        pool = Pool(tf.constant(inputs), tf.constant(targets), None, np.array(rows, np.int32))
        loss = trainer.steps.take(pool, 0, np.float32([rate]), 0) / len(rows)
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
    by_hand = DgexByHand(trainer.network.get_weights())
    trained = trainer.train()
    for epoch in range(3):
        rows, losses = np.random.default_rng([settings.seed, epoch + 1]).permutation(10), []
        for start in range(0, 10, 4):
            batch = rows[start : start + 4]
            rate = trained.course.history[epoch].learning_rate
            losses.append(by_hand.step(inputs[batch].astype(float), targets[batch].astype(float), rate) * len(batch))
        assert trained.course.history[epoch].training_loss == pytest.approx(sum(losses) / 10, rel=1e-5)
    for found, wanted in zip(trained.network.arrays.values(), by_hand.weights, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


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
    rates = [row.learning_rate for row in trained.course.history]
    assert rates == pytest.approx(follow_decay_rule(trained.course.history, 0.05), rel=1e-6)
    assert rates[-1] < 0.9 * 0.05


def small(preset: str) -> NetworkSettings:
    return settings_of(preset, hidden=[16, 8], batch=16, epochs=6, monitored=25)


def weights_of(trained: Trained) -> list[NDArray[np.float32]]:
    scale = trained.network.scale
    of_scale = [scale.centre, scale.factor] if isinstance(scale, OutputScale) else [scale.scores.quantiles]
    return [*trained.network.arrays.values(), *of_scale]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_training_twice_gives_the_same_weights_to_the_bit(preset: str, data: tuple[Examples, Examples]) -> None:
    one, two = (Trainer(small(preset), *data).train() for _ in range(2))
    for left, right in zip(weights_of(one), weights_of(two), strict=True):
        np.testing.assert_array_equal(left, right)
    assert [row.select_mae for row in one.course.history] == [row.select_mae for row in two.course.history]


def test_the_best_epoch_is_kept_and_its_error_is_that_of_the_model(data: tuple[Examples, Examples]) -> None:
    training, select = data
    # Without dropout a wide network learns the noise by heart, and its error on `select` rises again.
    settings = settings_of(
        "deep", hidden=[200], dropout=0.0, batch=8, epochs=20, schedule="constant", target_scaling="range"
    )
    trained = Trainer(settings, training, select).train()
    errors = [row.select_mae for row in trained.course.history]
    assert trained.course.best_epoch == 1 + int(np.argmin(errors))
    assert 1 < trained.course.best_epoch < 20
    assert validation_error(trained.network, select) == pytest.approx(min(errors), rel=1e-5)


@pytest.mark.parametrize("preset", ["relu_tanh", "dgex"])
def test_errors_in_the_history_are_in_z_scores_without_dropout(preset: str, data: tuple[Examples, Examples]) -> None:
    training, select = data
    settings = settings_of(preset, hidden=[16], dropout=0.5, epochs=4, batch=20, monitored=60, keep="last")
    trained = Trainer(settings, training, select).train()
    assert trained.course.best_epoch == 4
    last = trained.course.history[-1]
    for examples, error in ((training, last.training_mae), (select, last.select_mae)):
        assert validation_error(trained.network, examples) == pytest.approx(error, rel=1e-5)


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
    np.testing.assert_allclose(trained.network.arrays["output/kernel"], expected.coef_.T, atol=1e-4)
    np.testing.assert_allclose(trained.network.arrays["output/bias"], expected.intercept_, atol=1e-4)


def test_weight_decay_takes_hold_of_weights_and_of_nothing_else(make_examples: MakeExamples) -> None:
    examples = make_examples(np.ones((4, 3)), np.zeros((4, 2)))
    settings = settings_of("deep", hidden=[5], learning_rate=0.1, weight_decay=0.5)
    trainer = Trainer(settings, examples, examples)
    trainer.network.set_weights([np.full(array.shape, 2.0) for array in trainer.network.get_weights()])
    # Nothing is measured, so there is no slope: what moves, moves by decay, 2 (1 - .1 x .5).
    pool = Pool(tf.constant(examples.inputs), tf.constant(examples.targets), tf.zeros((4, 2), tf.bool), np.arange(4))
    trainer.steps.take(pool, 0, np.float32([0.1]), 0)
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
    with pytest.raises(
        UserError, match=r"diverged 4 times.* in epoch \d+ .*lower the model's learning_rate \(1e\+30\)"
    ):
        Trainer(settings, *data).train()


def write_run(folder: Path, samples: int = 30, seed: int = 5, selected: int = 6) -> None:
    random = np.random.default_rng(seed)
    genes = [f"g{number}" for number in range(6)]
    var = pd.DataFrame({"role": ["landmark"] * 3 + ["target"] * 3}, index=pd.Index(genes, name="gene"))
    obs = pd.DataFrame(index=pd.Index([f"s{row}" for row in range(samples)], name="sample"))
    values = random.normal(size=(samples, 6)).astype(np.float32)
    write_matrix(folder / "normalised.h5ad", obs, var, values, {"measured": np.ones(values.shape, bool)})
    parts = np.array(["training"] * 18 + ["select"] * selected + ["calibrate"] * (9 - selected) + ["test"] * 3)
    pd.DataFrame({"sample": obs.index, "part": parts}).to_csv(folder / "split.tsv", sep="\t", index=False)


def write_auxiliary(folder: Path, samples: int = 10) -> None:
    """Write samples of auxiliary cohorts, of which one lacks a target, beside a run."""
    with open_matrix(folder / "normalised.h5ad") as matrix:
        var = matrix.var
    obs = pd.DataFrame(index=pd.Index([f"a:{row}" for row in range(samples)], name="sample"))
    values = np.random.default_rng(7).normal(size=(samples, len(var))).astype(np.float32)
    measured = np.ones(values.shape, bool)
    measured[: samples // 2, -1], values[: samples // 2, -1] = False, 0
    write_matrix(folder / "auxiliary.h5ad", obs, var, values, {"measured": measured})


def fit(
    folder: Path,
    settings: dict[str, Any],
    part: tuple[int, int] = (1, 1),
    code: str = "code",
    lambdas: list[float] | None = None,
    **train: Any,
) -> list[Path]:
    """Run the job in a folder that `write_run` has filled; return its outputs."""
    outputs = [folder / name for name in ("weights.h5", "history.tsv", "metrics.json")]
    how = {"device": "cpu", "gpus": 1, "allow_cpu": False, "checkpoint_minutes": 1, "tensorboard": False, **train}
    auxiliary = folder / "auxiliary.h5ad"
    inputs = folder / "normalised.h5ad", folder / "split.tsv", auxiliary if auxiliary.exists() else None
    defaults = KINDS["ridge"].defaults
    ridge = (KINDS["ridge"].estimator, {**defaults, "lambdas": lambdas or defaults["lambdas"]})
    below = ridge if settings["skip"] == "ridge" else None
    fit_network("deep", settings, part, below, how, 2, *inputs, folder / "scratch", code, *outputs)
    return outputs


def test_a_network_is_written_with_its_history_and_cost(tmp_path: Path) -> None:
    write_run(tmp_path)
    settings = mapping_of("deep", hidden=[7], epochs=5)
    outputs = fit(tmp_path, settings)
    history = pd.read_csv(outputs[1], sep="\t", dtype={"piece": str})
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert set(history["piece"]) == {"1.1"}
    metrics = json.loads(outputs[2].read_text())
    assert metrics["parameters"] == 3 * 7 + 7 + 14 + 7 * 3 + 3 + 3 * 129
    assert metrics["select_mae"] == pytest.approx(history["select_mae"].min(), rel=1e-4)
    assert metrics["best_epoch"] == history.loc[history["select_mae"].idxmin(), "epoch"]
    assert (metrics["kind"], metrics["preset"], metrics["epochs"]) == ("network", "deep", 5)
    assert metrics["stopped"] == "all 5 epochs done"
    assert metrics["settings"] == settings
    assert metrics["peak_memory_mb"] > 0
    assert metrics["peak_gpu_memory_mb"] is None
    assert metrics["samples_per_second"] > 0
    # 3 x 7 weights on the inputs cost 4 operations each, 7 x 3 above them 6.
    expected = metrics["samples_per_second"] * (4 * 21 + 6 * 21) / 1e9 / metrics["sgemm_gflops"]
    assert metrics["fraction_of_sgemm"] == pytest.approx(expected)
    # What an interruption would have needed is gone.
    assert not (tmp_path / "scratch").exists()


def test_a_part_of_the_targets_is_trained_alone(tmp_path: Path) -> None:
    write_run(tmp_path)
    whole = fit(tmp_path, mapping_of("deep", hidden=[7], epochs=1))[0]
    with open_model(whole, KINDS["network"].model) as model:
        assert model.predict(np.eye(3, dtype=np.float32)).shape == (3, 3)
    second = fit(tmp_path, mapping_of("deep", hidden=[7], epochs=1), (2, 2))[0]
    with open_model(second, KINDS["network"].model) as model:
        assert model.predict(np.eye(3, dtype=np.float32)).shape == (3, 2)


@pytest.mark.parametrize(
    "change",
    ["nothing", "code", "setting", "part", "ridge", "data", "split", "auxiliary"],
)
def test_an_interrupted_job_goes_on_if_nothing_that_it_depends_on_has_changed(
    change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(tmp_path)
    arguments: dict[str, Any] = {
        "settings": mapping_of("deep", hidden=[7], epochs=3, skip="ridge"),
        "part": (1, 3),
        "code": "code",
        "lambdas": [1.0],
    }
    told = iter(range(10))

    def interrupted(trainer: Trainer, *rest: Any) -> None:
        if next(told) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        take(trainer, *rest)

    take = Trainer._keep
    with monkeypatch.context() as patch, pytest.raises(UserError, match="SIGTERM"):
        patch.setattr(Trainer, "_keep", interrupted)
        fit(tmp_path, **arguments)
    if change == "setting":
        arguments["settings"]["dropout"] = 0.1
    elif change in ("data", "split"):
        write_run(tmp_path, seed=6 if change == "data" else 5, selected=5 if change == "split" else 6)
    elif change == "auxiliary":
        write_auxiliary(tmp_path)
    elif change != "nothing":
        arguments |= {"code": {"code": "edit"}, "part": {"part": (2, 3)}, "ridge": {"lambdas": [2.0]}}[change]
    fit(tmp_path, **arguments)
    resumptions = json.loads((tmp_path / "metrics.json").read_text())["resumptions"]
    assert resumptions == (1 if change == "nothing" else 0)


@pytest.mark.parametrize("skip", ["none", "ridge"])
def test_a_network_learns_from_auxiliary_samples_too_as_far_as_they_measure_its_targets(
    skip: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(tmp_path)
    settings = mapping_of("deep", hidden=[7], epochs=2, skip=skip)
    alone = fit(tmp_path, settings)[0].read_bytes()
    write_auxiliary(tmp_path)
    with caplog.at_level("INFO"):
        weights, _, metrics = fit(tmp_path, settings)
    assert "18 training samples, and 10 of auxiliary cohorts" in caplog.text
    assert json.loads(metrics.read_text())["settings"] == {**settings, "auxiliary": 10}
    assert weights.read_bytes() != alone


def test_parts_of_the_targets_make_the_whole() -> None:
    for parts in (1, 2, 3, 7):
        places = [part_of(23, (part, parts)) for part in range(1, parts + 1)]
        assert [row for place in places for row in range(23)[place]] == list(range(23))
        assert {place.stop - place.start for place in places} <= {23 // parts, 23 // parts + 1}


def test_more_jobs_than_targets_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path)
    with pytest.raises(UserError, match="the 3 targets cannot be split over 4 jobs"):
        fit(tmp_path, mapping_of("deep", hidden=[7], epochs=1), (1, 4))


def test_events_for_tensorboard_are_written_where_asked_for(tmp_path: Path) -> None:
    write_run(tmp_path)
    fit(tmp_path, mapping_of("deep", hidden=[7], epochs=2), tensorboard=True)
    (file,) = (tmp_path / "tensorboard").iterdir()
    events = [
        value
        for record in tf.data.TFRecordDataset(str(file))
        for value in Event.FromString(record.numpy()).summary.value
    ]
    history = pd.read_csv(tmp_path / "history.tsv", sep="\t")
    found = [float(tf.make_ndarray(value.tensor) if value.HasField("tensor") else value.simple_value)
             for value in events if value.tag == "select_mae"]  # fmt: skip
    assert found == pytest.approx(history["select_mae"].tolist(), rel=1e-5)


def test_the_test_part_has_no_part_in_training(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        write_run(folder)
        if name == "two":
            with h5py.File(folder / "normalised.h5ad", "a") as file:
                file["X"][24:] = np.nan  # calibrate and test
        outputs = fit(folder, mapping_of("relu_tanh", hidden=[7], epochs=3, batch=8))
        with open_model(outputs[0], KINDS["network"].model) as model:
            found.append(model.predict(np.eye(3, dtype=np.float32)))
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("skip", ["ridge", "linear"])
def test_a_network_that_learns_nothing_beside_a_ridge_predicts_as_the_ridge(tmp_path: Path, skip: str) -> None:
    write_run(tmp_path)
    # Steps so short that float32 hardly sees them.
    steps = {"epochs": 1, "learning_rate": 1e-12}
    settings = mapping_of("deep", hidden=[4], skip=skip, initialisation="dgex", target_scaling="range", **steps)
    outputs = fit(tmp_path, settings)
    with open_parts(tmp_path / "normalised.h5ad", tmp_path / "split.tsv", "training", "select") as (training, select):
        ridge = Ridge(**KINDS["ridge"].defaults).fit(training, select).model
    inputs = np.random.default_rng(7).normal(size=(5, 3)).astype(np.float32)
    with open_model(outputs[0], KINDS["network"].model) as model:
        found = model.predict(inputs)
    expected = ridge.predict(inputs) if skip == "ridge" else np.zeros((5, 3))
    # The output's own weights begin within 1e-4 of 0.
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_late_mae_of_summed_squares_is_summed_too(data: tuple[Examples, Examples]) -> None:
    training, _ = data
    settings = settings_of(
        LINEAR, loss="summed_squares", batch=60, epochs=2, mae_from=0.5, monitored=60, learning_rate=1e-3
    )
    history = Trainer(settings, *data).train().course.history
    # Summed over the targets, averaged over the samples: the measured share of four targets times their MAE.
    expected = history[0].training_mae * training.measured.sum() / 60
    assert history[1].training_loss == pytest.approx(expected, rel=1e-5)


def test_operations_are_counted_by_hand() -> None:
    counts = {
        # 10 landmarks, 20 targets: on the inputs 4 a weight, above them 6, a frozen ridge 2.
        (): 4 * 200,
        (5,): 4 * 50 + 6 * 100,
        (5, 7): 4 * 50 + 6 * (35 + 140),
    }
    for hidden, expected in counts.items():
        for skip, more in (("none", 0), ("linear", 4 * 200), ("ridge", 2 * 200)):
            settings = settings_of("deep", hidden=list(hidden), skip=skip)
            fitted = (np.zeros((10, 20)), np.zeros(20)) if skip == "ridge" else None
            arrays = arrays_of(build_network(settings, 10, 20, fitted))
            assert operations(Network(settings, arrays, OutputScale.identity(20))) == expected + more
    low = settings_of("deep", hidden=[], rank=7)
    arrays = arrays_of(build_network(low, 10, 20))
    assert operations(Network(low, arrays, OutputScale.identity(20))) == 4 * 70 + 6 * 140


def test_the_loss_becomes_mae_for_the_last_share_of_the_epochs(data: tuple[Examples, Examples]) -> None:
    # One batch an epoch, without dropout: the training loss is that of the weights before the step.
    late = settings_of(LINEAR, batch=60, epochs=4, mae_from=0.5, monitored=60, learning_rate=1e-3)
    always = replace(late, mae_from=1.0)
    mixed, squares = (Trainer(settings, *data).train().course.history for settings in (late, always))
    for row in range(4):
        # The error after an epoch is what MAE as loss sees before the next step.
        is_mae = row >= 2
        assert (mixed[row].training_loss == pytest.approx(mixed[row - 1].training_mae, rel=1e-5)) == is_mae
    assert [row.training_loss for row in mixed[:2]] == [row.training_loss for row in squares[:2]]


def test_averaged_weights_are_what_is_measured_and_kept(data: tuple[Examples, Examples]) -> None:
    training, select = data
    settings = settings_of(LINEAR, batch=20, epochs=3, ema=0.9, keep="last", learning_rate=0.1)
    trainer = Trainer(settings, training, select)
    begun = [variable.numpy() for variable in trainer.network.trainable_variables]
    plain = Trainer(replace(settings, ema=0.0), training, select)
    averages, step = begun, 0
    for epoch in range(1, 4):
        (pool,) = plain._pools.epoch(epoch)
        for batch in range(3):
            plain.steps.take(pool, batch, np.float32([0.1]), step)
            step += 1
            decay = min(0.9, (1 + step) / (10 + step))
            weights = [variable.numpy() for variable in plain.network.trainable_variables]
            averages = [decay * one + (1 - decay) * two for one, two in zip(averages, weights, strict=True)]
    trained = trainer.train()
    for found, expected in zip(trained.network.arrays.values(), averages, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert validation_error(trained.network, select) == pytest.approx(trained.course.history[-1].select_mae, rel=1e-5)


def test_training_stops_early_and_says_why(data: tuple[Examples, Examples]) -> None:
    settings = settings_of("deep", hidden=[200], dropout=0.0, batch=8, epochs=40, schedule="constant", patience=3)
    course = Trainer(settings, *data).train().course
    lowest = 1 + int(np.argmin([row.select_mae for row in course.history]))
    assert course.epoch == lowest + 3 < 40
    assert course.stopped == f"no lower select MAE in the 3 epochs after epoch {lowest}"
    assert course.best_epoch == lowest


@pytest.fixture
def too_fast() -> NetworkSettings:
    """Return a training whose rate is too high, so that it diverges, and a ninth of which is not."""
    return settings_of(LINEAR, batch=20, epochs=30, monitored=60, learning_rate=3.0, keep="best")


def test_a_divergence_is_tried_again_from_the_last_good_epoch_with_a_lower_rate(
    data: tuple[Examples, Examples], too_fast: NetworkSettings, caplog: pytest.LogCaptureFixture
) -> None:
    course = Trainer(too_fast, *data).train().course
    assert 1 <= course.divergences <= 3
    assert course.rate_factor == pytest.approx(3.0**-course.divergences)
    assert caplog.text.count("with the learning rate times") == course.divergences
    assert [row.epoch for row in course.history] == list(range(1, 31))
    assert course.history[-1].learning_rate == pytest.approx(3.0 * course.rate_factor, rel=1e-5)
    # What came out is as good as if the lower rate had been set.
    calm = Trainer(replace(too_fast, learning_rate=0.1), *data).train().course
    assert course.history[-1].training_mae < 1.05 * calm.history[-1].training_mae


def test_an_absurd_error_counts_as_a_divergence_before_it_is_infinite(
    data: tuple[Examples, Examples], too_fast: NetworkSettings, caplog: pytest.LogCaptureFixture
) -> None:
    Trainer(too_fast, *data).train()
    first = caplog.messages[0]
    assert re.search(r"in epoch \d+ the training MAE became \d", first)
    assert "nan" not in first


def test_a_select_part_that_measures_nothing_is_refused(
    data: tuple[Examples, Examples], make_examples: MakeExamples
) -> None:
    training, select = data
    empty = make_examples(select.inputs, select.targets, np.zeros_like(select.measured))
    with pytest.raises(UserError, match="measure no target"):
        Trainer(settings_of("deep", hidden=[5]), training, empty)


def test_low_precision_trains_nearly_as_well(data: tuple[Examples, Examples]) -> None:
    one, two = (
        Trainer(settings_of("deep", hidden=[32], batch=20, epochs=20, precision=precision), *data).train().course
        for precision in ("float32", "mixed_bfloat16")
    )
    assert one.history[-1].training_loss != two.history[-1].training_loss
    assert two.history[-1].select_mae == pytest.approx(one.history[-1].select_mae, rel=0.05)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_xla_takes_the_same_steps(optimiser: str, data: tuple[Examples, Examples]) -> None:
    settings = settings_of("deep", hidden=[16, 8], dropout=0.0, batch=16, epochs=4, optimiser=optimiser, ema=0.9)
    plain = Trainer(settings, *data).train()
    compiled = Trainer(settings, *data, None, Execution(True, 3, 1 << 20)).train()
    for path, array in plain.network.arrays.items():
        np.testing.assert_allclose(compiled.network.arrays[path], array, atol=1e-5, err_msg=path)


def test_normal_scores_are_learnt_and_values_predicted(make_examples: MakeExamples, tmp_path: Path) -> None:
    """A network without hidden layers whose targets are powers of ten of a linear function of the landmarks."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(300, 3))
    linear = inputs @ np.array([[1.0, 0.5], [0.5, -1], [0.2, 0.3]])
    training = make_examples(inputs, 10**linear)
    changes = {"epochs": 100, "target_scaling": "normal_scores"}
    network = Trainer(settings_of(LINEAR, **changes), training, training).train().network
    wanted = 10**linear
    predicted = network.predict(training.inputs)
    # A linear function of values explains less than half of this.
    close = np.abs(predicted - wanted) < 0.3 * wanted
    assert close.mean() > 0.85
    with h5py.File(tmp_path / "network.h5", "w") as file:
        network.write(file)
        np.testing.assert_array_equal(Network.read(file).predict(training.inputs), predicted)
