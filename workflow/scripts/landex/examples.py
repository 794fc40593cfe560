"""What models learn from and are asked about: rows of a normalised matrix, in memory or block by block."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.h5ad import Block, Matrix, open_matrix
from landex.parts import rows_of_part

Mask = NDArray[np.bool_]

_logger = logging.getLogger(__name__)

# Samples of a block of examples: enough for products near the machine's peak, and at 10,000 genes 80 MB.
ROWS_OF_BLOCK = 2048


class ExampleSource(Protocol):
    """Samples with their landmarks and targets, whether in memory or on disk.

    Attributes
    ----------
    samples
        Names of the samples.
    features
        A row a target, indexed by gene.
    landmarks
        Number of landmarks.
    """

    @property
    def samples(self) -> list[str]: ...  # noqa: D102

    @property
    def features(self) -> pd.DataFrame: ...  # noqa: D102

    @property
    def landmarks(self) -> int: ...  # noqa: D102

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator["Examples"]:
        """Yield consecutive samples, `rows` at a time and the rest in the last block.

        Raises
        ------
        UserError
            Where a landmark or a measured target is not finite.
        """

    def load(self) -> "Examples":
        """Return all samples in memory; raises as `blocks`."""

    def take(self, rows: NDArray[np.intp]) -> "Examples":
        """Return some samples, in increasing order, in memory; raises as `blocks`."""


@dataclass(frozen=True)
class Examples:
    """Samples with their landmarks and targets, in z-scores, in memory.

    Attributes
    ----------
    inputs
        Shape (samples, landmarks), no missing values.
    targets
        Shape (samples, targets); 0 where not measured.
    measured
        Shape (samples, targets): False where a target's value does not count.
    samples
        Names of the samples.
    features
        A row a target, indexed by gene.
    """

    inputs: Block
    targets: Block
    measured: Mask
    samples: list[str]
    features: pd.DataFrame

    @property
    def landmarks(self) -> int:
        """Number of landmarks."""
        return self.inputs.shape[1]

    @property
    def complete(self) -> bool:
        """Whether every target is measured in every sample."""
        # A mask that was never written is one value, seen everywhere.
        return bool(self.measured[:1, :1].all() if not any(self.measured.strides) else self.measured.all())

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator["Examples"]:
        """Yield views of consecutive samples; see `ExampleSource`."""
        for start in range(0, len(self.samples), rows):
            yield self.take(slice(start, start + rows))

    def take(self, rows: slice | NDArray[np.intp]) -> "Examples":
        """Return some samples, views where `rows` is a slice; see `ExampleSource`."""
        names = np.array(self.samples, object)[rows].tolist()
        return Examples(self.inputs[rows], self.targets[rows], self.measured[rows], names, self.features).checked()

    def load(self) -> "Examples":
        """Return itself, checked."""
        return self.checked()

    def checked(self) -> "Examples":
        """Return itself if all that counts is finite; UserError with the place where not."""
        for values, counts, kind in (
            (self.inputs, None, "landmark"),
            (self.targets, self.measured, "target"),
        ):
            wrong = ~np.isfinite(values)
            if wrong.any() and (counts is None or (wrong & counts).any()):
                row, column = np.argwhere(wrong if counts is None else wrong & counts)[0]
                name = f"{kind} {self.features.index[column] if counts is not None else f'number {column + 1}'}"
                raise UserError(f"sample {self.samples[row]}, {name}: {values[row, column]} is not a finite number")
        return self


class StoredExamples:
    """Rows of an open normalised matrix, read when they are asked for.

    Parameters
    ----------
    matrix
        A result of `normalise`, open.
    rows
        Increasing rows; all of them by default.
    scaling
        `training` (X) or `own` (the layer of that name).
    targets
        The targets to take, of all in their order.
    """

    def __init__(
        self,
        matrix: Matrix,
        rows: NDArray[np.intp] | None = None,
        scaling: str = "training",
        targets: slice = slice(None),
    ) -> None:
        self._matrix = matrix
        self._rows = np.arange(matrix.shape[0]) if rows is None else rows
        self._layer = "X" if scaling == "training" else scaling
        self.landmarks = int((matrix.var["role"] == "landmark").sum())
        self.samples: list[str] = matrix.obs.index[self._rows].astype(str).tolist()
        first, last, _ = targets.indices(matrix.shape[1] - self.landmarks)
        self._targets = slice(self.landmarks + first, self.landmarks + last)
        self.features: pd.DataFrame = matrix.var.iloc[self._targets]

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator[Examples]:
        """Yield consecutive samples; see `ExampleSource`."""
        for start in range(0, len(self._rows), rows):
            yield self._read(slice(start, start + rows))

    def load(self) -> Examples:
        """Return all samples in memory."""
        return self._read(slice(None))

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some samples, in increasing order, in memory."""
        return self._read(rows)

    def measured_landmarks(self) -> Mask:
        """Return which landmarks were measured in which samples, and not filled in, shape (samples, landmarks)."""
        measured: Mask = self._matrix.read(self._rows, "measured").astype(bool, copy=False)
        return measured[:, : self.landmarks]

    def _read(self, place: slice | NDArray[np.intp]) -> Examples:
        matrix, rows = self._matrix, self._rows[place]
        inputs = np.empty((len(rows), self.landmarks), np.float32)
        targets = np.empty((len(rows), len(self.features)), np.float32)
        # Rows are read whole, because that is how the file has them; blocks keep the rest from piling up.
        for some, values in matrix.blocks(rows, self._layer):
            inputs[some], targets[some] = values[:, : self.landmarks], values[:, self._targets]
            if not (np.isfinite(inputs[some]).all() and np.isfinite(targets[some]).all()):
                row, column = np.argwhere(~np.isfinite(values))[0]
                raise UserError(
                    f"{matrix.path}: sample {matrix.obs.index[rows[some][row]]}, gene {matrix.var.index[column]} has "
                    "no finite value; delete the file and run again"
                )
        measured: Mask = matrix.read(rows, "measured").astype(bool, copy=False)
        names = np.array(self.samples, object)[place].tolist()
        return Examples(inputs, targets, measured[:, self._targets], names, self.features)


