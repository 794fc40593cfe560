"""SampleLASSO: a new sample is a sparse combination of training samples, and so are its targets."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, vstack
from threadpoolctl import threadpool_limits

from landex.baselines.admm import SparsePath, choose_steps
from landex.baselines.carried import CarriedSamples
from landex.baselines.choices import best_values, describe_choice
from landex.baselines.quadratics import Floats, Quadratic, cross_with_profiles, quadratic_of_profiles
from landex.baselines.sparse_problem import Penalty
from landex.examples import Examples, ExampleSource, evenly_spaced
from landex.h5ad import Block
from landex.models import Fitted, Model
from landex.threads import blas_threads

_logger = logging.getLogger(__name__)

# More select samples choose no better penalty for all, and each costs a regression at every penalty.
_MOST_CHOOSING = 512
# Some of them choose ADMM's steps too. Steps differ by factors of 2, which a few tell apart; each is solved for some
# four times as often as another query.
_PILOTS = 16
# Queries of one task: enough for products near the cores' full speed, few enough that 100 queries keep two cores busy.
# With 88,807 training samples, as many as keep a task's work space near 500 MB.
_MOST_QUERIES, _COEFFICIENTS = 64, 1 << 22


@dataclass(frozen=True)
class SampleLasso:
    """SampleLASSO (Mancuso et al. 2020, Expresto): a new sample is a sparse combination of training samples.

    With the landmarks x of a new sample, those of the training samples a row of X each, and p landmarks, w and b
    minimise ||x - X'w - b||^2 / 2p + lambda |w|_1 (Tibshirani 1996; scikit-learn's Lasso fitted to X' and x); the
    targets are Y'w + b. A training value that was not measured counts as 0, its gene's mean.

    Attributes
    ----------
    lambdas
        Penalties to choose from, above 0, by the mean absolute error of up to 512 select samples, evenly spaced, over
        all targets together. Of equal errors the larger penalty wins.
    tolerance
        Duality gap, as a share of the sample's sum of squares, at which its weights are found (scikit-learn's
        `tol`); from 1e-10. Below 1e-5 the work ends in float64.
    """

    lambdas: Sequence[float]
    tolerance: float = 1e-4

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[Model]:
        """Fit to the training part; see `models.Estimator`."""
        lambdas = np.unique(np.asarray(self.lambdas, np.float64))[::-1]
        carried = CarriedSamples.of(training)
        asked = evenly_spaced(select, _MOST_CHOOSING)
        quadratic = quadratic_of_profiles(carried.inputs)
        steps = _steps(carried.inputs, quadratic, asked.inputs, lambdas)
        combinations = Combinations(carried.inputs, quadratic, lambdas, steps, self.tolerance)
        combined = combinations.find(asked.inputs, threads)
        errors = _errors(carried, combined, asked)
        chosen = best_values(lambdas, errors[:, None], per_target=False)
        number = int(np.argmax(lambdas == chosen))
        model = SampleLassoModel(carried, lambdas[: number + 1], steps[: number + 1], self.tolerance)
        targets = pd.DataFrame({"samples": carried.counts, "lambda": float(chosen[0])}, index=training.features.index)
        found = {
            "lambda": describe_choice(chosen, lambdas),
            "largest_duality_gap": float(combined.gaps[number].max()),
            "unsolved": combined.unsolved(self.tolerance),
            "mean_carriers": combined.weights[number].nnz / len(asked.samples),
        }
        return Fitted(model, targets, found)


@dataclass(frozen=True)
class SampleLassoModel:
    """Training samples and the penalties that choose among them.

    Attributes
    ----------
    carried
        The training samples.
    lambdas, steps
        Penalties down to the one that was chosen, and ADMM's step for each. The steps were chosen at the fit, so that
        a prediction does not depend on the samples beside it.
    tolerance
        See `SampleLasso`.
    """

    carried: CarriedSamples
    lambdas: Floats
    steps: Floats
    tolerance: float

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks)."""
        return self.predict_from(inputs, self.carriers(inputs))

    def carriers(self, inputs: Block) -> csr_matrix:
        """Return the weights of the training samples in each prediction, shape (samples, training samples)."""
        return self._combinations.find(inputs, blas_threads()).weights[-1]

    def predict_from(self, inputs: Block, carriers: csr_matrix) -> Block:
        """Return `predict(inputs)` from the carriers of the same inputs."""
        predicted = self.carried.weighted_sums(carriers)
        predicted += _intercepts(self.carried.inputs, inputs, carriers)[:, None]
        return predicted

    @property
    def carried_samples(self) -> list[str]:
        """Names of the training samples."""
        return self.carried.samples

    @cached_property
    def _combinations(self) -> "Combinations":
        inputs = self.carried.inputs
        return Combinations(inputs, quadratic_of_profiles(inputs), self.lambdas, self.steps, self.tolerance)

    @property
    def parameters(self) -> int:
        """Number of values carried."""
        return self.carried.size

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""
        self.carried.write(group.create_group("carried"))
        group["lambdas"], group["steps"] = self.lambdas, self.steps
        group.attrs["tolerance"] = self.tolerance

    @classmethod
    def read(cls, group: h5py.Group) -> "SampleLassoModel":
        """Load what `write` stored; targets stay in the file, which the caller keeps open."""
        carried = CarriedSamples.read(group["carried"])
        return cls(carried, group["lambdas"][:], group["steps"][:], float(group.attrs["tolerance"]))


