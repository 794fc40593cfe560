"""Linear baselines for all targets at once: least squares and ridge."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from landex.examples import Examples, Mask
from landex.h5ad import Block

Floats = NDArray[np.float64]

# Training samples at a time where their residuals are needed: bounds memory, not speed.
_ROWS = 1024


@dataclass(frozen=True)
class LinearModel:
    """An affine map from landmarks to targets.

    Attributes
    ----------
    coefficients
        Shape (landmarks, targets), float32.
    intercept
        Shape (targets,), float32.
    """

    coefficients: Block
    intercept: Block

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks)."""
        return inputs @ self.coefficients + self.intercept

    @property
    def parameters(self) -> int:
        """Number of fitted numbers."""
        return self.coefficients.size + self.intercept.size

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""
        group["coefficients"] = self.coefficients
        group["intercept"] = self.intercept

    @classmethod
    def read(cls, group: h5py.Group) -> "LinearModel":
        """Load what `write` stored."""
        return cls(group["coefficients"][:], group["intercept"][:])


@dataclass(frozen=True)
class _Normal:
    """Centred normal equations of some targets in the eigenbasis of the landmarks' Gram matrix.

    With the Gram matrix G = V diag(s) V', a penalty a gives the coefficients V (s + a)^-1 V'X'y.
    """

    samples: int
    mean_inputs: Floats
    mean_targets: Floats
    values: Floats
    vectors: Floats
    projected: Floats

    def coefficients(self, inverse: Floats) -> Floats:
        """Return V diag(inverse) V'X'Y; `inverse` has shape (landmarks, targets or 1)."""
        return self.vectors @ (inverse * self.projected)

    def model(self, inverse: Floats) -> tuple[Floats, Floats]:
        """Return coefficients and intercept."""
        coefficients = self.coefficients(inverse)
        return coefficients, self.mean_targets - self.mean_inputs @ coefficients


def _normal_equations(inputs: Floats, targets: Floats) -> _Normal:
    mean_inputs, mean_targets = inputs.mean(axis=0), targets.mean(axis=0)
    centred = inputs - mean_inputs
    values, vectors = np.linalg.eigh(centred.T @ centred)
    projected = vectors.T @ (centred.T @ (targets - mean_targets))
    return _Normal(len(inputs), mean_inputs, mean_targets, np.maximum(values, 0), vectors, projected)


