"""Nearest neighbours among samples: a new sample's targets are the means of those of similar training samples."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack
from threadpoolctl import threadpool_limits

from landex.baselines.carried import CarriedSamples
from landex.baselines.choices import best_values, describe_choice
from landex.examples import Examples, ExampleSource, evenly_spaced
from landex.h5ad import Block
from landex.models import Fitted, Model
from landex.threads import blas_threads

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# More select samples choose no better k, and each costs a prediction of every target at every k.
_MOST_CHOOSING = 1024
# Queries of one task: enough for products near the peak; with 100,000 training samples its bounds take 100 MB.
_QUERIES = 256
# Half the distance from 1 to the next float32: the largest relative error of one operation.
_ROUNDING = 2.0**-24


@dataclass(frozen=True)
class Knn:
    """k nearest neighbours regression: means of the targets of the training samples whose landmarks are nearest.

    Cover & Hart 1967. Distances are Euclidean, on the landmarks' z-scores. Equal to scikit-learn's
    KNeighborsRegressor; of equally distant samples the first in training counts. A value that was not measured is
    left out of its target's mean.

    Attributes
    ----------
    neighbours
        Numbers of neighbours k to choose from, by the mean absolute error of up to 1,024 select samples, evenly
        spaced, over all targets together. Of equal errors the larger k wins.
    weights
        `uniform`, or `distance`: proportional to 1 / distance; samples at distance 0 take all the weight.
    """

    neighbours: Sequence[int]
    weights: str = "distance"

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[Model]:
        """Fit to the training part; see `models.Estimator`."""
        carried = CarriedSamples.of(training)
        offered = sorted({min(count, len(carried.samples)) for count in self.neighbours}, reverse=True)
        errors = self._errors(carried, offered, evenly_spaced(select, _MOST_CHOOSING), threads)
        values = np.array(offered, np.float64)
        chosen = best_values(values, errors, per_target=False)
        model = KnnModel(carried, int(chosen[0]), self.weights)
        targets = pd.DataFrame(
            {"samples": carried.counts, "neighbours": model.neighbours}, index=training.features.index
        )
        return Fitted(model, targets, {"neighbours": describe_choice(chosen, values)})

    def _errors(self, carried: CarriedSamples, offered: Sequence[int], asked: Examples, threads: int) -> Floats:
        """Return every target's mean absolute error, shape (offered, targets); 0 where it is not measured."""
        nearest = NearestSamples(carried.inputs).find(asked.inputs, offered[0], threads)
        # All k at once: the training targets are read once.
        weights = vstack([nearest.carriers(count, self.weights) for count in offered], format="csr")
        predicted = carried.weighted_means(weights).reshape(len(offered), *asked.targets.shape)
        errors = np.empty((len(offered), carried.features))
        for number, prediction in enumerate(predicted):
            missed = np.where(asked.measured, np.abs(prediction - asked.targets), 0)
            errors[number] = missed.sum(axis=0, dtype=np.float64)
        return errors / np.maximum(asked.measured.sum(axis=0), 1)


