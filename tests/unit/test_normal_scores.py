"""Normal scores of targets and back, against SciPy's ranks, and models that learn them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, rankdata

from landex.examples import Examples
from landex.normal_scores import NormalScores

MakeExamples = Callable[..., Examples]


@pytest.fixture
def skewed(make_examples: MakeExamples) -> Examples:
    """Return 400 samples of three targets: normal, log-normal, and at zero for the most part."""
    random = np.random.default_rng(0)
    third = np.maximum(random.normal(-0.5, 1, 400), 0)
    targets = np.column_stack([random.normal(size=400), np.exp(random.normal(size=400)), third])
    return make_examples(random.normal(size=(400, 4)), targets)


def test_scores_are_van_der_waerdens(skewed: Examples) -> None:
    scores = NormalScores.of(skewed).to_scores(skewed.targets)
    for target in range(3):
        expected = norm.ppf((rankdata(skewed.targets[:, target]) - 0.5) / 400)
        # The map is linear between 129 quantiles; ties at the edge of a run reach into the step beside it.
        assert np.abs(scores[:, target] - expected).max() < 0.06


def test_what_goes_there_comes_back(skewed: Examples) -> None:
    scale = NormalScores.of(skewed)
    back = scale.to_values(scale.to_scores(skewed.targets))
    assert np.abs(back - skewed.targets).max() < 1e-5 * np.abs(skewed.targets).max()


def test_the_median_of_scores_is_the_median_of_values(skewed: Examples) -> None:
    scale = NormalScores.of(skewed)
    middle = scale.to_values(np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(middle[0], np.median(skewed.targets, axis=0), atol=0.01)


def test_beyond_what_was_seen_the_map_is_constant(skewed: Examples) -> None:
    scale = NormalScores.of(skewed)
    lowest, highest = skewed.targets.min(axis=0), skewed.targets.max(axis=0)
    np.testing.assert_allclose(scale.to_values(np.float32([[-9] * 3, [9] * 3])), [lowest, highest], rtol=1e-6)
    far = scale.to_scores(np.float32([[-99] * 3, [99] * 3]))
    np.testing.assert_allclose(far, np.float32([[-scale.highest] * 3, [scale.highest] * 3]), rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(values=arrays(np.float32, (30, 2), elements=st.floats(-100, 100, width=32)))
def test_order_is_kept(values: np.ndarray, make_examples: MakeExamples) -> None:
    scale = NormalScores.of(make_examples(np.zeros((30, 1)), values))
    for column in range(2):
        ordered = np.sort(values[:, column])
        scores = scale.to_scores(np.column_stack([ordered, ordered]))[:, column]
        assert (np.diff(scores) >= 0).all()
        assert (
            np.diff(scale.to_values(np.linspace(-3, 3, 60, dtype=np.float32)[:, None].repeat(2, 1)), axis=0) >= 0
        ).all()


def test_only_measured_values_count(skewed: Examples) -> None:
    measured = np.ones(skewed.targets.shape, bool)
    measured[:100, 0] = measured[:, 1] = False
    targets = np.where(measured, skewed.targets, 1e6)
    scale = NormalScores.of(replace(skewed, targets=targets, measured=measured))
    middle = scale.to_values(np.zeros((1, 3), np.float32))[0]
    assert middle[0] == pytest.approx(np.median(skewed.targets[100:, 0]), abs=0.02)
    # Without a value the map leaves things as they are.
    assert scale.to_values(np.full((1, 3), 0.5, np.float32))[0, 1] == pytest.approx(0.5, abs=1e-6)


def test_some_targets_alone_and_from_a_file(skewed: Examples, tmp_path: Path) -> None:
    scale = NormalScores.of(skewed)
    wanted = scale.to_scores(skewed.targets)[:, [2, 0]]
    np.testing.assert_array_equal(
        scale.of_targets(np.array([2, 0])).to_scores(np.ascontiguousarray(skewed.targets[:, [2, 0]])), wanted
    )
    with h5py.File(tmp_path / "scale.h5", "w") as file:
        scale.write(file.create_group("scale"))
        again = NormalScores.read(file["scale"])
    np.testing.assert_array_equal(again.to_scores(skewed.targets), scale.to_scores(skewed.targets))