def _patterns(measured: Mask) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield rows and targets that are measured together, so that missing values take part in nothing."""
    patterns, pattern_of_target = np.unique(measured, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        yield np.flatnonzero(patterns[:, number]), np.flatnonzero(pattern_of_target == number)


def fit_ols(training: Examples) -> LinearModel:
    """Fit ordinary least squares with intercept, all targets at once, in float64.

    Where landmarks are collinear or outnumber the samples, the solution is the one of minimum norm (as
    scikit-learn's LinearRegression).
    """
    landmarks, targets = training.inputs.shape[1], training.targets.shape[1]
    coefficients = np.zeros((landmarks, targets), np.float32)
    intercept = np.zeros(targets, np.float32)
    for rows, columns in _patterns(training.measured):
        if not len(rows):
            continue
        inputs = training.inputs[rows].astype(np.float64)
        normal = _normal_equations(inputs, training.targets[np.ix_(rows, columns)].astype(np.float64))
        # Eigenvalues of a singular Gram matrix are zero up to rounding.
        smallest = normal.values[-1] * max(inputs.shape) * np.finfo(np.float64).eps
        inverse = np.where(normal.values > smallest, 1 / np.maximum(normal.values, smallest or 1), 0)
        coefficients[:, columns], intercept[columns] = normal.model(inverse[:, None])
    return LinearModel(coefficients, intercept)


def fit_ridge(
    training: Examples, select: Examples, lambdas: Sequence[float], choose: str
) -> tuple[LinearModel, NDArray[np.float64]]:
    """Fit ridge regression with a penalty for every target.

    Minimises ||y - Xw||^2 + lambda n ||w||^2 for n training samples (Hoerl & Kennard 1970; lambda as in
    glmnet); the whole path comes from one eigendecomposition.

    Parameters
    ----------
    training, select
        What is learnt from, and a validation part.
    lambdas
        Penalties to choose from. Of equal errors the larger penalty wins.
    choose
        What has the lowest mean absolute error, target by target: `leave_one_out` (each training sample
        predicted by a fit to the others) or `select` (the validation part). A target that `select` does not
        measure is chosen by leave_one_out.

    Returns
    -------
    model, chosen
        The model, and every target's penalty, shape (targets,).
    """
    path = np.sort(np.asarray(lambdas, np.float64))[::-1]
    landmarks, targets = training.inputs.shape[1], training.targets.shape[1]
    coefficients = np.zeros((landmarks, targets), np.float32)
    intercept = np.zeros(targets, np.float32)
    chosen = np.full(targets, path[0])
    for rows, columns in _patterns(training.measured):
        if not len(rows):
            continue
        inputs = training.inputs[rows].astype(np.float64)
        outputs = training.targets[np.ix_(rows, columns)].astype(np.float64)
        normal = _normal_equations(inputs, outputs)
        seen = select.measured[:, columns].any(axis=0) & (choose == "select")
        errors = np.zeros((len(path), len(columns)))
        if not seen.all():
            errors[:, ~seen] = _leave_one_out_errors(normal, path, inputs, outputs)[:, ~seen]
        if seen.any():
            errors[:, seen] = _select_errors(normal, path, select, columns)[:, seen]
        chosen[columns] = path[np.argmin(errors, axis=0)]
        inverse = 1 / (normal.values[:, None] + chosen[columns] * normal.samples)
        coefficients[:, columns], intercept[columns] = normal.model(inverse)
    return LinearModel(coefficients, intercept), chosen


def _leave_one_out_errors(normal: _Normal, path: Floats, inputs: Floats, outputs: Floats) -> Floats:
    """Return every target's mean absolute leave-one-out error, shape (penalties, targets).

    Leaving a sample out divides its residual by 1 - h, with h its leverage (Allen 1974): here 1/n for the
    intercept plus sum z^2 / (s + lambda n) over the sample's coordinates z in the eigenbasis.
    """
    errors = np.zeros((len(path), outputs.shape[1]))
    for start in range(0, len(inputs), _ROWS):
        scores = (inputs[start : start + _ROWS] - normal.mean_inputs) @ normal.vectors
        centred = outputs[start : start + _ROWS] - normal.mean_targets
        for number, penalty in enumerate(path):
            shrunk = scores / (normal.values + penalty * normal.samples)
            leverage = 1 / normal.samples + np.einsum("ij,ij->i", shrunk, scores)
            residuals = centred - shrunk @ normal.projected
            errors[number] += np.abs(residuals / np.maximum(1 - leverage, 1e-12)[:, None]).sum(axis=0)
    return errors / len(inputs)


def _select_errors(normal: _Normal, path: Floats, select: Examples, columns: NDArray[np.intp]) -> Floats:
    """Return every target's mean absolute error on `select`, shape (penalties, targets)."""
    scores = (select.inputs - normal.mean_inputs) @ normal.vectors
    measured = select.measured[:, columns]
    errors = np.zeros((len(path), len(columns)))
    for number, penalty in enumerate(path):
        prediction = scores / (normal.values + penalty * normal.samples) @ normal.projected + normal.mean_targets
        absolute = np.where(measured, np.abs(prediction - select.targets[:, columns]), 0)
        errors[number] = absolute.sum(axis=0) / np.maximum(measured.sum(axis=0), 1)
    return errors


def describe_lambdas(chosen: Floats, lambdas: Sequence[float]) -> dict[str, Any]:
    """Summarise the penalties of a ridge model for metrics.json.

    `share_at_edge` is the share of targets whose penalty is the smallest or largest on offer; where it is
    large, `lambdas` should reach further.
    """
    edges = (min(lambdas), max(lambdas))
    return {
        "median": float(np.median(chosen)),
        "smallest": float(chosen.min()),
        "largest": float(chosen.max()),
        "share_at_edge": float(np.mean(np.isin(chosen, edges))),
    }
