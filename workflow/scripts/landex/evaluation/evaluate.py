"""A model's errors on a cohort: target by target, sample by sample, and over groups of both."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from landex.evaluation.distance import distances
from landex.evaluation.intervals import Intervals
from landex.evaluation.metrics import row_metrics
from landex.evaluation.ranks import Floats, Mask, standardised_ranks
from landex.evaluation.recall import recall
from landex.evaluation.strata import strata
from landex.evaluation.targets import counted_targets, identifiers
from landex.examples import Examples, StoredExamples
from landex.files import atomic
from landex.h5ad import Block, open_matrix
from landex.predictions import StoredPredictions, open_predictions

# Targets at a time: those of a chunk of predictions, of which fewer would read chunks again.
_TARGETS = 256
# A correlation over fewer samples, or under half of them, is often higher than a good prediction's over all.
_FEWEST_SAMPLES = 3
# Values of samples at a time.
_VALUES = 1 << 20


@dataclass(frozen=True)
class Evaluation:
    """Tables of one model on one cohort, with a column `scaling`.

    Attributes
    ----------
    targets
        A row a target: `IDENTIFIERS`, `row_metrics`, r_gene and r_gene_targets (see `recall`; the number of targets
        that it ranks among, which are those measured in at least half of the samples, and in three), and where there
        are intervals half_width (the mean over samples) and coverage.
    samples
        A row a sample: sample, series, group, `row_metrics` over its targets (overlapping ones left out), coverage.
    strata
        See `strata`.
    """

    targets: pd.DataFrame
    samples: pd.DataFrame
    strata: pd.DataFrame

    def write(self, targets: str | Path, samples: str | Path, strata: str | Path) -> None:
        """Write the three tables, with six digits: more than a metric in single precision holds."""
        for path, table in ((targets, self.targets), (samples, self.samples), (strata, self.strata)):
            with atomic(path) as temporary:
                table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def evaluate(
    predictions: str | Path,
    normalised: str | Path,
    rows: NDArray[np.intp] | None = None,
    intervals: Intervals | None = None,
    threads: int = 1,
) -> Evaluation:
    """Compare a model's predictions on a cohort with the truth.

    The truth is in memory, and its ranks; predictions are read in blocks.

    Parameters
    ----------
    predictions
        Result of `write_predictions`.
    normalised
        The normalised matrix that was predicted.
    rows
        Rows that were predicted; all by default.
    intervals
        The model's prediction intervals.
    threads
        Cores to use; they change no number.

    Returns
    -------
    Evaluation
        Targets that were measured in no sample have no row.

    Raises
    ------
    UserError
        If the predictions are of other samples or genes.
    """
    found: list[Evaluation] = []
    with open_predictions(predictions) as predicted, open_matrix(normalised) as matrix:
        bound = matrix.obs[["series", "group"]].astype(str).reset_index(drop=True)
        for scaling in predicted.scalings:
            stored = StoredExamples(matrix, rows, scaling)
            truth = stored.load()
            predicted.check_same(truth.samples, list(truth.features.index), normalised)
            far = np.ones(len(truth.samples))
            if intervals:
                intervals.check_same(list(truth.features.index), normalised)
                far = distances(truth.inputs, intervals.correlation, stored.measured_landmarks())
            with threadpool_limits(1):
                compared = _Compared(predicted, scaling, truth, intervals, far, threads)
                targets, samples = compared.targets(), compared.samples()
            for place, (name, values) in enumerate((bound if rows is None else bound.iloc[rows]).items(), 1):
                samples.insert(place, str(name), values.to_numpy())
            tables = (targets[targets["n"] > 0], samples, strata(targets[targets["n"] > 0], samples))
            found.append(Evaluation(*(table.assign(scaling=scaling) for table in tables)))
    return Evaluation(
        pd.concat([each.targets for each in found]),
        pd.concat([each.samples for each in found]),
        pd.concat([each.strata for each in found]),
    )


@dataclass(frozen=True)
class _Compared:
    """Predictions of one scaling beside the truth."""

    predicted: StoredPredictions
    scaling: str
    truth: Examples
    intervals: Intervals | None
    # Of the samples from the training samples, shape (samples,).
    distances: Floats
    threads: int

    def targets(self) -> pd.DataFrame:
        """Measure every target over samples."""
        places = list(_blocks(len(self.truth.features), _TARGETS))
        enough = max(_FEWEST_SAMPLES, len(self.truth.samples) / 2)
        ranks = np.empty(self.truth.targets.shape[::-1], np.float32)
        measured = None if self.truth.complete else np.ascontiguousarray(self.truth.measured.T)

        def rank(place: slice) -> None:
            truth, there = self._truth_of_targets(place)
            ranks[place] = standardised_ranks(truth, there)

        def measure(place: slice) -> pd.DataFrame:
            truth, there = self._truth_of_targets(place)
            said = np.ascontiguousarray(self.predicted.scores(self.scaling, targets=place).T)
            of_said = standardised_ranks(said, there)
            table = row_metrics(said, truth, there, (of_said, ranks[place]))
            # Where targets lack samples, recall wants ranks among all of them.
            of_all = of_said if there is None else standardised_ranks(said)
            own = np.arange(len(ranks))[place]
            table["r_gene"] = recall(of_all.astype(np.float32), ranks, own, counted, measured)
            table["r_gene_targets"] = max(int(counted.sum()) - 1, 0)
            if self.intervals:
                half = self.intervals.half_widths(place, self.distances, self._spread(targets=place)).T
                table["half_width"] = _mean(half, there)
                table["coverage"] = _coverage(np.abs(said - truth), half, there)
            return table

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(rank, places))
            counted: Mask = np.any(ranks, axis=1) & (self._measured_in() >= enough)
            tables = list(pool.map(measure, places))
        return pd.concat([identifiers(self.truth.features), pd.concat(tables, ignore_index=True)], axis=1)

    def samples(self) -> pd.DataFrame:
        """Measure every sample over its targets; overlapping ones, which copy an input, are left out."""
        counted = counted_targets(self.truth.features)
        everything = self.truth.complete and bool(counted.all())

        def measure(place: slice) -> pd.DataFrame:
            there = None if everything else self.truth.measured[place] & counted
            said, truth = self.predicted.scores(self.scaling, place), self.truth.targets[place]
            table = row_metrics(said, truth, there)
            if self.intervals:
                half = self.intervals.half_widths(slice(None), self.distances[place], self._spread(rows=place))
                table["coverage"] = _coverage(np.abs(said - truth), half, there)
            return table

        places = _blocks(len(self.truth.samples), max(1, _VALUES // max(1, len(counted))))
        with ThreadPoolExecutor(self.threads) as pool:
            tables = list(pool.map(measure, places))
        table = pd.concat(tables, ignore_index=True)
        table.insert(0, "sample", self.truth.samples)
        return table

    def _measured_in(self) -> NDArray[np.intp]:
        """Return the number of samples in which each target was measured, shape (targets,)."""
        return self.truth.measured.sum(axis=0, dtype=np.intp)

    def _truth_of_targets(self, place: slice) -> tuple[Block, Mask | None]:
        truth = np.ascontiguousarray(self.truth.targets[:, place].T)
        return truth, None if self.truth.complete else np.ascontiguousarray(self.truth.measured[:, place].T)

    def _spread(self, rows: slice = slice(None), targets: slice = slice(None)) -> Block | None:
        return self.predicted.spread(self.scaling, rows, targets) if self.predicted.has_spread else None


def _blocks(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _coverage(errors: Block, half_widths: Floats, measured: Mask | None) -> Floats:
    """Return shares of rows that lie inside their intervals; what has no interval counts neither way."""
    finite = np.isfinite(half_widths)
    everything = measured is None and bool(finite.all())
    return _mean(errors <= half_widths, None if everything else finite if measured is None else finite & measured)


def _mean(values: NDArray[np.generic], measured: Mask | None) -> Floats:
    """Return means of rows over what was measured, NaN where nothing was."""
    if measured is None:
        return values.mean(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.sum(values, axis=1, dtype=np.float64, where=measured) / measured.sum(axis=1)
