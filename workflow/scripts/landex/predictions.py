"""Predictions as a file: what a model says of samples it never saw, in every scaling."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from landex.annotations import read_names, write_names
from landex.errors import UserError
from landex.h5ad import Block
from landex.hdf5 import check_holds_itself, create_hdf5
from landex.vocabulary import SCALINGS

# Samples and targets of a chunk, 1 MB: predictions are read by sample and by target.
_CHUNK = (1024, 256)
_SPREAD = "spread_"


@dataclass(frozen=True)
class Predictions:
    """Predicted targets of a cohort.

    Attributes
    ----------
    scores
        By scaling, float32 z-scores of shape (samples, targets).
    samples, genes
        Names of rows and columns.
    spreads
        By scaling, the standard deviation of the predictions of an ensemble's members, of the same shape; empty for
        other models.
    """

    scores: Mapping[str, Block]
    samples: list[str]
    genes: list[str]
    spreads: Mapping[str, Block] = field(default_factory=dict)

    def write(self, path: str | Path) -> None:
        """Write an HDF5 file: `samples`, `genes`, an array a scaling and, of an ensemble, one a scaling's spread.

        Raises
        ------
        UserError
            If a prediction is not a finite number: it would count as no error.
        """
        for scaling, scores in self.scores.items():
            if not (finite := np.isfinite(scores)).all():
                row, column = np.argwhere(~finite)[0]
                raise UserError(
                    f"{path}: the model predicts no finite number for sample {self.samples[row]}, target "
                    f"{self.genes[column]} ({scaling} scaling); fit it again, with stronger penalties"
                )
        named = {**self.scores, **{f"{_SPREAD}{scaling}": spread for scaling, spread in self.spreads.items()}}
        with create_hdf5(path, sum(values.nbytes for values in named.values())) as file:
            for name, values in named.items():
                chunk = tuple(max(1, min(pair)) for pair in zip(_CHUNK, values.shape, strict=True))
                file.create_dataset(name, data=values, chunks=chunk, fletcher32=True)
            write_names(file, "samples", self.samples)
            write_names(file, "genes", self.genes)

    @classmethod
    def read(cls, path: str | Path) -> "Predictions":
        """Read what `write` wrote."""
        with open_predictions(path) as stored:
            return cls(
                {scaling: stored.scores(scaling) for scaling in stored.scalings},
                stored.samples,
                stored.genes,
                {scaling: stored.spread(scaling) for scaling in stored.scalings if stored.has_spread},
            )


@dataclass(frozen=True)
class StoredPredictions:
    """An open file of predictions, read by sample or by target.

    Attributes
    ----------
    samples, genes
        Names of rows and columns.
    scalings
        The scalings that were predicted.
    """

    path: Path
    samples: list[str]
    genes: list[str]
    scalings: tuple[str, ...]
    _file: h5py.File

    @property
    def has_spread(self) -> bool:
        """Whether the predictions are an ensemble's, with the spread of its members."""
        return f"{_SPREAD}{self.scalings[0]}" in self._file

    def scores(self, scaling: str, rows: slice = slice(None), targets: slice = slice(None)) -> Block:
        """Return z-scores, shape (rows, targets).

        Raises
        ------
        UserError
            If the file's checksums show that it was damaged.
        """
        return self._read(scaling, rows, targets)

    def spread(self, scaling: str, rows: slice = slice(None), targets: slice = slice(None)) -> Block:
        """Return the spread of an ensemble's members, shape (rows, targets); raises as `scores`."""
        return self._read(f"{_SPREAD}{scaling}", rows, targets)

    def _read(self, name: str, rows: slice, targets: slice) -> Block:
        try:
            return np.asarray(self._file[name][rows, targets])
        except OSError as error:
            raise UserError(f"{self.path}: damaged ({error}); delete it and run again") from error

    def check_same(self, samples: list[str], genes: list[str], truth: str | Path) -> None:
        """Raise a UserError if the predictions are of other samples or genes than a normalised matrix."""
        if self.samples != samples or self.genes != genes:
            raise UserError(f"{self.path}: other samples or genes than {truth}; delete it and run again")


def by_model(paths: Iterable[str | Path]) -> dict[str, str | Path]:
    """Key files named `{model}.{cohort}.h5` by their models."""
    return {Path(path).name.split(".")[0]: path for path in paths}


@contextmanager
def open_predictions(path: str | Path) -> Iterator[StoredPredictions]:
    """Open what `Predictions.write` wrote.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    path = Path(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: not readable as predictions ({error}); delete it and run again") from error
    with file:
        check_holds_itself(path, file)
        scalings = tuple(scaling for scaling in SCALINGS if scaling in file)
        yield StoredPredictions(path, read_names(file, "samples"), read_names(file, "genes"), scalings, file)
