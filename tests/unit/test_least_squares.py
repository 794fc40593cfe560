"""Linear baselines against scikit-learn, closed forms and plain loops."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.linear_model import Ridge as RidgeOfScikitLearn
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from landex.baselines import least_squares
from landex.baselines.choices import describe_choice
from landex.baselines.least_squares import (
    Ols,
    Ridge,
    generalised_errors,
    leave_one_out_errors,
    select_errors,
)
from landex.baselines.linear_model import LinearModel
from landex.baselines.normal_equations import normal_equations
from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import open_matrix
from landex.kinds import KINDS
from landex.models import open_model, validation_error, write_model

MakeExamples = Callable[..., Examples]
Data = tuple[NDArray[np.float64], NDArray[np.float64]]

LAMBDAS = [10**step for step in np.linspace(-4, 2, 13)]


@pytest.fixture(scope="module")
def gdsc(resources: Path) -> Data:
    """Return 300 cell lines: 40 genes to learn from, 25 to learn."""
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        values = matrix.read(slice(0, 300))[:, ::80][:, :65].astype(np.float64)
    return values[:, :40], values[:, 40:]


def fit_ols(training: Examples) -> LinearModel:
    return Ols().fit(training, training).model


def fit_ridge(
    training: Examples, select: Examples, lambdas: list[float], choose: str
) -> tuple[LinearModel, NDArray[np.float64]]:
    fitted = Ridge(lambdas, choose).fit(training, select)
    return fitted.model, fitted.targets["lambda"].to_numpy()


def assert_relative(found: NDArray[np.floating], expected: NDArray[np.floating], tolerance: float) -> None:
    """Compare to within a share of the largest value: a coefficient near 0 is no more precise than the others."""
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def test_ols_equals_scikit_learn_on_real_data(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = (part.astype(np.float32).astype(np.float64) for part in gdsc)
    model = fit_ols(make_examples(*gdsc))
    expected = LinearRegression().fit(inputs, targets)
    assert model.coefficients.dtype == model.intercept.dtype == np.float32
    np.testing.assert_allclose(model.coefficients, expected.coef_.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.intercept, expected.intercept_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        model.predict(gdsc[0].astype(np.float32)), expected.predict(inputs), rtol=1e-4, atol=1e-5
    )
    assert model.parameters == 41 * 25


@pytest.mark.parametrize("samples", [30, 41])
def test_ols_with_fewer_samples_than_landmarks_takes_the_solution_of_minimum_norm(
    gdsc: Data, make_examples: MakeExamples, samples: int
) -> None:
    inputs, targets = (part[:samples].astype(np.float32).astype(np.float64) for part in gdsc)
    inputs = np.concatenate([inputs, inputs[:, :5] ** 2], axis=1).astype(np.float32).astype(np.float64)
    model = fit_ols(make_examples(inputs, targets))
    centred = inputs - inputs.mean(axis=0)
    assert_relative(model.coefficients, np.linalg.pinv(centred) @ (targets - targets.mean(axis=0)), 1e-4)
    assert_relative(model.coefficients, LinearRegression().fit(inputs, targets).coef_.T, 1e-4)


def test_a_landmark_that_is_there_twice_shares_its_coefficient(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc
    twice = np.concatenate([inputs, inputs[:, 7:8]], axis=1)
    model, once = fit_ols(make_examples(twice, targets)), fit_ols(make_examples(inputs, targets))
    assert_relative(model.coefficients[7], once.coefficients[7] / 2, 1e-4)
    assert_relative(model.coefficients[40], once.coefficients[7] / 2, 1e-4)
    others = [*range(7), *range(8, 40)]
    assert_relative(model.coefficients[others], once.coefficients[others], 1e-4)


def test_landmarks_that_never_vary_have_no_coefficient(make_examples: MakeExamples) -> None:
    targets = np.random.default_rng(0).normal(3, 1, (12, 2))
    model = fit_ols(make_examples(np.full((12, 3), 5.0), targets))
    assert (model.coefficients == 0).all()
    np.testing.assert_allclose(model.intercept, targets.mean(axis=0), rtol=1e-6)


def with_gaps(gdsc: Data) -> NDArray[np.bool_]:
    """Return which targets are measured: all, none of some samples in three patterns, and one never."""
    measured = np.ones(gdsc[1].shape, bool)
    measured[:40, 3:6] = False
    measured[100:180, 5] = False
    measured[::3, 10] = False
    measured[:, 20] = False
    return measured


def test_a_missing_target_takes_its_sample_out_of_that_targets_fit_only(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    inputs, targets = (part.astype(np.float32).astype(np.float64) for part in gdsc)
    measured = with_gaps(gdsc)
    model = fit_ols(make_examples(inputs, np.where(measured, targets, 1e6), measured))
    ridge, _ = fit_ridge(
        make_examples(inputs, np.where(measured, targets, -1e6), measured), make_examples(*gdsc), [0.1], "select"
    )
    for target in range(targets.shape[1]):
        rows = measured[:, target]
        if not rows.any():
            continue
        expected = LinearRegression().fit(inputs[rows], targets[rows, target])
        assert_relative(model.coefficients[:, target], expected.coef_, 1e-4)
        assert model.intercept[target] == pytest.approx(expected.intercept_, rel=1e-4, abs=1e-5)
        shrunk = RidgeOfScikitLearn(alpha=0.1 * rows.sum()).fit(inputs[rows], targets[rows, target])
        assert_relative(ridge.coefficients[:, target], shrunk.coef_, 1e-4)
    assert (model.coefficients[:, 20] == 0).all()
    assert model.intercept[20] == 0


@pytest.mark.parametrize("penalty", [1e-4, 0.03, 1.0, 100.0])
@pytest.mark.parametrize("samples", [300, 25])
def test_ridge_at_one_lambda_equals_scikit_learn_with_alpha_lambda_n(
    gdsc: Data, make_examples: MakeExamples, penalty: float, samples: int
) -> None:
    inputs, targets = (part[:samples].astype(np.float32).astype(np.float64) for part in gdsc)
    examples = make_examples(inputs, targets)
    model, chosen = fit_ridge(examples, examples, [penalty], "select")
    expected = RidgeOfScikitLearn(alpha=penalty * samples).fit(inputs, targets)
    assert_relative(model.coefficients, expected.coef_.T, 1e-4)
    assert_relative(model.intercept, expected.intercept_, 1e-4)
    assert (chosen == penalty).all()


def test_every_targets_lambda_is_the_best_of_a_plain_loop(gdsc: Data, make_examples: MakeExamples) -> None:
    # Few samples, so that the penalty matters and differs by target.
    training = [part[:50].astype(np.float32).astype(np.float64) for part in gdsc]
    select = [part[200:230].astype(np.float32).astype(np.float64) for part in gdsc]
    measured = np.random.default_rng(4).random(select[1].shape) < 0.8
    model, chosen = fit_ridge(make_examples(*training), make_examples(*select, measured), LAMBDAS, "select")
    for target in range(25):
        rows = measured[:, target]
        errors = {}
        for penalty in LAMBDAS:
            fitted = RidgeOfScikitLearn(alpha=penalty * 50).fit(training[0], training[1][:, target])
            errors[penalty] = np.mean(np.abs(fitted.predict(select[0][rows]) - select[1][rows, target]))
        best = min(errors, key=errors.__getitem__)
        assert chosen[target] == pytest.approx(best)
        expected = RidgeOfScikitLearn(alpha=best * 50).fit(training[0], training[1][:, target])
        assert_relative(model.coefficients[:, target], expected.coef_, 1e-4)
    assert len(set(chosen)) > 3


def test_leave_one_out_chooses_as_fits_to_all_samples_but_one(gdsc: Data, make_examples: MakeExamples) -> None:
    samples, targets = 30, 8
    inputs = gdsc[0][:samples].astype(np.float32).astype(np.float64)
    outputs = gdsc[1][:samples, :targets].astype(np.float32).astype(np.float64)
    measured = np.ones(outputs.shape, bool)
    measured[::4, 1] = False
    training = make_examples(inputs, outputs, measured)
    model, chosen = fit_ridge(training, make_examples(inputs, -outputs), LAMBDAS, "leave_one_out")
    for target in range(targets):
        rows = measured[:, target]
        errors = {}
        for penalty in LAMBDAS:
            # The penalty stays lambda n for the n samples of the whole fit.
            left_out = cross_val_predict(
                RidgeOfScikitLearn(alpha=penalty * rows.sum()), inputs[rows], outputs[rows, target], cv=LeaveOneOut()
            )
            errors[penalty] = np.mean(np.abs(left_out - outputs[rows, target]))
        best = min(errors, key=errors.__getitem__)
        assert chosen[target] == pytest.approx(best)
        expected = RidgeOfScikitLearn(alpha=best * rows.sum()).fit(inputs[rows], outputs[rows, target])
        assert_relative(model.coefficients[:, target], expected.coef_, 1e-4)
    assert len(set(chosen)) > 1


def test_a_target_that_select_does_not_measure_is_chosen_by_leave_one_out(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    training, select = ([part[rows] for part in gdsc] for rows in (slice(0, 60), slice(60, 90)))
    measured = np.ones(select[1].shape, bool)
    measured[:, 1] = False
    examples = make_examples(*training), make_examples(*select, measured)
    chosen = {choose: fit_ridge(*examples, LAMBDAS, choose)[1] for choose in ("select", "leave_one_out")}
    assert chosen["select"][1] == chosen["leave_one_out"][1]
    assert (chosen["select"] != chosen["leave_one_out"]).any()


def test_the_order_of_lambdas_changes_nothing(gdsc: Data, make_examples: MakeExamples) -> None:
    training, select = (make_examples(*(part[rows] for part in gdsc)) for rows in (slice(0, 60), slice(60, 90)))
    one, two = (fit_ridge(training, select, order, "select") for order in (LAMBDAS, LAMBDAS[::-1]))
    np.testing.assert_array_equal(one[1], two[1])
    np.testing.assert_array_equal(one[0].coefficients, two[0].coefficients)


def test_the_summary_of_lambdas_counts_those_at_the_edge() -> None:
    summary = describe_choice(np.array([0.1, 0.1, 1, 10, 1]), np.array([10, 0.1, 1]))
    assert summary == {"median": 1.0, "smallest": 0.1, "largest": 10.0, "share_at_edge": pytest.approx(0.6)}


def test_a_linear_model_read_back_predicts_to_the_bit_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    model = LinearModel(random.normal(size=(5, 7)).astype(np.float32), random.normal(size=7).astype(np.float32))
    write_model(tmp_path / "weights.h5", "ridge", model)
    inputs = random.normal(size=(9, 5)).astype(np.float32)
    with open_model(tmp_path / "weights.h5", KINDS["ridge"].model) as read:
        np.testing.assert_array_equal(read.predict(inputs), model.predict(inputs))
    with h5py.File(tmp_path / "weights.h5") as file:
        assert file.attrs["kind"] == "ridge"


def test_the_validation_error_counts_measured_values_only(make_examples: MakeExamples) -> None:
    measured = np.array([[True, False], [True, True]])
    examples: Examples = make_examples(np.zeros((2, 1)), np.array([[1.0, 100.0], [2.0, -4.0]]), measured)
    zero = LinearModel(np.zeros((1, 2), np.float32), np.zeros(2, np.float32))
    assert validation_error(zero, examples) == pytest.approx((1 + 2 + 4) / 3)


def test_generalised_cross_validation_scores_as_golubs_formula(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = (part[:60].astype(np.float32).astype(np.float64) for part in gdsc)
    (normal,) = normal_equations(make_examples(inputs, targets))
    path = np.array([1.0, 0.01])
    found = generalised_errors(normal, path)
    for penalty, scores in zip(path, found, strict=True):
        design = np.column_stack([np.ones(60), inputs - inputs.mean(axis=0)])
        shrink = np.diag([0.0] + [penalty * 60] * 40)
        hat = design @ np.linalg.solve(design.T @ design + shrink, design.T)
        residuals = targets - hat @ targets
        expected = 60 * (residuals**2).sum(axis=0) / (60 - np.trace(hat)) ** 2
        np.testing.assert_allclose(scores, expected, rtol=1e-5)


@pytest.mark.parametrize("choose", ["gcv", "leave_one_out", "select"])
def test_one_lambda_for_all_is_the_best_on_average(gdsc: Data, make_examples: MakeExamples, choose: str) -> None:
    training, select = (make_examples(*(part[rows] for part in gdsc)) for rows in (slice(0, 50), slice(200, 230)))
    (normal,) = normal_equations(training)
    path = np.sort(LAMBDAS)[::-1]
    errors = {
        "gcv": generalised_errors(normal, path),
        "leave_one_out": leave_one_out_errors(normal, path, training),
        "select": select_errors(normal, path, select)[0],
    }[choose]
    fitted = Ridge(LAMBDAS, choose, per_target=False).fit(training, select)
    assert (fitted.targets["lambda"] == path[np.argmin(errors.mean(axis=1))]).all()
    assert fitted.found["lambda"]["smallest"] == fitted.found["lambda"]["largest"]


def test_a_penalty_chosen_per_target_is_untouched_by_the_other_targets(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc[0][:60], gdsc[1][:60]
    select = make_examples(gdsc[0][200:230], gdsc[1][200:230])
    all_of_them, chosen = fit_ridge(make_examples(inputs, targets), select, LAMBDAS, "leave_one_out")
    some = make_examples(inputs, targets[:, ::3])
    some_of_them, chosen_of_some = fit_ridge(some, some, LAMBDAS, "leave_one_out")
    np.testing.assert_array_equal(chosen_of_some, chosen[::3])
    np.testing.assert_allclose(some_of_them.coefficients, all_of_them.coefficients[:, ::3], rtol=1e-5, atol=1e-7)


def test_the_order_of_samples_and_of_landmarks_changes_nothing_but_rounding(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    inputs, targets = gdsc
    random = np.random.default_rng(2)
    rows, columns = random.permutation(len(inputs)), random.permutation(inputs.shape[1])
    straight = make_examples(inputs, targets)
    shuffled = make_examples(inputs[rows][:, columns], targets[rows])
    for estimator in (Ols(), Ridge(LAMBDAS, "gcv")):
        one = estimator.fit(straight, straight).model.coefficients
        two = estimator.fit(shuffled, shuffled).model.coefficients
        assert_relative(two, one[columns], 1e-5)


def test_a_scaled_target_scales_its_coefficients(gdsc: Data, make_examples: MakeExamples) -> None:
    one, two = (make_examples(gdsc[0], factor * gdsc[1]) for factor in (1, 8))
    for estimator in (Ols(), Ridge(LAMBDAS, "leave_one_out")):
        assert_relative(
            estimator.fit(two, two).model.coefficients, 8 * estimator.fit(one, one).model.coefficients, 1e-5
        )


def test_leave_one_out_is_estimated_on_evenly_spaced_samples_where_there_are_many(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, targets = (part.astype(np.float32).astype(np.float64) for part in gdsc)
    measured = np.ones(targets.shape, bool)
    measured[:3, 4] = False
    training = make_examples(inputs, targets, measured)
    monkeypatch.setattr(least_squares, "_MOST_LEFT_OUT", 100)
    for normal in normal_equations(training):
        (found,) = leave_one_out_errors(normal, np.array([0.1]), training)
        left_out = np.arange(300)[::3] if len(normal.columns) > 1 else np.arange(3, 300)[::3]
        for error, target in list(zip(found, normal.columns, strict=True))[:2]:
            expected = []
            for row in left_out:
                others = [other for other in normal.rows if other != row]
                fitted = RidgeOfScikitLearn(alpha=0.1 * normal.samples).fit(inputs[others], targets[others, target])
                expected.append(abs(fitted.predict(inputs[[row]])[0] - targets[row, target]))
            assert error == pytest.approx(np.mean(expected), rel=1e-4)


@pytest.mark.parametrize("estimator", [Ols(), Ridge(LAMBDAS)], ids=["ols", "ridge"])
@pytest.mark.parametrize("part", ["inputs", "targets"])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    gdsc: Data, make_examples: MakeExamples, estimator: Ols | Ridge, part: str
) -> None:
    inputs, targets = (values.copy() for values in gdsc)
    (inputs if part == "inputs" else targets)[7, 3] = np.nan
    examples = make_examples(inputs, targets)
    place = {"inputs": "sample s7, landmark number 4: nan", "targets": "sample s7, target t3: nan"}[part]
    with pytest.raises(UserError, match=place):
        estimator.fit(examples, examples)
