"""Matrices between stages: AnnData files read and written in blocks of rows through h5py."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.annotations import read_table, write_empty, write_table
from landex.blocks import Block as Block
from landex.damage import told_as_damage
from landex.errors import UserError
from landex.hdf5 import check_holds_itself, create_hdf5

# Rows of a block: at 10,000 genes 10 MB of float32, enough for the disk and little for memory.
ROWS = 256
_CHUNK_BYTES = 1 << 20
_DAMAGED = "damaged ({reason}); delete it and run again, or fetch it again"
# Rows that lie farther apart are read apart; nearer ones mostly share a chunk.
_FAR = 32


@dataclass(frozen=True)
class Matrix:
    """An open .h5ad file: `obs` (a row a sample), `var` (a row a gene), X and layers read on demand.

    Attributes
    ----------
    obs, var
        Tables indexed by sample and by gene.
    """

    path: Path
    obs: pd.DataFrame
    var: pd.DataFrame
    _file: h5py.File

    @property
    def shape(self) -> tuple[int, int]:
        """Samples and genes."""
        return len(self.obs), len(self.var)

    @property
    def shape_of_values(self) -> tuple[int, ...]:
        """Shape of X, which is `shape` in a file that is whole."""
        found: tuple[int, ...] = self._file["X"].shape
        return found

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of the values of X."""
        kind: np.dtype[np.generic] = self._file["X"].dtype
        return kind

    def has_layer(self, name: str) -> bool:
        """Tell whether the file has a layer of this name."""
        return name in self._file.get("layers", {})

    def read(self, rows: slice | NDArray[np.intp] | None = None, layer: str = "X") -> Block:
        """Return rows of X or of a layer, shape (rows, genes); all of them by default.

        Raises
        ------
        UserError
            If the file's checksums show that it was damaged.
        """
        dataset = self._file["X"] if layer == "X" else self._file["layers"][layer]
        with told_as_damage(self.path, _DAMAGED):
            if rows is None or isinstance(rows, slice):
                return np.asarray(dataset[rows if rows is not None else slice(None)])
            if dataset.chunks and not dataset.id.get_num_chunks():
                # A layer that is the same everywhere was never written: no room in memory either.
                return np.broadcast_to(dataset.fillvalue, (len(rows), self.shape[1]))
            chosen = np.empty((len(rows), self.shape[1]), dataset.dtype)
            for place in _runs(rows):
                some = rows[place]
                first, last = int(some.min()), int(some.max())
                if last - first == len(some) - 1 and (np.diff(some) == 1).all():
                    dataset.read_direct(chosen[place], np.s_[first : last + 1])
                else:
                    # A range and a selection in memory are far faster than h5py's own selection of rows.
                    chosen[place] = dataset[first : last + 1][some - first]
            return chosen

    def blocks(self, rows: NDArray[np.intp] | None = None, layer: str = "X") -> Iterator[tuple[slice, Block]]:
        """Yield blocks of rows in order, each with its place among the rows asked for."""
        count = self.shape[0] if rows is None else len(rows)
        for start in range(0, count, ROWS):
            place = slice(start, min(start + ROWS, count))
            yield place, self.read(place if rows is None else rows[place], layer)


def _runs(rows: NDArray[np.intp]) -> Iterator[slice]:
    """Cut rows into runs of near neighbours, of at most `ROWS`."""
    far = np.flatnonzero(np.abs(np.diff(rows)) > _FAR) + 1
    edges = [0, *far.tolist(), len(rows)]
    for first, last in pairwise(edges):
        for start in range(first, last, ROWS):
            yield slice(start, min(start + ROWS, last))


@contextmanager
def open_matrix(path: str | Path) -> Iterator[Matrix]:
    """Open a dense .h5ad file for reading.

    Raises
    ------
    UserError
        If it is not an AnnData file, its tables cannot be read, or its X is sparse.
    """
    path = Path(path)
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: not readable as .h5ad ({error})") from error
    with file:
        with told_as_damage(path, _DAMAGED):
            check_holds_itself(path, file)
            matrix = _matrix(path, file)
        yield matrix


