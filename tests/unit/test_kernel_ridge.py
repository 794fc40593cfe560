"""Kernel ridge regression against scikit-learn, bordered systems and plain loops."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist
from sklearn.kernel_ridge import KernelRidge as KernelRidgeOfScikitLearn
from sklearn.preprocessing import KernelCenterer

from landex.baselines import centred_kernel, kernel_ridge
from landex.baselines.centred_kernel import CentredKernel
from landex.baselines.kernel_model import KernelModel, gaussian_kernel
from landex.baselines.kernel_ridge import KernelRidge, Profiles, Selected, median_distance, path_errors
from landex.baselines.nystroem import draw_centres, inverse_root
from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import open_matrix
from landex.models import Fitted, open_model, write_model

MakeExamples = Callable[..., Examples]
Array = NDArray[np.float64]
Data = tuple[Array, Array]

LAMBDAS = [10**step for step in np.linspace(-5, 0, 6)]
WIDTHS = [0.5, 0.7, 1.0, 2.0]
MODEL = "landex.baselines.kernel_model:KernelModel"


@pytest.fixture(scope="module")
def gdsc(resources: Path) -> Data:
    """Return 300 cell lines: 40 genes to learn from, 25 to learn; as float32 has them."""
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        values = matrix.read(slice(0, 300))[:, ::80][:, :65].astype(np.float64)
    return values[:, :40], values[:, 40:]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred samples and targets be several blocks."""
    monkeypatch.setattr(centred_kernel, "_ROWS", 64)
    monkeypatch.setattr(kernel_ridge, "_COLUMNS", 7)
    monkeypatch.setattr(kernel_ridge, "_SOLVED_AT_ONCE", 9)


def median_of(inputs: Array) -> float:
    return float(np.median(pdist(inputs)))


def scikit_learn(inputs: Array, targets: Array, queries: Array, width: float, penalty: float) -> tuple[Array, Array]:
    """Return predictions of queries, and coefficients, of KernelRidge on a centred kernel and centred targets."""
    gamma = 1 / (2 * (width * median_of(inputs)) ** 2)
    centre = KernelCenterer()
    kernel = centre.fit_transform(np.exp(-gamma * cdist(inputs, inputs, "sqeuclidean")))
    asked = centre.transform(np.exp(-gamma * cdist(queries, inputs, "sqeuclidean")))
    means = targets.mean(axis=0)
    fitted = KernelRidgeOfScikitLearn(alpha=penalty * len(inputs), kernel="precomputed").fit(kernel, targets - means)
    return fitted.predict(asked) + means, fitted.dual_coef_


def assert_relative(found: NDArray[np.floating], expected: NDArray[np.floating], tolerance: float) -> None:
    """Compare to within a share of the largest value."""
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def model_of(fitted: Fitted) -> KernelModel:
    assert isinstance(fitted.model, KernelModel)
    return fitted.model


def with_gaps(targets: Array) -> NDArray[np.bool_]:
    """Return which targets are measured: some not in all samples, in three patterns, and one never."""
    measured = np.ones(targets.shape, bool)
    measured[:40, 3:6] = False
    measured[100:180, 5] = False
    measured[::3, 10] = False
    measured[:, 20] = False
    return measured


@pytest.mark.parametrize("width", [0.4, 1.0, 3.0])
@pytest.mark.parametrize("penalty", [1e-5, 1e-3, 1.0])
def test_one_width_and_lambda_equal_scikit_learn_on_a_centred_kernel(
    gdsc: Data, make_examples: MakeExamples, width: float, penalty: float
) -> None:
    inputs, targets = gdsc[0][:250], gdsc[1][:250]
    training = make_examples(inputs, targets)
    fitted = KernelRidge([penalty], [width]).fit(training, training)
    model = model_of(fitted)
    expected, coefficients = scikit_learn(inputs, targets, gdsc[0], width, penalty)
    assert_relative(model.coefficients, coefficients, 1e-5)
    predicted = model.predict(gdsc[0].astype(np.float32))
    assert predicted.dtype == np.float32
    # Coefficients of a small penalty on a wide kernel are large and cancel: float32 rounds each of them.
    rounding = 2.0**-23 * np.abs(coefficients).sum(axis=0)
    assert (np.abs(predicted - expected) < 1e-5 * np.abs(expected).max() + rounding).all()
    if penalty >= 1e-3:
        assert_relative(predicted, expected, 1e-4)
    assert (fitted.targets["lambda"] == penalty).all() and (fitted.targets["samples"] == 250).all()
    assert model.profiles == 250
    assert model.parameters == 250 * (40 + 25) + 25


