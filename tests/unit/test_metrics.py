"""Metrics, row by row, against scipy and scikit-learn."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score, root_mean_squared_error

from landex.evaluation.metrics import METRICS, row_metrics
from landex.evaluation.ranks import standardised_ranks

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


def expected_metrics(prediction: NDArray[np.floating], truth: NDArray[np.floating]) -> list[float]:
    """Work out `METRICS` of one row in double precision."""
    nothing = np.zeros_like(truth)
    return [
        mean_absolute_error(truth, prediction),
        root_mean_squared_error(truth, prediction),
        pearsonr(truth, prediction).statistic,
        spearmanr(truth, prediction).statistic,
        r2_score(truth, prediction),
        1 - mean_squared_error(truth, prediction) / mean_squared_error(truth, nothing),
        float(np.mean(prediction - truth)),
        mean_absolute_error(truth, nothing),
    ]


def simulated(rows: int = 12, columns: int = 40, seed: int = 1) -> Arrays:
    random = np.random.default_rng(seed)
    truth = random.normal(0.3, 1, size=(rows, columns)).astype(np.float32)
    prediction = (0.6 * truth + random.normal(0, 0.7, truth.shape)).astype(np.float32)
    prediction[1] = np.round(prediction[1])  # ties
    truth[1] = np.round(truth[1])
    prediction[2] = -prediction[2]
    measured = random.random(truth.shape) < 0.7
    measured[:3] = True
    return prediction, truth, measured


def test_metrics_equal_those_of_scipy_and_scikit_learn_over_measured_values() -> None:
    prediction, truth, measured = simulated()
    # What stands in place of a missing value must not matter.
    table = row_metrics(np.where(measured, prediction, np.float32(1e6)), np.where(measured, truth, 0), measured)
    assert table.columns.tolist() == ["n", *METRICS]
    assert table["n"].tolist() == measured.sum(axis=1).tolist()
    for row, there in enumerate(measured):
        expected = expected_metrics(prediction[row, there].astype(float), truth[row, there].astype(float))
        assert table.loc[row, list(METRICS)].tolist() == pytest.approx(expected, rel=1e-9), row


def test_a_mask_of_all_is_no_mask_and_ranks_may_be_given() -> None:
    prediction, truth, _ = simulated()
    plain = row_metrics(prediction, truth)
    pd.testing.assert_frame_equal(row_metrics(prediction, truth, np.ones(truth.shape, bool)), plain, rtol=1e-12)
    ranks = standardised_ranks(prediction), standardised_ranks(truth)
    pd.testing.assert_frame_equal(row_metrics(prediction, truth, ranks=ranks), plain)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 9))
def test_rows_are_measured_the_same_in_every_block(seed: int, first: int) -> None:
    prediction, truth, measured = simulated(10, 15, seed)
    whole = row_metrics(prediction, truth, measured)
    blocks = [row_metrics(*(each[place] for each in (prediction, truth, measured))) for place in np.s_[:first, first:]]
    pd.testing.assert_frame_equal(pd.concat(blocks, ignore_index=True), whole)


def test_a_constant_truth_has_errors_but_no_correlation_and_no_r2() -> None:
    prediction, tenth = np.arange(10, dtype=np.float32)[None], np.float32(0.1)
    row = row_metrics(prediction, np.full((1, 10), tenth)).iloc[0]
    assert row["mae"] == pytest.approx(np.abs(np.arange(10) - tenth).mean())
    assert row["rmse"] == pytest.approx(np.sqrt(((np.arange(10) - tenth) ** 2).mean()))
    assert row["bias"] == pytest.approx(4.5 - tenth)
    assert row[["pearson", "spearman", "r2"]].isna().all()


def test_a_constant_prediction_has_no_correlation() -> None:
    truth = np.arange(9, dtype=np.float32)[None]
    for measured in (None, np.ones((1, 9), bool)):
        row = row_metrics(np.full((1, 9), np.float32(1 / 3)), truth, measured).iloc[0]
        assert row[["pearson", "spearman"]].isna().all()
        assert row["mae"] == pytest.approx(mean_absolute_error(truth, np.full((1, 9), 1 / 3)), rel=1e-6)


def test_a_row_that_is_constant_where_measured_alone_has_no_correlation() -> None:
    prediction, truth = np.array([[0.7, 0.7, 5, 0.7]], np.float32), np.array([[1, 2, 3, 4]], np.float32)
    row = row_metrics(prediction, truth, np.array([[1, 1, 0, 1]], bool)).iloc[0]
    assert row[["pearson", "spearman"]].isna().all()
    assert np.isfinite(row["r2"])


def test_a_perfect_prediction_is_perfect() -> None:
    truth = np.random.default_rng(2).normal(size=(3, 20)).astype(np.float32)
    table = row_metrics(truth, truth)
    assert table[list(METRICS[:-1])].to_numpy() == pytest.approx(np.array([[0, 0, 1, 1, 1, 1, 0]] * 3))


def test_predicting_the_genes_mean_has_an_r2_against_the_null_of_exactly_nothing() -> None:
    truth = np.random.default_rng(3).normal(1, 1, size=(4, 30)).astype(np.float32)
    table = row_metrics(np.zeros_like(truth), truth)
    assert (table["r2_null"] == 0).all()
    assert (table["mae"] == table["null_mae"]).all()
    # Around the truth's own mean it is worse than nothing: the truth has moved.
    assert (table["r2"] < 0).all()


@pytest.mark.parametrize("measured", [0, 1])
def test_too_few_values_leave_no_correlation_and_raise_no_warning(measured: int) -> None:
    mask = np.zeros((1, 6), bool)
    mask[0, :measured] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = row_metrics(np.ones((1, 6), np.float32), np.full((1, 6), 3, np.float32), mask).iloc[0]
    assert row["n"] == measured
    assert row["mae"] == 2 if measured else row[list(METRICS)].isna().all()
    assert row[["pearson", "spearman", "r2"]].isna().all()


def test_single_precision_loses_nothing_over_many_samples() -> None:
    """Sums of 200,000 float32 values that share a large mean, where single precision would keep three digits."""
    random = np.random.default_rng(4)
    truth = random.normal(100, 1, size=(1, 200_000)).astype(np.float32)
    prediction = (truth + random.normal(0, 1, truth.shape)).astype(np.float32)
    row = row_metrics(prediction, truth).iloc[0]
    expected = expected_metrics(prediction[0].astype(float), truth[0].astype(float))
    assert row[list(METRICS)].tolist() == pytest.approx(expected, rel=1e-9)


def test_a_truth_that_is_zero_throughout_has_no_r2_against_zero() -> None:
    """Under own scaling a gene that was measured in one sample is 0 there; -inf would be every mean's value."""
    row = row_metrics(np.array([[0.5, -0.1]], np.float32), np.zeros((1, 2), np.float32)).iloc[0]
    assert np.isnan(row["r2_null"])
