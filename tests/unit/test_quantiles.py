"""Quantile normalisation: the rules for ties of R, qnorm and D-GEX, missing values, and one sample at a time."""

import numpy as np
import pandas as pd
import pytest
import qnorm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from landex.quantiles import TIES, Ties, map_onto, mean_quantiles


def distinct(seed: int, samples: int, genes: int) -> np.ndarray:
    """Return values without ties, each sample on a scale of its own."""
    random = np.random.default_rng(seed)
    order = np.argsort(random.random((samples, genes)), axis=1)
    steps = np.cumsum(random.uniform(0.01, 1, (samples, genes)), axis=1)
    values = np.take_along_axis(steps, order, axis=1) * random.uniform(0.5, 4, (samples, 1))
    return values.astype(np.float32)


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 40))
def test_without_ties_the_result_is_that_of_qnorm(seed: int, samples: int, genes: int) -> None:
    values = distinct(seed, samples, genes)
    mapped = map_onto(values, mean_quantiles([values], genes))
    # qnorm takes genes in rows.
    expected = qnorm.quantile_normalize(pd.DataFrame(values.T.astype(np.float64))).to_numpy().T
    np.testing.assert_allclose(mapped, expected, rtol=1e-6)


def test_ties_take_the_reference_at_their_mean_rank_as_in_r() -> None:
    first = [5.0, 2.0, 3.0, 4.0, 2.0, 2.0]  # sorted 2 2 2 3 4 5
    second = [4.0, 1.0, 4.0, 2.0, 0.0, 7.0]  # sorted 0 1 2 4 4 7
    values = np.array([first, second], np.float32)
    reference = mean_quantiles([values], 6)
    assert reference.tolist() == [1.0, 1.5, 2.0, 3.5, 4.0, 6.0]
    mapped = map_onto(values, reference)
    # 2, 2, 2 hold the ranks 1 to 3, mean rank 2: the second value of the reference.
    assert mapped[0].tolist() == [6.0, 1.5, 3.5, 4.0, 1.5, 1.5]
    # 4, 4 hold the ranks 4 and 5, mean rank 4.5: half way from 3.5 to 4.
    assert mapped[1].tolist() == [3.75, 1.5, 3.75, 2.0, 1.0, 6.0]


def test_samples_with_many_ties_come_out_as_from_preprocesscore_and_limma() -> None:
    values = np.array([[5, 2, 3, 4, 2, 2, 7, 0], [0, 0, 0, 1, 4, 4, 9, 9], [3, 3, 3, 3, 3, 3, 3, 8]], np.float32)
    # What preprocessCore 1.60 (normalize.quantiles) and limma 3.54 (normalizeQuantiles, ties = TRUE) print.
    expected = [
        [5.66666666667, 1.66666666667, 3.33333333333, 3.66666666667, 1.66666666667, 1.66666666667, 8, 1],
        [1.66666666667, 1.66666666667, 1.66666666667, 2, 3.5, 3.5, 6.83333333333, 6.83333333333],
        [2, 2, 2, 2, 2, 2, 2, 8],
    ]
    np.testing.assert_allclose(map_onto(values, mean_quantiles([values], 8)), expected, rtol=1e-7)


@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 40), st.integers(1, 20))
def test_by_its_rule_tied_values_come_out_as_from_qnorm(seed: int, samples: int, genes: int, levels: int) -> None:
    values = np.random.default_rng(seed).integers(0, levels, (samples, genes)).astype(np.float32)
    mapped = map_onto(values, mean_quantiles([values], genes), "mean_value")
    expected = qnorm.quantile_normalize(values.T.astype(np.float64)).T
    np.testing.assert_allclose(mapped, expected, rtol=1e-6, atol=1e-6)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 9))
def test_by_its_rule_tied_values_come_out_as_from_dgexs_scripts(seed: int, genes: int, levels: int) -> None:
    values = np.random.default_rng(seed).integers(0, levels, (3, genes)).astype(np.float32)
    reference = mean_quantiles([values], genes)
    ranks = (rankdata(values, axis=1) - 1).astype(int)
    np.testing.assert_array_equal(map_onto(values, reference, "lower_rank"), reference.astype(np.float32)[ranks])


