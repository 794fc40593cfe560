"""SampleLASSO against scikit-learn and plain loops; its quadratics against matrices."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Lasso
from threadpoolctl import threadpool_limits

from landex.baselines import active_set, admm, sample_lasso
from landex.baselines.quadratics import FactorQuadratic, GramQuadratic, cross_with_profiles, quadratic_of_profiles
from landex.baselines.sample_lasso import SampleLasso, SampleLassoModel
from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import open_matrix
from landex.models import open_model, write_model

MakeExamples = Callable[..., Examples]
Floats = NDArray[np.float64]
Data = tuple[Floats, Floats]

LAMBDAS = [0.3, 0.1, 0.03, 0.01]
EXACT = 1e-10
# Training samples by which 40 landmarks make the matrix the cheaper way, or the factor.
WAYS = pytest.mark.parametrize("samples", [60, 260])


@pytest.fixture(scope="module")
def gdsc(resources: Path) -> Data:
    """Return z-scores of 300 cell lines: 40 genes to learn from, 15 to learn."""
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        values = matrix.read(slice(0, 300))[:, ::80][:, :55].astype(np.float64)
    scores = ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32).astype(np.float64)
    return scores[:, :40], scores[:, 40:]


@pytest.fixture
def parts(gdsc: Data, make_examples: MakeExamples) -> Callable[[int], tuple[Examples, Examples]]:
    """Return so many training samples, and 20 others to select by."""

    def split(samples: int) -> tuple[Examples, Examples]:
        return make_examples(*(part[:samples] for part in gdsc)), make_examples(*(part[270:290] for part in gdsc))

    return split


def scikit_learn(training: Floats, sample: Floats, penalty: float) -> Lasso:
    return Lasso(alpha=penalty, tol=1e-12, max_iter=1_000_000).fit(training.T, sample)


def fitted_model(parts: tuple[Examples, Examples], penalty: float) -> SampleLassoModel:
    return SampleLasso([penalty], EXACT).fit(*parts).model


@WAYS
@pytest.mark.parametrize("penalty", LAMBDAS)
def test_a_prediction_is_scikit_learns_lasso_on_the_transposed_training_samples(
    gdsc: Data, parts: Callable[[int], tuple[Examples, Examples]], samples: int, penalty: float
) -> None:
    model = fitted_model(parts(samples), penalty)
    inputs, targets = (part[:samples] for part in gdsc)
    asked = gdsc[0][290:300]
    predicted, carriers = model.predict(asked.astype(np.float32)), model.carriers(asked.astype(np.float32))
    assert predicted.dtype == carriers.dtype == np.float32
    for sample, weights, prediction in zip(asked, carriers.toarray(), predicted, strict=True):
        expected = scikit_learn(inputs, sample, penalty)
        np.testing.assert_allclose(weights, expected.coef_, rtol=1e-3, atol=3e-5)
        np.testing.assert_array_equal(weights[np.abs(expected.coef_) < 1e-9], 0)
        np.testing.assert_allclose(prediction, expected.predict(targets.T), rtol=1e-3, atol=1e-4)


def test_the_carriers_are_named_and_serve_the_prediction_without_being_found_again(
    gdsc: Data, parts: Callable[[int], tuple[Examples, Examples]]
) -> None:
    model = fitted_model(parts(60), 0.1)
    asked = gdsc[0][290:].astype(np.float32)
    carriers = model.carriers(asked)
    assert carriers.shape == (10, 60)
    assert 0 < carriers.nnz < 300
    assert model.carried_samples == [f"s{row}" for row in range(60)]
    # Without penalties nothing could be found again.
    without = SampleLassoModel(model.carried, np.array([]), np.array([]), EXACT)
    np.testing.assert_array_equal(without.predict_from(asked, carriers), model.predict(asked))


@pytest.mark.parametrize("most", [512, 7])
def test_lambda_is_the_best_of_a_plain_loop_over_evenly_spaced_select_samples(
    gdsc: Data,
    parts: Callable[[int], tuple[Examples, Examples]],
    make_examples: MakeExamples,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr(sample_lasso, "_MOST_CHOOSING", most)
    training, _ = parts(60)
    inputs, targets = (part[270:290] for part in gdsc)
    measured = np.random.default_rng(3).random(targets.shape) < 0.7
    fitted = SampleLasso(LAMBDAS[::-1], EXACT).fit(training, make_examples(inputs, targets, measured))
    asked = range(20) if most == 512 else [0, 3, 6, 9, 12, 15, 18]
    errors = []
    for penalty in LAMBDAS:
        missed = []
        for row in asked:
            predicted = scikit_learn(gdsc[0][:60], inputs[row], penalty).predict(gdsc[1][:60].T)
            missed.append(np.abs(predicted - targets[row])[measured[row]])
        errors.append(np.concatenate(missed).mean())
    best = LAMBDAS[int(np.argmin(errors))]
    assert best not in (LAMBDAS[0], LAMBDAS[-1])
    assert fitted.found["lambda"]["median"] == best
    assert (fitted.targets["lambda"] == best).all()
    assert (fitted.targets["samples"] == 60).all()
    assert fitted.found["unsolved"] == 0
    assert fitted.found["largest_duality_gap"] <= EXACT
    carriers = fitted.model.carriers(inputs[list(asked)].astype(np.float32))
    assert fitted.found["mean_carriers"] == pytest.approx(carriers.nnz / len(asked))
    expected = scikit_learn(gdsc[0][:60], inputs[5], best).predict(gdsc[1][:60].T)
    np.testing.assert_allclose(fitted.model.predict(inputs[[5]].astype(np.float32))[0], expected, rtol=1e-3, atol=1e-4)


def test_a_training_target_that_was_not_measured_counts_as_the_mean(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = (part[:60] for part in gdsc)
    measured = np.random.default_rng(1).random(targets.shape) < 0.5
    training = make_examples(inputs, np.where(measured, targets, 1e6), measured)
    fitted = SampleLasso([0.1], EXACT).fit(training, make_examples(inputs, targets))
    known = make_examples(inputs, np.where(measured, targets, 0))
    expected = SampleLasso([0.1], EXACT).fit(known, known).model.predict(known.inputs)
    np.testing.assert_array_equal(fitted.model.predict(known.inputs), expected)
    np.testing.assert_array_equal(fitted.targets["samples"], measured.sum(axis=0))


@WAYS
def test_a_sample_alone_is_predicted_as_in_company(
    gdsc: Data, parts: Callable[[int], tuple[Examples, Examples]], samples: int
) -> None:
    model = fitted_model(parts(samples), 0.03)
    asked = gdsc[0][290:].astype(np.float32)
    together = model.predict(asked)
    for row in range(10):
        np.testing.assert_allclose(model.predict(asked[[row]])[0], together[row], atol=1e-4)
    assert model.predict(asked[:0]).shape == (0, 15)


@WAYS
@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
def test_threads_change_no_number(
    parts: Callable[[int], tuple[Examples, Examples]], monkeypatch: pytest.MonkeyPatch, samples: int, tolerance: float
) -> None:
    monkeypatch.setattr(sample_lasso, "_MOST_QUERIES", 3)
    training, select = parts(samples)
    one, three = (SampleLasso(LAMBDAS, tolerance).fit(training, select, threads) for threads in (1, 3))
    assert one.found == three.found
    carriers = []
    for threads in (1, 2):
        with threadpool_limits(threads, "blas"):
            carriers.append(one.model.carriers(select.inputs))
    assert (carriers[0] != carriers[1]).nnz == 0


def test_the_order_of_training_samples_changes_nothing_but_rounding(gdsc: Data, make_examples: MakeExamples) -> None:
    rows = np.random.default_rng(2).permutation(60)
    select = make_examples(gdsc[0][270:290], gdsc[1][270:290])
    straight, shuffled = (
        SampleLasso([0.05], EXACT).fit(make_examples(gdsc[0][order], gdsc[1][order]), select).model
        for order in (np.arange(60), rows)
    )
    np.testing.assert_allclose(
        shuffled.carriers(select.inputs).toarray(), straight.carriers(select.inputs).toarray()[:, rows], atol=3e-5
    )


def test_a_shift_of_all_landmarks_of_a_sample_shifts_its_prediction(
    gdsc: Data, parts: Callable[[int], tuple[Examples, Examples]]
) -> None:
    model = fitted_model(parts(60), 0.1)
    asked = gdsc[0][290:].astype(np.float32)
    np.testing.assert_allclose(model.predict(asked + 2), model.predict(asked) + 2, atol=1e-4)


@WAYS
def test_samples_that_are_there_twice_are_no_obstacle(gdsc: Data, make_examples: MakeExamples, samples: int) -> None:
    inputs, targets = (np.concatenate([part[:samples], part[:30]]) for part in gdsc)
    select = make_examples(gdsc[0][270:290], gdsc[1][270:290])
    fitted = SampleLasso([0.02], EXACT).fit(make_examples(inputs, targets), select)
    assert fitted.found["unsolved"] == 0
    expected = scikit_learn(inputs, gdsc[0][275], 0.02).predict(targets.T)
    np.testing.assert_allclose(fitted.model.predict(select.inputs[[5]])[0], expected, atol=1e-4)


def test_what_does_not_reach_the_gap_is_counted_and_warned_of(
    parts: Callable[[int], tuple[Examples, Examples]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for module, name, value in (
        (admm, "_SINGLE_ITERATIONS", 1),
        (admm, "_DOUBLE_ITERATIONS", 1),
        (active_set, "_STEPS", 0),
    ):
        monkeypatch.setattr(module, name, value)
    with caplog.at_level(logging.WARNING):
        fitted = SampleLasso([0.01], 1e-6).fit(*parts(60))
    assert fitted.found["unsolved"] == 20
    assert fitted.found["largest_duality_gap"] > 1e-6
    assert "20 of 20 samples did not reach a duality gap of 1e-06" in caplog.text


def test_a_model_read_back_predicts_to_the_bit_the_same(
    parts: Callable[[int], tuple[Examples, Examples]], tmp_path: Path
) -> None:
    training, select = parts(60)
    model = SampleLasso(LAMBDAS).fit(training, select).model
    write_model(tmp_path / "weights.h5", "sample_lasso", model)
    assert model.parameters == 60 * 55
    with open_model(tmp_path / "weights.h5", "landex.baselines.sample_lasso:SampleLassoModel") as read:
        np.testing.assert_array_equal(read.predict(select.inputs), model.predict(select.inputs))
        assert read.carried_samples == model.carried_samples


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
            SampleLasso([0.1]).fit(training, select)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-4)])
def test_the_factor_gives_what_the_matrix_gives(
    gdsc: Data, monkeypatch: pytest.MonkeyPatch, dtype: type[np.floating], tolerance: float
) -> None:
    monkeypatch.setattr("landex.baselines.quadratics._ROWS_AT_ONCE", 64)
    # Means far from 0 would show a forgotten centring.
    profiles = (gdsc[0] + 5).astype(np.float32)
    centred = profiles - profiles.mean(axis=1, keepdims=True, dtype=np.float64)
    gram = centred @ centred.T / 40
    factor, matrix = FactorQuadratic(profiles), GramQuadratic(gram, *np.linalg.eigh(gram))
    assert isinstance(quadratic_of_profiles(profiles), FactorQuadratic)
    assert isinstance(quadratic_of_profiles(profiles[:80]), GramQuadratic)
    assert factor.features == matrix.features == 300
    assert factor.work < matrix.work
    assert factor.scale == pytest.approx(matrix.scale)
    rows = np.random.default_rng(0).normal(size=(7, 300)).astype(dtype)
    resolvent = 3 * np.linalg.inv(gram + 0.7 * np.eye(300)) - 0.25 * np.eye(300)
    for quadratic in (factor, matrix):
        product, mapped = quadratic.product(rows), quadratic.resolvent(0.7, 3, 0.25, dtype)(rows)
        assert product.dtype == mapped.dtype == dtype
        np.testing.assert_allclose(product, rows @ gram, atol=tolerance * np.abs(product).max())
        np.testing.assert_allclose(mapped, rows @ resolvent, atol=tolerance * np.abs(mapped).max())
        chosen = np.array([5, 200, 17])
        np.testing.assert_allclose(quadratic.block(chosen), gram[np.ix_(chosen, chosen)], rtol=1e-9)
    asked = gdsc[0][:4] - gdsc[0][:4].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(cross_with_profiles(asked, profiles), asked @ centred.T / 40, atol=1e-12)
