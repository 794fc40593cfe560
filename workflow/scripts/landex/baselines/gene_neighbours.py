"""Nearest neighbours among genes: a target is the mean of the landmarks that resemble it in training."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from landex.baselines.choices import best_values, describe_choice
from landex.baselines.linear_model import LinearModel
from landex.examples import Examples, ExampleSource
from landex.models import Fitted, Model
from landex.threads import prefetched

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Targets of one task: with 2,048 samples their values take 8 MB in float64.
_COLUMNS = 512


@dataclass(frozen=True)
class KnnGe:
    """Gene-wise k nearest neighbours: a target is the mean of the k landmarks nearest to it in training.

    KNN-GE of D-GEX (Chen et al. 2016, section 2.2.3). Distances between a target's and a landmark's profile are
    Euclidean, on z-scores, over the training samples in which the target was measured; of equally distant landmarks
    the first counts. As a linear model it has coefficients 1 / k and no intercept.

    Attributes
    ----------
    neighbours
        Numbers of landmarks k to choose from, by the mean absolute error on `select`. Of equal errors the larger k
        wins.
    per_target
        A k for every target, or one for all. A target that `select` does not measure takes the one that is best on
        average.
    """

    neighbours: Sequence[int]
    per_target: bool = True

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[Model]:
        """Fit to the training part; see `models.Estimator`."""
        offered = sorted({min(count, training.landmarks) for count in self.neighbours}, reverse=True)
        distances, samples = mean_squared_distances(training, threads)
        order = np.argsort(distances, axis=1, kind="stable")[:, : offered[0]]
        values = np.array(offered, np.float64)
        chosen = best_values(values, _select_errors(order, offered, select, threads), self.per_target)
        # A target that was never measured has no neighbours.
        neighbours = np.where(samples > 0, chosen, 0)
        targets = pd.DataFrame(
            {
                "samples": samples,
                "neighbours": neighbours.astype(np.int64),
                "distance": np.sqrt(np.take_along_axis(distances, order[:, :1], axis=1)[:, 0]),
            },
            index=training.features.index,
        )
        model = _mean_of_neighbours(order, neighbours, training.landmarks)
        return Fitted(model, targets, {"neighbours": describe_choice(chosen, values)})


def mean_squared_distances(training: ExampleSource, threads: int = 1) -> tuple[Floats, NDArray[np.int64]]:
    """Return the mean squared difference of every target and landmark, and of how many samples it is the mean.

    (x'x - 2 x'y + y'y) / n over the n samples in which the target y was measured, summed up over blocks in float64.

    Parameters
    ----------
    training
        The samples; read once.
    threads
        Cores to use: they share the targets.

    Returns
    -------
    tuple
        Shapes (targets, landmarks), NaN for a target that was never measured, and (targets,).
    """
    targets, landmarks = len(training.features), training.landmarks
    sums = np.zeros((targets, landmarks))
    # x'x of the blocks in which every target was measured, and y'y.
    squares_of_landmarks = np.zeros(landmarks)
    squares_of_targets = np.zeros((targets, 1))
    samples = np.zeros(targets, np.int64)
    # Python's threads and BLAS' own would fight over the cores.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as workers:
        for block in prefetched(training.blocks()):
            inputs = block.inputs.astype(np.float64)
            squares = np.square(inputs)
            factors = -2 * inputs
            complete = block.complete
            samples += block.measured.sum(axis=0)
            if complete:
                squares_of_landmarks += squares.sum(axis=0)

            def add(
                start: int,
                block: Examples = block,
                complete: bool = complete,
                squares: Floats = squares,
                factors: Floats = factors,
            ) -> None:
                place = slice(start, start + _COLUMNS)
                values = block.targets[:, place].astype(np.float64)
                if not complete:
                    measured = block.measured[:, place]
                    values = np.where(measured, values, 0)
                    sums[place] += measured.T.astype(np.float64) @ squares
                squares_of_targets[place, 0] += np.square(values).sum(axis=0)
                sums[place] += values.T @ factors

            list(workers.map(add, range(0, targets, _COLUMNS)))
    sums += squares_of_landmarks
    sums += squares_of_targets
    # Rounding can leave a copy of a landmark just below 0.
    np.maximum(sums, 0, out=sums)
    sums /= np.where(samples > 0, samples, np.nan)[:, None]
    return sums, samples


def _select_errors(order: Indices, offered: Sequence[int], select: ExampleSource, threads: int) -> Floats:
    """Return every target's mean absolute error for every k offered (decreasing), shape (offered, targets)."""
    targets = len(order)
    errors = np.zeros((len(offered), targets))
    measured = np.zeros(targets, np.int64)
    with ThreadPoolExecutor(threads) as workers:
        for block in prefetched(select.blocks()):
            values = np.ascontiguousarray(block.inputs.T)
            measured += block.measured.sum(axis=0)

            def add(
                start: int,
                values: NDArray[np.float32] = values,
                outputs: NDArray[np.float32] = block.targets,
                counts: NDArray[np.bool_] = block.measured,
            ) -> None:
                place = slice(start, start + _COLUMNS)
                truth, counted = outputs[:, place].T, counts[:, place].T
                # From the smallest k to the largest, each sum goes on from the one before.
                sums, begin = np.zeros(truth.shape, np.float32), 0
                for number, count in reversed(list(enumerate(offered))):
                    sums += _indicators(order[place, begin:count], len(values)) @ values
                    begin = count
                    missed = np.where(counted, np.abs(sums / np.float32(count) - truth), 0)
                    errors[number, place] += missed.sum(axis=1, dtype=np.float64)

            list(workers.map(add, range(0, targets, _COLUMNS)))
    known = measured > 0
    errors[:, known] /= measured[known]
    if known.any():
        errors[:, ~known] = errors[:, known].mean(axis=1, keepdims=True)
    return errors


def _indicators(chosen: Indices, landmarks: int) -> csr_matrix:
    """Return ones at the landmarks chosen for every target, shape (targets, landmarks)."""
    ones = np.ones(chosen.size, np.float32)
    starts = np.arange(0, chosen.size + 1, chosen.shape[1])
    return csr_matrix((ones, chosen.ravel(), starts), shape=(len(chosen), landmarks))


def _mean_of_neighbours(order: Indices, neighbours: Floats, landmarks: int) -> LinearModel:
    """Return the model that averages the first landmarks in each target's order, as many as it has neighbours."""
    targets, ranks = np.nonzero(np.arange(order.shape[1]) < neighbours[:, None])
    coefficients = np.zeros((landmarks, len(order)), np.float32)
    coefficients[order[targets, ranks], targets] = 1 / neighbours[targets]
    return LinearModel(coefficients, np.zeros(len(order), np.float32))