def test_scikit_learns_own_kernel_gives_the_same_once_the_mean_is_fitted_too(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    """The intercept as one more unknown whose equation says that the coefficients add up to zero."""
    inputs, targets = gdsc[0][:100], gdsc[1][:100] + 7
    gamma = 1 / (2 * (0.7 * median_of(inputs)) ** 2)
    bordered = np.ones((101, 101))
    bordered[:100, :100] = np.exp(-gamma * cdist(inputs, inputs, "sqeuclidean")) + 1e-3 * 100 * np.eye(100)
    bordered[100, 100] = 0
    solution = np.linalg.solve(bordered, np.concatenate([targets, np.zeros((1, 25))]))
    training = make_examples(inputs, targets)
    model = model_of(KernelRidge([1e-3], [0.7]).fit(training, training))
    assert model.gamma == pytest.approx(gamma)
    assert_relative(model.coefficients, solution[:100], 1e-4)
    assert_relative(model.intercept, solution[100], 1e-5)
    # Its coefficients are those of scikit-learn for targets less this intercept.
    plain = KernelRidgeOfScikitLearn(alpha=0.1, kernel="rbf", gamma=gamma).fit(inputs, targets - solution[100])
    assert_relative(model.coefficients, plain.dual_coef_, 1e-4)


def test_two_samples_by_hand(make_examples: MakeExamples) -> None:
    training = make_examples(np.array([[0.0], [2.0]]), np.array([[1.0], [5.0]]))
    model = model_of(KernelRidge([0.25], [1.0]).fit(training, training))
    # The median distance is 2, so the kernel is exp(-d^2 / 8): 1 and exp(-1/2) among the samples. By symmetry the
    # intercept is 3, and +-a solves (1 - exp(-1/2) + .25 * 2) a = 2.
    slope = 2 / (1.5 - np.exp(-0.5))
    np.testing.assert_allclose(model.coefficients[:, 0], [-slope, slope], rtol=1e-6)
    assert model.intercept[0] == pytest.approx(3)
    assert model.predict(np.array([[1.0]], np.float32))[0, 0] == pytest.approx(3)
    expected = 3 + slope * (np.exp(-1 / 8) - np.exp(-9 / 8))
    assert model.predict(np.array([[3.0]], np.float32))[0, 0] == pytest.approx(expected, rel=1e-6)


def test_the_median_is_that_of_distances_between_samples_that_differ(make_examples: MakeExamples) -> None:
    inputs = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [3.0]])
    assert median_distance(make_examples(inputs, np.zeros((6, 1)))) == 3
    assert median_distance(make_examples(np.full((4, 2), 9.0), np.zeros((4, 1)))) == 1


def test_the_median_of_many_samples_is_that_of_evenly_spaced_ones(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_ridge, "_DISTANCES_AMONG", 100)
    assert median_distance(make_examples(*gdsc)) == pytest.approx(median_of(gdsc[0][::3]))


