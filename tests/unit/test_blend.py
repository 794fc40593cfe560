"""Blends against linear programming, and what they promise: never worse than a member, none below 0."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from landex.baselines import blend
from landex.baselines.blend import BlendModel, fit_blend, least_absolute_weights
from landex.baselines.gene_neighbours import KnnGe
from landex.baselines.least_squares import Ols, Ridge
from landex.baselines.linear_model import LinearModel
from landex.baselines.sample_neighbours import Knn
from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import Block, open_matrix
from landex.models import Model

MakeExamples = Callable[..., Examples]


class Fixed:
    """A model that predicts what it was given, for inputs that number the samples."""

    parameters = 0

    def __init__(self, predictions: NDArray[np.floating]) -> None:
        self._predictions = predictions.astype(np.float32)

    def predict(self, inputs: Block) -> Block:
        return self._predictions[inputs[:, 0].astype(int)]


@pytest.fixture(scope="module")
def gdsc(resources: Path, make_examples: MakeExamples) -> tuple[dict[str, Model], Examples]:
    """Return models fitted to 150 cell lines, and 90 others with 60 targets."""
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        values = matrix.read(slice(0, 300))[:, ::40][:, :140].astype(np.float64)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    training, select = (
        make_examples(values[place, :80], values[place, 80:]) for place in (slice(0, 150), slice(150, 240))
    )
    estimators = {"ols": Ols(), "ridge": Ridge([0.01, 0.1, 1]), "knn": Knn([5, 10]), "knn_ge": KnnGe([5, 20])}
    return {name: estimator.fit(training, select).model for name, estimator in estimators.items()}, select


def with_gaps(select: Examples) -> Examples:
    measured = np.random.default_rng(2).random(select.targets.shape) < 0.8
    measured[:, 6] = False
    return Examples(
        select.inputs, np.where(measured, select.targets, np.float32(1e20)), measured, select.samples, select.features
    )


def least_by_linear_programming(truth: NDArray[np.floating], predictions: NDArray[np.floating]) -> float:
    """Return the least sum of absolute errors of predictions, shape (members, values), weighted by at least 0."""
    members, values = predictions.shape
    parts = np.hstack([predictions.T.astype(np.float64), np.eye(values), -np.eye(values)])
    costs = np.concatenate([np.zeros(members), np.ones(2 * values)])
    return linprog(costs, A_eq=parts, b_eq=truth.astype(np.float64), bounds=(0, None), method="highs").fun


def errors(prediction: NDArray[np.floating], truth: Examples) -> NDArray[np.float64]:
    """Return every target's sum of absolute errors."""
    return np.where(truth.measured, np.abs(prediction - truth.targets), 0).sum(axis=0, dtype=np.float64)


@pytest.mark.parametrize("gaps", [False, True])
def test_weights_for_all_targets_reach_the_least_error_of_linear_programming(
    gdsc: tuple[dict[str, Model], Examples], gaps: bool
) -> None:
    members, select = gdsc[0], with_gaps(gdsc[1]) if gaps else gdsc[1]
    fitted = fit_blend(members, select, per_target=False)
    predictions = np.stack([model.predict(select.inputs) for model in members.values()])
    least = least_by_linear_programming(select.targets[select.measured], predictions[:, select.measured])
    reached = errors(fitted.model.combine(list(predictions)), select).sum()
    assert fitted.model.weights.shape == (4,)
    assert reached == pytest.approx(least, rel=5e-6)
    assert reached < 0.99 * min(errors(prediction, select).sum() for prediction in predictions)
    assert fitted.found["weights"] == pytest.approx(
        dict(zip(members, fitted.model.weights.tolist(), strict=True)), rel=1e-6
    )


@pytest.mark.parametrize("gaps", [False, True])
def test_weights_per_target_reach_the_least_error_of_linear_programming(
    gdsc: tuple[dict[str, Model], Examples], gaps: bool
) -> None:
    members, select = gdsc[0], with_gaps(gdsc[1]) if gaps else gdsc[1]
    fitted = fit_blend(members, select, per_target=True)
    predictions = np.stack([model.predict(select.inputs) for model in members.values()])
    reached = errors(fitted.model.combine(list(predictions)), select)
    assert fitted.model.weights.shape == (4, 60)
    for target in range(60):
        rows = select.measured[:, target]
        least = least_by_linear_programming(select.targets[rows, target], predictions[:, rows, target])
        assert reached[target] == pytest.approx(least, rel=2e-5)
    np.testing.assert_array_equal(fitted.targets["samples"], select.measured.sum(axis=0))


