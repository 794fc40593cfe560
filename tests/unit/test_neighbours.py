"""Nearest samples and nearest genes, against scikit-learn, plain loops and calculation by hand."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsRegressor, NearestNeighbors

from landex.baselines import gene_neighbours, sample_neighbours
from landex.baselines.gene_neighbours import KnnGe, mean_squared_distances
from landex.baselines.sample_neighbours import Knn, KnnModel, NearestSamples
from landex.errors import UserError
from landex.examples import Examples, evenly_spaced
from landex.h5ad import open_matrix

MakeExamples = Callable[..., Examples]


@pytest.fixture(scope="module")
def gdsc(resources: Path, make_examples: MakeExamples) -> tuple[Examples, Examples]:
    """Return 240 and 60 cell lines with 120 genes to learn from and 30 to learn, as z-scores."""
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        values = matrix.read(slice(0, 300))[:, ::38][:, :150].astype(np.float64)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return (
        make_examples(values[:240, :120], values[:240, 120:]),
        make_examples(values[240:, :120], values[240:, 120:]),
    )


def with_gaps(examples: Examples) -> Examples:
    """Take out some targets of some samples, one target altogether; what is left there must not count."""
    measured = np.random.default_rng(5).random(examples.targets.shape) < 0.7
    measured[:, 4] = False
    measured[:, 5] = True
    targets = np.where(measured, examples.targets, np.float32(1e20))
    return Examples(examples.inputs, targets, measured, examples.samples, examples.features)


def nearest_by_differences(
    queries: NDArray[np.float32], inputs: NDArray[np.float32], count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return squared distances and numbers of the nearest samples; of equal ones the first."""
    squares = np.stack([np.square(inputs.astype(np.float64) - query).sum(axis=1) for query in queries])
    rows = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(squares, rows, axis=1), rows


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_nearest_samples_are_those_of_scikit_learn_on_float64(gdsc: tuple[Examples, Examples], algorithm: str) -> None:
    training, asked = gdsc
    nearest = NearestSamples(training.inputs).find(asked.inputs, 25)
    peer = NearestNeighbors(n_neighbors=25, algorithm=algorithm).fit(training.inputs.astype(np.float64))
    distances, rows = peer.kneighbors(asked.inputs.astype(np.float64))
    np.testing.assert_array_equal(nearest.rows, rows)
    np.testing.assert_allclose(np.sqrt(nearest.squares), distances, rtol=1e-12)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("count", [1, 7, 240])
def test_knn_equals_scikit_learn(gdsc: tuple[Examples, Examples], weights: str, count: int) -> None:
    training, asked = gdsc
    model = Knn([count], weights).fit(training, asked).model
    queries = np.concatenate([asked.inputs, training.inputs[:5]])
    peer = KNeighborsRegressor(count, weights=weights, algorithm="kd_tree")
    peer.fit(training.inputs.astype(np.float64), training.targets.astype(np.float64))
    found = model.predict(queries)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, peer.predict(queries.astype(np.float64)), rtol=1e-5, atol=2e-6)


