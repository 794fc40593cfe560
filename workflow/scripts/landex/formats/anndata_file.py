"""AnnData's .h5ad as a user's matrix file: samples in rows, X dense."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.formats.matrix_file import Content, Fields, Values, places_of_blocks
from landex.h5ad import Matrix, MatrixWriter, create_matrix, open_matrix


class AnnDataFile:
    """An open .h5ad file; a `MatrixFile`. Made by `open_anndata`."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self.path = matrix.path
        self.samples, self.genes = map_text(matrix.obs.index), map_text(matrix.var.index)
        self.sample_fields = {str(name): map_text(matrix.obs[name]) for name in matrix.obs}
        self.gene_fields: Fields = {str(name): map_text(matrix.var[name]) for name in matrix.var}

    def read(self, rows: slice) -> Values:
        """See `MatrixFile`."""
        values = self._matrix.read(rows)
        return values if values.dtype.kind == "f" else values.astype(np.float64)

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        """See `MatrixFile`."""
        for place in places_of_blocks(len(self.samples)):
            yield place, self.read(place)


def map_text(values: object) -> list[str]:
    """Return a column as text, empty where it has no value."""
    column = pd.Series(values)
    return [("" if gone else str(value)) for value, gone in zip(column, column.isna(), strict=True)]


@contextmanager
def open_anndata(path: Path) -> Iterator[AnnDataFile]:
    """Open an .h5ad file; its values are read when they are asked for.

    Raises
    ------
    UserError
        If it is no AnnData file, its X is sparse or holds no numbers.
    """
    with open_matrix(path) as matrix:
        if not np.issubdtype(matrix.dtype, np.number):
            raise UserError(f"{path}: its X holds no numbers")
        yield AnnDataFile(matrix)


@contextmanager
def create_anndata(path: Path, content: Content) -> Iterator["AnnDataWriter"]:
    """Write an .h5ad file."""
    with create_matrix(path, *annotations(content)) as out:
        yield AnnDataWriter(out)


def annotations(content: Content) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return tables of samples and of genes, as AnnData's obs and var."""
    obs = pd.DataFrame(content.sample_fields, index=pd.Index(content.samples, name="sample"))
    return obs, pd.DataFrame(content.gene_fields, index=pd.Index(content.genes, name="gene"))


class AnnDataWriter:
    """An .h5ad file in the making; made by `create_anndata`."""

    def __init__(self, out: MatrixWriter) -> None:
        self._out = out

    def write(self, place: slice, block: NDArray[np.float32]) -> None:
        """See `MatrixFileWriter`."""
        self._out.write(place, block.astype(np.float32, copy=False))
