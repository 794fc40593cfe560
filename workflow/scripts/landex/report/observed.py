"""Observed against predicted: what the card of a gene draws, for some samples of every cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.examples import StoredExamples
from landex.h5ad import Block, open_matrix
from landex.parts import rows_of_part
from landex.predictions import open_predictions
from landex.summary import TEST

# Samples of a cohort: enough to see a relation in a small figure.
MOST_SAMPLES = 60
# Points of all genes, cohorts and scalings together: each costs the page about 2 bytes for three values.
MOST_POINTS = 2_000_000
# Steps of a z-score, a pixel of a small figure, and the largest that a byte holds, 6.35.
STEPS = 20
_LARGEST = 127
_MISSING = -128


@dataclass(frozen=True)
class Observed:
    """Some samples of one cohort and scaling.

    Attributes
    ----------
    samples
        Their names, evenly spaced among the cohort's.
    of
        How many samples the cohort has.
    truth
        int8, shape (targets, samples): z-scores in `STEPS`, clipped to what a byte holds; -128 where not measured.
    predicted
        By model, likewise.
    """

    cohort: str
    scaling: str
    samples: Sequence[str]
    of: int
    truth: NDArray[np.int8]
    predicted: Mapping[str, NDArray[np.int8]]


def steps_of(scores: Block) -> NDArray[np.int8]:
    """Return z-scores in whole steps, clipped."""
    return np.clip(np.rint(scores * STEPS), -_LARGEST, _LARGEST).astype(np.int8)


def samples_shown(genes: int, views: int) -> int:
    """Return how many samples of a cohort are drawn: 60, or fewer where the page would grow too large."""
    return max(10, min(MOST_SAMPLES, MOST_POINTS // max(1, genes * views)))


def read_observed(
    views: Sequence[tuple[str, str]],
    models: Sequence[str],
    predictions: Sequence[str],
    normalised: Mapping[str, str],
    split: str,
    genes: pd.Index,
) -> list[Observed]:
    """Read truth and predictions of some samples of every cohort and scaling.

    Parameters
    ----------
    views
        Cohorts and scalings.
    models
        The models to show.
    predictions
        Files named `{model}.{cohort}.h5`.
    normalised
        The normalised matrix of every cohort; that of `test` is the compendium's.
    split
        split.tsv.
    genes
        The targets in the order wanted.
    """
    paths = {(name.split(".")[0], name.split(".")[1]): path for path in predictions for name in [Path(path).name]}
    most = samples_shown(len(genes), len(views))
    found = []
    for cohort, scaling in views:
        with open_matrix(normalised[cohort]) as matrix:
            rows = rows_of_part(split, TEST) if cohort == TEST else None
            source = StoredExamples(matrix, rows, scaling)
            count = len(source.samples)
            step = max(1, -(-count // most))
            examples = source.take(np.arange(0, count, step))
        places = examples.features.index.get_indexer(genes)
        truth = np.where(examples.measured, steps_of(examples.targets), _MISSING).astype(np.int8)
        predicted = {}
        for model in models:
            with open_predictions(paths[model, cohort]) as stored:
                stored.check_same(source.samples, list(source.features.index), normalised[cohort])
                predicted[model] = _in_order(steps_of(stored.scores(scaling, slice(0, count, step))), places)
        found.append(Observed(cohort, scaling, examples.samples, count, _in_order(truth, places), predicted))
    return found


def _in_order(values: NDArray[np.int8], places: NDArray[np.intp]) -> NDArray[np.int8]:
    """Put targets, now in rows, in the order of the page; one that is not there counts as not measured."""
    return np.where(places[:, None] >= 0, values.T[places], np.int8(_MISSING))
