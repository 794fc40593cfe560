"""Lasso and elastic net against scikit-learn, closed forms and plain loops."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet as ElasticNetOfScikitLearn

from landex.baselines import active_set, admm, sparse
from landex.baselines.admm import Iteration, choose_steps
from landex.baselines.linear_model import LinearModel
from landex.baselines.quadratics import GramQuadratic
from landex.baselines.sparse import ElasticNet
from landex.baselines.sparse_problem import Penalty, SparseProblem, no_solutions
from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import open_matrix

MakeExamples = Callable[..., Examples]
Floats = NDArray[np.float64]
Data = tuple[Floats, Floats]

LAMBDAS = [0.3, 0.1, 0.03, 0.01, 0.003]
EXACT = 1e-10


@pytest.fixture(scope="module")
def gdsc(resources: Path) -> Data:
    """Return z-scores of 300 cell lines: 40 genes to learn from, 25 to learn."""
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        values = matrix.read(slice(0, 300))[:, ::80][:, :65].astype(np.float64)
    scores = ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32).astype(np.float64)
    return scores[:, :40], scores[:, 40:]


def scikit_learn(inputs: Floats, target: Floats, penalty: float, l1_ratio: float) -> ElasticNetOfScikitLearn:
    return ElasticNetOfScikitLearn(alpha=penalty, l1_ratio=l1_ratio, tol=1e-12, max_iter=1_000_000).fit(inputs, target)


def fit(estimator: ElasticNet, training: Examples) -> LinearModel:
    return estimator.fit(training, training).model


def problem_of(inputs: Floats, targets: Floats, penalty: Penalty) -> SparseProblem:
    inputs, targets = inputs - inputs.mean(axis=0), targets - targets.mean(axis=0)
    gram = inputs.T @ inputs / len(inputs)
    quadratic = GramQuadratic(gram, *np.linalg.eigh(gram))
    return SparseProblem(quadratic, targets.T @ inputs / len(inputs), np.square(targets).mean(axis=0), penalty)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.05])
@pytest.mark.parametrize("samples", [300, 25])
@pytest.mark.parametrize("penalty", LAMBDAS)
def test_at_one_lambda_it_equals_scikit_learn(
    gdsc: Data, make_examples: MakeExamples, penalty: float, samples: int, l1_ratio: float
) -> None:
    inputs, targets = (part[:samples] for part in gdsc)
    model = fit(ElasticNet([penalty], l1_ratio, tolerance=EXACT), make_examples(inputs, targets))
    assert model.coefficients.dtype == model.intercept.dtype == np.float32
    for target in range(0, 25, 6):
        expected = scikit_learn(inputs, targets[:, target], penalty, l1_ratio)
        np.testing.assert_allclose(model.coefficients[:, target], expected.coef_, rtol=1e-3, atol=2e-5)
        np.testing.assert_array_equal(model.coefficients[np.abs(expected.coef_) < 1e-9, target], 0)
        assert model.intercept[target] == pytest.approx(expected.intercept_, abs=2e-5)


def test_on_orthogonal_landmarks_it_is_a_soft_threshold_and_a_shrinkage(make_examples: MakeExamples) -> None:
    # Columns of a Hadamard matrix: X'X / n is the identity, and X'y / n is (1.5, -0.5, 0.1).
    inputs = np.array([[1, 1, 1], [-1, 1, -1], [1, -1, -1], [-1, -1, 1]], float)
    target = 7 + inputs @ np.array([[1.5], [-0.5], [0.1]])
    training = make_examples(inputs, target)
    lasso = fit(ElasticNet([0.2], 1, tolerance=EXACT), training)
    np.testing.assert_allclose(lasso.coefficients[:, 0], [1.3, -0.3, 0], atol=1e-6)
    assert lasso.intercept[0] == pytest.approx(7)
    elastic = fit(ElasticNet([0.4], 0.5, tolerance=EXACT), training)
    np.testing.assert_allclose(elastic.coefficients[:, 0], [1.3 / 1.2, -0.3 / 1.2, 0], atol=1e-6)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_the_duality_gap_is_the_one_of_scikit_learn(gdsc: Data, l1_ratio: float, iterations: int) -> None:
    inputs, targets = gdsc
    problem = problem_of(inputs, targets, Penalty.of(0.02, l1_ratio))
    coefficients = np.zeros((25, 40))
    gaps = np.zeros(25)
    for target in range(25):
        peer = ElasticNetOfScikitLearn(
            alpha=0.02, l1_ratio=l1_ratio, tol=1e-14, max_iter=iterations, precompute=True, copy_X=True
        )
        with pytest.warns(ConvergenceWarning):
            peer.fit(inputs, targets[:, target])
        coefficients[target], gaps[target] = peer.coef_, peer.dual_gap_
    found = problem.evaluate(coefficients).gaps
    # scikit-learn divides its gap by n, as the objective; ours is a share of ||y||^2 / n.
    np.testing.assert_allclose(found * problem.squares, gaps, rtol=1e-8)
    single = problem.astype(np.float32).evaluate(coefficients.astype(np.float32)).gaps
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, atol=3e-6)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-7])
def test_every_target_reaches_the_gap_that_was_asked_for(
    gdsc: Data, make_examples: MakeExamples, tolerance: float
) -> None:
    inputs, targets = gdsc
    fitted = ElasticNet([0.1, 0.02], 0.8, tolerance=tolerance).fit(*[make_examples(inputs, targets)] * 2)
    reported = fitted.targets["duality_gap"].to_numpy()
    assert 0 < reported.max() <= tolerance
    assert fitted.found["unsolved"] == 0
    assert fitted.found["largest_duality_gap"] == reported.max()
    chosen = fitted.targets["lambda"].iloc[0]
    found = problem_of(inputs, targets, Penalty.of(chosen, 0.8)).evaluate(
        fitted.model.coefficients.T.astype(np.float64)
    )
    # Coefficients are stored in float32, gaps are those before.
    np.testing.assert_allclose(found.gaps, reported, rtol=0.01, atol=1e-6)
    np.testing.assert_array_equal(fitted.targets["nonzero"], (fitted.model.coefficients != 0).sum(axis=0))


@pytest.mark.parametrize("way", ["supports", "iterations"])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.4])
def test_each_way_to_finish_in_float64_is_exact_by_itself(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch, way: str, l1_ratio: float
) -> None:
    monkeypatch.setattr(*{"supports": (admm, "_DOUBLE_ITERATIONS", 1), "iterations": (active_set, "_STEPS", 0)}[way])
    inputs, targets = gdsc
    fitted = ElasticNet([0.2, 0.05], l1_ratio, tolerance=EXACT).fit(*[make_examples(inputs, targets)] * 2)
    assert fitted.found["unsolved"] == 0
    expected = scikit_learn(inputs, targets[:, 3], fitted.targets["lambda"].iloc[3], l1_ratio)
    np.testing.assert_allclose(fitted.model.coefficients[:, 3], expected.coef_, rtol=1e-3, atol=2e-5)


def test_what_does_not_reach_the_gap_is_counted_and_warned_of(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module, name, value in (
        (admm, "_SINGLE_ITERATIONS", 1),
        (admm, "_DOUBLE_ITERATIONS", 1),
        (active_set, "_STEPS", 0),
    ):
        monkeypatch.setattr(module, name, value)
    examples = make_examples(gdsc[0], np.column_stack([gdsc[1][:, :4], np.full(300, 2.0)]))
    with caplog.at_level(logging.WARNING):
        fitted = ElasticNet([0.01], 1, tolerance=1e-6).fit(examples, examples)
    # The last target never varies: it is solved at once.
    assert fitted.found["unsolved"] == 4
    assert (fitted.targets["duality_gap"] > 1e-6).tolist() == [True] * 4 + [False]
    assert "4 of 5 targets did not reach a duality gap of 1e-06" in caplog.text


def test_beyond_the_largest_lambda_that_matters_all_coefficients_are_0(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc[0], gdsc[1][:, :1]
    largest = np.abs((inputs - inputs.mean(axis=0)).T @ (targets - targets.mean(axis=0))).max() / 300
    training = make_examples(inputs, targets)
    assert np.count_nonzero(fit(ElasticNet([largest * 1.001], 1), training).coefficients) == 0
    assert np.count_nonzero(fit(ElasticNet([largest * 0.99], 1, tolerance=EXACT), training).coefficients) == 1


def test_a_missing_target_takes_its_sample_out_of_that_targets_fit_only(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    inputs, targets = gdsc
    measured = np.ones(targets.shape, bool)
    measured[:40, 3:6] = False
    measured[100:180, 5] = False
    measured[::3, 10] = False
    measured[:, 20] = False
    training = make_examples(inputs, np.where(measured, targets, 1e6), measured)
    fitted = ElasticNet([0.05], 0.7, tolerance=EXACT).fit(training, make_examples(inputs, targets))
    np.testing.assert_array_equal(fitted.targets["samples"], measured.sum(axis=0))
    for target in (0, 3, 4, 5, 10):
        rows = measured[:, target]
        expected = scikit_learn(inputs[rows], targets[rows, target], 0.05, 0.7)
        np.testing.assert_allclose(fitted.model.coefficients[:, target], expected.coef_, rtol=1e-3, atol=2e-5)
        assert fitted.model.intercept[target] == pytest.approx(expected.intercept_, abs=2e-5)
    assert (fitted.model.coefficients[:, 20] == 0).all()
    assert fitted.model.intercept[20] == 0
    assert fitted.targets["duality_gap"].iloc[20] == 0


def errors_of_a_plain_loop(training: list[Floats], select: list[Floats], measured: NDArray[np.bool_]) -> Floats:
    """Return mean absolute errors on select, shape (LAMBDAS, targets), of scikit-learn's lasso."""
    errors = np.zeros((len(LAMBDAS), 25))
    for number, penalty in enumerate(LAMBDAS):
        for target in range(25):
            rows = measured[:, target]
            peer = scikit_learn(training[0], training[1][:, target], penalty, 1)
            errors[number, target] = np.abs(peer.predict(select[0]) - select[1][:, target])[rows].mean()
    return errors


