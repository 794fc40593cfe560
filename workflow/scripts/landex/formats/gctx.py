"""GCTX, the Connectivity Map's HDF5 layout (Enache et al. 2019, Bioinformatics 35:1427), in blocks of samples.

`/0/DATA/0/matrix` holds samples x genes, `/0/META/COL` and `/0/META/ROW` a data set a field of samples and of genes,
`id` among them; the root's attribute `version` is GCTX1.0.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from landex.damage import told_as_damage
from landex.errors import UserError
from landex.files import atomic, check_room
from landex.formats.matrix_file import ROWS, Content, Fields, Values, places_of_blocks
from landex.hdf5 import check_holds_itself

MATRIX, _GENES, _SAMPLES = "/0/DATA/0/matrix", "/0/META/ROW", "/0/META/COL"
_DAMAGED = "damaged ({reason}); fetch it again"
_CHUNK_BYTES = 1 << 20
# Most of a file that is held at a time: CMap's chunks span a thousand samples.
_BLOCK_BYTES = 64 << 20


class Gctx:
    """An open GCTX file; a `MatrixFile`. Made by `open_gctx`."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        for name in (MATRIX, f"{_GENES}/id", f"{_SAMPLES}/id"):
            if not isinstance(file.get(name), h5py.Dataset):
                raise UserError(f"{path}: not a GCTX file: it has no data set {name}")
        self._matrix = file[MATRIX]
        self.genes, self.samples = _texts(file[f"{_GENES}/id"]), _texts(file[f"{_SAMPLES}/id"])
        if self._matrix.shape != (len(self.samples), len(self.genes)):
            shape = " x ".join(map(str, self._matrix.shape))
            raise UserError(
                f"{path}: its matrix is {shape}, where {len(self.samples)} samples (META/COL/id) and "
                f"{len(self.genes)} genes (META/ROW/id) are named"
            )
        if self._matrix.dtype.kind not in "fiu":
            raise UserError(f"{path}: its matrix holds no numbers ({self._matrix.dtype})")
        self.gene_fields, self.sample_fields = _fields(file[_GENES]), _fields(file[_SAMPLES])

    def read(self, rows: slice) -> Values:
        """See `MatrixFile`."""
        with told_as_damage(self.path, _DAMAGED):
            values: Values = self._matrix[rows]
        return values if values.dtype.kind == "f" else values.astype(np.float64)

    def blocks(self) -> Iterator[tuple[slice, Values]]:
        """See `MatrixFile`; blocks end where the file's chunks do, so that each chunk is read once."""
        for place in places_of_blocks(len(self.samples), self._rows_of_block()):
            values = self.read(place)
            for part in places_of_blocks(len(values)):
                yield slice(place.start + part.start, place.start + part.stop), values[part]

    def _rows_of_block(self) -> int:
        rows = self._matrix.chunks[0] if self._matrix.chunks else ROWS
        fitting = max(1, _BLOCK_BYTES // max(1, self._matrix.shape[1] * self._matrix.dtype.itemsize))
        return rows * max(1, ROWS // rows) if rows <= fitting else fitting


def _texts(field: h5py.Dataset) -> list[str]:
    """Return a field as text; fixed-length strings lose their padding."""
    values = field[()]
    if field.dtype.kind in "SO":
        return [
            (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).rstrip("\0 ")
            for value in values
        ]
    return [str(value) for value in values]


def _fields(group: h5py.Group) -> Fields:
    length = group["id"].shape
    return {
        name: _texts(item)
        for name, item in group.items()
        if name != "id" and isinstance(item, h5py.Dataset) and item.shape == length
    }


@contextmanager
def open_gctx(path: Path) -> Iterator[Gctx]:
    """Open a GCTX file; its values are read when they are asked for.

    Raises
    ------
    UserError
        If it is no GCTX file, or what it holds does not fit together.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path}: not readable as GCTX ({error})") from error
    with file:
        with told_as_damage(path, _DAMAGED):
            check_holds_itself(path, file)
            opened = Gctx(path, file)
        yield opened


def _storable(fields: Fields) -> Fields:
    """Rename fields whose names mean something else in HDF5: a field `id` becomes `id_`, a slash `_`."""
    renamed: Fields = {}
    for name, values in fields.items():
        own = name.replace("/", "_") or "_"
        while own == "id" or own in renamed:
            own += "_"
        renamed[own] = values
    return renamed


class GctxWriter:
    """A GCTX file in the making; made by `create_gctx`."""

    def __init__(self, matrix: h5py.Dataset) -> None:
        self._matrix = matrix

    def write(self, place: slice, block: NDArray[np.float32]) -> None:
        """See `MatrixFileWriter`."""
        self._matrix[place] = block


def write_annotations(file: h5py.File, name: str, content: Content) -> None:
    """Write all of a GCTX file but its matrix."""
    file.attrs["version"] = np.bytes_("GCTX1.0")
    file.attrs["src"] = name
    for group, names, fields in (
        (_GENES, content.genes, content.gene_fields),
        (_SAMPLES, content.samples, content.sample_fields),
    ):
        for field, values in {"id": names, **_storable(fields)}.items():
            encoded = np.array([value.encode("utf-8") for value in values] or [b""], dtype="S")[: len(values)]
            file.create_dataset(f"{group}/{field}", data=encoded)


@contextmanager
def create_gctx(path: Path, content: Content) -> Iterator[GctxWriter]:
    """Write a GCTX file, float32 with checksums."""
    shape = (len(content.samples), len(content.genes))
    check_room(path, 4 * shape[0] * shape[1])
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        write_annotations(file, path.name, content)
        filled = min(shape) > 0
        chunk = (max(1, min(shape[0], _CHUNK_BYTES // (4 * max(1, shape[1])))), shape[1])
        yield GctxWriter(
            file.create_dataset(
                MATRIX,
                shape,
                np.float32,
                chunks=chunk if filled else None,
                fletcher32=filled,
                fillvalue=np.nan,
            )
        )
