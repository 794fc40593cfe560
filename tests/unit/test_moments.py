"""Moments and correlation gathered from blocks: those of all rows together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from landex.moments import Correlation, Moments


def values_of(seed: int, rows: int, columns: int, missing: float = 0.0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, columns)) @ random.normal(size=(columns, columns)) + random.normal(9, 5, columns)
    values[random.random(values.shape) < missing] = np.nan
    return values.astype(np.float32)


@given(st.integers(0, 10_000), st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from([0.0, 0.2]))
def test_moments_of_blocks_are_those_of_all_rows(seed: int, sizes: list[int], missing: float) -> None:
    values = values_of(seed, sum(sizes), 4, missing)
    found, start = None, 0
    for size in sizes:
        part = Moments.of(values[start : start + size])
        found, start = part if found is None else found + part, start + size
    assert found is not None
    for column, (count, mean, squares) in enumerate(zip(found.counts, found.means, found.squares, strict=True)):
        there = values[:, column][~np.isnan(values[:, column])].astype(np.float64)
        assert count == len(there)
        assert mean == pytest.approx(there.mean() if len(there) else 0, rel=1e-12)
        assert squares == pytest.approx(np.sum((there - there.mean()) ** 2) if len(there) else 0, rel=1e-9, abs=1e-12)


def test_a_large_mean_does_not_drown_the_deviation() -> None:
    values = 1e6 + np.random.default_rng(1).integers(0, 16, (400, 3)).astype(np.float32) / 16
    found = Moments.of(values[:100]) + Moments.of(values[100:])
    np.testing.assert_allclose(found.deviations(), values.astype(np.float64).std(axis=0), rtol=1e-9)


def test_a_constant_or_missing_column_has_a_deviation_of_1() -> None:
    values = np.array([[7.1, np.nan, 1], [7.1, np.nan, 3]], np.float32)
    assert (Moments.of(values[:1]) + Moments.of(values[1:])).deviations().tolist() == [1, 1, 1]


@given(st.integers(0, 10_000), st.integers(3, 60))
def test_the_shrunk_correlation_is_that_of_scikit_learn(seed: int, rows: int) -> None:
    values = values_of(seed, rows, 6).astype(np.float64)
    scores = (values - values.mean(axis=0)) / values.std(axis=0)
    covariance, _ = ledoit_wolf(scores)
    deviation = np.sqrt(np.diag(covariance))
    found = Correlation.of(scores[: rows // 2]) + Correlation.of(scores[rows // 2 :])
    np.testing.assert_allclose(found.shrunk(), covariance / np.outer(deviation, deviation), atol=1e-10)


def test_a_missing_score_counts_as_its_mean() -> None:
    scores = values_of(3, 20, 5, 0.1)
    np.testing.assert_array_equal(Correlation.of(scores).shrunk(), Correlation.of(np.nan_to_num(scores)).shrunk())
