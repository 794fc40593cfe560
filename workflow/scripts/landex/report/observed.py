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
from landex.predictions import StoredPredictions, open_predictions
from landex.summary import TEST

# Samples of a cohort: enough to see a relation in a small figure.
MOST_SAMPLES = 60
# Points of all genes, cohorts and scalings together: each costs the page about 2 bytes for three values.
MOST_POINTS = 2_000_000
# The finest step of a z-score, in thousandths: a pixel of a small figure.
FINEST = 50
_LARGEST = 127
# Samples read at once: predictions are stored in chunks of so many.
_RANGE = 1024
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
    steps
        uint16, shape (targets,): what a step of a target's z-scores is, in thousandths; as fine as a byte allows.
    truth
        int8, shape (targets, samples): z-scores in steps; -128 where not measured.
    predicted
        By model, likewise.
    """

    cohort: str
    scaling: str
    samples: Sequence[str]
    of: int
    steps: NDArray[np.uint16]
    truth: NDArray[np.int8]
    predicted: Mapping[str, NDArray[np.int8]]


def steps_of(scores: Sequence[Block]) -> NDArray[np.uint16]:
    """Return the steps in which z-scores of shape (samples, targets) fit into a byte, in thousandths, by target."""
    largest = np.max([np.abs(block).max(axis=0) for block in scores], axis=0)
    return np.clip(np.ceil(1000 * largest / _LARGEST), FINEST, np.iinfo(np.uint16).max).astype(np.uint16)


def in_steps(scores: Block, steps: NDArray[np.uint16]) -> NDArray[np.int8]:
    """Return z-scores in whole steps."""
    return np.clip(np.rint(1000 * scores / steps), -_LARGEST, _LARGEST).astype(np.int8)


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
            chosen = _evenly(len(source.samples), most)
            examples = source.take(chosen)
        said = {}
        for model in models:
            with open_predictions(paths[model, cohort]) as stored:
                stored.check_same(source.samples, list(source.features.index), normalised[cohort])
                said[model] = _rows_of(stored, scaling, chosen)
        steps = steps_of([np.where(examples.measured, examples.targets, 0), *said.values()])
        truth = np.where(examples.measured, in_steps(examples.targets, steps), np.int8(_MISSING))
        places = examples.features.index.get_indexer(genes)
        predicted = {model: _in_order(in_steps(scores, steps), places) for model, scores in said.items()}
        of_genes = np.where(places >= 0, steps[places], np.uint16(FINEST)).astype(np.uint16)
        count = len(source.samples)
        found.append(Observed(cohort, scaling, examples.samples, count, of_genes, _in_order(truth, places), predicted))
    return found


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    """Return at most so many rows of `count`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.intp))


def _rows_of(stored: StoredPredictions, scaling: str, rows: NDArray[np.intp]) -> Block:
    """Read some rows, range by range, so that each chunk of the file is read once."""
    blocks = [stored.scores(scaling, slice(int(some[0]), int(some[-1]) + 1))[some - some[0]] for some in _near(rows)]
    return np.concatenate(blocks)


def _near(rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Cut rows into those that share a range of `_RANGE`."""
    return np.split(rows, np.flatnonzero(np.diff(rows // _RANGE)) + 1)


def _in_order(values: NDArray[np.int8], places: NDArray[np.intp]) -> NDArray[np.int8]:
    """Put targets, now in rows, in the order of the page; one that is not there counts as not measured."""
    return np.where(places[:, None] >= 0, values.T[places], np.int8(_MISSING))
