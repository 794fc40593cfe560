"""Kernel ridge regression of many samples by Nystroem's method: ridge regression on features of the kernel.

Williams & Seeger 2001: for m centres z among the samples, K is replaced by K_nm K_mm^-1 K_mn. This is the product of
features phi(x) = K_mm^(-1/2)' k(x, z), so that what remains is ridge regression on them, from normal equations.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.baselines.kernel_model import Floats, KernelModel, kernel_of
from landex.baselines.least_squares import Ridge
from landex.baselines.linear_model import LinearModel
from landex.examples import ROWS_OF_BLOCK, Examples, ExampleSource
from landex.h5ad import Block

# Eigenvalues of the centres' kernel below this share of the largest are left out: such centres nearly repeat others,
# their features are what float32 makes of the difference, and any useful penalty takes them out.
_REPEATED = 1e-7


@dataclass(frozen=True)
class NystroemFeatures:
    """Samples with features of a kernel in place of their landmarks; see `ExampleSource`.

    Attributes
    ----------
    source
        The samples.
    centres
        Shape (centres, landmarks).
    gamma
        The kernel is exp(-gamma |a - b|^2) + slope ab.
    slope
        Of its linear part.
    root
        K_mm^(-1/2) of the centres' kernel, shape (centres, features).
    """

    source: ExampleSource
    centres: Block
    gamma: float
    slope: float
    root: Floats

    @property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return self.source.samples

    @property
    def features(self) -> pd.DataFrame:
        """A row a target."""
        return self.source.features

    @property
    def landmarks(self) -> int:
        """Number of features of the kernel."""
        return self.root.shape[1]

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator[Examples]:
        """Yield consecutive samples; see `ExampleSource`."""
        for block in self.source.blocks(rows):
            yield self._of(block)

    def load(self) -> Examples:
        """Return all samples in memory."""
        return self._of(self.source.load())

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some samples in memory."""
        return self._of(self.source.take(rows))

    def _of(self, block: Examples) -> Examples:
        inputs = (kernel_of(block.inputs, self.centres, self.gamma, self.slope) @ self.root).astype(np.float32)
        return Examples(inputs, block.targets, block.measured, block.samples, block.features)


def fit_nystroem(
    training: ExampleSource,
    select: ExampleSource,
    gamma: float,
    slope: float,
    lambdas: Sequence[float],
    choose: str,
    per_target: bool,
    centres: int,
    seed: int,
    threads: int,
) -> tuple[KernelModel, pd.DataFrame]:
    """Fit kernel ridge regression with the kernel exp(-gamma |a - b|^2) + slope ab by Nystroem's method.

    Parameters
    ----------
    training, select
        Samples, read in blocks.
    gamma, slope, lambdas, choose, per_target, centres, seed
        See `kernel_ridge.KernelRidge`; penalties are chosen as in `least_squares.Ridge`.
    threads
        Cores to use; they change numbers by rounding at most.

    Returns
    -------
    tuple
        The model, and a row a target: samples and lambda.
    """
    points = draw_centres(training, centres, seed)
    root = inverse_root(kernel_of(points, points, gamma, slope))
    known, tested = (NystroemFeatures(part, points, gamma, slope, root) for part in (training, select))
    fitted = Ridge(lambdas, choose, per_target).fit(known, tested, threads)
    linear = fitted.model
    assert isinstance(linear, LinearModel)
    coefficients = (root @ linear.coefficients).astype(np.float32)
    return KernelModel(points, gamma, coefficients, linear.intercept, slope), fitted.targets


def draw_centres(training: ExampleSource, count: int, seed: int) -> Block:
    """Return the landmarks of some samples, drawn without replacement, in the samples' order."""
    samples = len(training.samples)
    drawn = np.zeros(samples, bool)
    drawn[np.random.default_rng(seed).choice(samples, min(count, samples), replace=False)] = True
    chosen, start = [], 0
    for block in training.blocks():
        chosen.append(block.inputs[drawn[start : start + len(block.samples)]])
        start += len(block.samples)
    return np.concatenate(chosen)


def inverse_root(kernel: Floats) -> Floats:
    """Return R with R R' the (pseudo-)inverse of a symmetric positive matrix, shape (rows, rank)."""
    values, vectors = np.linalg.eigh(kernel)
    kept = values > _REPEATED * values[-1]
    return vectors[:, kept] / np.sqrt(values[kept])