@dataclass(frozen=True)
class Combined:
    """Sparse combinations at every penalty.

    Attributes
    ----------
    weights
        A matrix a penalty, shape (queries, samples), float32.
    gaps
        Duality gaps as a share of each query's sum of squares, shape (penalties, queries).
    """

    weights: list[csr_matrix]
    gaps: Floats

    def unsolved(self, tolerance: float) -> int:
        """Return the number of queries with a gap above the tolerance, or none, at some penalty."""
        return int((~(self.gaps.max(axis=0) <= tolerance)).sum())


class Combinations:
    """Finds the sparse combinations of samples that are nearest to new samples.

    Parameters
    ----------
    inputs
        Landmarks of the samples, shape (samples, landmarks), float32.
    quadratic
        Of these.
    lambdas, steps
        Decreasing penalties and ADMM's step for each.
    tolerance
        See `SampleLasso`.
    """

    def __init__(self, inputs: Block, quadratic: Quadratic, lambdas: Floats, steps: Floats, tolerance: float) -> None:
        self._inputs, self._tolerance = inputs, tolerance
        self._path = SparsePath(quadratic, _penalties(lambdas), steps, tolerance)
        self._queries = min(_MOST_QUERIES, -(-_COEFFICIENTS // len(inputs)))

    def find(self, queries: Block, threads: int = 1) -> Combined:
        """Return the combinations for queries of shape (queries, landmarks).

        Parameters
        ----------
        queries
            New samples.
        threads
            Cores to use: they share the queries.
        """

        def find_some(start: int) -> tuple[list[csr_matrix], Floats]:
            solutions = self._path.solve(*_targets(queries[start : start + self._queries], self._inputs))
            found = [(csr_matrix(some.coefficients.astype(np.float32)), some.gaps) for some in solutions]
            return [weights for weights, _ in found], np.array([gaps for _, gaps in found])

        # Python's threads and BLAS' own would fight over the cores.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
            parts = list(workers.map(find_some, range(0, max(len(queries), 1), self._queries)))
        gaps = np.concatenate([gaps for _, gaps in parts], axis=1)
        weights = zip(*(weights for weights, _ in parts), strict=True)
        combined = Combined([vstack(some, format="csr") for some in weights], gaps)
        if unsolved := combined.unsolved(self._tolerance):
            _logger.warning(
                "%d of %d samples did not reach a duality gap of %g at every penalty; the largest is %.2g",
                unsolved,
                len(queries),
                self._tolerance,
                gaps.max(),
            )
        return combined


def _penalties(lambdas: Floats) -> list[Penalty]:
    return [Penalty.of(strength, 1) for strength in lambdas.tolist()]


def _targets(queries: Block, inputs: Block) -> tuple[Floats, Floats]:
    """Return x'X' / p, shape (queries, samples), and ||x||^2 / p of queries less their means."""
    centred = queries.astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    return cross_with_profiles(centred, inputs), np.square(centred).mean(axis=1)


def _steps(inputs: Block, quadratic: Quadratic, queries: Block, lambdas: Floats) -> Floats:
    """Return ADMM's steps, chosen on some of the queries."""
    pilots = np.linspace(0, len(queries) - 1, min(_PILOTS, len(queries))).astype(np.intp)
    return choose_steps(quadratic, _penalties(lambdas), *_targets(queries[pilots], inputs))


def _intercepts(inputs: Block, queries: Block, weights: csr_matrix) -> Block:
    """Return what the combinations leave of the queries' means, shape (queries,)."""
    means = inputs.mean(axis=1, dtype=np.float64)
    intercepts: Floats = queries.mean(axis=1, dtype=np.float64) - weights @ means
    return intercepts.astype(np.float32)


def _errors(carried: CarriedSamples, combined: Combined, asked: Examples) -> Floats:
    """Return the mean absolute error over all measured values of some samples, shape (penalties,)."""
    # All penalties at once: the training targets are read once.
    stacked = carried.weighted_sums(vstack(combined.weights, format="csr"))
    errors = np.empty(len(combined.weights))
    for number, predicted in enumerate(stacked.reshape(len(errors), *asked.targets.shape)):
        predicted += _intercepts(carried.inputs, asked.inputs, combined.weights[number])[:, None]
        errors[number] = np.abs(predicted - asked.targets).mean(where=asked.measured, dtype=np.float64)
    return errors