def hard_cases() -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return queries and samples whose squared distances float32 cannot tell apart, or that differ much in size."""
    random = np.random.default_rng(3)
    plain = random.normal(size=(300, 40))
    offset = 1000 + 0.01 * plain
    sizes = plain * 10.0 ** random.uniform(-3, 4, (300, 1))
    coarse = np.round(plain[:, :3])
    origin = np.zeros((300, 40))
    origin[:100] = 1e-3 * plain[:100]
    shell = plain / np.linalg.norm(plain, axis=1, keepdims=True) * (1 + 1e-7 * np.arange(300)[:, None])
    cases = {"offset": offset, "sizes": sizes, "coarse": coarse, "origin": origin, "shell": shell}
    found = {name: (values[::6].astype(np.float32), values.astype(np.float32)) for name, values in cases.items()}
    found["from the middle of a shell"] = (np.zeros((2, 40), np.float32), found["shell"][1])
    return found


@pytest.mark.parametrize("case", hard_cases())
@pytest.mark.parametrize("count", [1, 10, 300])
def test_neighbours_are_exact_where_float32_is_not(case: str, count: int) -> None:
    queries, inputs = hard_cases()[case]
    nearest = NearestSamples(inputs).find(queries, count)
    squares, rows = nearest_by_differences(queries, inputs, count)
    np.testing.assert_array_equal(nearest.rows, rows)
    np.testing.assert_array_equal(nearest.squares, squares)


def test_the_bound_leaves_hardly_more_than_the_neighbours_to_recompute(
    gdsc: tuple[Examples, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    training, asked = gdsc
    candidates = []
    original = NearestSamples._squared_distances

    def counted(self: NearestSamples, query: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        candidates.append(len(rows))
        return original(self, query, rows)

    monkeypatch.setattr(NearestSamples, "_squared_distances", counted)
    NearestSamples(training.inputs).find(asked.inputs, 10)
    assert len(candidates) == 60
    assert np.mean(candidates) < 10.5


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_neighbours_are_exact_on_any_grid_of_values(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    inputs = random.integers(-2, 3, (12, 2)).astype(np.float32) * np.float32(random.uniform(0, 10))
    queries = np.concatenate([inputs[:3], random.normal(size=(2, 2)).astype(np.float32)])
    nearest = NearestSamples(inputs).find(queries, count)
    np.testing.assert_array_equal(nearest.rows, nearest_by_differences(queries, inputs, count)[1])


def test_of_equally_distant_samples_the_first_counts(make_examples: MakeExamples) -> None:
    training = make_examples(np.array([[3.0], [1.0], [-1.0], [1.0], [-1.0]]), np.arange(5.0)[:, None])
    model = KnnModel(Knn([2]).fit(training, training).model.carried, 2, "uniform")
    np.testing.assert_array_equal(model.carriers(np.zeros((1, 1), np.float32)).toarray(), [[0, 0.5, 0.5, 0, 0]])


def test_samples_at_distance_0_take_all_the_weight(make_examples: MakeExamples) -> None:
    training = make_examples(np.array([[0.0], [1.0], [0.0], [4.0]]), np.array([[2.0], [8.0], [4.0], [100.0]]))
    model = Knn([3], "distance").fit(training, training).model
    asked = np.array([[0.0], [0.5], [3.0]], np.float32)
    carriers = model.carriers(asked)
    # At .5 three samples are .5 away; at 3 they are 1, 2 and 3 away (the first of the two at 0).
    expected = [[0.5, 0, 0.5, 0], [1 / 3, 1 / 3, 1 / 3, 0], [2 / 11, 3 / 11, 0, 6 / 11]]
    np.testing.assert_allclose(carriers.toarray(), expected, rtol=1e-6)
    assert carriers.nnz == 8
    np.testing.assert_allclose(model.predict(asked)[:, 0], [3, 14 / 3, (4 + 24 + 600) / 11], rtol=1e-6)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_a_prediction_is_what_its_carriers_say(gdsc: tuple[Examples, Examples], weights: str) -> None:
    training, asked = gdsc
    model = Knn([6], weights).fit(training, asked).model
    carriers = model.carriers(asked.inputs)
    assert carriers.shape == (60, 240)
    assert model.carried_samples == training.samples
    assert (np.diff(carriers.indptr) == 6).all() and (carriers.data > 0).all()
    np.testing.assert_allclose(carriers.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(model.predict(asked.inputs), carriers @ training.targets, rtol=1e-5, atol=1e-6)


def test_a_neighbour_without_the_target_is_left_out_of_its_mean(gdsc: tuple[Examples, Examples]) -> None:
    training, asked = with_gaps(gdsc[0]), gdsc[1]
    fitted = Knn([6], "distance").fit(training, asked)
    squares, rows = nearest_by_differences(asked.inputs, training.inputs, 6)
    found = fitted.model.predict(asked.inputs)
    for query in range(60):
        for target in range(30):
            counts = training.measured[rows[query], target]
            if not counts.any():
                assert found[query, target] == 0
                continue
            expected = np.average(
                training.targets[rows[query][counts], target], weights=1 / np.sqrt(squares[query][counts])
            )
            assert found[query, target] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert (found[:, 4] == 0).all()
    np.testing.assert_array_equal(fitted.targets["samples"], training.measured.sum(axis=0))


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("gaps", [False, True])
def test_the_number_of_neighbours_is_the_one_with_the_least_error_on_select(
    gdsc: tuple[Examples, Examples], weights: str, gaps: bool
) -> None:
    training, select = (with_gaps(part) if gaps else part for part in gdsc)
    offered = [1, 40, 3, 8, 20, 8]
    errors = {}
    for count in offered:
        model = Knn([count], weights).fit(training, select).model
        missed = np.where(select.measured, np.abs(model.predict(select.inputs) - select.targets), np.nan)
        errors[count] = np.nanmean(np.nanmean(missed[:, select.measured.any(axis=0)], axis=0))
    fitted = Knn(offered, weights).fit(training, select)
    best = min(errors, key=errors.__getitem__)
    assert 1 < best < 40
    assert fitted.model.neighbours == best
    assert (fitted.targets["neighbours"] == best).all()
    assert fitted.targets.index.equals(training.features.index)
    assert fitted.found["neighbours"]["median"] == best


def test_of_equal_errors_more_neighbours_win(make_examples: MakeExamples) -> None:
    training = make_examples(np.arange(6.0)[:, None], np.full((6, 2), 2.5))
    assert Knn([1, 2, 4]).fit(training, training).model.neighbours == 4
    assert (KnnGe([1, 2, 4]).fit(*[with_copies(make_examples)] * 2).targets["neighbours"] == 4).all()


def with_copies(make_examples: MakeExamples) -> Examples:
    values = np.random.default_rng(0).normal(size=(9, 1))
    return make_examples(np.repeat(values, 4, axis=1), np.repeat(values, 2, axis=1))


def test_no_more_neighbours_count_than_there_are(gdsc: tuple[Examples, Examples]) -> None:
    training, select = gdsc[0].take(slice(0, 5)), gdsc[1]
    model = Knn([50, 5000], "uniform").fit(training, select).model
    assert model.neighbours == 5
    np.testing.assert_allclose(model.predict(select.inputs)[7], training.targets.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert (KnnGe([5000]).fit(training, select).targets["neighbours"] == 120).all()


def test_evenly_spaced_samples_are_the_same_in_blocks(gdsc: tuple[Examples, Examples]) -> None:
    found = evenly_spaced(gdsc[1], 25)
    assert found.samples == [f"s{row}" for row in range(0, 60, 3)]
    np.testing.assert_array_equal(found.inputs, gdsc[1].inputs[::3])
    np.testing.assert_array_equal(found.targets, gdsc[1].targets[::3])
    in_blocks = evenly_spaced(_InBlocks(gdsc[1]), 25)
    assert in_blocks.samples == found.samples
    np.testing.assert_array_equal(in_blocks.measured, found.measured)


class _InBlocks:
    """Examples that come seven at a time."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples
        self.samples, self.features, self.landmarks = examples.samples, examples.features, examples.landmarks

    def blocks(self):
        return self._examples.blocks(7)