def _matrix(path: Path, file: h5py.File) -> Matrix:
    if not {"obs", "var", "X"} <= file.keys():
        raise UserError(f"{path}: not an AnnData file: it has no obs, var and X")
    if not isinstance(file["X"], h5py.Dataset):
        raise UserError(f"{path}: its X is sparse; store it dense (adata.X = adata.X.toarray())")
    # A type that NumPy has not is damage too.
    file["X"].dtype  # noqa: B018
    return Matrix(path, _table(path, file, "obs"), _table(path, file, "var"), file)


def _table(path: Path, file: h5py.File, name: str) -> pd.DataFrame:
    with told_as_damage(path, f"its {name} cannot be read ({{reason}}); fetch or make it again"):
        return read_table(file[name])


class MatrixWriter:
    """Writes an .h5ad file whose rows come in blocks. Made by `create_matrix`."""

    def __init__(self, file: h5py.File, shape: tuple[int, int]) -> None:
        self._file = file
        self._shape = shape

    def write(self, place: slice, block: NDArray[np.generic], layer: str = "X") -> None:
        """Write rows of X or of a layer; a layer is made at its first block, of the block's type."""
        name = "X" if layer == "X" else f"layers/{layer}"
        if name not in self._file:
            self._create(name, block.dtype)
        # A mask is true where nothing was written: what is measured throughout takes no room and no time to read.
        if block.dtype != np.bool_ or not block.all():
            self._file[name][place] = block

    def _create(self, name: str, dtype: np.dtype[np.generic]) -> None:
        rows, columns = self._shape
        chunk = max(1, min(rows, _CHUNK_BYTES // max(1, columns * dtype.itemsize)))
        dataset = self._file.create_dataset(
            name,
            self._shape,
            dtype,
            chunks=(chunk, columns) if rows and columns else None,
            fletcher32=bool(rows and columns),
            # Masks are nearly constant: compressed they cost nothing.
            compression="gzip" if dtype == np.bool_ and rows and columns else None,
            fillvalue=True if dtype == np.bool_ else None,
        )
        dataset.attrs["encoding-type"] = "array"
        dataset.attrs["encoding-version"] = "0.2.0"


def write_annotations(file: h5py.File, obs: pd.DataFrame, var: pd.DataFrame) -> None:
    """Write all of an .h5ad file but its values."""
    file.attrs["encoding-type"] = "anndata"
    file.attrs["encoding-version"] = "0.1.0"
    write_table(file, "obs", obs)
    write_table(file, "var", var)
    for empty in ("layers", "obsm", "varm", "obsp", "varp", "uns"):
        write_empty(file, empty)


@contextmanager
def create_matrix(path: str | Path, obs: pd.DataFrame, var: pd.DataFrame, matrices: int = 1) -> Iterator[MatrixWriter]:
    """Write an .h5ad file in blocks of rows; it appears under its name when the block ends well.

    Parameters
    ----------
    path
        The file.
    obs, var
        Tables of samples and of genes, indexed by name.
    matrices
        How many float32 matrices there will be, X among them, for which there has to be room.

    Raises
    ------
    OSError
        If there is no room.
    """
    with create_hdf5(path, 4 * matrices * len(obs) * len(var)) as file:
        write_annotations(file, obs, var)
        writer = MatrixWriter(file, (len(obs), len(var)))
        yield writer
        if not len(obs) or not len(var):
            # No block ever came.
            writer.write(slice(0, 0), np.empty((0, len(var)), np.float32))


def write_matrix(
    path: str | Path,
    obs: pd.DataFrame,
    var: pd.DataFrame,
    values: Block,
    layers: Mapping[str, NDArray[np.generic]] | None = None,
) -> None:
    """Write a matrix that is in memory; `values` and every layer have shape (len(obs), len(var))."""
    everything = slice(0, len(obs))
    with create_matrix(path, obs, var) as out:
        out.write(everything, values)
        for name, layer in (layers or {}).items():
            out.write(everything, layer, name)
