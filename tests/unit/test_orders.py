"""The order of values in samples: the same as argsort's, for every kind of float."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from landex.orders import orders_of

ANY_FLOAT32 = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(width=32))


def in_order(block: NDArray[np.floating]) -> NDArray[np.floating]:
    return block.ravel()[orders_of(block).places]


@given(ANY_FLOAT32)
def test_values_come_in_the_order_of_sort_with_missing_ones_last(block: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(in_order(block), np.sort(block, axis=1))
    orders = orders_of(block)
    np.testing.assert_array_equal(orders.counts, np.count_nonzero(~np.isnan(block), axis=1))
    # Every place of a row once.
    size = np.arange(block.size).reshape(block.shape)
    np.testing.assert_array_equal(np.sort(orders.places, axis=1), size)


@given(ANY_FLOAT32)
def test_ties_are_equal_values_and_missing_ones_are_not_tied(block: NDArray[np.float32]) -> None:
    ordered = np.sort(block, axis=1)
    expected = np.zeros(block.shape, bool)
    expected[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    np.testing.assert_array_equal(orders_of(block).tied, expected)


@given(ANY_FLOAT32)
def test_double_precision_is_ordered_alike(block: NDArray[np.float32]) -> None:
    single = orders_of(block)
    tied, counts = single.tied.copy(), single.counts
    double = orders_of(block.astype(np.float64))
    np.testing.assert_array_equal(double.tied, tied)
    np.testing.assert_array_equal(double.counts, counts)
    np.testing.assert_array_equal(block.ravel()[double.places], np.sort(block, axis=1))


def test_a_missing_value_with_a_minus_comes_last_too() -> None:
    block = np.array([[-np.nan, 3, -np.inf, np.nan, 1]], np.float32)
    assert np.signbit(block[0, 0])
    np.testing.assert_array_equal(in_order(block), [[-np.inf, 1, 3, np.nan, np.nan]])
    assert orders_of(block).counts.tolist() == [3]


def test_zero_and_minus_zero_are_tied() -> None:
    assert orders_of(np.array([[0.0, 1, -0.0]], np.float32)).tied.tolist() == [[False, True, False]]


def test_runs_name_row_and_ranks_of_equal_values_and_do_not_cross_rows() -> None:
    block = np.array([[5, 5, 1, 9, 9], [9, 2, 2, 2, 9], [4, 3, 2, 1, 0]], np.float32)
    row, first, last = orders_of(block).runs()
    assert list(zip(row.tolist(), first.tolist(), last.tolist(), strict=True)) == [
        (0, 1, 2),
        (0, 3, 4),
        (1, 0, 2),
        (1, 3, 4),
    ]


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (1, 1)])
def test_blocks_of_next_to_nothing_have_an_order(shape: tuple[int, int]) -> None:
    orders = orders_of(np.ones(shape, np.float32))
    assert orders.places.shape == orders.tied.shape == shape
    assert not orders.tied.any()


def test_the_ends_of_the_range_and_denormals_have_their_places() -> None:
    tiny, largest = np.float32(1e-45), np.finfo(np.float32).max
    ordered = [-np.inf, -largest, -1, -tiny, 0, tiny, 2 * tiny, 1, largest, np.inf, np.nan]
    block = np.array([ordered, ordered[::-1]], np.float32)
    np.testing.assert_array_equal(in_order(block), np.array([ordered, ordered], np.float32))
    assert not orders_of(block).tied.any()
    assert orders_of(block).counts.tolist() == [10, 10]
