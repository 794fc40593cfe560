"""Occupancy: the reference of any of the landmarks, without the training samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landex.occupancy import Bins, Occupancy
from landex.quantiles import map_onto, mean_quantiles


def test_two_landmarks_worked_out_by_hand() -> None:
    # Of four samples the first landmark is lowest in all, the second half of the time in the middle, half on top.
    occupancy = Occupancy(np.array([1.0, 2.0, 4.0]), np.array([[1, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5]], np.float32))
    np.testing.assert_allclose(occupancy.reference_of(np.array([0, 1])), [1, 3])
    np.testing.assert_allclose(occupancy.reference_of(np.array([1, 2])), [2, 4])
    np.testing.assert_allclose(occupancy.reference_of(np.array([2])), [3])


@given(seed=st.integers(0, 1000), landmarks=st.integers(1, 12), samples=st.integers(1, 9), missing=st.booleans())
@settings(max_examples=50)
def test_all_landmarks_give_the_reference_itself_and_fewer_an_increasing_one(
    seed: int, landmarks: int, samples: int, missing: bool
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(samples, landmarks)).astype(np.float32)
    reference = mean_quantiles([values], landmarks)
    bins = Bins.of(reference)
    block = map_onto(values, reference)
    found = bins.counted(block[:3]) + bins.counted(block[3:])
    np.testing.assert_allclose(found.occupancy().reference_of(np.arange(landmarks)), reference, rtol=1e-5, atol=1e-6)
    if missing:
        block = np.where(random.random(block.shape) < 0.3, np.nan, block).astype(np.float32)
    some = np.flatnonzero(random.random(landmarks) < 0.5)
    if len(some):
        subset = bins.counted(block).occupancy().reference_of(some)
        assert subset.shape == some.shape
        assert (np.diff(subset) >= -1e-9).all()
        assert subset[0] >= reference[0] - 1e-6 and subset[-1] <= reference[-1] + 1e-6


def test_a_reference_over_many_genes_is_binned() -> None:
    random = np.random.default_rng(1)
    values = np.sort(random.normal(size=5000))
    bins = Bins.of(values)
    assert len(bins.values) == 1024
    landmark = np.full((10, 1), values[2500], np.float32)
    subset = bins.counted(landmark).occupancy().reference_of(np.array([0]))
    assert subset[0] == pytest.approx(values[2500], abs=0.01)