@pytest.mark.parametrize("per_target", [True, False])
def test_lambda_is_the_best_of_a_plain_loop_and_the_best_on_average_where_select_has_no_say(
    gdsc: Data, make_examples: MakeExamples, per_target: bool
) -> None:
    # Few samples, so that the penalty matters and differs by target.
    training, select = ([part[rows] for part in gdsc] for rows in (slice(0, 50), slice(200, 230)))
    measured = np.random.default_rng(4).random(select[1].shape) < 0.8
    errors = errors_of_a_plain_loop(training, select, measured)
    blind = measured.copy()
    blind[:, 7] = False
    fitted = ElasticNet(LAMBDAS[::-1], 1, per_target, EXACT).fit(
        make_examples(*training), make_examples(*select, blind)
    )
    chosen = fitted.targets["lambda"].to_numpy()
    average = LAMBDAS[np.delete(errors, 7, axis=1).mean(axis=1).argmin()]
    expected = np.array(LAMBDAS)[errors.argmin(axis=0)] if per_target else np.full(25, average)
    expected[7] = average
    np.testing.assert_array_equal(chosen, expected)
    assert len(set(chosen)) > 2 or not per_target
    assert fitted.found["lambda"]["median"] == np.median(chosen)
    for target in (0, 7, 12):
        peer = scikit_learn(training[0], training[1][:, target], chosen[target], 1)
        np.testing.assert_allclose(fitted.model.coefficients[:, target], peer.coef_, rtol=1e-3, atol=2e-5)


