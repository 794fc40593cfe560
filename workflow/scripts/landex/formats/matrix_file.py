"""What every matrix file looks like, whatever its format: samples in rows, read and written in blocks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]
# Annotations of samples or of genes: a list of text a field, in the order of the samples or genes.
Fields = dict[str, list[str]]

# Samples of a block: at 10,000 genes 10 MB of float32.
ROWS = 256


class MatrixFile(Protocol):
    """An open matrix file.

    Attributes
    ----------
    path
        The file.
    samples, genes
        Their names, as the file has them.
    sample_fields, gene_fields
        Their annotations.
    """

    path: Path
    samples: list[str]
    genes: list[str]
    sample_fields: Fields
    gene_fields: Fields

    def read(self, rows: slice) -> Values:
        """Return the values of consecutive samples, shape (rows, genes), NaN where missing."""

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        """Yield all samples in blocks, in order, each with its place; can be called again."""


class MatrixFileWriter(Protocol):
    """A matrix file in the making; it appears under its name when the block that opened it ends well."""

    def write(self, place: slice, block: NDArray[np.float32]) -> None:
        """Write the values of consecutive samples, shape (rows, genes); blocks may come in any order."""


@dataclass(frozen=True)
class Content:
    """What a file is about, besides its values; fields as in `MatrixFile`."""

    samples: list[str]
    genes: list[str]
    sample_fields: Fields = field(default_factory=dict)
    gene_fields: Fields = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        samples: Sequence[str],
        genes: Sequence[str],
        sample_fields: Mapping[str, Sequence[str]] | None = None,
        gene_fields: Mapping[str, Sequence[str]] | None = None,
    ) -> "Content":
        """Take any sequences."""
        return cls(
            list(samples),
            list(genes),
            {name: list(values) for name, values in (sample_fields or {}).items()},
            {name: list(values) for name, values in (gene_fields or {}).items()},
        )


class TableInMemory:
    """A file of text, whose genes stand in rows and which is read at once; a `MatrixFile`.

    Parameters
    ----------
    path, content
        The file and its names.
    values
        Shape (genes, samples).
    """

    def __init__(self, path: Path, content: Content, values: Values) -> None:
        self.path, self._values = path, values
        self.samples, self.genes = content.samples, content.genes
        self.sample_fields, self.gene_fields = content.sample_fields, content.gene_fields

    def read(self, rows: slice) -> Values:
        """See `MatrixFile`."""
        return np.ascontiguousarray(self._values[:, rows].T)

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        """See `MatrixFile`."""
        for place in places_of_blocks(len(self.samples)):
            yield place, self.read(place)


def places_of_blocks(samples: int, rows: int = ROWS) -> Iterator[slice]:
    """Cut a number of samples into blocks."""
    for start in range(0, samples, rows):
        yield slice(start, min(start + rows, samples))
