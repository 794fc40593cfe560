"""Paired tests against scipy, row by row."""

import time
import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest, false_discovery_control, rankdata, wilcoxon

from landex.evaluation.paired import adjusted, signed_ranks

Block = NDArray[np.float32]


def differences(rows: int, units: int, seed: int = 1, shift: float = 0.3) -> Block:
    return np.random.default_rng(seed).normal(shift, 1, size=(rows, units)).astype(np.float32)


@pytest.mark.parametrize("units", [1, 2, 5, 6, 13, 20, 50])
def test_rows_without_ties_have_scipys_exact_p_value(units: int) -> None:
    values = differences(15, units)
    expected = [wilcoxon(row.astype(float), method="exact").pvalue for row in values]
    np.testing.assert_allclose(signed_ranks(values).p, expected, rtol=1e-9)


def of_all_signs(row: NDArray[np.floating]) -> float:
    """Return the share of all signs of a row's ranks whose sum is as far from 0 as the row's, or farther."""
    left = row[~np.isnan(row) & (row != 0)]
    ranks = rankdata(np.abs(left))
    sums = np.array(list(product([-1, 1], repeat=len(left)))) @ ranks
    return float(np.mean(np.abs(sums) >= abs(ranks @ np.sign(left)) - 1e-9))


@given(st.lists(st.sampled_from([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, np.nan]), min_size=1, max_size=10))
def test_the_p_value_of_tied_differences_is_that_of_all_signs(values: list[float]) -> None:
    row = np.array(values, np.float32)
    expected = of_all_signs(row) if not np.isnan(row).all() else np.nan
    assert signed_ranks(row[None]).p[0] == pytest.approx(expected, rel=1e-9, nan_ok=True)


def test_tied_differences_of_one_size_are_a_sign_test() -> None:
    row = np.where(np.arange(50) < 33, 0.5, -0.5).astype(np.float32)
    assert signed_ranks(row[None]).p[0] == pytest.approx(binomtest(33, 50).pvalue, rel=1e-9)


def test_where_the_normal_p_value_takes_over_it_is_close_to_the_exact_one() -> None:
    values = differences(40, 51)
    found = signed_ranks(values).p
    counted = [wilcoxon(row.astype(float), method="exact").pvalue for row in values]
    np.testing.assert_allclose(found, counted, atol=0.01)


@pytest.mark.parametrize("units", [51, 200])
def test_long_rows_have_scipys_normal_p_value_with_ties_zeros_and_missing_units(units: int) -> None:
    values = differences(12, units, shift=0.1)
    values[3:6] = np.round(values[3:6] * 2) / 2
    values[6:9, 1::40] = np.nan
    values[9, :-55] = np.nan
    found = signed_ranks(values).p
    for row, there in zip(range(12), ~np.isnan(values), strict=True):
        left = values[row, there & (values[row] != 0)]
        if len(left) > 50:
            expected = wilcoxon(left.astype(float), method="asymptotic").pvalue
            assert found[row] == pytest.approx(expected, rel=1e-9), row


def test_short_rows_with_missing_units_are_those_without_them() -> None:
    values = differences(6, 16)
    values[2, [0, 3, 7]] = values[4, 1:12] = np.nan
    found = signed_ranks(values)
    for row in (2, 4):
        left = values[row, ~np.isnan(values[row])]
        assert found.p[row] == pytest.approx(wilcoxon(left, method="exact").pvalue)


def test_differences_of_zero_are_dropped() -> None:
    values = differences(3, 12)
    padded = np.hstack([values, np.zeros((3, 5), np.float32)])
    np.testing.assert_allclose(signed_ranks(padded).p, signed_ranks(values).p)
    np.testing.assert_allclose(signed_ranks(padded).effects, signed_ranks(values).effects)


@pytest.mark.parametrize("units", [8, 20, 60])
def test_the_p_value_of_a_gene_does_not_depend_on_the_genes_beside_it(units: int) -> None:
    """One gene with tied differences must not change the test of its whole block."""
    values = differences(4, units)
    values[0, :4] = 0.5
    alone = np.concatenate([signed_ranks(row[None]).p for row in values])
    np.testing.assert_allclose(signed_ranks(values).p, alone, rtol=1e-9)


def test_a_tie_in_a_block_of_few_units_costs_no_seconds() -> None:
    values = differences(2, 12)
    values[0, :2] = 0.5
    began = time.process_time()
    signed_ranks(values)
    assert time.process_time() - began < 0.5


def test_effects_by_hand() -> None:
    found = signed_ranks(np.array([[1, 2, 3, -4], [1, 1, 1, 1], [-2, 0, np.nan, -1], [1, -1, 0, 0]], np.float32))
    # (1 + 2 + 3 - 4) / 10.
    assert found.effects.tolist() == pytest.approx([0.2, 1, -1, 0])


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 70))
def test_turning_the_pair_around_turns_the_effect_and_keeps_p(seed: int, units: int) -> None:
    values = differences(3, units, seed)
    first, second = signed_ranks(values), signed_ranks(-values)
    np.testing.assert_allclose(first.p, second.p, rtol=1e-9)
    np.testing.assert_array_equal(first.effects, -second.effects)
    assert (np.abs(first.effects) <= 1 + 1e-12).all()


@pytest.mark.parametrize("units", [4, 80])
def test_no_difference_is_no_evidence_and_nothing_measured_is_nothing(units: int) -> None:
    values = np.zeros((3, units), np.float32)
    values[1] = np.nan
    values[2, 1:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = signed_ranks(values)
    np.testing.assert_array_equal(found.p, [1, np.nan, 1])
    np.testing.assert_array_equal(found.effects, [0, np.nan, 0])


@pytest.mark.parametrize("units", [10, 60])
def test_p_values_of_no_difference_are_not_too_small_too_often(units: int) -> None:
    p = signed_ranks(differences(4000, units, 3, 0)).p
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() <= level + 4 * np.sqrt(level * (1 - level) / 4000)


def test_q_values_by_hand() -> None:
    # 4 * .01 / 1, 4 * .02 / 2, then the least of 4 * .04 / 3 and .9 from behind.
    assert adjusted(np.array([0.02, 0.9, 0.01, 0.04])).tolist() == pytest.approx([0.04, 0.9, 0.04, 0.16 / 3])


def test_q_values_are_scipys_over_what_was_tested() -> None:
    p = np.random.default_rng(5).random(50) ** 3
    p[[4, 17]] = np.nan
    q, known = adjusted(p), ~np.isnan(p)
    np.testing.assert_allclose(q[known], false_discovery_control(p[known]))
    assert np.isnan(q[~known]).all()
    assert np.isnan(adjusted(np.full(3, np.nan))).all()
    assert len(adjusted(np.empty(0))) == 0
