"""Importance and ablation: coefficients, conditional variances and regressions as references, and losses by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from simulated_cohort import correlation_of, profiles, write_cohort, write_correlation
from sklearn.linear_model import LinearRegression

from landex.baselines.linear_model import LinearModel
from landex.evaluation.ablation import LEAST, MOST, OTHERS, OWN, RANDOM, Ablation, could_be_left_out
from landex.evaluation.bootstrap import Certainty
from landex.evaluation.importance import (
    Effects,
    effects_of,
    landmark_table,
    redundancy,
    removal_order,
    target_table,
)
from landex.evaluation.units import Units
from landex.evaluation.weigh import write_importance
from landex.examples import Examples
from landex.kinds import KINDS
from landex.models import write_model

Block = NDArray[np.float32]
Floats = NDArray[np.float64]

CERTAINTY = Certainty(0.95, 200, 1)


class Hidden:
    """A model whose kind cannot be told."""

    def __init__(self, model: LinearModel) -> None:
        self._model = model

    @property
    def parameters(self) -> int:
        return self._model.parameters

    def predict(self, inputs: Block) -> Block:
        return self._model.predict(inputs)


class Squares:
    """A model that no slope describes: it says the square of each landmark."""

    parameters = 0

    def predict(self, inputs: Block) -> Block:
        return inputs**2


def linear(landmarks: int, targets: int, seed: int = 1) -> LinearModel:
    random = np.random.default_rng(seed)
    coefficients = random.normal(size=(landmarks, targets)).astype(np.float32)
    return LinearModel(coefficients, random.normal(size=targets).astype(np.float32))


def test_permuting_finds_the_coefficients_of_a_linear_model_and_its_shortcut_is_the_same() -> None:
    # More samples than a run of predictions holds at once would be 2,048 by three landmarks.
    model, inputs = linear(5, 4), np.random.default_rng(3).normal(size=(900, 5)).astype(np.float32)
    short, long = effects_of(model, inputs, 7), effects_of(Hidden(model), inputs, 7)
    np.testing.assert_array_equal(short.slope, model.coefficients)
    np.testing.assert_allclose(long.slope, model.coefficients, atol=2e-6)
    np.testing.assert_allclose(long.effect, short.effect, rtol=1e-4)
    # Two normal values differ by 2 / sqrt(pi) on average.
    np.testing.assert_allclose(long.effect, np.abs(model.coefficients) * 2 / np.sqrt(np.pi), rtol=0.12)


class Recorder:
    """A model that remembers what it was asked."""

    parameters = 0

    def __init__(self) -> None:
        self.asked: list[Block] = []

    def predict(self, inputs: Block) -> Block:
        self.asked.append(inputs.copy())
        return inputs[:, :1].copy()


@given(st.integers(2, 40), st.integers(0, 100))
def test_every_sample_gets_one_landmark_at_a_time_from_another_sample(samples: int, seed: int) -> None:
    model, inputs = Recorder(), np.arange(samples * 3, dtype=np.float32).reshape(samples, 3)
    effects_of(model, inputs, seed)
    changed = np.concatenate(model.asked[1:]).reshape(3, samples, 3)
    for landmark, asked in enumerate(changed):
        others = [place for place in range(3) if place != landmark]
        np.testing.assert_array_equal(asked[:, others], inputs[:, others])
        assert sorted(asked[:, landmark]) == sorted(inputs[:, landmark])
        assert (asked[:, landmark] != inputs[:, landmark]).all()


def test_the_same_seed_gives_the_same_effects() -> None:
    model, inputs = linear(5, 4), np.random.default_rng(3).normal(size=(30, 5)).astype(np.float32)
    found = [effects_of(model, inputs, seed).effect for seed in (1, 1, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


def test_a_landmark_that_carries_nothing_has_no_effect_and_one_without_variance_neither() -> None:
    model = linear(4, 3)
    model.coefficients[2] = 0
    inputs = np.random.default_rng(3).normal(size=(50, 4)).astype(np.float32)
    inputs[:, 1] = 0.5
    found = effects_of(Hidden(model), inputs, 1)
    np.testing.assert_allclose(found.effect[[1, 2]], 0, atol=1e-6)
    np.testing.assert_array_equal(found.slope[1], 0)
    assert np.isfinite(found.slope).all()


def test_the_effect_of_a_landmark_counts_where_its_slope_is_none() -> None:
    inputs = np.random.default_rng(4).normal(size=(2000, 3)).astype(np.float32)
    found = effects_of(Squares(), inputs, 1)
    assert (np.diag(found.effect) > 0.5).all()
    assert np.abs(found.slope).max() < 0.25
    np.testing.assert_array_equal(found.effect[~np.eye(3, dtype=bool)], 0)


def error_variance(gone: list[int], slope: Floats, correlation: Floats) -> float:
    """Return the variance, over targets, of predictions that lack what some landmarks say beyond the others."""
    there = [landmark for landmark in range(len(slope)) if landmark not in gone]
    inside, across = correlation[np.ix_(gone, gone)], correlation[np.ix_(gone, there)]
    known = across @ np.linalg.solve(correlation[np.ix_(there, there)], across.T) if there else 0
    return float(np.trace(slope[gone].T @ (inside - known) @ slope[gone]))


@settings(max_examples=40)
@given(st.integers(2, 7), st.integers(1, 5), st.integers(0, 1000))
def test_landmarks_are_removed_in_the_order_of_a_slow_greedy_search(landmarks: int, targets: int, seed: int) -> None:
    slope = np.random.default_rng(seed).normal(size=(landmarks, targets))
    correlation = correlation_of(landmarks, seed)
    gone: list[int] = []
    for _ in range(landmarks):
        left = [landmark for landmark in range(landmarks) if landmark not in gone]
        gone.append(min(left, key=lambda each: error_variance([*gone, each], slope, correlation)))
    assert removal_order(slope.astype(np.float32), correlation).tolist() == gone


def test_of_two_copies_the_first_to_go_is_one_of_them_and_the_other_becomes_dear() -> None:
    correlation = np.eye(3)
    correlation[0, 1] = correlation[1, 0] = 0.999
    order = removal_order(np.array([[1.0], [1.0], [0.5]], np.float32), correlation).tolist()
    assert order[0] in (0, 1)
    # What stays speaks for both: it is the last.
    assert order[1:] == [2, 1 - order[0]]


def test_a_removal_order_holds_with_many_near_copies() -> None:
    """Landmarks in correlated blocks: nothing overflows, and every landmark goes once."""
    random = np.random.default_rng(5)
    factors = random.normal(size=(200, 4))
    covariance = factors @ factors.T + 0.02 * np.eye(200)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    slope = random.normal(size=(200, 6))
    order = removal_order(slope.astype(np.float32), correlation)
    assert sorted(order.tolist()) == list(range(200))
    steps = [error_variance(order[:gone].tolist(), slope, correlation) for gone in (30, 100, 170)]
    drawn = random.permutation(200)
    at_random = [error_variance(drawn[:gone].tolist(), slope, correlation) for gone in (30, 100, 170)]
    assert all(step < other for step, other in zip(steps, at_random, strict=True))


def test_redundancy_is_the_r2_of_a_regression_on_all_other_landmarks() -> None:
    values = profiles(400, correlation_of(6)).astype(float)
    values -= values.mean(axis=0)
    expected = []
    for landmark in range(6):
        others = np.delete(values, landmark, axis=1)
        expected.append(LinearRegression().fit(others, values[:, landmark]).score(others, values[:, landmark]))
    np.testing.assert_allclose(redundancy(np.corrcoef(values.T)), expected, rtol=1e-5)


LANDMARKS = pd.DataFrame({"symbol": ["A", "NA", ""], "ensembl": ["E1", "", "E3"]}, index=["11", "22", "33"])


def test_the_table_of_landmarks_by_hand() -> None:
    effect = np.array([[3, 0, 1, 9], [1, 2, 1, 9], [0, 1, 4, 9]], np.float32)
    counted = np.array([True, True, True, False])
    table = landmark_table(Effects(effect, effect), LANDMARKS, counted, np.eye(3))
    assert table["landmark"].tolist() == ["11", "22", "33"]
    assert table["importance"].tolist() == pytest.approx([4 / 3, 4 / 3, 5 / 3])
    assert table["share_percent"].tolist() == pytest.approx([400 / 13, 400 / 13, 500 / 13])
    assert table["rank"].tolist() == [2, 3, 1]
    assert table["leads"].tolist() == [1, 1, 1]
    assert table["among_ten"].tolist() == [3, 3, 3]
    assert table["redundancy"].tolist() == [0, 0, 0]
    # Of landmarks that are not correlated the sum of squared slopes decides: 10, 6 and 17.
    assert table["dispensable"].tolist() == [2, 1, 3]


def test_only_overlapping_targets_leave_no_importance() -> None:
    effect = np.ones((3, 2), np.float32)
    table = landmark_table(Effects(effect, effect), LANDMARKS, np.zeros(2, bool), np.eye(3))
    assert table["importance"].tolist() == [0, 0, 0]
    assert table["leads"].tolist() == [0, 0, 0]


def test_the_landmarks_of_a_target_come_by_their_effect() -> None:
    effect = np.array([[1, 2], [3, 0], [2, 5]], np.float32)
    slope = np.array([[-1, 2], [3, 0], [2, -5]], np.float32)
    targets = pd.DataFrame({"symbol": ["x", "y"]}, index=["7", "8"])
    table = target_table(Effects(effect, slope), LANDMARKS, targets)
    assert table["gene"].tolist() == ["7"] * 3 + ["8"] * 3
    assert table["place"].tolist() == [1, 2, 3] * 2
    assert table["landmark"].tolist() == ["22", "33", "11", "33", "11", "22"]
    assert table["landmark_symbol"].tolist() == ["NA", "", "A", "", "A", "NA"]
    assert table["effect"].tolist() == [3, 2, 1, 5, 2, 0]
    assert table["slope"].tolist() == [3, 2, -1, -5, 2, 0]


def ablation_of(
    model: LinearModel, correlation: Floats, samples: int = 60, noise: float = 0.0, series: list[str] | None = None
) -> Ablation:
    inputs = profiles(samples, correlation)
    targets = model.predict(inputs) + np.random.default_rng(6).normal(0, noise, (samples, len(model.intercept)))
    examples = Examples(
        inputs,
        targets.astype(np.float32),
        np.ones(targets.shape, bool),
        [f"s{row}" for row in range(samples)],
        pd.DataFrame(index=[f"t{target}" for target in range(targets.shape[1])]),
    )
    counted = np.ones(targets.shape[1], bool)
    of = series or ["a"] * samples
    units = Units.of(pd.DataFrame({"series": of, "group": of}))
    return Ablation(model, examples, counted, correlation, units, CERTAINTY)


def only(landmark: int, landmarks: int = 20, targets: int = 3) -> LinearModel:
    """Return a model that looks at one landmark alone."""
    coefficients = np.zeros((landmarks, targets), np.float32)
    coefficients[landmark] = [1, -2, 0.5]
    return LinearModel(coefficients, np.zeros(targets, np.float32))


def test_dropping_landmarks_that_nothing_looks_at_costs_nothing_and_the_one_of_use_all() -> None:
    ablation = ablation_of(only(4), np.eye(20), noise=0.2)
    order = np.array([place for place in range(20) if place != 4] + [4])
    table = pd.DataFrame(ablation.removal(order)).set_index(["taken", "landmarks"])
    assert table.index.get_level_values("landmarks").tolist() == [1, 2, 5, 10, 15, 18] * 3
    assert (table.loc[LEAST, ["increase_percent", "increase_low", "increase_high"]] == 0).all(axis=None)
    # Nothing but the mean is left to be said.
    null = np.abs(ablation.samples.targets).mean()
    np.testing.assert_allclose(table.loc[MOST, "mae"], null, rtol=1e-5)
    whole = np.abs(ablation.samples.targets - ablation.model.predict(ablation.samples.inputs)).mean()
    np.testing.assert_allclose(table["whole_mae"], whole, rtol=1e-5)
    np.testing.assert_allclose(table.loc[MOST, "increase_percent"], 100 * (null / whole - 1), rtol=1e-4)
    assert (table.loc[MOST, "increase_low"] > 0).all()
    assert (table.loc[RANDOM, "mae"] >= whole - 1e-6).all()


def test_a_landmark_is_filled_in_from_those_that_are_left() -> None:
    correlation = correlation_of(6)
    ablation = ablation_of(linear(6, 4), correlation)
    inputs = ablation.samples.inputs.astype(float)
    gone, there = [1, 4], [0, 2, 3, 5]
    filled = inputs.copy()
    weights = np.linalg.solve(correlation[np.ix_(there, there)], correlation[np.ix_(there, gone)])
    filled[:, gone] = inputs[:, there] @ weights
    expected = filled @ ablation.model.coefficients + ablation.model.intercept  # type: ignore[attr-defined]
    np.testing.assert_allclose(ablation.without(np.array(gone)), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        ablation.without(np.arange(6)), np.tile(ablation.model.predict(np.zeros((1, 6), np.float32)), (60, 1))
    )


def test_the_removal_order_costs_less_than_its_reverse() -> None:
    correlation = correlation_of(20)
    ablation = ablation_of(linear(20, 5), correlation, 200, noise=0.1)
    order = removal_order(ablation.model.coefficients, correlation)  # type: ignore[attr-defined]
    table = pd.DataFrame(ablation.removal(order)).pivot_table(index="landmarks", columns="taken", values="mae")
    assert (table[LEAST] < table[MOST]).all()


def test_a_target_without_its_own_landmarks_says_the_mean_and_without_others_all() -> None:
    model = only(4, 200)
    ablation = ablation_of(model, np.eye(200), noise=0.2)
    effects = effects_of(model, ablation.samples.inputs, 1)
    table = pd.DataFrame(ablation.own_landmarks(effects)).set_index("taken")
    assert table["landmarks"].tolist() == [10, 10]
    assert table.loc[OWN, "mae"] == pytest.approx(np.abs(ablation.samples.targets).mean(), rel=1e-5)
    # Ten of 200 landmarks at random for three targets leave the one of use alone, with this seed.
    assert table.loc[OTHERS, "increase_percent"] == pytest.approx(0, abs=1e-4)


def test_losses_are_sure_over_series_where_there_are_six() -> None:
    series = [f"GSE{number % 7}" for number in range(60)]
    ablation = ablation_of(linear(20, 5), np.eye(20), noise=0.1, series=series)
    table = pd.DataFrame(ablation.removal(np.arange(20)))
    assert set(table["unit"]) == {"series"}
    assert (table["increase_low"] <= table["increase_percent"]).all()
    assert (table["increase_percent"] <= table["increase_high"]).all()


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        ([0.2, 0.9, 1.0, 1.1, 5], 500),
        ([0.2, 1.2, 0.8, 0.9, 5], 50),
        ([1.5, 0.2, 0.1, 0.3, 0.2], 0),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 900),
        ([np.nan, 0.2, 0.3, 0.4, 0.5], 0),
    ],
)
def test_how_many_landmarks_could_be_left_out_by_hand(high: list[float], expected: int) -> None:
    least = pd.DataFrame({"taken": LEAST, "landmarks": [50, 100, 500, 700, 900], "increase_high": high})
    others = pd.DataFrame({"taken": RANDOM, "landmarks": [950], "increase_high": [0.0]})
    assert could_be_left_out(pd.concat([others, least.iloc[::-1]])) == expected


@pytest.fixture
def weighed(tmp_path: Path) -> dict[str, pd.DataFrame]:
    """Weigh a model of twelve landmarks, of which the first carries everything, through files."""
    random = np.random.default_rng(8)
    names = [f"l{number}" for number in range(12)]
    model = only(0, 12)
    write_model(tmp_path / "weights.h5", "ols", model)
    parts = ["training"] * 10 + ["select"] * 40 + ["calibrate"] * 300 + ["test"] * 30
    inputs = random.normal(size=(len(parts), 12)).astype(np.float32)
    values = np.hstack([inputs, model.predict(inputs) + random.normal(0, 0.3, (len(parts), 3))]).astype(np.float32)
    # The truth of the select part is not read for it.
    values[10:50, 12:] = 99
    write_cohort(tmp_path / "compendium.h5ad", values, landmarks=12, genes=[*names, "a", "b", "c"])
    split = {"sample": [f"s{row}" for row in range(len(parts))], "series": "GSE1", "group": "GSE1", "part": parts}
    pd.DataFrame(split).to_csv(tmp_path / "split.tsv", sep="\t", index=False)
    write_correlation(tmp_path / "references.h5", np.eye(12))
    inputs_of_rule = [tmp_path / name for name in ("compendium.h5ad", "split.tsv", "references.h5")]
    paths = {name: tmp_path / f"{name}.tsv" for name in ("landmarks", "ablation")} | {"targets": tmp_path / "t.tsv.gz"}
    write_importance(tmp_path / "weights.h5", KINDS["ols"].model, *inputs_of_rule, CERTAINTY, paths)
    return {name: pd.read_csv(path, sep="\t") for name, path in paths.items()}


def test_the_tables_say_which_landmark_carries_everything(weighed: dict[str, pd.DataFrame]) -> None:
    landmarks, targets = weighed["landmarks"].set_index("landmark"), weighed["targets"]
    assert landmarks.loc["l0", ["share_percent", "leads", "dispensable"]].tolist() == [100, 3, 12]
    assert targets.loc[targets["place"] == 1, "landmark"].tolist() == ["l0"] * 3
    assert targets.loc[targets["place"] == 1, "slope"].tolist() == [1, -2, 0.5]
    assert len(targets) == 30


def test_what_could_be_left_out_is_decided_on_calibrate_and_measured_on_test(weighed: dict[str, pd.DataFrame]) -> None:
    landmarks, ablation = weighed["landmarks"].set_index("landmark"), weighed["ablation"]
    assert ablation["part"].unique().tolist() == ["calibrate", "test"]
    # Shares of twelve landmarks: .9 of them is 11, all but the one that carries everything.
    assert landmarks["could_be_left_out"].sum() == 11
    assert landmarks.loc["l0", "could_be_left_out"] == 0
    own = ablation[ablation["taken"].isin([OWN, OTHERS])]
    assert own["part"].tolist() == ["test", "test"]
    assert (ablation.loc[ablation["taken"] == LEAST, "increase_percent"] == 0).all()
