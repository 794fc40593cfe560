"""HDF5 files that are whole or not there at all, and that a full disk cannot crash."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from landex.files import atomic, check_room


@contextmanager
def create_hdf5(path: str | Path, size: int) -> Iterator[h5py.File]:
    """Write an HDF5 file; it appears under its name when the block ends well.

    Parameters
    ----------
    path
        Result.
    size
        Bytes of its arrays, for which there has to be room: where HDF5 finds none while it closes a file, it ends the
        process with a segmentation fault.

    Raises
    ------
    OSError
        If there is no room, with the file's name.
    """
    check_room(path, size)
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        yield file