def errors_of_a_loop(data: Data, row_sets: list[tuple[NDArray[np.intp], int]], width: float, penalty: float) -> Array:
    """Leave one sample after another out; the penalty and the width stay those of the whole fit."""
    median = median_of(data[0])
    errors = []
    for rows, target in row_sets:
        gamma = 1 / (2 * (width * median) ** 2)
        residuals = []
        for row in rows:
            others = rows[rows != row]
            border = np.ones((len(others) + 1, len(others) + 1))
            kernel = np.exp(-gamma * cdist(data[0][others], data[0][others], "sqeuclidean"))
            border[:-1, :-1] = kernel + penalty * len(rows) * np.eye(len(others))
            border[-1, -1] = 0
            solution = np.linalg.solve(border, np.append(data[1][others, target], 0))
            asked = np.exp(-gamma * cdist(data[0][[row]], data[0][others], "sqeuclidean"))[0]
            residuals.append(abs(asked @ solution[:-1] + solution[-1] - data[1][row, target]))
        errors.append(np.mean(residuals))
    return np.array(errors)


def test_leave_one_out_errors_are_those_of_fits_to_all_samples_but_one(gdsc: Data, make_examples: MakeExamples) -> None:
    data = gdsc[0][:70], gdsc[1][:70]
    measured = with_gaps(data[1])
    training = make_examples(*data, measured)
    path = np.array([0.1, 1e-3, 1e-5])
    gamma = 1 / (2 * (0.6 * median_of(data[0])) ** 2)
    found = path_errors(Profiles.read(training), gamma, path, None)
    chosen = [0, 3, 5, 10, 24]
    sets = [(np.flatnonzero(measured[:, target]), target) for target in chosen]
    for errors, penalty in zip(found, path, strict=True):
        np.testing.assert_allclose(errors[chosen], errors_of_a_loop(data, sets, 0.6, penalty), rtol=1e-6)
    assert (found[:, 20] == 0).all()