@pytest.mark.parametrize("per_target", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_least_weights_are_kept_and_the_rest_reaches_the_least_error(
    gdsc: tuple[dict[str, Model], Examples], gaps: bool, per_target: bool
) -> None:
    members, select = gdsc[0], with_gaps(gdsc[1]) if gaps else gdsc[1]
    chosen = fit_blend(members, select).found["weights"]
    unwanted, wanted = min(chosen, key=chosen.__getitem__), max(chosen, key=chosen.__getitem__)
    least = {unwanted: 0.3, wanted: 0.1}
    floors = np.array([least.get(name, 0) for name in members], np.float32)
    fitted = fit_blend(members, select, per_target, least)
    assert (floors <= fitted.model.weights.T).all()
    predictions = np.stack([model.predict(select.inputs) for model in members.values()])
    # What the least weights leave over is fitted by the others, and by them, with weights of at least 0.
    rest = select.targets - np.tensordot(floors, predictions, 1)
    reached = errors(fitted.model.combine(list(predictions)), select)
    if per_target:
        for target in range(60):
            rows = select.measured[:, target]
            expected = least_by_linear_programming(rest[rows, target], predictions[:, rows, target])
            assert reached[target] == pytest.approx(expected, rel=2e-5)
    else:
        expected = least_by_linear_programming(rest[select.measured], predictions[:, select.measured])
        assert reached.sum() == pytest.approx(expected, rel=5e-6)
        assert reached.sum() > errors(fit_blend(members, select).model.combine(list(predictions)), select).sum()
    samples = select.measured.sum(axis=0)
    np.testing.assert_allclose((fitted.targets["mae"] * samples)[samples > 0], reached[samples > 0], rtol=1e-5)


def test_where_one_member_is_exact_it_takes_all_that_the_least_weights_leave(make_examples: MakeExamples) -> None:
    random = np.random.default_rng(0)
    numbers, truth = np.arange(40.0)[:, None], random.normal(size=(40, 3))
    exact, other = Fixed(truth), Fixed(np.zeros((40, 3)))
    fitted = fit_blend({"exact": exact, "other": other}, make_examples(numbers, truth), least={"other": 0.25})
    # The other adds nothing, so that the exact one may have all its weight beside it.
    np.testing.assert_allclose(fitted.model.weights, [1, 0.25], atol=1e-3)


@given(
    st.integers(0, 10_000),
    st.integers(1, 5),
    st.integers(2, 30),
    st.sampled_from(["plain", "twice", "opposite", "nothing", "exact", "tiny", "large"]),
)
def test_weights_are_optimal_for_members_of_any_sort(seed: int, members: int, values: int, sort: str) -> None:
    random = np.random.default_rng(seed)
    truth = random.standard_t(2, size=values)
    predictions = truth + random.normal(size=(members, values)) * random.uniform(0.1, 3, (members, 1))
    if sort == "twice":
        predictions[-1] = predictions[0]
    elif sort == "opposite":
        predictions = -predictions
    elif sort == "nothing":
        predictions[0] = 0
    elif sort == "exact":
        predictions[0] = truth
    elif sort in ("tiny", "large"):
        factor = 1e-20 if sort == "tiny" else 1e20
        truth, predictions = truth * factor, predictions * factor
    weights = least_absolute_weights(truth[None], predictions[None])[0]
    assert (weights >= 0).all() and np.isfinite(weights).all()
    unit = np.abs(truth).mean()
    least = least_by_linear_programming(truth / unit, predictions / unit)
    reached = np.abs(truth - weights @ predictions).sum() / unit
    assert reached <= least + 1e-4 * values


def test_a_member_that_predicts_almost_nothing_has_no_weight(make_examples: MakeExamples) -> None:
    random = np.random.default_rng(0)
    numbers, truth = np.arange(50.0)[:, None], 0.5 + random.normal(size=(50, 3))
    good, nothing = Fixed(truth + random.normal(size=(50, 3))), Fixed(np.full((50, 3), 1e-8))
    for per_target in (False, True):
        weights = fit_blend({"good": good, "nothing": nothing}, make_examples(numbers, truth), per_target).model.weights
        assert (weights[1] == 0).all()
        assert (weights[0] > 0.1).all()


def test_truth_that_is_0_throughout_takes_no_weight(make_examples: MakeExamples) -> None:
    numbers = np.arange(20.0)[:, None]
    model = Fixed(np.random.default_rng(0).normal(size=(20, 2)))
    truth = np.zeros((20, 2))
    for per_target in (False, True):
        fitted = fit_blend({"one": model}, make_examples(numbers, truth), per_target)
        np.testing.assert_array_equal(fitted.model.weights, 0)


def test_weights_of_two_members_by_hand(make_examples: MakeExamples) -> None:
    # Alone in its samples each member is best at the median of truth / prediction: 2 and 3 (1 weighs nothing more).
    truth = np.array([[2.0], [2.0], [9.0], [3.0], [3.0], [-7.0]])
    one = Fixed(np.array([[1.0], [1.0], [1.0], [0.0], [0.0], [0.0]]))
    two = Fixed(np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]]))
    fitted = fit_blend({"one": one, "two": two}, make_examples(np.arange(6.0)[:, None], truth))
    np.testing.assert_allclose(fitted.model.weights, [2, 3], rtol=1e-4)
    assert fitted.targets.loc["t0", "mae"] == pytest.approx(17 / 6, rel=1e-4)
    assert fitted.targets.loc["t0", "best_member_mae"] == pytest.approx(23 / 6)
    assert fitted.targets.loc["t0", "best_member"] == "one"