def test_a_select_part_that_measures_nothing_is_refused_where_there_is_something_to_choose(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    training = make_examples(*gdsc)
    empty = make_examples(*gdsc, np.zeros(gdsc[1].shape, bool))
    with pytest.raises(UserError, match="select part measures no target"):
        ElasticNet(LAMBDAS).fit(training, empty)
    assert (ElasticNet([0.1]).fit(training, empty).targets["lambda"] == 0.1).all()


def test_of_equal_errors_the_larger_lambda_wins(gdsc: Data, make_examples: MakeExamples) -> None:
    # Beyond the largest lambda that matters all models are the same.
    training = make_examples(*gdsc)
    assert (ElasticNet([5, 9, 7], 1, per_target=True).fit(training, training).targets["lambda"] == 9).all()


def test_another_target_changes_none_that_chooses_for_itself(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc[0][:60], gdsc[1][:60]
    estimator = ElasticNet(LAMBDAS, 0.9, per_target=True, tolerance=EXACT)
    select = gdsc[0][200:230], gdsc[1][200:230]
    everything = estimator.fit(make_examples(inputs, targets), make_examples(*select))
    # In another order, too.
    some = [20, 3, 11]
    fitted = estimator.fit(make_examples(inputs, targets[:, some]), make_examples(select[0], select[1][:, some]))
    np.testing.assert_array_equal(fitted.targets["lambda"], everything.targets["lambda"].iloc[some])
    np.testing.assert_allclose(fitted.model.coefficients, everything.model.coefficients[:, some], rtol=1e-3, atol=2e-5)


def test_the_order_of_samples_and_of_landmarks_changes_nothing_but_rounding(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    random = np.random.default_rng(2)
    rows, columns = random.permutation(300), random.permutation(40)
    estimator = ElasticNet([0.1, 0.01], 1, tolerance=EXACT)
    straight = fit(estimator, make_examples(*gdsc))
    shuffled = fit(estimator, make_examples(gdsc[0][rows][:, columns], gdsc[1][rows]))
    np.testing.assert_allclose(shuffled.coefficients, straight.coefficients[columns], rtol=1e-3, atol=2e-5)


def test_targets_and_lambda_scaled_together_scale_the_coefficients(gdsc: Data, make_examples: MakeExamples) -> None:
    one = fit(ElasticNet([0.05], 1, tolerance=EXACT), make_examples(*gdsc))
    eight = fit(ElasticNet([0.4], 1, tolerance=EXACT), make_examples(gdsc[0], 8 * gdsc[1]))
    np.testing.assert_allclose(eight.coefficients, 8 * one.coefficients, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_threads_change_no_number(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch, tolerance: float
) -> None:
    monkeypatch.setattr(sparse, "_TARGETS", 4)
    examples = make_examples(*gdsc)
    one, three = (ElasticNet(LAMBDAS, 1, True, tolerance).fit(examples, examples, threads) for threads in (1, 3))
    np.testing.assert_array_equal(one.model.coefficients, three.model.coefficients)
    np.testing.assert_array_equal(one.model.intercept, three.model.intercept)
    assert one.targets.equals(three.targets)


def test_collinear_and_constant_landmarks_are_no_obstacle(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc
    odd = np.column_stack([inputs, inputs[:, 7], inputs[:, 7] + inputs[:, 8], np.full(300, 3.0)])
    fitted = ElasticNet([0.05], 1, tolerance=EXACT).fit(*[make_examples(odd, targets)] * 2)
    assert fitted.found["unsolved"] == 0
    assert (fitted.model.coefficients[42] == 0).all()
    expected = scikit_learn(odd, targets[:, 4], 0.05, 1)
    predicted = fitted.model.predict(odd.astype(np.float32))[:, 4]
    np.testing.assert_allclose(predicted, expected.predict(odd), atol=1e-4)


def test_landmarks_that_never_vary_leave_the_mean(make_examples: MakeExamples) -> None:
    targets = np.random.default_rng(0).normal(3, 1, (12, 2))
    model = fit(ElasticNet([0.1, 0.01], 1), make_examples(np.full((12, 3), 5.0), targets))
    assert (model.coefficients == 0).all()
    np.testing.assert_allclose(model.intercept, targets.mean(axis=0), rtol=1e-6)


def test_the_chosen_steps_bring_targets_further_than_steps_four_times_as_large_or_small(gdsc: Data) -> None:
    penalties = [Penalty.of(penalty, 1) for penalty in LAMBDAS]
    problem = problem_of(*gdsc, penalties[0])
    steps = choose_steps(problem.quadratic, penalties, problem.cross, problem.squares)
    assert steps[-1] < steps[0]
    for penalty, step in list(zip(penalties, steps, strict=True))[1:4]:
        reached = {}
        for factor in (0.25, 1, 4):
            iteration = Iteration(problem.quadratic, penalty, step * factor)
            found, _ = iteration.run(problem, no_solutions(problem.cross), 0, 12)
            gaps = iteration.problem(problem.cross, problem.squares).evaluate(found).gaps
            reached[factor] = np.log(np.maximum(gaps, 1e-12)).mean()
        assert min(reached, key=reached.__getitem__) == 1


@pytest.mark.parametrize("part", ["inputs", "targets"])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    gdsc: Data, make_examples: MakeExamples, part: str
) -> None:
    inputs, targets = (values.copy() for values in gdsc)
    (inputs if part == "inputs" else targets)[7, 3] = np.nan
    wrong, right = make_examples(inputs, targets), make_examples(*gdsc)
    place = {"inputs": "sample s7, landmark number 4: nan", "targets": "sample s7, target t3: nan"}[part]
    for training, select in ((wrong, right), (right, wrong)):
        with pytest.raises(UserError, match=place):
            ElasticNet(LAMBDAS).fit(training, select)
