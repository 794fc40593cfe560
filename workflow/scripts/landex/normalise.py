"""Normalised matrices: z-scores of landmarks (from landmarks alone) and of targets (over all genes)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from landex.errors import UserError
from landex.h5ad import Block, Matrix, create_matrix, open_matrix
from landex.harmonise import Method, Spread, by_quantiles, by_training_distribution, map_distinct_ranks
from landex.moments import Moments
from landex.parts import rows_of_part
from landex.references import References, subset_of_truth
from landex.scores import LandmarkFiller, SideScores
from landex.threads import mapped_in_threads

_logger = logging.getLogger(__name__)

# Own scaling needs a mean and a deviation of the cohort itself.
_FEWEST_FOR_OWN_SCALING = 5


@dataclass(frozen=True)
class _Scaled:
    """A block of samples, normalised: z-scores, landmarks first; which were measured; z-scores by own moments."""

    place: slice
    scores: Block
    measured: NDArray[np.bool_]
    own: Block | None


@dataclass(frozen=True)
class _Own:
    """A cohort's own mean and deviation of every feature, in training z-scores."""

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


class _Scaler:
    """Normalises blocks of one file: landmarks' side and targets' side, gaps filled."""

    def __init__(self, sides: list[SideScores], filler: LandmarkFiller) -> None:
        self._sides, self._filler = sides, filler
        self._landmarks = len(sides[0].places)

    def scores(self, block: Block) -> Block:
        """Return z-scores, landmarks first, NaN where not measured."""
        return np.concatenate([side.scores(block) for side in self._sides], axis=1)

    def scale(self, place: slice, block: Block, own: _Own | None) -> _Scaled:
        """Normalise a block; missing targets become 0, their training mean, and count nowhere."""
        scores = self.scores(block)
        measured = ~np.isnan(scores)
        by_own = None if own is None else self._filled((scores - own.mean) / own.deviation, measured)
        return _Scaled(place, self._filled(scores, measured), measured, by_own)

    def _filled(self, scores: Block, measured: NDArray[np.bool_]) -> Block:
        if not measured.all():
            inputs, targets = scores[:, : self._landmarks], scores[:, self._landmarks :]
            inputs[:] = self._filler.fill(inputs)
            targets[~measured[:, self._landmarks :]] = 0
        return scores


def normalise_compendium(compendium: str | Path, references: str | Path, path: str | Path, threads: int = 1) -> None:
    """Normalise the compendium with the frozen references.

    Parameters
    ----------
    compendium
        compendium.h5ad, log2.
    references
        references.h5.
    path
        Result: X in training z-scores, landmarks first, then targets (see `var`); layer `measured`.
    threads
        Threads; the result is the same with any number.
    """
    frozen = References.read(references)
    method = by_quantiles(frozen.rules.ties)
    with open_matrix(compendium) as matrix:
        sides = [side.in_file(matrix.var, method) for side in (frozen.inputs, frozen.truth)]
        _write(path, matrix, frozen, _Scaler(sides, LandmarkFiller(frozen.correlation)), None, threads)


