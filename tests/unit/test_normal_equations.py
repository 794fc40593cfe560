"""Normal equations, accumulated in blocks from memory or disk, against plain float64 matrices."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from landex.baselines import normal_equations as module
from landex.baselines.least_squares import Ols
from landex.baselines.normal_equations import NormalEquations, normal_equations
from landex.examples import Examples, StoredExamples
from landex.h5ad import open_matrix, write_matrix

MakeExamples = Callable[..., Examples]

SAMPLES, LANDMARKS, TARGETS = 5000, 30, 1100


@pytest.fixture(scope="module")
def many(make_examples: MakeExamples) -> Examples:
    """Return simulated examples: several blocks of samples, two tasks of targets, correlated landmarks, an offset."""
    random = np.random.default_rng(0)
    factors = random.normal(size=(SAMPLES, 8))
    inputs = factors @ random.normal(size=(8, LANDMARKS)) + random.normal(size=(SAMPLES, LANDMARKS)) + 3
    targets = inputs @ random.normal(size=(LANDMARKS, TARGETS)) / 5 + random.normal(size=(SAMPLES, TARGETS))
    return make_examples(inputs, targets)


def with_gaps(examples: Examples) -> Examples:
    """Leave out: two targets in the first half, one in a third of the samples, one everywhere."""
    measured = np.ones(examples.targets.shape, bool)
    measured[: SAMPLES // 2 + 1, 3:5] = False
    measured[::3, 700] = False
    measured[:, 900] = False
    return Examples(examples.inputs, examples.targets, measured, examples.samples, examples.features)


def assert_equations_of(found: NormalEquations, examples: Examples, tolerance: float) -> None:
    """Compare with the same sums of all of the samples that count, at once and in float64."""
    inputs = examples.inputs[found.rows].astype(np.float64)
    targets = examples.targets[np.ix_(found.rows, found.columns)].astype(np.float64)
    assert found.samples == len(inputs)
    np.testing.assert_allclose(found.mean_inputs, inputs.mean(axis=0), rtol=tolerance)
    np.testing.assert_allclose(found.mean_targets, targets.mean(axis=0), rtol=tolerance, atol=tolerance)
    inputs -= inputs.mean(axis=0)
    gram = inputs.T @ inputs
    targets -= targets.mean(axis=0)
    np.testing.assert_allclose(found.gram, gram, rtol=tolerance, atol=tolerance * gram.max())
    cross = inputs.T @ targets
    np.testing.assert_allclose(found.cross, cross, rtol=tolerance, atol=tolerance * np.abs(cross).max())
    np.testing.assert_allclose(found.squares, (targets**2).sum(axis=0), rtol=tolerance)


def test_sums_over_blocks_equal_those_of_whole_matrices(many: Examples) -> None:
    (found,) = normal_equations(many)
    assert (found.columns == np.arange(TARGETS)).all()
    assert_equations_of(found, many, 1e-5)


def test_targets_measured_in_the_same_samples_share_their_equations(many: Examples) -> None:
    examples = with_gaps(many)
    sets = normal_equations(examples)
    assert sorted(map(len, (found.columns for found in sets))) == [1, 2, TARGETS - 4]
    for found in sets:
        expected = np.flatnonzero(examples.measured[:, found.columns[0]])
        np.testing.assert_array_equal(found.rows, expected)
        assert_equations_of(found, examples, 1e-5)
    assert 900 not in np.concatenate([found.columns for found in sets])


def test_the_number_of_threads_changes_no_number(many: Examples) -> None:
    one, three = (normal_equations(with_gaps(many), threads) for threads in (1, 3))
    for first, second in zip(one, three, strict=True):
        for part in ("mean_inputs", "mean_targets", "gram", "cross", "squares"):
            np.testing.assert_array_equal(getattr(first, part), getattr(second, part))


@pytest.mark.parametrize("gaps", [False, True])
def test_a_file_gives_the_numbers_of_the_same_matrix_in_memory(many: Examples, tmp_path: Path, gaps: bool) -> None:
    examples = with_gaps(many) if gaps else many
    var = pd.DataFrame(
        {"role": ["landmark"] * LANDMARKS + ["target"] * TARGETS},
        index=[f"g{number}" for number in range(LANDMARKS + TARGETS)],
    )
    # Every other row of the file is a sample of another part.
    rows = np.arange(0, 2 * SAMPLES, 2)
    values, measured = (np.zeros((2 * SAMPLES, len(var)), dtype) for dtype in (np.float32, np.bool_))
    values[rows] = np.concatenate([examples.inputs, examples.targets], axis=1)
    measured[rows] = np.concatenate([np.ones((SAMPLES, LANDMARKS), bool), examples.measured], axis=1)
    obs = pd.DataFrame(index=[f"s{number}" for number in range(2 * SAMPLES)])
    write_matrix(tmp_path / "normalised.h5ad", obs, var, values, {"measured": measured})
    with open_matrix(tmp_path / "normalised.h5ad") as matrix:
        stored = normal_equations(StoredExamples(matrix, rows))
    for first, second in zip(stored, normal_equations(examples), strict=True):
        np.testing.assert_array_equal(first.cross, second.cross)
        np.testing.assert_array_equal(first.gram, second.gram)
        np.testing.assert_array_equal(first.rows, second.rows)


def nearly_collinear(make_examples: MakeExamples, noise: float) -> Examples:
    """Return examples whose last landmark is the first, but for a little noise that all targets depend on."""
    random = np.random.default_rng(3)
    inputs = random.normal(size=(SAMPLES, 10))
    inputs[:, 9] = inputs[:, 0] + noise * random.normal(size=SAMPLES)
    inputs = inputs.astype(np.float32).astype(np.float64)
    targets = (inputs[:, 9:] - inputs[:, :1]) / noise + 0.1 * random.normal(size=(SAMPLES, 4))
    return make_examples(inputs, targets)


def relative_error_of_ols(examples: Examples) -> float:
    expected = LinearRegression().fit(examples.inputs.astype(np.float64), examples.targets.astype(np.float64)).coef_.T
    found: NDArray[np.float32] = Ols().fit(examples, examples).model.coefficients
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_nearly_collinear_landmarks_are_summed_in_float64(
    make_examples: MakeExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = nearly_collinear(make_examples, 1e-4)
    accurate = relative_error_of_ols(examples)
    assert accurate < 1e-6
    monkeypatch.setattr(module._Sums, "is_well_conditioned", lambda sums: True)
    # What the rule is there for: float32 alone is far off.
    assert relative_error_of_ols(examples) > 30 * accurate


def test_a_duplicated_landmark_among_many_samples_takes_the_solution_of_minimum_norm(
    make_examples: MakeExamples,
) -> None:
    examples = nearly_collinear(make_examples, 0.5)
    examples.inputs[:, 9] = examples.inputs[:, 0]
    examples.inputs[:, 5] = 2.5
    assert relative_error_of_ols(examples) < 1e-5


def test_landmarks_collinear_among_the_measured_samples_alone_are_summed_in_float64(
    make_examples: MakeExamples,
) -> None:
    examples = nearly_collinear(make_examples, 1e-4)
    # Among the other samples they are not collinear, so that the whole Gram matrix looks sound.
    examples.inputs[4000:, 9] = np.random.default_rng(1).normal(size=1000)
    measured = np.ones(examples.targets.shape, bool)
    measured[4000:, 2] = False
    found = Ols().fit(*[Examples(examples.inputs, examples.targets, measured, examples.samples, examples.features)] * 2)
    rows = slice(0, 4000)
    expected = (
        LinearRegression().fit(examples.inputs[rows].astype(float), examples.targets[rows, 2].astype(float)).coef_
    )
    assert np.linalg.norm(found.model.coefficients[:, 2] - expected) / np.linalg.norm(expected) < 1e-5