def test_the_order_of_samples_and_of_targets_changes_nothing_but_rounding(gdsc: tuple[Examples, Examples]) -> None:
    training, select = (with_gaps(part) for part in gdsc)
    random = np.random.default_rng(4)
    rows, columns = random.permutation(240), random.permutation(30)
    for estimator in (Knn([3, 9, 20], "distance"), KnnGe([2, 5, 30], per_target=True), KnnGe([2, 5, 30], False)):
        straight = estimator.fit(training, select)
        shuffled = estimator.fit(_columns(training.take(rows), columns), _columns(select, columns))
        one, two = (fitted.model.predict(select.inputs) for fitted in (straight, shuffled))
        np.testing.assert_allclose(two, one[:, columns], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(
            shuffled.targets["neighbours"], straight.targets["neighbours"].to_numpy()[columns]
        )


def _columns(examples: Examples, columns: NDArray[np.intp] | slice) -> Examples:
    return Examples(
        examples.inputs,
        examples.targets[:, columns],
        examples.measured[:, columns],
        examples.samples,
        examples.features.iloc[columns],
    )


def test_scaled_data_have_the_same_neighbours(gdsc: tuple[Examples, Examples]) -> None:
    training, select = gdsc
    larger = [Examples(4 * part.inputs, 4 * part.targets, part.measured, part.samples, part.features) for part in gdsc]
    for estimator in (Knn([3, 9, 20], "distance"), KnnGe([2, 5, 30])):
        one, two = estimator.fit(training, select).model, estimator.fit(*larger).model
        np.testing.assert_array_equal(two.predict(larger[1].inputs), 4 * one.predict(select.inputs))


def test_threads_change_no_number(gdsc: tuple[Examples, Examples], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_neighbours, "_QUERIES", 16)
    monkeypatch.setattr(gene_neighbours, "_COLUMNS", 7)
    training, select = (with_gaps(part) for part in gdsc)
    one, three = (NearestSamples(training.inputs).find(select.inputs, 9, threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.rows, three.rows)
    np.testing.assert_array_equal(one.squares, three.squares)
    for estimator in (Knn([3, 9, 20], "distance"), KnnGe([2, 5, 30])):
        fits = [estimator.fit(training, select, threads) for threads in (1, 3)]
        assert fits[0].targets.equals(fits[1].targets)
        np.testing.assert_array_equal(*(fitted.model.predict(select.inputs) for fitted in fits))


def test_a_knn_model_is_read_as_it_was_written(gdsc: tuple[Examples, Examples], tmp_path: Path) -> None:
    training, select = with_gaps(gdsc[0]), gdsc[1]
    model = Knn([4, 9], "distance").fit(training, select).model
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        model.write(file.create_group("model"))
    with h5py.File(tmp_path / "weights.h5") as file:
        again = KnnModel.read(file["model"])
        assert (again.neighbours, again.weights) == (model.neighbours, "distance")
        assert again.parameters == model.parameters == 240 * 150
        assert again.carried_samples == training.samples
        np.testing.assert_array_equal(again.predict(select.inputs), model.predict(select.inputs))


@pytest.mark.parametrize("estimator", [Knn([3]), KnnGe([3])], ids=["knn", "knn_ge"])
@pytest.mark.parametrize("part", ["inputs", "targets"])
@pytest.mark.parametrize("where", ["training", "select"])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    gdsc: tuple[Examples, Examples], estimator: Knn | KnnGe, part: str, where: str
) -> None:
    parts = dict(zip(("training", "select"), gdsc, strict=True))
    old = parts[where]
    parts[where] = Examples(old.inputs.copy(), old.targets.copy(), old.measured, old.samples, old.features)
    getattr(parts[where], part)[7, 3] = np.nan
    place = {"inputs": "sample s7, landmark number 4: nan", "targets": "sample s7, target t3: nan"}[part]
    with pytest.raises(UserError, match=place):
        estimator.fit(parts["training"], parts["select"])


def test_landmarks_nearest_to_a_target_are_found_by_hand(make_examples: MakeExamples) -> None:
    inputs = np.array([[0.0, 1.0, 5.0], [2.0, 1.0, 5.0], [4.0, 3.0, 5.0]])
    # Mean squares of the differences: 5/3, 0 and 41/3.
    training = make_examples(inputs, np.array([[1.0], [1.0], [3.0]]))
    fitted = KnnGe([2]).fit(training, training)
    np.testing.assert_array_equal(fitted.model.coefficients, [[0.5], [0.5], [0]])
    np.testing.assert_array_equal(fitted.model.intercept, [0])
    assert fitted.targets.loc["t0"].to_dict() == {"samples": 3, "neighbours": 2, "distance": 0}
    # Without the first sample: 2/2, 0 and 20/2; with the first alone 1, 0 and 16.
    distances, samples = mean_squared_distances(
        make_examples(inputs, np.array([[9.0], [1.0], [3.0]]), np.array([[False], [True], [True]]))
    )
    np.testing.assert_array_equal(distances, [[1, 0, 10]])
    np.testing.assert_array_equal(samples, [2])


@pytest.mark.parametrize("gaps", [False, True])
def test_gene_neighbours_are_those_of_scikit_learn(gdsc: tuple[Examples, Examples], gaps: bool) -> None:
    training, select = with_gaps(gdsc[0]) if gaps else gdsc[0], gdsc[1]
    fitted = KnnGe([6]).fit(training, select)
    for target in range(30):
        rows = training.measured[:, target]
        if not rows.any():
            assert (fitted.model.coefficients[:, target] == 0).all()
            assert fitted.targets["neighbours"].iloc[target] == 0
            assert np.isnan(fitted.targets["distance"].iloc[target])
            continue
        profiles = training.inputs[rows].T.astype(np.float64)
        peer = NearestNeighbors(n_neighbors=6, algorithm="kd_tree").fit(profiles)
        distances, nearest = peer.kneighbors(training.targets[rows, target].astype(np.float64)[None])
        expected = np.zeros(120, np.float32)
        expected[nearest[0]] = 1 / 6
        np.testing.assert_array_equal(fitted.model.coefficients[:, target], expected)
        reached = fitted.targets["distance"].iloc[target]
        assert reached == pytest.approx(distances[0, 0] / np.sqrt(rows.sum()), rel=1e-9)
    assert (fitted.model.intercept == 0).all()
    np.testing.assert_array_equal(fitted.targets["samples"], training.measured.sum(axis=0))
    means = np.stack([select.inputs[:, column != 0].mean(axis=1) for column in fitted.model.coefficients.T[:4]])
    np.testing.assert_allclose(fitted.model.predict(select.inputs)[:, :4], means.T, rtol=1e-4, atol=1e-5)


def test_a_copy_of_a_landmark_is_at_distance_0_whatever_the_rounding(make_examples: MakeExamples) -> None:
    # Of very different sizes and in several blocks, so that sums are rounded, some of them to below 0.
    values = np.random.default_rng(0).normal(size=(5000, 60)) ** 5
    copies = make_examples(values, values)
    fitted = KnnGe([1]).fit(copies, copies)
    np.testing.assert_array_equal(fitted.model.coefficients, np.eye(60))
    assert (fitted.targets["distance"] <= 1e-6 * values.std(axis=0)).all()


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("rows", [7, 2048])
def test_gene_distances_are_the_same_in_blocks(
    gdsc: tuple[Examples, Examples], gaps: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = with_gaps(gdsc[0]) if gaps else gdsc[0]
    blocks = Examples.blocks
    monkeypatch.setattr(Examples, "blocks", lambda self: blocks(self, rows))
    distances, samples = mean_squared_distances(training)
    for target in range(30):
        counts = training.measured[:, target]
        differences = training.inputs[counts].astype(np.float64) - training.targets[counts, target, None]
        assert samples[target] == counts.sum()
        if counts.any():
            np.testing.assert_allclose(distances[target], np.square(differences).mean(axis=0), rtol=1e-12)
        else:
            assert np.isnan(distances[target]).all()


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("per_target", [False, True])
def test_the_number_of_landmarks_is_the_one_with_the_least_error_on_select(
    gdsc: tuple[Examples, Examples], gaps: bool, per_target: bool
) -> None:
    training, select = (with_gaps(part) if gaps else part for part in gdsc)
    offered = [40, 20, 10, 5, 2, 1]
    errors = np.empty((len(offered), 30))
    for number, count in enumerate(offered):
        model = KnnGe([count]).fit(training, select).model
        missed = np.where(select.measured, np.abs(model.predict(select.inputs) - select.targets), 0)
        errors[number] = missed.sum(axis=0) / np.maximum(select.measured.sum(axis=0), 1)
    known = training.measured.any(axis=0)
    for_all = offered[errors[:, select.measured.any(axis=0)].mean(axis=1).argmin()]
    expected = np.array(offered)[errors.argmin(axis=0)] if per_target else np.full(30, for_all)
    fitted = KnnGe(offered[::-1], per_target).fit(training, select)
    np.testing.assert_array_equal(fitted.targets["neighbours"][known], expected[known])
    found = fitted.model.predict(select.inputs)
    one = KnnGe([int(expected[0])]).fit(training, select).model.predict(select.inputs)
    np.testing.assert_array_equal(found[:, 0], one[:, 0])


def test_a_target_that_select_does_not_measure_takes_the_k_best_on_average(gdsc: tuple[Examples, Examples]) -> None:
    training, select = gdsc
    offered = [60, 30, 10, 3, 1]
    measured = select.measured.copy()
    measured[:, 8] = False
    partly = Examples(select.inputs, select.targets, measured, select.samples, select.features)
    others = [column for column in range(30) if column != 8]
    for_all = KnnGe(offered, per_target=False).fit(_columns(training, others), _columns(select, others))
    own = KnnGe(offered).fit(training, partly).targets["neighbours"]
    assert own.iloc[8] == for_all.targets["neighbours"].iloc[0]
    np.testing.assert_array_equal(
        own.iloc[others], KnnGe(offered).fit(training, select).targets["neighbours"].iloc[others]
    )


def test_landmarks_chosen_per_target_are_untouched_by_the_other_targets(gdsc: tuple[Examples, Examples]) -> None:
    training, select = (with_gaps(part) for part in gdsc)
    all_of_them = KnnGe([40, 20, 10, 5, 2, 1]).fit(training, select)
    some = [3, 7, 8, 21]
    some_of_them = KnnGe([40, 20, 10, 5, 2, 1]).fit(_columns(training, some), _columns(select, some))
    np.testing.assert_array_equal(some_of_them.model.coefficients, all_of_them.model.coefficients[:, some])
    assert some_of_them.targets["neighbours"].equals(all_of_them.targets["neighbours"].iloc[some])