def test_of_many_samples_evenly_spaced_ones_are_left_out(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = make_examples(*gdsc)
    gamma, path = 0.002, np.array([0.01])
    kernel = CentredKernel(gdsc[0], gamma)
    kernel.factorise(0.01 * 300)
    inverse = kernel.solve(np.eye(300))
    residuals = inverse @ (gdsc[1] - gdsc[1].mean(axis=0)) / (np.diag(inverse) - 1 / (0.01 * 300**2))[:, None]
    monkeypatch.setattr(kernel_ridge, "_MOST_LEFT_OUT", 100)
    found = path_errors(Profiles.read(training), gamma, path, None)
    np.testing.assert_allclose(found[0], np.abs(residuals[::3]).mean(axis=0), rtol=1e-9)


def test_width_and_lambdas_are_the_best_of_a_plain_loop_on_select(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc[0][:100], gdsc[1][:100]
    asked, truth = gdsc[0][200:240], gdsc[1][200:240]
    measured = np.random.default_rng(4).random(truth.shape) < 0.8
    errors = np.empty((len(WIDTHS), len(LAMBDAS), 25))
    for row, width in enumerate(WIDTHS):
        for column, penalty in enumerate(LAMBDAS):
            wrong = np.abs(scikit_learn(inputs, targets, asked, width, penalty)[0] - truth)
            errors[row, column] = np.where(measured, wrong, 0).sum(axis=0) / measured.sum(axis=0)
    training = make_examples(inputs, targets)
    select = make_examples(asked, np.where(measured, truth, 1e6), measured)
    each = KernelRidge(LAMBDAS, WIDTHS, "select", per_target=True).fit(training, select)
    best = errors.min(axis=1).mean(axis=1).argmin()
    assert each.found["width"] == WIDTHS[best]
    np.testing.assert_array_equal(each.targets["lambda"], np.array(LAMBDAS)[errors[best].argmin(axis=0)])
    assert each.targets["lambda"].nunique() > 2
    for target in range(25):
        expected, _ = scikit_learn(inputs, targets, asked, WIDTHS[best], each.targets["lambda"].iloc[target])
        assert_relative(each.model.predict(asked.astype(np.float32))[:, target], expected[:, target], 1e-5)
    together = KernelRidge(LAMBDAS, WIDTHS, "select", per_target=False).fit(training, select)
    row, column = np.unravel_index(errors.mean(axis=2).argmin(), errors.shape[:2])
    assert together.found["width"] == WIDTHS[row]
    assert (together.targets["lambda"] == LAMBDAS[column]).all()


def test_what_select_says_has_no_part_in_leaving_one_out(gdsc: Data, make_examples: MakeExamples) -> None:
    training = make_examples(gdsc[0][:80], gdsc[1][:80])
    fits = [
        KernelRidge(LAMBDAS, WIDTHS).fit(training, select)
        for select in (make_examples(*gdsc), make_examples(gdsc[0], -gdsc[1]))
    ]
    np.testing.assert_array_equal(*(model_of(fitted).coefficients for fitted in fits))


@pytest.mark.parametrize("selected", [0, 30])
def test_a_target_that_select_does_not_measure_is_chosen_by_leaving_one_out(
    gdsc: Data, make_examples: MakeExamples, selected: int
) -> None:
    training = make_examples(gdsc[0][:80], gdsc[1][:80])
    asked, truth = gdsc[0][80 : 80 + selected], gdsc[1][80 : 80 + selected]
    measured = np.ones(truth.shape, bool)
    measured[:, [1, 8, 12]] = False
    select = make_examples(asked, truth, measured)
    penalties = {
        choose: KernelRidge(LAMBDAS, [0.6], choose).fit(training, select).targets["lambda"].to_numpy()
        for choose in ("select", "leave_one_out")
    }
    same = penalties["select"] == penalties["leave_one_out"]
    assert same[[1, 8, 12]].all()
    assert same.all() == (selected == 0)


def test_a_missing_target_takes_its_sample_out_of_that_targets_fit_only(
    gdsc: Data, make_examples: MakeExamples
) -> None:
    inputs, targets = gdsc
    measured = with_gaps(targets)
    training = make_examples(inputs, np.where(measured, targets, -1e6), measured)
    fitted = KernelRidge([1e-3], [0.7]).fit(training, training)
    predicted = fitted.model.predict(inputs.astype(np.float32))
    gamma = 1 / (2 * (0.7 * median_of(inputs)) ** 2)
    assert model_of(fitted).gamma == pytest.approx(gamma)
    for target in range(25):
        rows = measured[:, target]
        assert fitted.targets["samples"].iloc[target] == rows.sum()
        if rows.any():
            # The width is a share of the median over all samples.
            width = 0.7 * median_of(inputs) / median_of(inputs[rows])
            expected, _ = scikit_learn(inputs[rows], targets[rows][:, [target]], inputs, width, 1e-3)
            assert_relative(predicted[:, target], expected[:, 0], 1e-5)
        assert (model_of(fitted).coefficients[~rows, target] == 0).all()
    assert (predicted[:, 20] == 0).all()


def test_a_target_measured_in_one_sample_is_predicted_as_it_was_there(gdsc: Data, make_examples: MakeExamples) -> None:
    measured = np.ones((50, 25), bool)
    measured[:, 4] = np.arange(50) == 17
    training = make_examples(gdsc[0][:50], gdsc[1][:50], measured)
    fitted = KernelRidge(LAMBDAS, WIDTHS).fit(training, training)
    assert fitted.targets["lambda"].iloc[4] == max(LAMBDAS)
    np.testing.assert_allclose(fitted.model.predict(training.inputs)[:, 4], training.targets[17, 4], rtol=1e-6)


@pytest.mark.parametrize("exact_up_to", [1000, 100])
def test_the_number_of_threads_changes_rounding_alone(
    gdsc: Data, make_examples: MakeExamples, exact_up_to: int
) -> None:
    training = make_examples(*gdsc, with_gaps(gdsc[1]))
    estimator = KernelRidge(LAMBDAS, WIDTHS[:2], exact_up_to=exact_up_to, centres=80)
    one, three = (estimator.fit(training, training, threads) for threads in (1, 3))
    assert_relative(model_of(three).coefficients, model_of(one).coefficients, 1e-4)
    assert_relative(model_of(three).intercept, model_of(one).intercept, 1e-4)
    assert one.targets.equals(three.targets) and one.found == three.found


def test_a_target_more_changes_no_other_of_its_width(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc[0][:120], gdsc[1][:120]
    everything, some = make_examples(inputs, targets), make_examples(inputs, targets[:, ::3])
    one, two = (KernelRidge(LAMBDAS, [0.6]).fit(training, training) for training in (everything, some))
    np.testing.assert_array_equal(two.targets["lambda"], one.targets["lambda"][::3])
    assert_relative(model_of(two).coefficients, model_of(one).coefficients[:, ::3], 1e-6)


@pytest.mark.parametrize("exact_up_to", [1000, 100])
def test_the_order_of_samples_landmarks_and_targets_changes_nothing_but_rounding(
    gdsc: Data, make_examples: MakeExamples, exact_up_to: int
) -> None:
    inputs, targets = gdsc
    random = np.random.default_rng(2)
    rows, columns, outputs = (random.permutation(size) for size in (300, 40, 25))
    straight, shuffled = (
        make_examples(inputs, targets),
        make_examples(inputs[rows][:, columns], targets[rows][:, outputs]),
    )
    # All samples are centres, so that none are drawn.
    estimator = KernelRidge(LAMBDAS, WIDTHS, exact_up_to=exact_up_to, centres=300)
    one, two = estimator.fit(straight, straight), estimator.fit(shuffled, shuffled)
    assert one.found["width"] == two.found["width"]
    np.testing.assert_array_equal(two.targets["lambda"], one.targets["lambda"].to_numpy()[outputs])
    asked = inputs.astype(np.float32)
    assert_relative(two.model.predict(asked[:, columns]), one.model.predict(asked)[:, outputs], 1e-5)


def test_scaled_landmarks_predict_the_same_and_scaled_targets_scaled(gdsc: Data, make_examples: MakeExamples) -> None:
    inputs, targets = gdsc[0][:100], gdsc[1][:100]
    plain, scaled = make_examples(inputs, targets), make_examples(4 * inputs, 8 * targets + 3)
    one, two = (KernelRidge(LAMBDAS, WIDTHS).fit(training, training) for training in (plain, scaled))
    assert one.found["width"] == two.found["width"]
    asked = gdsc[0].astype(np.float32)
    assert_relative(two.model.predict(4 * asked), 8 * one.model.predict(asked) + 3, 1e-4)


def test_the_width_is_chosen_on_evenly_spaced_samples_and_targets(
    gdsc: Data, make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_ridge, "_SAMPLES_FOR_WIDTH", 100)
    monkeypatch.setattr(kernel_ridge, "_TARGETS_FOR_WIDTH", 5)
    seen: list[tuple[NDArray[np.floating], NDArray[np.floating]]] = []

    def record(profiles: Profiles, gamma: float, path: Array, *_: object) -> Array:
        seen.append((profiles.inputs, profiles.targets))
        return np.full((len(path), profiles.targets.shape[1]), gamma)

    monkeypatch.setattr(kernel_ridge, "path_errors", record)
    training = make_examples(*gdsc)
    fitted = KernelRidge(LAMBDAS, WIDTHS).fit(training, training)
    assert len(seen) == len(WIDTHS) + 1
    for inputs, targets in seen[:-1]:
        np.testing.assert_array_equal(inputs, training.inputs[::3])
        np.testing.assert_array_equal(targets, training.targets[::3, ::5])
    np.testing.assert_array_equal(seen[-1][0], training.inputs)
    # A smaller gamma had the lower error; of equal errors the larger penalty wins.
    assert fitted.found["width"] == max(WIDTHS)
    assert (fitted.targets["lambda"] == max(LAMBDAS)).all()


@pytest.mark.parametrize("rows", [300, 2500])
@pytest.mark.parametrize("step", [1, 7, 3000])
def test_samples_are_spaced_evenly_across_blocks(make_examples: MakeExamples, rows: int, step: int) -> None:
    inputs = np.arange(rows, dtype=float)[:, None]
    measured = np.arange(rows)[:, None] % 2 == np.array([0, 1, 0])
    profiles = Profiles.read(make_examples(inputs, np.tile(inputs, 3), measured), step)
    np.testing.assert_array_equal(profiles.inputs[:, 0], np.arange(rows)[::step])
    for counting, columns in profiles.sets:
        np.testing.assert_array_equal(counting, np.flatnonzero(measured[::step, columns[0]]))
        np.testing.assert_array_equal(profiles.targets[counting][:, columns[0]], inputs[::step][counting, 0])


@pytest.mark.parametrize("choose", ["leave_one_out", "select"])
def test_nystroem_with_all_samples_as_centres_is_the_exact_solution(
    gdsc: Data, make_examples: MakeExamples, choose: str
) -> None:
    training = make_examples(gdsc[0][:250], gdsc[1][:250], with_gaps(gdsc[1][:250]))
    select = make_examples(gdsc[0][250:], gdsc[1][250:])
    exact = KernelRidge(LAMBDAS, [0.6], choose).fit(training, select)
    approximate = KernelRidge(LAMBDAS, [0.6], choose, exact_up_to=249, centres=250).fit(training, select)
    measured = exact.targets["samples"] > 0
    assert measured.sum() == 24
    np.testing.assert_array_equal(exact.targets[measured], approximate.targets[measured][["samples", "lambda"]])
    asked = gdsc[0].astype(np.float32)
    assert_relative(approximate.model.predict(asked), exact.model.predict(asked), 1e-4)


def test_nystroem_with_some_centres_is_the_penalised_least_squares_fit(gdsc: Data, make_examples: MakeExamples) -> None:
    """Minimise ||y - b - K_nm c||^2 / n + lambda c' K_mm c, by its normal equations."""
    training = make_examples(*gdsc)
    model = model_of(KernelRidge([1e-3], [0.8], exact_up_to=0, centres=60, seed=5).fit(training, training))
    assert model.profiles == 60
    centres = model.points.astype(np.float64)
    assert (cdist(centres, gdsc[0]).min(axis=1) == 0).all()
    gamma = 1 / (2 * (0.8 * median_of(gdsc[0])) ** 2)
    kernel = np.exp(-gamma * cdist(gdsc[0], centres, "sqeuclidean"))
    among = np.exp(-gamma * cdist(centres, centres, "sqeuclidean"))
    centred = kernel - kernel.mean(axis=0)
    coefficients = np.linalg.solve(centred.T @ kernel + 1e-3 * 300 * among, centred.T @ gdsc[1])
    intercept = (gdsc[1] - kernel @ coefficients).mean(axis=0)
    assert_relative(model.predict(gdsc[0].astype(np.float32)), kernel @ coefficients + intercept, 1e-4)


def test_centres_are_drawn_by_seed_without_repetition(make_examples: MakeExamples) -> None:
    training = make_examples(np.arange(5000.0)[:, None], np.zeros((5000, 1)))
    one, again, other = (draw_centres(training, 700, seed)[:, 0] for seed in (1, 1, 2))
    assert (np.diff(one) > 0).all() and len(one) == 700
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(draw_centres(training, 9999, 1), training.inputs)


def test_a_sample_drawn_twice_among_the_centres_leaves_the_root_of_the_inverse_finite(gdsc: Data) -> None:
    twice = np.concatenate([gdsc[0][:30], gdsc[0][:5]])
    kernel = gaussian_kernel(twice, twice, 0.01)
    root = inverse_root(kernel)
    assert root.shape == (35, 30)
    np.testing.assert_allclose(root @ root.T, np.linalg.pinv(kernel, rcond=1e-10), atol=1e-6)


def test_samples_that_are_all_alike_are_predicted_by_their_mean(make_examples: MakeExamples) -> None:
    targets = np.random.default_rng(0).normal(3, 1, (12, 2))
    training = make_examples(np.full((12, 3), 5.0), targets)
    for exact_up_to in (12, 11):
        fitted = KernelRidge(LAMBDAS, WIDTHS, exact_up_to=exact_up_to).fit(training, training)
        expected = np.tile(targets.mean(axis=0), (12, 1))
        np.testing.assert_allclose(fitted.model.predict(training.inputs), expected, rtol=1e-5)


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 200])
@pytest.mark.parametrize("penalty", [1e-3, 2.0])
def test_systems_of_equations_are_solved_as_by_numpy(gdsc: Data, samples: int, penalty: float) -> None:
    points = gdsc[0][:samples]
    kernel = np.exp(-0.01 * cdist(points, points, "sqeuclidean"))
    centring = np.eye(samples) - 1 / samples
    wanted = centring @ kernel @ centring + penalty * np.eye(samples)
    found = CentredKernel(points, 0.01)
    np.testing.assert_allclose(found.mean, kernel.mean(axis=0), rtol=1e-12)
    # The second factor starts from what the first left of the kernel.
    for _ in range(2):
        found.factorise(penalty)
        solved = found.solve(gdsc[1][:samples].copy())
        np.testing.assert_allclose(solved, np.linalg.solve(wanted, gdsc[1][:samples]), rtol=1e-8, atol=1e-9)


def test_a_model_read_back_predicts_to_the_bit_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    points, coefficients, intercept = (
        random.normal(size=shape).astype(np.float32) for shape in ((30, 5), (30, 7), (7,))
    )
    model = KernelModel(points, 0.123, coefficients, intercept)
    write_model(tmp_path / "weights.h5", "kernel_ridge", model)
    # More than one block of profiles.
    inputs = random.normal(size=(1100, 5)).astype(np.float32)
    with open_model(tmp_path / "weights.h5", MODEL) as read:
        np.testing.assert_array_equal(read.predict(inputs), model.predict(inputs))
        assert read.parameters == model.parameters == 30 * 12 + 7
    kernel = np.exp(-0.123 * cdist(inputs, points, "sqeuclidean"))
    assert_relative(model.predict(inputs), kernel @ coefficients + intercept, 1e-5)


def test_the_kernel_keeps_distances_between_near_neighbours_far_from_the_origin() -> None:
    points = 1000 + np.random.default_rng(1).normal(size=(20, 300)).astype(np.float32)
    expected = np.exp(-0.001 * cdist(points.astype(np.float64), points.astype(np.float64), "sqeuclidean"))
    np.testing.assert_allclose(gaussian_kernel(points, points, 0.001), expected, rtol=1e-6)


@pytest.mark.parametrize("exact_up_to", [1000, 100])
@pytest.mark.parametrize("part", ["inputs", "targets"])
def test_a_value_that_is_not_finite_is_refused_with_its_place(
    gdsc: Data, make_examples: MakeExamples, part: str, exact_up_to: int
) -> None:
    inputs, targets = (values.copy() for values in gdsc)
    (inputs if part == "inputs" else targets)[7, 3] = np.nan
    examples = make_examples(inputs, targets)
    place = {"inputs": "sample s7, landmark number 4: nan", "targets": "sample s7, target t3: nan"}[part]
    with pytest.raises(UserError, match=place):
        KernelRidge(LAMBDAS, WIDTHS, exact_up_to=exact_up_to, centres=50).fit(examples, examples)


def test_a_value_that_was_not_measured_may_be_anything(gdsc: Data, make_examples: MakeExamples) -> None:
    measured = with_gaps(gdsc[1])
    zeros, wild = (make_examples(gdsc[0], np.where(measured, gdsc[1], other), measured) for other in (0, np.nan))
    one, two = (KernelRidge(LAMBDAS, WIDTHS).fit(training, training) for training in (zeros, wild))
    np.testing.assert_array_equal(model_of(one).coefficients, model_of(two).coefficients)
