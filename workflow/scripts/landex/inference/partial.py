"""Results in the making: blocks are written where they will stay, and a note says how far, for a call that goes on."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import atomic
from landex.formats.matrix_file import Content

# Seconds between notes: what a kill can cost.
_BETWEEN_NOTES = 5.0
_NOTE = "state.json"


class PartialResult:
    """Float32 matrices and per-sample figures that grow row by row.

    Parameters
    ----------
    folder
        Where they lie until they are whole; taken up again where its note has the same key.
    key
        What the result follows from, as text.
    matrices
        By name, the ending of each matrix' result.
    shape
        Rows and columns of every matrix.
    figures
        How many numbers every row gets besides.

    Raises
    ------
    UserError
        If another process works on it.
    OSError
        If there is no room.
    """

    def __init__(
        self, folder: Path, key: str, matrices: Mapping[str, str], shape: tuple[int, int], figures: int
    ) -> None:
        self._folder, self._key, self._shape, self._width = folder, key, shape, figures
        self._endings = dict(matrices)
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
        self._files: dict[str, int] = {}
        self._claim()
        self.rows, self._offsets = self._noted()
        if not self._offsets:
            try:
                self._begin()
            except BaseException:
                self.drop()
                os.close(self._lock)
                raise
        self.taken_up = self.rows
        self._files = {name: os.open(self.path(name), os.O_WRONLY) for name in self._offsets}
        self._files["figures"] = os.open(self.path("figures"), os.O_WRONLY)
        self._noted_at = time.monotonic()

    def _begin(self) -> None:
        for name, ending in self._endings.items():
            self._offsets[name] = _allocated(self.path(name), ending, self._shape)
        self.path("figures").write_bytes(bytes(8 * self._shape[0] * self._width))
        self._note()

    def path(self, name: str) -> Path:
        """Return the file of one matrix."""
        return self._folder / name

    def _claim(self) -> None:
        # Other systems than Unix have no fcntl, and landex does not run on them.
        import fcntl

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise UserError(f"{self._folder}: another process writes this result; wait for it, or end it") from error

    def _noted(self) -> tuple[int, dict[str, int]]:
        """Return the rows that are done and where matrices begin; nothing where the note is of something else."""
        try:
            note = json.loads(self.path(_NOTE).read_text(encoding="utf-8"))
            rows, offsets, key = int(note["rows"]), {str(k): int(v) for k, v in note["offsets"].items()}, note["key"]
            whole = all(
                self.path(name).stat().st_size >= offset + 4 * self._shape[0] * self._shape[1]
                for name, offset in offsets.items()
            )
            figures = self.path("figures").stat().st_size == 8 * self._shape[0] * self._width
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0, {}
        fits = 0 <= rows <= self._shape[0] and set(offsets) == set(self._endings)
        return (rows, offsets) if key == self._key and whole and figures and fits else (0, {})

    def _note(self) -> None:
        for descriptor in self._files.values():
            _to_disk(descriptor)
        text = json.dumps({"key": self._key, "rows": self.rows, "offsets": self._offsets})
        with atomic(self.path(_NOTE)) as temporary:
            temporary.write_text(text, encoding="utf-8")
        self._noted_at = time.monotonic()

    def write(self, matrices: Mapping[str, NDArray[np.float32]], figures: NDArray[np.float64]) -> None:
        """Add the next rows, of shape (rows, columns) and (rows, figures)."""
        rows, columns = next(iter(matrices.values())).shape
        for name, block in matrices.items():
            _write(self._files[name], block, self._offsets[name] + 4 * self.rows * columns)
        _write(self._files["figures"], figures, 8 * self.rows * self._width)
        self.rows += rows
        if time.monotonic() - self._noted_at > _BETWEEN_NOTES:
            self._note()

    def figures(self) -> NDArray[np.float64]:
        """Return the figures of all rows, shape (rows, figures)."""
        return np.fromfile(self.path("figures"), np.float64).reshape(self._shape[0], self._width)

    def complete(self, results: Mapping[str, Path], content: Content) -> None:
        """Move matrices to their places, in this order, and drop what is left."""
        # HDF5's import is not for results of text.
        from landex.formats.in_place import IN_PLACE, complete

        self._note()
        self._close_files()
        if IN_PLACE.keys() & self._endings.values():
            # What is added there cannot be added twice: a call that is stopped from here on has to begin again.
            self.path(_NOTE).unlink()
        for name, result in results.items():
            complete(self.path(name), result, self._endings[name], content)
        self.drop()

    def drop(self) -> None:
        """Remove everything."""
        self._close_files()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _close_files(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note how far it came, if there is anything to go on from; leave nothing else."""
        if kind is not None and (not self.rows or issubclass(kind, UserError)):
            self.drop()
        elif kind is not None and self._files and self.rows > self.taken_up:
            self._note()
        self._close_files()
        os.close(self._lock)


def _allocated(path: Path, ending: str, shape: tuple[int, int]) -> int:
    from landex.formats.in_place import allocate

    return allocate(path, ending, shape)


def _to_disk(descriptor: int) -> None:
    # macOS has no fdatasync.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _write(descriptor: int, block: NDArray[np.generic], offset: int) -> None:
    """Write a whole block; a disk that fills up may take a part of it first."""
    view = memoryview(np.ascontiguousarray(block).data).cast("B")
    while len(view):
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