@pytest.mark.parametrize("ties", TIES)
def test_missing_values_among_ties_change_no_rank(ties: Ties) -> None:
    reference = np.array([0.0, 10.0, 20.0, 30.0])
    mapped = map_onto(np.array([[2, np.nan, 2, 5]], np.float32), reference, ties)
    # Three values lie at 1/6, 1/2 and 5/6, where the reference is 5/3, 15 and 85/3.
    tied = {"mean_rank": 25 / 3, "mean_value": (5 / 3 + 15) / 2, "lower_rank": 5 / 3}[ties]
    np.testing.assert_allclose(mapped, [[tied, np.nan, tied, 85 / 3]], rtol=1e-6)


def test_three_ties_take_the_middle_of_the_reference_not_its_mean() -> None:
    reference = np.array([0.0, 1.0, 10.0, 11.0])
    mapped = map_onto(np.array([[7, 7, 7, 9], [1, 5, 5, 5], [3, 3, 3, 3]], np.float32), reference)
    # The mean over the tied ranks would be 11 / 3, 22 / 3 and 5.5.
    assert mapped.tolist() == [[1, 1, 1, 11], [0, 10, 10, 10], [5.5, 5.5, 5.5, 5.5]]


def test_a_sample_with_missing_values_takes_interpolated_quantiles() -> None:
    reference = np.array([0.0, 10.0, 20.0, 30.0])  # at 1/8, 3/8, 5/8, 7/8
    mapped = map_onto(np.array([[5, np.nan, 1, np.nan], [np.nan] * 4, [4, 3, 2, 1]], np.float32), reference)
    # Two values lie at 1/4 and 3/4: half way between the first two, and the last two, of the reference.
    np.testing.assert_array_equal(mapped[0], np.array([25, np.nan, 5, np.nan], np.float32))
    assert np.isnan(mapped[1]).all()
    assert mapped[2].tolist() == [30, 20, 10, 0]


def test_a_sample_with_missing_values_adds_its_interpolated_quantiles_to_the_reference() -> None:
    values = np.array([[8, np.nan, 0, np.nan], [4, 3, 2, 1]], np.float32)
    # 0 lies at 1/4 and 8 at 3/4; at 1/8, 3/8, 5/8 and 7/8 that is 0, 2, 6 and 8.
    assert mean_quantiles([values], 4).tolist() == [(0 + 1) / 2, (2 + 2) / 2, (6 + 3) / 2, (8 + 4) / 2]


@given(st.integers(0, 10_000))
def test_a_sample_alone_is_mapped_to_the_bit_as_in_its_batch(seed: int) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 30, (7, 25)).astype(np.float32)  # with many ties
    values[random.random(values.shape) < 0.05] = np.nan
    reference = mean_quantiles([values[:5]], 25)
    batch = map_onto(values, reference)
    for row in range(len(values)):
        np.testing.assert_array_equal(map_onto(values[row : row + 1], reference)[0], batch[row])


def test_the_reference_does_not_depend_on_how_samples_come_in_blocks() -> None:
    values = distinct(3, 9, 50)
    whole = mean_quantiles([values], 50)
    np.testing.assert_allclose(mean_quantiles([values[:2], values[2:3], values[3:]], 50), whole, rtol=1e-14)


@pytest.mark.parametrize("missing", [0, 0.1])
def test_the_reference_does_not_depend_on_the_number_of_threads(missing: float) -> None:
    values = distinct(4, 200, 30)
    values[np.random.default_rng(1).random(values.shape) < missing] = np.nan
    one, three = (mean_quantiles([values[:90], values[90:]], 30, threads) for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("change", [lambda values: 3 * values + 1, np.exp, lambda values: values**3])
def test_only_the_order_of_values_in_a_sample_counts(change: np.ufunc) -> None:
    values = distinct(5, 4, 30)
    reference = mean_quantiles([values], 30)
    np.testing.assert_array_equal(map_onto(change(values.astype(np.float64)), reference), map_onto(values, reference))
