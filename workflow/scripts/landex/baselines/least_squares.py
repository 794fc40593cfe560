"""Least squares and ridge regression of all targets at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from landex.baselines.choices import best_values, describe_choice
from landex.baselines.linear_model import LinearModel
from landex.baselines.normal_equations import Floats, NormalEquations, normal_equations
from landex.examples import Examples, ExampleSource
from landex.models import Fitted, Model

# More samples left out choose no better penalty, and each costs a prediction of every target at every penalty.
_MOST_LEFT_OUT = 4096


@dataclass(frozen=True)
class Ols:
    """Ordinary least squares with intercept.

    Where landmarks are collinear or outnumber the samples, the solution is the one of minimum norm (as
    scikit-learn's LinearRegression).
    """

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[Model]:
        """Fit to the training part; see `models.Estimator`. `select` has no say."""
        fit = _Fit(training)
        for normal in normal_equations(training, threads):
            fit.add(normal, normal.minimum_norm())
        return Fitted(fit.model, fit.targets)


@dataclass(frozen=True)
class Ridge:
    """Ridge regression: the minimum of ||y - Xw||^2 / n + lambda ||w||^2 for n training samples.

    Hoerl & Kennard 1970; lambda as in glmnet. The whole path comes from one eigendecomposition.

    Attributes
    ----------
    lambdas
        Penalties to choose from. Of equal errors the larger penalty wins.
    choose
        What has the lowest error: `leave_one_out` (mean absolute error of up to 4,096 training samples, evenly
        spaced, each predicted by a fit to all others), `gcv` (generalised cross-validation, Golub, Heath & Wahba
        1979: squared errors, at no cost) or `select` (mean absolute error there). A target that `select` does not
        measure is chosen by leave_one_out.
    per_target
        A penalty for every target, or one for all.
    """

    lambdas: Sequence[float]
    choose: str = "leave_one_out"
    per_target: bool = True

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[Model]:
        """Fit to the training part; see `models.Estimator`."""
        path = np.sort(np.asarray(self.lambdas, np.float64))[::-1]
        equations = normal_equations(training, threads)
        chosen = np.full(len(training.features), path[0])
        if not self.per_target:
            by_set = [self._errors(normal, path, training, select) for normal in equations]
            chosen[:] = best_values(path, np.concatenate(by_set, axis=1), per_target=False)[0]
        fit = _Fit(training)
        for normal in equations:
            if self.per_target:
                errors = self._errors(normal, path, training, select)
                chosen[normal.columns] = best_values(path, errors, per_target=True)
            inverse = 1 / (normal.eigenvalues[:, None] + chosen[normal.columns] * normal.samples)
            fit.add(normal, normal.eigenvectors @ (inverse * normal.projected))
        return Fitted(fit.model, fit.targets.assign(**{"lambda": chosen}), {"lambda": describe_choice(chosen, path)})

    def _errors(self, normal: NormalEquations, path: Floats, training: ExampleSource, select: ExampleSource) -> Floats:
        if self.choose == "gcv":
            return generalised_errors(normal, path)
        if self.choose == "leave_one_out":
            return leave_one_out_errors(normal, path, training)
        errors, measured = select_errors(normal, path, select)
        if not measured.all():
            # In the same units as the others', with which they may be averaged.
            errors[:, ~measured] = leave_one_out_errors(normal, path, training)[:, ~measured]
        return errors


class _Fit:
    """Collects the coefficients of sets of targets."""

    def __init__(self, training: ExampleSource) -> None:
        targets = len(training.features)
        self.model = LinearModel(np.zeros((training.landmarks, targets), np.float32), np.zeros(targets, np.float32))
        self.targets = pd.DataFrame({"samples": 0}, index=training.features.index)

    def add(self, normal: NormalEquations, coefficients: Floats) -> None:
        """Add a set of targets, with coefficients of shape (landmarks, targets)."""
        self.model.coefficients[:, normal.columns] = coefficients
        self.model.intercept[normal.columns] = normal.intercept(coefficients)
        self.targets.iloc[normal.columns, 0] = normal.samples


def generalised_errors(normal: NormalEquations, path: Floats) -> Floats:
    """Return the generalised cross-validation score of every target, shape (penalties, targets).

    n RSS / (n - tr H)^2 (Golub, Heath & Wahba 1979, eq. 1.4), with the intercept as one more parameter.
    """
    values, squared = normal.eigenvalues[:, None], normal.projected**2
    errors = np.empty((len(path), squared.shape[1]))
    for number, penalty in enumerate(path * normal.samples):
        shrunk = 1 / (values + penalty)
        explained = ((2 * shrunk - values * shrunk**2) * squared).sum(axis=0)
        freedom = max(normal.samples - 1 - float((values * shrunk).sum()), 1e-12)
        errors[number] = normal.samples * np.maximum(normal.squares - explained, 0) / freedom**2
    return errors


def leave_one_out_errors(normal: NormalEquations, path: Floats, training: ExampleSource) -> Floats:
    """Return every target's mean absolute leave-one-out error, shape (penalties, targets).

    Leaving a sample out divides its residual by 1 - h, with h its leverage (Allen 1974): here 1/n for the
    intercept plus sum z^2 / (s + lambda n) over the sample's coordinates z in the eigenbasis.
    """
    errors = np.zeros((len(path), len(normal.columns)))
    # Errors to choose by need no more than float32, in which the products are twice as fast.
    projected, means = normal.projected.astype(np.float32), normal.mean_targets.astype(np.float32)
    count = 0
    for block in _some_samples(normal, training):
        scores = (block.inputs - normal.mean_inputs) @ normal.eigenvectors
        centred = block.targets[:, normal.columns] - means
        count += len(scores)
        for number, penalty in enumerate(path * normal.samples):
            shrunk = scores / (normal.eigenvalues + penalty)
            leverage = 1 / normal.samples + np.einsum("ij,ij->i", shrunk, scores)
            residuals = centred - shrunk.astype(np.float32) @ projected
            np.abs(residuals, out=residuals)
            errors[number] += (1 / np.maximum(1 - leverage, 1e-12)) @ residuals
    return errors / count


def _some_samples(normal: NormalEquations, training: ExampleSource) -> Iterator[Examples]:
    """Yield, in blocks, at most `_MOST_LEFT_OUT` of the samples that count, evenly spaced."""
    step = -(-normal.samples // _MOST_LEFT_OUT)
    wanted = np.zeros(len(training.samples), bool)
    wanted[normal.rows[::step]] = True
    start = 0
    for block in training.blocks():
        rows = np.flatnonzero(wanted[start : start + len(block.samples)])
        start += len(block.samples)
        if len(rows):
            yield block.take(rows)


def select_errors(
    normal: NormalEquations, path: Floats, select: ExampleSource
) -> tuple[Floats, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """Return every target's mean absolute error on `select`, shape (penalties, targets), and whether it is measured."""
    errors = np.zeros((len(path), len(normal.columns)))
    counts = np.zeros(len(normal.columns))
    projected, means = normal.projected.astype(np.float32), normal.mean_targets.astype(np.float32)
    for block in select.blocks():
        scores = (block.inputs - normal.mean_inputs) @ normal.eigenvectors
        measured, truth = block.measured[:, normal.columns], block.targets[:, normal.columns]
        counts += measured.sum(axis=0)
        for number, penalty in enumerate(path * normal.samples):
            missed = (scores / (normal.eigenvalues + penalty)).astype(np.float32) @ projected
            missed += means
            missed -= truth
            np.abs(missed, out=missed)
            errors[number] += missed.sum(axis=0, where=measured, dtype=np.float64)
    return errors / np.maximum(counts, 1), counts > 0
