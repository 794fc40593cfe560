"""Other platforms' samples on the reference: ranks among distinct values, and Training Distribution Matching."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from landex.harmonise import Spread, by_training_distribution, map_distinct_ranks
from landex.quantiles import map_onto

REFERENCE = np.arange(10.0)


def by_dgexs_scripts(sample: NDArray[np.float32], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Do what its scripts do with one sample, step by step, in double precision."""
    distinct = np.unique(sample).tolist()
    positions = np.array([(distinct.index(value) + 1.0) / len(distinct) for value in sample])
    return reference[(positions * len(sample)).astype(int) - 1]


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 60))
def test_as_published_the_values_are_those_of_dgexs_scripts(seed: int, genes: int, levels: int) -> None:
    random = np.random.default_rng(seed)
    sample, reference = random.integers(0, levels, genes).astype(np.float32), np.sort(random.normal(size=genes))
    found = map_distinct_ranks(sample[None], reference, as_published=True)[0]
    np.testing.assert_array_equal(found, by_dgexs_scripts(sample, reference).astype(np.float32))


def test_whole_numbers_do_not_lose_the_650_ranks_that_floats_lose_at_the_papers_size() -> None:
    sample = np.random.default_rng(0).permutation(10_463).astype(np.float32)
    reference = np.arange(10_463.0)
    exact = map_distinct_ranks(sample[None], reference)[0]
    published = map_distinct_ranks(sample[None], reference, as_published=True)[0]
    # All values are distinct, so each has its own place.
    np.testing.assert_array_equal(exact, sample)
    assert np.count_nonzero(published != exact) == 650
    assert set(published[published != exact] - exact[published != exact]) == {-1}


def test_all_zeros_are_one_value_the_lowest_where_quantiles_give_them_the_middle_of_their_share() -> None:
    sample = np.array([[0, 0, 0, 0, 0, 0, 3, 1, 2, 9]], np.float32)
    # Five distinct values take every second of ten.
    assert map_distinct_ranks(sample, REFERENCE).tolist() == [[1, 1, 1, 1, 1, 1, 7, 3, 5, 9]]
    assert map_onto(sample, REFERENCE).tolist() == [[2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 8, 6, 7, 9]]


def test_missing_values_stay_missing_and_take_no_rank() -> None:
    sample = np.array([[np.nan, 4, np.nan, 4, 8], [np.nan] * 5], np.float32)
    np.testing.assert_array_equal(map_distinct_ranks(sample, REFERENCE), [[np.nan, 4, np.nan, 4, 9], [np.nan] * 5])


def test_more_distinct_values_than_the_reference_has_stay_within_it() -> None:
    assert map_distinct_ranks(np.arange(6, dtype=np.float32)[None], np.array([5.0, 6.0])).tolist() == [
        [5, 5, 5, 5, 5, 6]
    ]


@given(arrays(np.float32, (7, 5), elements=st.floats(-50, 50, width=32) | st.just(np.nan)))
def test_the_spread_of_blocks_is_that_of_numpys_quantiles_to_the_bit(values: NDArray[np.float32]) -> None:
    def blocks() -> Iterator[NDArray[np.float32]]:
        yield values[:2]
        yield values[2:]

    measured = values[~np.isnan(values)].astype(np.float64)
    if not len(measured):
        with pytest.raises(ValueError, match="no values"):
            Spread.of(blocks)
        return
    found = Spread.of(blocks)
    expected = np.quantile(measured, [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(
        [found.lowest, found.lower_quartile, found.upper_quartile, found.highest], expected, rtol=1e-12, atol=1e-12
    )


def tdm(value: float, own: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Do what TDM's R package does with one value in linear units; `own` is minimum and quartiles of all values."""
    low, first, third, high = np.exp2(np.quantile(reference, [0, 0.25, 0.75, 1]))
    own_low, own_first, own_third = own
    top = own_third + (high - third) / (third - first) * (own_third - own_first)
    bottom = max(own_low, own_first - (first - low) / (third - first) * (own_third - own_first))
    inside = min(max(value, bottom), top)
    return float(np.log2((inside - bottom) / (top - bottom) * (high - low) + low))


@pytest.mark.parametrize("shape", [0.3, 2.0], ids=["skewed", "narrow"])
def test_tdm_cuts_and_stretches_as_its_description_says(shape: float) -> None:
    random = np.random.default_rng(1)
    # At 101 values quartiles are values, so that they are the same in logs.
    linear, reference = random.gamma(shape, 300, (1, 101)) + 1, np.sort(random.normal(7, 1.5, 25))
    values = np.log2(linear).astype(np.float32)
    found = by_training_distribution(Spread.of(lambda: [values]))(values, reference)
    own = np.quantile(linear, [0, 0.25, 0.75])
    np.testing.assert_allclose(found, [[tdm(value, own, reference) for value in linear[0]]], rtol=1e-4)
    assert reference.min() - 1e-4 <= found.min() < found.max() <= reference.max() + 1e-4


def test_tdm_keeps_missing_values_missing() -> None:
    values = np.array([[1, np.nan, 3, 9]], np.float32)
    spread = Spread.of(lambda: [values])
    assert np.isnan(by_training_distribution(spread)(values, REFERENCE)).tolist() == [[False, True, False, False]]
