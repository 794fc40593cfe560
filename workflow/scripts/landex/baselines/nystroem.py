"""Kernel ridge regression of many samples by Nystroem's method: ridge regression on features of the kernel.

Williams & Seeger 2001: for m centres z among the samples, K is replaced by K_nm K_mm^-1 K_mn. This is the product of
features phi(x) = K_mm^(-1/2)' k(x, z), so that what remains is ridge regression on them, from normal equations.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from landex.baselines.kernel_model import Floats, KernelModel, kernel_of
from landex.baselines.least_squares import Ridge
from landex.baselines.linear_model import LinearModel
from landex.examples import Examples, ExampleSource, MappedExamples
from landex.h5ad import Block

# Eigenvalues of the centres' kernel below this share of the largest are left out: such centres nearly repeat others,
# their features are what float32 makes of the difference, and any useful penalty takes them out.
_REPEATED = 1e-7


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

    def with_features(block: Examples) -> Examples:
        inputs = (kernel_of(block.inputs, points, gamma, slope) @ root).astype(np.float32)
        return replace(block, inputs=inputs)

    known, tested = (MappedExamples(part, with_features, root.shape[1]) for part in (training, select))
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
