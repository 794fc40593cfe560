"""Lasso and elastic net of all targets at once."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from landex.baselines.admm import SparsePath, choose_steps
from landex.baselines.choices import best_values, describe_choice
from landex.baselines.linear_model import LinearModel
from landex.baselines.normal_equations import NormalEquations, normal_equations
from landex.baselines.quadratics import Floats, GramQuadratic
from landex.baselines.sparse_problem import Penalty
from landex.errors import UserError
from landex.examples import Examples, ExampleSource, Mask
from landex.h5ad import Block
from landex.models import Fitted, Model

_logger = logging.getLogger(__name__)

# Targets of one task: at 943 landmarks a batch of 1 MB stays in the processor's caches, and products with it run at
# their full speed.
_TARGETS = 256
# Their mean tells the step of ADMM within a factor of 2, at some twentieth of the work on 9,520 targets.
_PILOTS = 64


@dataclass(frozen=True)
class ElasticNet:
    """Elastic net: the minimum of ||y - Xw||^2 / 2n + lambda (r |w|_1 + (1 - r) / 2 ||w||^2) for n training samples.

    Zou & Hastie 2005, in the units of glmnet and of scikit-learn's ElasticNet, with an intercept that costs nothing;
    the lasso (Tibshirani 1996) at r = 1. All targets that are measured in the same samples share X'X.

    Attributes
    ----------
    lambdas
        Penalties to choose from, above 0, by the mean absolute error on the select part. Of equal errors the larger
        penalty wins. A target that select does not measure takes what is best for the others on average.
    l1_ratio
        r, above 0 and up to 1.
    per_target
        A penalty for every target, or one for all: the better choice on few select samples (on 49 of GDSC, in
        cross-validation, an error of .527 against .529).
    tolerance
        Duality gap, as a share of the target's sum of squares, at which a target is solved (scikit-learn's `tol`, and
        its default; a gap of 1e-8 changes the error on GDSC by less than 1e-6); from 1e-10. Below 1e-5 the work ends
        in float64.
    """

    lambdas: Sequence[float]
    l1_ratio: float = 0.1
    per_target: bool = False
    tolerance: float = 1e-4

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[Model]:
        """Fit to the training part; see `models.Estimator`.

        The solutions of all penalties are held in float32: 360 MB at the paper's 943 x 9,520 and 10 penalties, where
        solving twice would double the time.
        """
        lambdas = np.unique(np.asarray(self.lambdas, np.float64))[::-1]
        path = _Path.empty(len(lambdas), training)
        equations = normal_equations(training, threads)
        steps: Floats | None = None
        samples = np.zeros(len(training.features), np.intp)
        # The largest set, which comes first, has the say on the steps: they depend little on which samples are missing.
        for normal in equations:
            samples[normal.columns] = normal.samples
            steps = self._solve(normal, lambdas, steps, path, threads)
        chosen = best_values(lambdas, self._errors(path, select, threads), self.per_target)
        return self._fitted(path, lambdas, chosen, samples, training.features.index)

    def _solve(
        self, normal: NormalEquations, lambdas: Floats, steps: Floats | None, path: "_Path", threads: int
    ) -> Floats:
        """Fill in the solutions of a set of targets; return ADMM's steps."""
        penalties = [Penalty.of(strength, self.l1_ratio) for strength in lambdas.tolist()]
        count = normal.samples

        def batch(targets: NDArray[np.intp] | slice) -> tuple[Floats, Floats]:
            return np.ascontiguousarray(normal.cross[:, targets].T) / count, normal.squares[targets] / count

        quadratic = GramQuadratic(normal.gram / count, normal.eigenvalues / count, normal.eigenvectors)
        if steps is None:
            pilots = np.linspace(0, len(normal.columns) - 1, min(_PILOTS, len(normal.columns))).astype(np.intp)
            steps = choose_steps(quadratic, penalties, *batch(pilots))
        solver = SparsePath(quadratic, penalties, steps, self.tolerance)

        def solve_some(start: int) -> None:
            place = slice(start, start + _TARGETS)
            columns = normal.columns[place]
            for number, solutions in enumerate(solver.solve(*batch(place))):
                path.coefficients[number, columns] = solutions.coefficients
                path.intercepts[number, columns] = (
                    normal.mean_targets[place] - solutions.coefficients @ normal.mean_inputs
                )
                path.gaps[number, columns] = solutions.gaps

        # Python's threads and BLAS' own would fight over the cores.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
            list(workers.map(solve_some, range(0, len(normal.columns), _TARGETS)))
        return steps

    def _errors(self, path: "_Path", select: ExampleSource, threads: int) -> Floats:
        """Return every target's mean absolute error on the select part, shape (penalties, targets)."""
        errors = np.zeros(path.gaps.shape)
        counts = np.zeros(len(select.features), np.int64)
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
            for block in select.blocks():
                counts += block.measured.sum(axis=0)

                def add_errors(number: int, block: Examples = block) -> None:
                    missed = block.inputs @ path.coefficients[number].T
                    missed += path.intercepts[number]
                    missed -= block.targets
                    np.abs(missed, out=missed)
                    errors[number] += missed.sum(axis=0, where=block.measured, dtype=np.float64)

                list(workers.map(add_errors, range(len(errors))))
        measured = counts > 0
        if len(errors) > 1 and not measured.any():
            raise UserError("the select part measures no target to choose lambda by; give a single value in lambdas")
        errors /= np.maximum(counts, 1)
        errors[:, ~measured] = errors[:, measured].mean(axis=1, keepdims=True) if measured.any() else 0
        return errors

    def _fitted(
        self, path: "_Path", lambdas: Floats, chosen: Floats, samples: NDArray[np.intp], features: pd.Index
    ) -> Fitted[Model]:
        numbers = np.argmax(lambdas[:, None] == chosen, axis=0)
        targets = np.arange(len(chosen))
        coefficients = np.ascontiguousarray(path.coefficients[numbers, targets].T)
        table = pd.DataFrame(
            {
                "samples": samples,
                "lambda": chosen,
                "duality_gap": path.gaps[numbers, targets],
                "nonzero": np.count_nonzero(coefficients, axis=0),
            },
            index=features,
        )
        unsolved: Mask = ~(path.gaps.max(axis=0) <= self.tolerance)
        if unsolved.any():
            _logger.warning(
                "%d of %d targets did not reach a duality gap of %g at every penalty; the largest is %.2g (%s)",
                unsolved.sum(),
                len(unsolved),
                self.tolerance,
                path.gaps.max(),
                features[path.gaps.max(axis=0).argmax()],
            )
        found = {
            "lambda": describe_choice(chosen, lambdas),
            "largest_duality_gap": float(table["duality_gap"].max()),
            "unsolved": int(unsolved.sum()),
        }
        return Fitted(LinearModel(coefficients, path.intercepts[numbers, targets]), table, found)


@dataclass(frozen=True)
class _Path:
    """Solutions of all targets at all penalties: shapes (penalties, targets, landmarks) and (penalties, targets)."""

    coefficients: Block
    intercepts: Block
    gaps: Floats

    @classmethod
    def empty(cls, penalties: int, training: ExampleSource) -> "_Path":
        shape = penalties, len(training.features)
        coefficients = np.zeros((*shape, training.landmarks), np.float32)
        return cls(coefficients, np.zeros(shape, np.float32), np.zeros(shape))
