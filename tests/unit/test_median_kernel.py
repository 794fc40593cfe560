"""Kernel regression for absolute errors: against scikit-learn on the sum of kernels, and by what it is for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.kernel_ridge import KernelRidge as KernelRidgeOfScikitLearn
from sklearn.preprocessing import KernelCenterer

from landex.baselines.kernel_ridge import KernelRidge, median_distance
from landex.baselines.median_kernel import MedianKernel, scored
from landex.examples import Examples
from landex.models import open_model, write_model
from landex.normal_scores import NormalScores

MakeExamples = Callable[..., Examples]
LAMBDAS, WIDTHS = [1e-3, 1e-2, 1e-1], [0.7, 1.0]


@pytest.fixture
def known(make_examples: MakeExamples) -> Examples:
    """Return 300 samples: 12 landmarks, and targets that bend with them, the second half of them skewed."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(300, 12))
    bent = np.tanh(inputs @ random.normal(size=(12, 8))) + 0.3 * random.normal(size=(300, 8))
    bent[:, 4:] = np.exp(2 * bent[:, 4:])
    return make_examples(inputs, (bent - bent.mean(axis=0)) / bent.std(axis=0))


def part(examples: Examples, rows: slice) -> Examples:
    return examples.take(rows)


def test_a_gaussian_and_a_linear_kernel_equal_scikit_learn(known: Examples) -> None:
    training, rest = part(known, slice(0, 200)), part(known, slice(200, 300))
    inputs, queries = training.inputs.astype(np.float64), rest.inputs.astype(np.float64)
    fitted = KernelRidge([1e-2], [0.7], linear=0.5).fit(training, training).model
    median = median_distance(training)

    def kernel(left: NDArray[np.float64]) -> NDArray[np.float64]:
        squares = cdist(left, inputs, "sqeuclidean")
        return np.exp(-squares / (2 * (0.7 * median) ** 2)) + 0.5 / median**2 * left @ inputs.T

    centre = KernelCenterer()
    among = centre.fit_transform(kernel(inputs))
    means = training.targets.astype(np.float64).mean(axis=0)
    theirs = KernelRidgeOfScikitLearn(alpha=1e-2 * 200, kernel="precomputed").fit(among, training.targets - means)
    expected = theirs.predict(centre.transform(kernel(queries))) + means
    np.testing.assert_allclose(fitted.predict(rest.inputs), expected, atol=2e-5)


def test_centre_median_moves_to_the_median_of_residuals_of_samples_left_out(known: Examples) -> None:
    training = part(known, slice(0, 60))
    plain = KernelRidge([1e-2], [0.7], linear=0.5).fit(training, training).model
    moved = KernelRidge([1e-2], [0.7], linear=0.5, centre="median").fit(training, training).model
    np.testing.assert_array_equal(moved.coefficients, plain.coefficients)
    # Each left out in turn, with the kernel of all: its penalty is per sample.
    gamma, slope = plain.gamma, plain.slope
    inputs = training.inputs.astype(np.float64)
    left_over = np.empty(training.targets.shape)
    for row in range(60):
        others = np.arange(60) != row
        among = np.exp(-gamma * cdist(inputs, inputs, "sqeuclidean")) + slope * inputs @ inputs.T
        bordered = np.ones((60, 60))
        bordered[:59, :59] = among[np.ix_(others, others)] + 60 * 1e-2 * np.eye(59)
        bordered[59, 59] = 0
        solution = np.linalg.solve(bordered, np.vstack([training.targets[others], np.zeros((1, 8))]))
        left_over[row] = training.targets[row] - (among[row, others] @ solution[:59] + solution[59])
    np.testing.assert_allclose(moved.intercept - plain.intercept, np.median(left_over, axis=0), atol=1e-4)


def test_the_mean_of_both_parts(known: Examples) -> None:
    training, rest = part(known, slice(0, 200)), part(known, slice(200, 300))
    fitted = MedianKernel(LAMBDAS, WIDTHS, normal_scores=0.25).fit(training, training)
    plain = KernelRidge(LAMBDAS, WIDTHS, linear=0.5, centre="median")
    scale = NormalScores.of(training)
    of_scores = plain.fit(scored(training, scale), scored(training, scale)).model
    of_values = plain.fit(training, training).model
    expected = 0.75 * of_values.predict(rest.inputs) + 0.25 * scale.to_values(of_scores.predict(rest.inputs))
    np.testing.assert_allclose(fitted.model.predict(rest.inputs), expected, atol=1e-5)
    assert {"lambda", "lambda_of_scores"} <= set(fitted.targets) and fitted.model.profiles == 200


def test_skewed_targets_gain_and_symmetric_ones_lose_nothing(known: Examples) -> None:
    training, rest = part(known, slice(0, 200)), part(known, slice(200, 300))
    plain = KernelRidge(LAMBDAS, WIDTHS).fit(training, training).model
    ours = MedianKernel(LAMBDAS, WIDTHS).fit(training, training).model
    errors = [np.abs(model.predict(rest.inputs) - rest.targets).mean(axis=0) for model in (plain, ours)]
    gain = 1 - errors[1] / errors[0]
    assert gain[4:].mean() > 0.1
    assert gain[:4].mean() > -0.02


def test_by_nystroem_beyond_so_many_samples(known: Examples) -> None:
    training, rest = part(known, slice(0, 200)), part(known, slice(200, 300))
    exact = MedianKernel(LAMBDAS, WIDTHS).fit(training, training).model
    approximate = MedianKernel(LAMBDAS, WIDTHS, exact_up_to=100, centres=190).fit(training, training).model
    error = [np.abs(model.predict(rest.inputs) - rest.targets).mean() for model in (exact, approximate)]
    assert error[1] < 1.05 * error[0]


def test_a_file_gives_the_same_predictions_and_profiles_are_stored_once(known: Examples, tmp_path: Path) -> None:
    model = MedianKernel(LAMBDAS, WIDTHS).fit(known, known).model
    write_model(tmp_path / "weights.h5", "median_kernel", model)
    with open_model(tmp_path / "weights.h5", "landex.baselines.median_model:MedianModel") as again:
        np.testing.assert_array_equal(again.predict(known.inputs), model.predict(known.inputs))
    some = model.of_targets(np.array([6, 1]))
    np.testing.assert_allclose(some.predict(known.inputs), model.predict(known.inputs)[:, [6, 1]], atol=1e-6)
    assert model.parameters == 300 * 12 + 2 * (300 * 8 + 8) + 8 * 129