def normalise_external(
    cohort: str | Path,
    compendium: str | Path,
    split: str | Path,
    references: str | Path,
    path: str | Path,
    harmonise: str = "quantiles",
    fewest_landmarks: float = 0.5,
    optional: bool = False,
    threads: int = 1,
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
    harmonise
        How samples are brought onto the references: `quantiles`, `distinct_ranks` or `tdm`, see `harmonise`.
    fewest_landmarks
        Share of the landmarks that the cohort has to measure; the others are filled in.
    optional
        Whether a cohort that measures too little makes a result without samples instead of an error.
    threads
        Threads; the result is the same with any number.

    Raises
    ------
    UserError
        If the cohort measures too few of the landmarks, or no target.
    """
    frozen = References.read(references)
    with open_matrix(cohort) as matrix, open_matrix(compendium) as learnt:
        if lack := _lack(cohort, matrix, frozen, fewest_landmarks):
            if not optional:
                raise UserError(lack)
            _logger.warning("%s; left out", lack)
            with create_matrix(path, matrix.obs.iloc[:0], frozen.features):
                return
        training = np.arange(learnt.shape[0]) if frozen.rules.everything else rows_of_part(split, "training")
        inputs, everything = (
            [gene for gene in side.genes if gene in matrix.var.index] for side in (frozen.inputs, frozen.truth)
        )
        truth = subset_of_truth(learnt, frozen, training, everything, threads)
        # Joint inputs are ranked as the truth is, over the same genes.
        of_inputs = truth if frozen.rules.joint else frozen.reference_of_landmarks(inputs)
        sides = [
            side.in_file(matrix.var, _method(harmonise, frozen, matrix, genes), reference)
            for side, genes, reference in (
                (frozen.inputs, inputs, of_inputs),
                (frozen.truth, everything, truth),
            )
        ]
        scaler = _Scaler(sides, LandmarkFiller(frozen.correlation))
        own = _own_moments(matrix, scaler, frozen, threads)
        _write(path, matrix, frozen, scaler, own, threads)


def _lack(cohort: str | Path, matrix: Matrix, frozen: References, fewest_landmarks: float) -> str:
    """Say what a cohort measures too few of; empty where it measures enough."""
    landmarks = frozen.inputs.features.index
    found = int(landmarks.isin(matrix.var.index).sum())
    if found < max(1, fewest_landmarks * len(landmarks)):
        return (
            f"{cohort}: measures {found} of the {len(landmarks)} landmarks; normalise.fewest_landmarks asks for "
            f"{fewest_landmarks:.0%} of them"
        )
    if not frozen.truth.features.index.isin(matrix.var.index).any():
        return f"{cohort}: measures none of the targets, so nothing can be evaluated on it"
    _logger.info("%d of %d landmarks measured", found, len(landmarks))
    return ""


def _method(name: str, frozen: References, matrix: Matrix, genes: list[str]) -> Method:
    """Return the method of a name in the config, for samples ranked over some genes."""
    if name == "distinct_ranks":
        # Where everything is as in the paper, its rounding is too.
        return lambda block, reference: map_distinct_ranks(block, reference, as_published=frozen.rules.joint)
    if name == "tdm":
        places = matrix.var.index.get_indexer(genes)
        return by_training_distribution(Spread.of(lambda: (block[:, places] for _, block in matrix.blocks())))
    return by_quantiles(frozen.rules.ties)


def _own_moments(matrix: Matrix, scaler: _Scaler, frozen: References, threads: int) -> _Own | None:
    """Return the cohort's own moments; None where it is too small for own scaling."""
    if matrix.shape[0] < _FEWEST_FOR_OWN_SCALING:
        _logger.info("%d samples: own scaling needs %d and is left out", matrix.shape[0], _FEWEST_FOR_OWN_SCALING)
        return None
    blocks = (block for _, block in matrix.blocks())
    total: Moments | None = None
    for part in mapped_in_threads(lambda block: Moments.of(scaler.scores(block)), blocks, threads):
        total = part if total is None else total + part
    assert total is not None
    # In training z-scores, what is added to deviations in quantile units is a share of the training deviation.
    deviation = total.deviations()
    if frozen.rules.added_deviation:
        added = frozen.rules.added_deviation / frozen.features["deviation"].to_numpy()
        deviation = np.sqrt(total.squares / np.maximum(total.counts, 1)) + added
    return _Own(total.means.astype(np.float32), deviation.astype(np.float32))


def _write(
    path: str | Path, matrix: Matrix, frozen: References, scaler: _Scaler, own: _Own | None, threads: int
) -> None:
    with (
        create_matrix(path, matrix.obs, frozen.features, 1 if own is None else 2) as out,
        tqdm(total=matrix.shape[0], unit="sample", mininterval=5, desc=Path(path).stem) as progress,
    ):
        for scaled in _scaled(matrix, scaler, own, threads):
            out.write(scaled.place, scaled.scores)
            out.write(scaled.place, scaled.measured, "measured")
            if scaled.own is not None:
                out.write(scaled.place, scaled.own, "own")
            progress.update(len(scaled.scores))


def _scaled(matrix: Matrix, scaler: _Scaler, own: _Own | None, threads: int) -> Iterator[_Scaled]:
    return mapped_in_threads(lambda item: scaler.scale(*item, own), matrix.blocks(), threads)
