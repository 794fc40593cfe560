"""HDF5 files that are whole or not there at all, that a full disk cannot crash, and that hold all they show."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from landex.errors import UserError
from landex.files import atomic, check_room

# A network of nine layers for each of a hundred parts has some 2,000; an AnnData file has two and more a column.
_MOST_ITEMS = 100_000


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


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, after `check_holds_itself`.

    Raises
    ------
    OSError
        If it is no HDF5 file.
    UserError
        If it shows what lies in other files.
    """
    with h5py.File(path, "r") as file:
        check_holds_itself(path, file)
        yield file


def check_holds_itself(path: str | Path, file: h5py.File) -> None:
    """Make sure that an open HDF5 file shows nothing of other files.

    A link to another file, an array in raw files beside it or one put together from several would show any file that
    the user may read, and its content would go into results and bundles that are handed on.

    Raises
    ------
    UserError
        At the first such item, by its name; or if there are too many to look at.
    """
    seen = 0

    def look(name: str, link: object) -> str | None:
        nonlocal seen
        seen += 1
        if seen > _MOST_ITEMS:
            return f"it holds more than {_MOST_ITEMS:,} items; no file that landex reads has so many"
        reason = _elsewhere(file, name, link)
        return f"{name[:80]!r} {reason}; write the file anew with everything in it" if reason else None

    # It visits every item once, never one of another file, and ends at the first that something is said of; h5py has
    # no use for exceptions there.
    said = file.visititems_links(look)
    if said:
        raise UserError(f"{path}: {said}")


def _elsewhere(file: h5py.File, name: str, link: object) -> str:
    """Return in words how an item lies in another file; nothing where it does not."""
    if isinstance(link, h5py.ExternalLink):
        return f"is a link to another file ({link.filename})"
    if isinstance(link, h5py.SoftLink):
        # What it leads to is visited under its own name.
        return ""
    item = file[name]
    if not isinstance(item, h5py.Dataset):
        return ""
    if item.external:
        return f"is stored in another file ({item.external[0][0]})"
    return "is put together from other arrays (a virtual data set)" if item.is_virtual else ""
