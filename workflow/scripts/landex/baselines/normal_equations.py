"""Centred normal equations of all targets, accumulated block by block over samples that may lie on disk.

The products with the targets are the work: 2 n p t operations for n samples, p landmarks and t targets. Products
are taken in float32 and summed up over blocks in float64, and once more in float64 throughout where the landmarks
are so collinear that the rounding would show.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import threadpool_limits

from landex.baselines.measured_sets import Indices, measured_sets
from landex.examples import ExampleSource
from landex.threads import prefetched

Floats = NDArray[np.float64]

_logger = logging.getLogger(__name__)

# Samples of a block: fewer, and adding up the blocks' products would show beside making them.
_ROWS = 4096
# Targets of one task: its product with the landmarks stays in the processor's caches.
_COLUMNS = 1024
# Up to this many samples float64 costs nothing that anyone would notice.
_FEW_SAMPLES = 4096
# float32 products have a relative error near 1e-7; divided by this share of the mean eigenvalue it stays below 1e-4.
_ILL_CONDITIONED = 1e-3


@dataclass(frozen=True)
class NormalEquations:
    """Centred normal equations of targets that are measured in the same samples.

    Attributes
    ----------
    rows
        The training samples that count, by number.
    columns
        The targets, by number.
    mean_inputs, mean_targets
        Shapes (landmarks,) and (targets,).
    gram
        X'X of the centred landmarks, shape (landmarks, landmarks).
    cross
        X'Y with the centred targets, shape (landmarks, targets).
    squares
        Sum of squares of every centred target, shape (targets,).
    """

    rows: Indices
    columns: Indices
    mean_inputs: Floats
    mean_targets: Floats
    gram: Floats
    cross: Floats
    squares: Floats

    @property
    def samples(self) -> int:
        """Number of training samples that count."""
        return len(self.rows)

    @cached_property
    def _eigen(self) -> tuple[Floats, Floats]:
        values, vectors = np.linalg.eigh(self.gram)
        return np.maximum(values, 0), vectors

    @property
    def eigenvalues(self) -> Floats:
        """Eigenvalues of `gram`, increasing, shape (landmarks,)."""
        return self._eigen[0]

    @property
    def eigenvectors(self) -> Floats:
        """Eigenvectors of `gram`, one a column."""
        return self._eigen[1]

    def minimum_norm(self) -> Floats:
        """Return the coefficients of least squares, shape (landmarks, targets); of many solutions the smallest."""
        if is_well_conditioned(self.gram):
            solved: Floats = cho_solve(cho_factor(self.gram), self.cross)
            return solved
        size = max(self.samples, len(self.gram))
        # Eigenvalues of a singular matrix are zero up to rounding: NumPy's matrix_rank's rule for singular values.
        counts = self.eigenvalues > self.eigenvalues[-1] * size * np.finfo(np.float64).eps
        inverse = np.where(counts, 1 / np.where(counts, self.eigenvalues, 1), 0)
        return self.eigenvectors @ (inverse[:, None] * self.projected)

    @cached_property
    def projected(self) -> Floats:
        """`cross` in the eigenbasis, shape (landmarks, targets)."""
        return self.eigenvectors.T @ self.cross

    def intercept(self, coefficients: Floats) -> Floats:
        """Return the intercepts that go with coefficients of shape (landmarks, targets)."""
        return self.mean_targets - self.mean_inputs @ coefficients


class EquationSets:
    """Normal equations of all targets, a set for the targets that are measured in the same samples.

    Iterating builds one set after another, that with most targets first, so that only one is in memory: it costs a few
    times landmarks^2 and its share of landmarks x targets in float64. Targets that are measured nowhere are in none.
    """

    def __init__(self, sums: "_Sums", sets: list[tuple[Indices, Indices]], inputs: NDArray[np.float32]) -> None:
        self._sums = sums
        self._sets = sets
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._sets)

    def __iter__(self) -> Iterator[NormalEquations]:
        for rows, columns in self._sets:
            yield _centred(self._sums, self._gram_of(rows), rows, columns)

    def _gram_of(self, rows: Indices) -> Floats:
        """Return the Gram matrix of some rows, from those or from the others, whichever are fewer."""
        if len(rows) == self._sums.gram[-1, -1]:
            return self._sums.gram
        fewer = 2 * len(rows) <= len(self._inputs)
        chosen = rows if fewer else np.delete(np.arange(len(self._inputs)), rows)
        gram = np.zeros_like(self._sums.gram)
        for start in range(0, len(chosen), _ROWS):
            some = _extended(self._inputs[chosen[start : start + _ROWS]], self._sums.shift, np.float64)
            gram += some.T @ some
        return gram if fewer else self._sums.gram - gram


def normal_equations(training: ExampleSource, threads: int = 1) -> EquationSets:
    """Accumulate the normal equations of all targets.

    Parameters
    ----------
    training
        The samples; read once or twice, and once more where targets are not measured in all of them.
    threads
        Cores to use. They change no number.
    """
    samples = len(training.samples)
    few = samples <= _FEW_SAMPLES
    sums = _accumulate(training, np.float64 if few else np.float32, threads)
    gappy = any(gap is not None for gap in sums.gaps)
    # Some of the samples may be collinear where all are not.
    if not few and (gappy or not sums.is_well_conditioned()):
        _logger.info("landmarks are nearly collinear, or targets not always measured: products once more in float64")
        sums = _accumulate(training, np.float64, threads)
    inputs = np.empty((samples if gappy else 0, training.landmarks), np.float32)
    if gappy:
        start = 0
        for block in training.blocks():
            inputs[start : start + len(block.inputs)] = block.inputs
            start += len(block.inputs)
    return EquationSets(sums, _sets(sums.gaps, samples, len(training.features)), inputs)


def is_well_conditioned(gram: Floats) -> bool:
    """Tell whether no eigenvalue of a Gram matrix is small beside their mean."""
    values = np.linalg.eigvalsh(gram)
    return bool(values[0] > _ILL_CONDITIONED * values.mean())


@dataclass(frozen=True)
class _Sums:
    """Sums over all samples of products of landmarks, less `shift` and with a column of ones behind them.

    `gaps` lists, block by block, the masks of measured targets as bits, None where all are measured.
    """

    shift: Floats
    gram: Floats
    cross: Floats
    squares: Floats
    gaps: list[NDArray[np.uint8] | None]

    def is_well_conditioned(self) -> bool:
        mean = self.gram[-1, :-1] / self.gram[-1, -1]
        return is_well_conditioned(self.gram[:-1, :-1] - self.gram[-1, -1] * np.outer(mean, mean))


def _extended(inputs: NDArray[np.float32], shift: Floats, dtype: DTypeLike) -> NDArray[Any]:
    """Return landmarks less `shift`, with a column of ones behind them."""
    extended = np.ones((len(inputs), inputs.shape[1] + 1), dtype)
    np.subtract(inputs, shift, out=extended[:, :-1], casting="same_kind")
    return extended


def _accumulate(training: ExampleSource, dtype: DTypeLike, threads: int) -> _Sums:
    """Sum up over the blocks; products are of the given type, sums of blocks float64.

    A task is one block's product with some targets: the cores share the targets, not the samples, so that the
    order of additions depends on nothing but the blocks.
    """
    landmarks, targets = training.landmarks, len(training.features)
    gram = np.zeros((landmarks + 1, landmarks + 1))
    cross = np.zeros((landmarks + 1, targets))
    squares = np.zeros(targets)
    gaps: list[NDArray[np.uint8] | None] = []
    shift = next(training.blocks()).inputs.mean(axis=0, dtype=np.float64)
    # Python's threads and BLAS' own would fight over the cores.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
        for factor in prefetched(_factors(training, shift, dtype)):
            gaps.append(factor.gaps)

            def add_products(start: int, factor: _Factors = factor) -> None:
                place = slice(start, start + _COLUMNS)
                some = factor.targets[:, place].astype(dtype, copy=False)
                cross[:, place] += factor.landmarks.T @ some
                squares[place] += _sum_of_squares(some)

            waiting = [workers.submit(_add_gram, gram, factor.landmarks)]
            waiting += [workers.submit(add_products, start) for start in range(0, targets, _COLUMNS)]
            for task in waiting:
                task.result()
    return _Sums(shift, gram, cross, squares, gaps)


@dataclass(frozen=True)
class _Factors:
    """What is multiplied for one block: its landmarks, a column of ones behind them, and its targets."""

    landmarks: NDArray[np.floating]
    targets: NDArray[np.float32]
    gaps: NDArray[np.uint8] | None


def _factors(training: ExampleSource, shift: Floats, dtype: DTypeLike) -> Iterator[_Factors]:
    for block in training.blocks(_ROWS):
        complete = block.complete
        yield _Factors(
            _extended(block.inputs, shift, dtype),
            block.targets if complete else np.where(block.measured, block.targets, np.float32(0)),
            None if complete else np.packbits(block.measured, axis=0),
        )


def _add_gram(gram: Floats, landmarks: NDArray[np.floating]) -> None:
    gram += landmarks.T @ landmarks


def _sum_of_squares(values: NDArray[np.floating]) -> Floats:
    """Return the sums of squares of columns; float32 adds up no more than 64 of them, which the caches hold."""
    sums = np.zeros(values.shape[1])
    for start in range(0, len(values), 64):
        some = values[start : start + 64]
        sums += np.einsum("ij,ij->j", some, some)
    return sums


def _sets(gaps: list[NDArray[np.uint8] | None], samples: int, targets: int) -> list[tuple[Indices, Indices]]:
    """Return the samples that count and the targets that are measured in just these, for every such set."""
    if all(gap is None for gap in gaps):
        return [(np.arange(samples), np.arange(targets))]
    # Bits fill whole bytes: a block that is not the last has _ROWS rows, a multiple of 8.
    full = np.full((_ROWS // 8, targets), 255, np.uint8)
    return measured_sets(np.concatenate([full if gap is None else gap for gap in gaps]), samples)


def _centred(sums: _Sums, gram: Floats, rows: Indices, columns: Indices) -> NormalEquations:
    """Take the means out of the sums over some rows."""
    count = gram[-1, -1]
    mean_inputs = gram[-1, :-1] / count
    mean_targets = sums.cross[-1, columns] / count
    cross = sums.cross[:-1, columns]
    cross -= count * np.outer(mean_inputs, mean_targets)
    return NormalEquations(
        rows,
        columns,
        mean_inputs + sums.shift,
        mean_targets,
        gram[:-1, :-1] - count * np.outer(mean_inputs, mean_inputs),
        cross,
        np.maximum(sums.squares[columns] - count * mean_targets**2, 0),
    )
