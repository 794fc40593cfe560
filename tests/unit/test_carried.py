"""Carried training samples: weighted sums and means against plain loops, and the way to a file and back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from landex.baselines import carried as module
from landex.baselines.carried import CarriedSamples
from landex.errors import UserError
from landex.examples import Examples, StoredExamples
from landex.h5ad import open_matrix

MakeExamples = Callable[..., Examples]


class InBlocks:
    """Examples that come in blocks of a few samples, as from a large file."""

    def __init__(self, examples: Examples, rows: int) -> None:
        self._examples, self._rows = examples, rows
        self.samples, self.features, self.landmarks = examples.samples, examples.features, examples.landmarks

    def blocks(self, rows: int = 0):
        return self._examples.blocks(self._rows)

    def load(self) -> Examples:
        return self._examples.load()


@pytest.fixture
def training(make_examples: MakeExamples) -> Examples:
    """Return 23 samples; rows 8 to 15 have gaps, filled with what must not count, and no target 4."""
    random = np.random.default_rng(0)
    measured = np.ones((23, 6), bool)
    measured[8:16] = random.random((8, 6)) < 0.5
    measured[8:16, 4] = False
    targets = np.where(measured, random.normal(size=(23, 6)), 1e30)
    return make_examples(random.normal(size=(23, 5)), targets, measured)


@pytest.fixture
def weights() -> NDArray[np.float32]:
    """Return weights of 7 queries, most of them 0; the last query has none, and one has only a sample with gaps."""
    random = np.random.default_rng(1)
    weights = np.where(random.random((7, 23)) < 0.3, random.random((7, 23)), 0).astype(np.float32)
    weights[5] = 0
    weights[5, 9] = 0.25
    weights[6] = 0
    return weights


def test_weighted_sums_take_what_is_not_measured_as_the_mean(training: Examples, weights: NDArray[np.float32]) -> None:
    carried = CarriedSamples.of(InBlocks(training, 8))
    expected = weights.astype(np.float64) @ np.where(training.measured, training.targets, 0)
    np.testing.assert_allclose(carried.weighted_sums(weights), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(carried.weighted_sums(csr_matrix(weights)), expected, rtol=1e-5, atol=1e-6)
    signed = weights - np.float32(0.3)
    expected = signed.astype(np.float64) @ np.where(training.measured, training.targets, 0)
    np.testing.assert_allclose(carried.weighted_sums(signed), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [4, 8, 100])
@pytest.mark.parametrize("sparse", [False, True])
def test_weighted_means_leave_out_what_is_not_measured(
    training: Examples, weights: NDArray[np.float32], rows: int, sparse: bool
) -> None:
    expected = np.zeros((7, 6))
    for query in range(7):
        for target in range(6):
            shares = [weights[query, row] if training.measured[row, target] else 0.0 for row in range(23)]
            if sum(shares):
                values = [training.targets[row, target] if share else 0.0 for row, share in enumerate(shares)]
                expected[query, target] = np.dot(shares, values) / sum(shares)
    found = CarriedSamples.of(InBlocks(training, rows)).weighted_means(csr_matrix(weights) if sparse else weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert (found[6] == 0).all() and found[5, 4] == 0 and (found[:5] != 0).all()


def test_small_weights_count_beside_large_ones_that_are_not_measured(make_examples: MakeExamples) -> None:
    measured = np.array([[True, False], [True, True]])
    training = make_examples(np.zeros((2, 1)), np.array([[1.0, 0.0], [3.0, 3.0]]), measured)
    found = CarriedSamples.of(InBlocks(training, 1)).weighted_means(np.array([[1, 1e-9]], np.float32))
    np.testing.assert_allclose(found, [[1, 3]], rtol=1e-6)


def test_samples_on_disk_and_in_memory_are_carried_alike(resources: Path) -> None:
    with open_matrix(resources / "demo/gdsc.h5ad") as matrix:
        rows = np.arange(0, 60)
        values = matrix.read(rows)
        matrix.var["role"] = ["landmark"] * 50 + ["target"] * (matrix.shape[1] - 50)
        features = matrix.var.iloc[50:]
        names = matrix.obs.index[rows].astype(str).tolist()
        in_memory = Examples(values[:, :50], values[:, 50:], np.ones(values[:, 50:].shape, bool), names, features)
        stored = StoredExamples(_AllMeasured(matrix), rows)
        weights = np.random.default_rng(0).random((3, 60)).astype(np.float32)
        one, two = CarriedSamples.of(in_memory), CarriedSamples.of(stored)
        np.testing.assert_array_equal(one.inputs, two.inputs)
        assert one.samples == two.samples == names
        np.testing.assert_array_equal(one.weighted_sums(weights), two.weighted_sums(weights))
        assert two.inputs.base is None, "a view keeps the whole block in memory"


class _AllMeasured:
    """A matrix whose layer `measured` says that all is."""

    def __init__(self, matrix) -> None:
        self._matrix = matrix
        self.obs, self.var, self.shape, self.path = matrix.obs, matrix.var, matrix.shape, matrix.path

    def read(self, rows: NDArray[np.intp], layer: str = "X") -> NDArray[np.generic]:
        values = self._matrix.read(rows)
        return np.ones(values.shape, bool) if layer == "measured" else values

    def blocks(self, rows: NDArray[np.intp], layer: str = "X") -> Iterator[tuple[slice, NDArray[np.float32]]]:
        return self._matrix.blocks(rows, layer)


@pytest.mark.parametrize("gaps", [False, True])
def test_what_is_written_is_read_back(
    training: Examples,
    make_examples: MakeExamples,
    weights: NDArray[np.float32],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gaps: bool,
) -> None:
    monkeypatch.setattr(module, "ROWS_OF_BLOCK", 8)
    if not gaps:
        training = make_examples(training.inputs, np.where(training.measured, training.targets, 0))
    carried = CarriedSamples.of(InBlocks(training, 8))
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        carried.write(file)
    with h5py.File(tmp_path / "weights.h5") as file:
        assert ("measured" in file) == gaps
        again = CarriedSamples.read(file)
        assert again.samples == training.samples
        assert again.size == carried.size == 23 * (5 + 6)
        np.testing.assert_array_equal(again.inputs, training.inputs)
        np.testing.assert_array_equal(again.counts, training.measured.sum(axis=0))
        for one, two in ((again, carried), (carried, CarriedSamples.of(training))):
            np.testing.assert_allclose(one.weighted_sums(weights), two.weighted_sums(weights), rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(one.weighted_means(weights), two.weighted_means(weights), rtol=1e-6, atol=1e-7)


def test_counts_say_how_often_each_target_was_measured(training: Examples) -> None:
    carried = CarriedSamples.of(InBlocks(training, 8))
    np.testing.assert_array_equal(carried.counts, training.measured.sum(axis=0))
    assert carried.features == 6


def test_a_value_that_is_not_finite_is_refused_with_its_place(training: Examples) -> None:
    training.inputs[11, 2] = np.inf
    with pytest.raises(UserError, match="sample s11, landmark number 3: inf"):
        CarriedSamples.of(InBlocks(training, 8))
