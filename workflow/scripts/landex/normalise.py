"""Normalised matrices: z-scores of landmarks (from landmarks alone) and of targets (over all genes)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.h5ad import Block, Matrix, create_matrix, open_matrix
from landex.parts import rows_of_part
from landex.quantiles import Reference, map_onto
from landex.references import References, Side, subset_references

_logger = logging.getLogger(__name__)

# Below this share of the landmarks the rest cannot be filled in with a meaning.
_FEWEST_LANDMARKS = 0.5
# Own scaling needs a mean and a deviation of the cohort itself.
_FEWEST_FOR_OWN_SCALING = 5


@dataclass(frozen=True)
class _MeasuredSide:
    """One side of a cohort: its features, and where its ranked genes lie in the cohort's columns.

    Attributes
    ----------
    columns
        Columns of the cohort's matrix that are ranked.
    places
        Place of each feature among these columns, -1 where the cohort does not measure it.
    reference
        The reference of the measured genes.
    """

    side: Side
    columns: NDArray[np.intp]
    places: NDArray[np.intp]
    reference: Reference

    def scores(self, block: Block) -> Block:
        """Return z-scores of the features, shape (rows, features), NaN where not measured."""
        quantiles = np.full((len(block), len(self.places)), np.nan, np.float32)
        measured = self.places >= 0
        quantiles[:, measured] = map_onto(block[:, self.columns], self.reference)[:, self.places[measured]]
        return self.side.standardise(quantiles)


def fill_landmarks(scores: Block, correlation: NDArray[np.float64]) -> Block:
    """Fill missing landmarks by their mean given those that are there, under a normal distribution.

    E[m | o] = C_mo C_oo^-1 z_o, with C the training samples' correlation (Anderson 2003, section 2.5).

    Parameters
    ----------
    scores
        z-scores, shape (rows, landmarks), NaN where missing.
    correlation
        Shape (landmarks, landmarks), positive definite.
    """
    filled = scores.copy()
    missing = np.isnan(scores)
    patterns, rows_of_pattern = np.unique(missing, axis=0, return_inverse=True)
    for number, gone in enumerate(patterns):
        if gone.any():
            rows = np.flatnonzero(rows_of_pattern == number)
            there = ~gone
            weights = np.linalg.solve(correlation[np.ix_(there, there)], correlation[np.ix_(there, gone)])
            filled[np.ix_(rows, gone)] = scores[np.ix_(rows, there)] @ weights
    return filled


def normalise_compendium(compendium: str | Path, references: str | Path, path: str | Path) -> None:
    """Normalise the compendium with the frozen references.

    Parameters
    ----------
    compendium
        compendium.h5ad, log2.
    references
        references.h5.
    path
        Result: X in training z-scores, landmarks first, then targets (see `var`); layer `measured`.
    """
    frozen = References.read(references)
    with open_matrix(compendium) as matrix:
        sides = [_measured_side(matrix, side, side.reference) for side in (frozen.inputs, frozen.truth)]
        _write(path, matrix, frozen, sides, own_scaling=False)


def normalise_external(
    cohort: str | Path, compendium: str | Path, split: str | Path, references: str | Path, path: str | Path
) -> None:
    """Normalise an external cohort with the frozen references, in both scalings.

    Parameters
    ----------
    cohort
        The cohort, log2.
    compendium, split
        The compendium and its parts: a cohort that lacks genes is mapped onto the training samples'
        quantiles over the genes that it has.
    references
        references.h5.
    path
        Result: X in training z-scores; layer `own`, z-scores by the cohort's own mean and deviation (as the
        paper; a labelled exception, since it uses the cohort's truth); layer `measured`.

    Raises
    ------
    UserError
        If the cohort measures fewer than half of the landmarks, or no target.
    """
    frozen = References.read(references)
    with open_matrix(cohort) as matrix, open_matrix(compendium) as learnt:
        _check_measured(cohort, matrix, frozen)
        genes = {
            "inputs": [gene for gene in frozen.inputs.genes if gene in matrix.var.index],
            "truth": [gene for gene in frozen.truth.genes if gene in matrix.var.index],
        }
        found = subset_references(learnt, frozen, rows_of_part(split, "training"), genes)
        sides = [
            _measured_side(matrix, frozen.inputs, found["inputs"]),
            _measured_side(matrix, frozen.truth, found["truth"]),
        ]
        own_scaling = matrix.shape[0] >= _FEWEST_FOR_OWN_SCALING
        if not own_scaling:
            _logger.info("%d samples: own scaling needs %d and is left out", matrix.shape[0], _FEWEST_FOR_OWN_SCALING)
        _write(path, matrix, frozen, sides, own_scaling)


def _check_measured(cohort: str | Path, matrix: Matrix, frozen: References) -> None:
    landmarks = frozen.inputs.features.index
    found = int(landmarks.isin(matrix.var.index).sum())
    if found < _FEWEST_LANDMARKS * len(landmarks):
        raise UserError(f"{cohort}: measures {found} of the {len(landmarks)} landmarks; at least half are needed")
    if not frozen.truth.features.index.isin(matrix.var.index).any():
        raise UserError(f"{cohort}: measures none of the targets, so nothing can be evaluated on it")
    _logger.info("%d of %d landmarks measured", found, len(landmarks))


def _measured_side(matrix: Matrix, side: Side, reference: Reference) -> _MeasuredSide:
    measured = pd.Index([gene for gene in side.genes if gene in matrix.var.index])
    return _MeasuredSide(
        side, matrix.var.index.get_indexer(measured), measured.get_indexer(side.features.index), reference
    )


def _write(path: str | Path, matrix: Matrix, frozen: References, sides: list[_MeasuredSide], own_scaling: bool) -> None:
    var = pd.concat([frozen.inputs.features, frozen.truth.features])
    landmarks = len(frozen.inputs.features)
    own = _own_moments(matrix, sides) if own_scaling else None
    with create_matrix(path, matrix.obs, var) as out:
        for place, scores in _scores(matrix, sides):
            measured = ~np.isnan(scores)
            out.write(place, _filled(scores, landmarks, frozen.correlation))
            out.write(place, measured, "measured")
            if own is not None:
                out.write(place, _filled((scores - own[0]) / own[1], landmarks, frozen.correlation), "own")


def _scores(matrix: Matrix, sides: list[_MeasuredSide]) -> Iterator[tuple[slice, Block]]:
    for place, block in matrix.blocks():
        yield place, np.concatenate([side.scores(block) for side in sides], axis=1)


def _filled(scores: Block, landmarks: int, correlation: NDArray[np.float64]) -> Block:
    """Fill missing landmarks; missing targets become 0, their training mean, and count nowhere."""
    inputs = fill_landmarks(scores[:, :landmarks], correlation)
    return np.concatenate([inputs, np.nan_to_num(scores[:, landmarks:])], axis=1)


def _own_moments(matrix: Matrix, sides: list[_MeasuredSide]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and deviation of the cohort itself, in training z-scores, per feature."""
    scores = np.concatenate([scores for _, scores in _scores(matrix, sides)])
    measured = ~np.isnan(scores)
    count = np.maximum(measured.sum(axis=0), 1)
    mean = np.nansum(scores, axis=0, dtype=np.float64) / count
    deviation = np.sqrt(np.nansum((scores - mean) ** 2, axis=0) / count)
    deviation = np.where(deviation > 1e-5, deviation, 1.0)
    return mean.astype(np.float32), deviation.astype(np.float32)