@dataclass(frozen=True)
class MappedExamples:
    """Samples with other inputs or targets made of theirs; see `ExampleSource`.

    Attributes
    ----------
    source
        The samples.
    change
        Makes the others, block by block.
    landmarks
        Number of inputs that it makes.
    """

    source: ExampleSource
    change: Callable[[Examples], Examples]
    landmarks: int

    @property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return self.source.samples

    @property
    def features(self) -> pd.DataFrame:
        """A row a target."""
        return self.source.features

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator[Examples]:
        """Yield consecutive samples; see `ExampleSource`."""
        for block in self.source.blocks(rows):
            yield self.change(block)

    def load(self) -> Examples:
        """Return all samples in memory."""
        return self.change(self.source.load())

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some samples in memory."""
        return self.change(self.source.take(rows))


def evenly_spaced(source: ExampleSource, most: int) -> Examples:
    """Return at most so many samples, evenly spaced, in memory."""
    step = max(1, -(-len(source.samples) // most))
    blocks, start = [], 0
    for block in source.blocks():
        blocks.append(block.take(np.arange(-start % step, len(block.samples), step)))
        start += len(block.samples)
    return joined(blocks)


def joined(parts: Sequence[Examples]) -> Examples:
    """Return samples of at least one source, of the same targets, one source after the other."""
    if len(parts) == 1:
        return parts[0]
    return Examples(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.measured for part in parts]),
        [name for part in parts for name in part.samples],
        parts[0].features,
    )


@dataclass(frozen=True)
class JoinedExamples:
    """Samples of several sources, one source after the other; see `ExampleSource`.

    Attributes
    ----------
    sources
        At least one, of the same landmarks and targets.
    """

    sources: Sequence[ExampleSource]

    @property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return [sample for source in self.sources for sample in source.samples]

    @property
    def features(self) -> pd.DataFrame:
        """A row a target."""
        return self.sources[0].features

    @property
    def landmarks(self) -> int:
        """Number of landmarks."""
        return self.sources[0].landmarks

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator[Examples]:
        """Yield consecutive samples."""
        count = len(self.samples)
        for start in range(0, count, rows):
            yield self.take(np.arange(start, min(start + rows, count)))

    def load(self) -> Examples:
        """Return all samples in memory."""
        return joined([source.load() for source in self.sources])

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some samples, in increasing order, in memory."""
        ends = np.cumsum([len(source.samples) for source in self.sources])
        places = np.split(rows, np.searchsorted(rows, ends[:-1]))
        starts = [0, *ends[:-1]]
        taken = [
            source.take(place - start)
            for source, place, start in zip(self.sources, places, starts, strict=True)
            if len(place)
        ]
        return joined(taken)


@contextmanager
def open_parts(
    normalised: str | Path, split: str | Path, *parts: str, targets: slice = slice(None)
) -> Iterator[list[StoredExamples]]:
    """Open parts of the normalised compendium, in the order asked for, with all targets or some."""
    with open_matrix(normalised) as matrix:
        yield [StoredExamples(matrix, rows_of_part(split, part), targets=targets) for part in parts]


@contextmanager
def open_training(
    normalised: str | Path, split: str | Path, auxiliary: str | Path | None, targets: slice = slice(None)
) -> Iterator[tuple[ExampleSource, StoredExamples]]:
    """Open what a model learns from and the select part.

    Parameters
    ----------
    normalised, split
        The normalised compendium and its parts.
    auxiliary
        Samples of auxiliary cohorts, which join the training part; None for none.
    targets
        The targets to take.

    Raises
    ------
    UserError
        If the auxiliary samples have other genes than the compendium.
    """
    with ExitStack() as opened:
        training, select = opened.enter_context(open_parts(normalised, split, "training", "select", targets=targets))
        if auxiliary is None:
            yield training, select
            return
        others = StoredExamples(opened.enter_context(open_matrix(auxiliary)), targets=targets)
        if others.landmarks != training.landmarks or not others.features.index.equals(training.features.index):
            raise UserError(f"{auxiliary}: has other genes than {normalised}; delete both and run again")
        if not others.samples:
            yield training, select
            return
        _logger.info("%d training samples, and %d of auxiliary cohorts", len(training.samples), len(others.samples))
        yield JoinedExamples([training, others]), select


def read_parts(normalised: str | Path, split: str | Path, *parts: str) -> list[Examples]:
    """Read parts of the normalised compendium into memory, in the order asked for."""
    with open_parts(normalised, split, *parts) as opened:
        return [part.load() for part in opened]
