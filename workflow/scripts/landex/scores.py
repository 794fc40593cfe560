"""z-scores of a file's samples, block by block: features onto their reference, then standardised; gaps filled.

All that it takes is arrays, so that scoring a new profile needs NumPy and nothing else.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.harmonise import Method
from landex.quantiles import Block, Reference


@dataclass(frozen=True)
class SideScores:
    """One side (landmarks or targets) of a file whose genes stand in columns.

    Attributes
    ----------
    columns
        The file's columns that are ranked together.
    places
        Place of each feature among these columns, -1 where the file does not have it.
    reference
        The reference of the ranked genes, shape (len(columns),).
    mean, deviation
        Of every feature, in quantile units, shape (features,).
    method
        How a sample is brought onto the reference.
    """

    columns: NDArray[np.intp]
    places: NDArray[np.intp]
    reference: Reference
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    method: Method

    def quantiles(self, block: Block) -> Block:
        """Return the features in quantile units, shape (rows, features), NaN where not measured."""
        mapped = self.method(_columns(block, self.columns), self.reference)
        if (self.places >= 0).all():
            return _columns(mapped, self.places)
        found = np.full((len(block), len(self.places)), np.nan, np.float32)
        there = self.places >= 0
        found[:, there] = mapped[:, self.places[there]]
        return found

    def scores(self, block: Block) -> Block:
        """Return z-scores of the features, shape (rows, features), NaN where not measured."""
        return self.standardised(self.quantiles(block))

    def standardised(self, quantiles: Block) -> Block:
        """Return z-scores of features in quantile units."""
        return (quantiles - self.mean) / self.deviation


def _columns(block: Block, columns: NDArray[np.intp]) -> Block:
    """Return some columns of a block, without a copy where they follow each other."""
    if len(columns) and (np.diff(columns) == 1).all():
        return block[:, columns[0] : columns[-1] + 1]
    return block[:, columns]


def fill_landmarks(scores: Block, correlation: NDArray[np.floating]) -> Block:
    """Fill missing landmarks once; see `LandmarkFiller`, which remembers what it has solved."""
    return LandmarkFiller(correlation).fill(scores)


class LandmarkFiller:
    """Fills missing landmarks by their mean given those that are there, under a normal distribution.

    E[m | o] = C_mo C_oo^-1 z_o, with C the training samples' correlation (Anderson 2003, section 2.5). With P the
    inverse of C that is -P_mm^-1 P_mo z_o, which is less to solve where few are missing.

    Parameters
    ----------
    correlation
        Shape (landmarks, landmarks), positive definite.
    """

    # A cohort mostly lacks the same landmarks in all samples; single gaps make patterns of their own.
    _MOST_KNOWN = 64

    def __init__(self, correlation: NDArray[np.floating]) -> None:
        self._correlation = correlation
        self._inverse: NDArray[np.floating] | None = None
        self._known: dict[bytes, NDArray[np.floating]] = {}

    def fill(self, scores: Block) -> Block:
        """Return z-scores of shape (rows, landmarks) with every gap (NaN) filled; a sample without any gets 0."""
        filled = scores.copy()
        missing = np.isnan(scores)
        rows_with_gaps = np.flatnonzero(missing.any(axis=1))
        patterns, pattern_of_row = np.unique(missing[rows_with_gaps], axis=0, return_inverse=True)
        for number, gone in enumerate(patterns):
            rows = rows_with_gaps[pattern_of_row.ravel() == number]
            filled[np.ix_(rows, gone)] = scores[np.ix_(rows, ~gone)] @ self._weights(gone)
        return filled

    def _weights(self, gone: NDArray[np.bool_]) -> NDArray[np.floating]:
        key = np.packbits(gone).tobytes()
        weights = self._known.get(key)
        if weights is None:
            weights = self._solved(gone)
            # Threads share this; none relies on what another may have cleared.
            if len(self._known) >= self._MOST_KNOWN:
                self._known.clear()
            self._known[key] = weights
        return weights

    def _solved(self, gone: NDArray[np.bool_]) -> NDArray[np.floating]:
        """Return weights of shape (landmarks there, landmarks gone)."""
        there = ~gone
        if gone.sum() > there.sum():
            return np.linalg.solve(self._correlation[np.ix_(there, there)], self._correlation[np.ix_(there, gone)])
        inverse = self._inverse
        if inverse is None:
            inverse = self._inverse = np.linalg.inv(self._correlation)
        return -np.linalg.solve(inverse[np.ix_(gone, gone)], inverse[np.ix_(gone, there)]).T