@dataclass(frozen=True)
class KnnModel:
    """Training samples and how many of them count for a prediction.

    Attributes
    ----------
    carried
        The training samples.
    neighbours
        How many of them, k, a prediction is the mean of.
    weights
        `uniform` or `distance`; see `Knn`.
    """

    carried: CarriedSamples
    neighbours: int
    weights: str

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks)."""
        return self.predict_from(inputs, self.carriers(inputs))

    def predict_from(self, inputs: Block, carriers: csr_matrix) -> Block:
        """Return `predict(inputs)` from the carriers of the same inputs."""
        return self.carried.weighted_means(carriers)

    def carriers(self, inputs: Block) -> csr_matrix:
        """Return the weights of the training samples in each prediction, shape (samples, training samples)."""
        return self._nearest.find(inputs, self.neighbours, blas_threads()).carriers(self.neighbours, self.weights)

    @property
    def carried_samples(self) -> list[str]:
        """Names of the training samples."""
        return self.carried.samples

    @cached_property
    def _nearest(self) -> "NearestSamples":
        return NearestSamples(self.carried.inputs)

    @property
    def parameters(self) -> int:
        """Number of values carried."""
        return self.carried.size

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""
        self.carried.write(group.create_group("carried"))
        group.attrs["neighbours"] = self.neighbours
        group.attrs["weights"] = self.weights

    @classmethod
    def read(cls, group: h5py.Group) -> "KnnModel":
        """Load what `write` stored; targets stay in the file, which the caller keeps open."""
        return cls(CarriedSamples.read(group["carried"]), int(group.attrs["neighbours"]), str(group.attrs["weights"]))


@dataclass(frozen=True)
class Nearest:
    """The nearest training samples of some queries, nearest first.

    Attributes
    ----------
    squares
        Squared distances, shape (queries, k).
    rows
        Numbers of the training samples, shape (queries, k).
    samples
        How many training samples there are.
    """

    squares: Floats
    rows: Indices
    samples: int

    def carriers(self, count: int, weights: str) -> csr_matrix:
        """Return weights of the first `count` neighbours, shape (queries, training samples); each row sums up to 1."""
        distances = np.sqrt(self.squares[:, :count])
        shares = np.ones_like(distances)
        if weights == "distance":
            same = distances == 0
            shares = np.where(same.any(axis=1, keepdims=True), same, 1 / np.where(same, 1, distances))
        shares /= shares.sum(axis=1, keepdims=True)
        starts = np.arange(0, shares.size + 1, shares.shape[1])
        entries = (shares.astype(np.float32).ravel(), self.rows[:, :count].ravel(), starts)
        carriers = csr_matrix(entries, shape=(len(shares), self.samples))
        carriers.eliminate_zeros()
        carriers.sort_indices()
        return carriers


class NearestSamples:
    """Finds the training samples nearest to a query, exactly.

    With x a training sample, q a query and c small, one float32 matrix product gives

        bound = (1 - c) |x|^2 / 2 - q'x - c |q| |x|

    for all pairs. A float32 sum of m products is off by at most m u / (1 - m u) times the sum of their sizes, with
    u = 2^-24 and in whatever order they are added (Higham 2002, eq. 3.5). With c = 2 (p + 4) u for p landmarks,
    that is twice what p + 2 products and the rounding of their factors can err, the bound lies below
    s = |x|^2 / 2 - q'x, and s below bound + c (|x| + |q|)^2. s orders samples by distance: |x - q|^2 = 2 s + |q|^2.
    So no sample whose bound is above the largest of these upper bounds of any k samples can be among the k nearest.
    The distances of the others, hardly more than k, are computed from differences in float64.

    Parameters
    ----------
    inputs
        Shape (samples, landmarks), float32.
    """

    def __init__(self, inputs: Block) -> None:
        self._inputs = inputs
        self._slack = 2 * (inputs.shape[1] + 4) * _ROUNDING
        squares = np.einsum("ij,ij->i", inputs, inputs, dtype=np.float64)
        self._norms = np.sqrt(squares)
        self._extended = np.empty((len(inputs), inputs.shape[1] + 2), np.float32)
        self._extended[:, :-2] = inputs
        self._extended[:, -2] = (1 - self._slack) / 2 * squares
        self._extended[:, -1] = self._slack * self._norms

    def find(self, queries: Block, count: int, threads: int = 1) -> Nearest:
        """Return the `count` nearest samples of each query; of equally distant ones those with lower numbers.

        Parameters
        ----------
        queries
            Shape (queries, landmarks), float32.
        count
            Neighbours; no more than there are samples.
        threads
            Cores to use: they share the queries.
        """
        squares = np.empty((len(queries), count))
        rows = np.empty((len(queries), count), np.intp)

        def find_some(start: int) -> None:
            place = slice(start, start + _QUERIES)
            self._find(queries[place], squares[place], rows[place])

        # Python's threads and BLAS' own would fight over the cores.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
            list(workers.map(find_some, range(0, len(queries), _QUERIES)))
        return Nearest(squares, rows, len(self._inputs))

    def _find(self, queries: Block, squares: Floats, rows: Indices) -> None:
        """Fill in squared distances and numbers of the nearest samples."""
        count = rows.shape[1]
        norms = np.sqrt(np.einsum("ij,ij->i", queries, queries, dtype=np.float64))
        extended = np.ones((len(queries), queries.shape[1] + 2), np.float32)
        np.negative(queries, out=extended[:, :-2])
        extended[:, -1] = -norms
        bounds = extended @ self._extended.T
        for number, (query, bound, norm) in enumerate(zip(queries, bounds, norms, strict=True)):
            some = np.argpartition(bound, count - 1)[:count]
            limit = np.max(bound[some] + self._slack * (self._norms[some] + norm) ** 2)
            possible = np.flatnonzero(bound <= np.nextafter(np.float32(limit), np.float32(np.inf)))
            exact = self._squared_distances(query, possible)
            nearest = np.argsort(exact, kind="stable")[:count]
            squares[number], rows[number] = exact[nearest], possible[nearest]

    def _squared_distances(self, query: Block, rows: Indices) -> Floats:
        differences = self._inputs[rows].astype(np.float64)
        differences -= query
        # A sum along rows adds in the same order for every row: equal samples have equal distances.
        return np.square(differences, out=differences).sum(axis=1)