@pytest.mark.parametrize("per_target", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_blend_is_never_worse_than_its_best_member(
    gdsc: tuple[dict[str, Model], Examples], per_target: bool, gaps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    members, select = gdsc[0], with_gaps(gdsc[1]) if gaps else gdsc[1]
    monkeypatch.setattr(blend, "least_absolute_weights", lambda truth, predictions: _bad_weights(predictions))
    fitted = fit_blend(members, select, per_target)
    predictions = [model.predict(select.inputs) for model in members.values()]
    alone = np.stack([errors(prediction, select) for prediction in predictions])
    together = errors(fitted.model.combine(predictions), select)
    if per_target:
        assert (together <= alone.min(axis=0)).all()
        worse = together == alone.min(axis=0)
        assert 0 < worse.mean() < 1
        assert fitted.found["single_member"] == worse[select.measured.any(axis=0)].sum() / 60
    else:
        assert together.sum() == alone.sum(axis=1).min()
        assert sorted(fitted.model.weights.tolist()) == [0, 0, 0, 1]
        assert fitted.found["single_member"] == 1
    counts = select.measured.sum(axis=0)
    known = counts > 0
    np.testing.assert_array_equal(fitted.targets["mae"][known], together[known] / counts[known])
    assert fitted.targets["mae"][~known].isna().all()
    np.testing.assert_array_equal(fitted.targets["best_member"], np.array(list(members))[alone.argmin(axis=0)])


def _bad_weights(predictions: Block) -> NDArray[np.float64]:
    """Return equal weights, which are bad for most targets and good for some, and worse than bad for one alone."""
    problems, members, _ = predictions.shape
    return np.full((problems, members), 1 / members if problems > 1 else 5.0)


def test_a_target_that_is_not_measured_takes_the_weights_for_all(gdsc: tuple[dict[str, Model], Examples]) -> None:
    members, select = gdsc[0], with_gaps(gdsc[1])
    per_target, for_all = (fit_blend(members, select, choice).model.weights for choice in (True, False))
    np.testing.assert_array_equal(per_target[:, 6], for_all)
    assert not np.array_equal(per_target[:, 7], for_all)


def test_weights_per_target_are_untouched_by_the_other_targets(
    gdsc: tuple[dict[str, Model], Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    members, select = gdsc
    every = fit_blend(members, select, per_target=True).model.weights
    monkeypatch.setattr(blend, "_VALUES_OF_BATCH", 1)
    one_at_a_time = fit_blend(members, select, per_target=True).model.weights
    np.testing.assert_array_equal(one_at_a_time, every)
    columns = np.array([40, 3, 12])
    some = Examples(
        select.inputs,
        select.targets[:, columns],
        select.measured[:, columns],
        select.samples,
        select.features.iloc[columns],
    )
    of_some = {name: _Columns(model, columns) for name, model in members.items()}
    np.testing.assert_array_equal(fit_blend(of_some, some, per_target=True).model.weights, every[:, columns])


class _Columns:
    """A model of some of another's targets."""

    def __init__(self, model: Model, columns: NDArray[np.intp]) -> None:
        self._model, self._columns = model, columns

    def predict(self, inputs: Block) -> Block:
        return self._model.predict(inputs)[:, self._columns]


@pytest.mark.parametrize("per_target", [False, True])
def test_the_order_of_samples_and_members_and_the_scale_change_nothing_but_rounding(
    gdsc: tuple[dict[str, Model], Examples], per_target: bool
) -> None:
    members, select = gdsc
    rows = np.random.default_rng(0).permutation(90)
    straight = fit_blend(members, select, per_target)
    turned = fit_blend(dict(reversed(members.items())), select.take(rows), per_target)
    assert turned.model.names == straight.model.names[::-1]
    np.testing.assert_allclose(turned.targets["mae"], straight.targets["mae"], rtol=1e-4 if per_target else 1e-3)
    assert turned.targets["mae"].mean() == pytest.approx(straight.targets["mae"].mean(), rel=1e-6)
    larger = {name: _Times(model, 8) for name, model in members.items()}
    scaled = Examples(select.inputs, 8 * select.targets, select.measured, select.samples, select.features)
    np.testing.assert_array_equal(fit_blend(larger, scaled, per_target).model.weights, straight.model.weights)


class _Times:
    """A model whose predictions are another's, times a number."""

    def __init__(self, model: Model, factor: float) -> None:
        self._model, self._factor = model, np.float32(factor)

    def predict(self, inputs: Block) -> Block:
        return self._factor * self._model.predict(inputs)


def test_many_values_are_thinned_out_evenly_and_lose_hardly_anything(
    gdsc: tuple[dict[str, Model], Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    members, select = gdsc
    every = fit_blend(members, select)
    asked = []
    original = blend.least_absolute_weights

    def watched(truth: Block, predictions: Block) -> NDArray[np.float64]:
        asked.append(truth)
        return original(truth, predictions)

    monkeypatch.setattr(blend, "_MOST_VALUES", 1000)
    monkeypatch.setattr(blend, "least_absolute_weights", watched)
    thinned = fit_blend(members, select)
    # Of 90 x 60 values every sixth.
    assert [truth.shape for truth in asked] == [(1, 900)]
    taken = np.isin(select.targets, asked[0])
    # Every target 15 times and every sample 10 times, and a few more that have the same value by chance.
    assert (abs(taken.sum(axis=0) - 15) <= 3).all() and (abs(taken.sum(axis=1) - 10) <= 3).all()
    assert every.targets["mae"].mean() < thinned.targets["mae"].mean() < 1.01 * every.targets["mae"].mean()


@pytest.mark.parametrize("per_target", [False, True])
def test_a_blend_is_read_as_it_was_written(
    gdsc: tuple[dict[str, Model], Examples], per_target: bool, tmp_path: Path
) -> None:
    members, select = gdsc
    model = fit_blend(members, select, per_target).model
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        model.write(file)
    with h5py.File(tmp_path / "weights.h5") as file:
        again = BlendModel.read(file)
    assert again.names == ["ols", "ridge", "knn", "knn_ge"]
    assert again.parameters == model.weights.size
    assert again.weights.dtype == np.float32
    np.testing.assert_array_equal(again.weights, model.weights)


def test_predictions_are_combined_in_the_order_of_the_members() -> None:
    one, two = np.array([[1, 2], [3, 4]], np.float32), np.array([[10, 20], [30, 40]], np.float32)
    shared = BlendModel(["one", "two"], np.array([1, 0.5], np.float32)).combine([one, two])
    np.testing.assert_array_equal(shared, [[6, 12], [18, 24]])
    own = BlendModel(["one", "two"], np.array([[1, 0], [0.5, 2]], np.float32)).combine([one, two])
    np.testing.assert_array_equal(own, [[6, 40], [18, 80]])
    assert shared.dtype == own.dtype == np.float32
    with pytest.raises(ValueError, match="shorter"):
        BlendModel(["one", "two"], np.array([1, 0.5], np.float32)).combine([one])


def test_a_member_that_predicts_no_number_is_refused_with_its_place(
    gdsc: tuple[dict[str, Model], Examples],
) -> None:
    members, select = gdsc
    broken = LinearModel(np.zeros((80, 60), np.float32), np.zeros(60, np.float32))
    broken.intercept[5] = np.nan
    with pytest.raises(UserError, match="model broken, sample s0, target t5: its prediction is not a finite number"):
        fit_blend({**members, "broken": broken}, select)


@pytest.mark.parametrize("part", ["inputs", "targets"])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    gdsc: tuple[dict[str, Model], Examples], part: str
) -> None:
    members, select = gdsc
    values = {"inputs": select.inputs.copy(), "targets": select.targets.copy()}
    values[part][7, 3] = np.nan
    broken = Examples(values["inputs"], values["targets"], select.measured, select.samples, select.features)
    place = {"inputs": "sample s7, landmark number 4: nan", "targets": "sample s7, target t3: nan"}[part]
    with pytest.raises(UserError, match=place):
        fit_blend(members, broken)


def test_targets_measured_in_a_single_select_sample_find_their_weights() -> None:
    random = np.random.default_rng(0)
    for members in (2, 3, 5):
        truth = random.normal(size=(1000, 1))
        weights = least_absolute_weights(truth, random.normal(size=(1000, members, 1)))
        assert np.isfinite(weights).all()
        assert (weights >= 0).all()
