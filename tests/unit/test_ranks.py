"""Ranks by packed integers against scipy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from landex.evaluation.ranks import average_ranks, standardised_ranks

Block = NDArray[np.float32]

# Few values of both signs, so that most rows hold ties, the two zeros among them; and any finite numbers.
FEW = st.sampled_from([-3.5, -1.0, -0.0, 0.0, 1e-40, 0.25, 2.0])
ANY = st.floats(width=32, allow_nan=False, allow_infinity=False)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 30))


@st.composite
def rows_with_mask(draw: st.DrawFn) -> tuple[Block, NDArray[np.bool_]]:
    shape = draw(SHAPES)
    values = draw(arrays(np.float32, shape, elements=draw(st.sampled_from([FEW.map(np.float32), ANY]))))
    return values, draw(arrays(np.bool_, shape))


@settings(max_examples=40)
@given(rows_with_mask())
def test_ranks_are_scipys_ties_negative_numbers_and_zeros_of_both_signs_included(
    drawn: tuple[Block, NDArray[np.bool_]],
) -> None:
    values, _ = drawn
    np.testing.assert_array_equal(average_ranks(values), rankdata(values, axis=1))


@settings(max_examples=40)
@given(rows_with_mask())
def test_what_is_not_measured_takes_no_rank(drawn: tuple[Block, NDArray[np.bool_]]) -> None:
    values, measured = drawn
    found = average_ranks(values, measured)
    for row, there in enumerate(measured):
        np.testing.assert_array_equal(found[row, there], rankdata(values[row, there]))
        np.testing.assert_array_equal(found[row, ~there], 0)


@pytest.mark.parametrize("filler", [np.nan, -np.nan, np.inf, -np.inf, -3e38, 0.0])
def test_nothing_that_stands_in_place_of_a_missing_value_matters(filler: float) -> None:
    values = np.array([[2, filler, -1, 2], [filler, filler, 7, -7]], np.float32)
    measured = np.array([[1, 0, 1, 1], [0, 0, 1, 1]], bool)
    assert average_ranks(values, measured).tolist() == [[2.5, 0, 1, 2.5], [0, 0, 2, 1]]


def test_ranks_do_not_change_their_arguments() -> None:
    values, measured = np.array([[3, -0.0, 1]], np.float32), np.array([[True, True, False]])
    before = values.copy(), measured.copy()
    average_ranks(values, measured)
    np.testing.assert_array_equal(values, before[0])
    assert np.signbit(values[0, 1])
    np.testing.assert_array_equal(measured, before[1])


def test_a_row_of_many_samples_has_all_its_ranks() -> None:
    """Above 2^16 places, and with ranks that single precision would round."""
    values = np.random.default_rng(1).permutation(70_000).astype(np.float32)[None]
    np.testing.assert_array_equal(average_ranks(values)[0], values[0] + 1)


@settings(max_examples=40)
@given(rows_with_mask())
def test_products_of_standardised_ranks_are_spearmans_correlations(drawn: tuple[Block, NDArray[np.bool_]]) -> None:
    values, measured = drawn
    other = np.random.default_rng(values.size).normal(size=values.shape).astype(np.float32)
    first, second = (standardised_ranks(each, measured) for each in (values, other))
    for row, there in enumerate(measured):
        np.testing.assert_array_equal(first[row, ~there], 0)
        if len(set(values[row, there].tolist())) < 2:
            np.testing.assert_array_equal(first[row], 0)
            continue
        expected = spearmanr(values[row, there], other[row, there]).statistic
        assert float(first[row] @ second[row]) == pytest.approx(expected, abs=1e-12)
        assert float(first[row] @ first[row]) == pytest.approx(1, abs=1e-12)


def test_rows_are_ranked_the_same_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    values, measured = random.integers(0, 9, (11, 13)).astype(np.float32), random.random((11, 13)) < 0.7
    whole = average_ranks(values, measured), standardised_ranks(values, measured)
    monkeypatch.setattr("landex.evaluation.ranks._VALUES", 30)
    for found, expected in zip((average_ranks, standardised_ranks), whole, strict=True):
        np.testing.assert_array_equal(found(values, measured), expected)


def test_a_constant_row_becomes_nothing_with_a_mask_and_without() -> None:
    values = np.full((1, 7), 0.1, np.float32)
    some = np.array([[1, 1, 0, 1, 1, 0, 1]], bool)
    np.testing.assert_array_equal(standardised_ranks(values), 0)
    np.testing.assert_array_equal(standardised_ranks(values, some), 0)
