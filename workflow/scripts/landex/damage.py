"""Damage of HDF5 files, at which HDF5 and h5py fail in any way: said in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landex.errors import UserError


@contextmanager
def told_as_damage(path: Path, what: str) -> Iterator[None]:
    """Raise a UserError for whatever a block of reading raises.

    Parameters
    ----------
    path
        The file that is read.
    what
        What is wrong with it then, and what to do, with a place `{reason}`.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        raise UserError(f"{path}: {what.format(reason=' '.join(str(error).split()))}") from error
