"""Files that are whole or not there at all."""

import glob
import gzip
import hashlib
import math
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from landex.errors import UserError

_CHUNK = 1 << 20
# Content is read up to this size; above it a file is known by size, modification time and inode.
_CONTENT_LIMIT = 1 << 30
# For HDF5's own structures.
_ROOM_OF_HDF5 = 1 << 20


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path` and move it there if the block succeeds.

    A killed or failed block leaves nothing that looks finished: the temporary file starts with a dot and
    is removed when the block raises. Its name ends as `path` does, so that writers that look at the
    suffix (pandas, AnnData) treat it alike.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.partial.{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # A write that fails does not say where.
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def scratch_prefix(path: str | Path) -> str:
    """Return how the names of temporary files and folders for a result begin, beside it."""
    return f".{os.getpid()}.partial.{Path(path).name}.~"


def remove_leftovers(path: str | Path) -> None:
    """Remove what killed processes left beside a result; no two processes make one result at a time."""
    path = Path(path)
    name = glob.escape(path.name)
    for pattern in (f".*.partial.{name}", f".*.partial.{name}.~*"):
        for left in path.parent.glob(pattern):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def check_room(path: str | Path, size: int) -> None:
    """Make sure that an HDF5 file with arrays of some bytes can be written; HDF5 crashes where it cannot.

    Raises
    ------
    OSError
        With the file's name, if the disk, a quota or a limit has no room for it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=scratch_prefix(path)) as probe:
        _make_room(probe.fileno(), size + _ROOM_OF_HDF5, path)


def allocate(path: str | Path, size: int) -> None:
    """Make a file of some bytes with room on the disk, to be mapped: a mapped file that finds none ends the process.

    Raises
    ------
    OSError
        With the file's name, if the disk, a quota or a limit has no room for it.
    """
    with Path(path).open("wb") as file:
        _make_room(file.fileno(), size, Path(path))
        file.truncate(size)


def _make_room(descriptor: int, size: int, path: Path) -> None:
    # macOS has no such call; nothing is no size for it.
    if not hasattr(os, "posix_fallocate") or not size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


class UnpacksTooLarge(UserError):
    """A gzip file that holds more than may be unpacked."""


def check_gzip(path: str | Path, largest: float = math.inf, longest_line: float = math.inf) -> None:
    """Read a gzip file to its end.

    Parameters
    ----------
    path
        The file.
    largest, longest_line
        How many bytes it may hold unpacked, and in one line: gzip packs up to a thousand times, and text is read by the
        line.

    Raises
    ------
    UnpacksTooLarge
        If it holds more; not more than that is unpacked.
    UserError
        If the file is empty, is not gzip, is cut short or fails its checksum.
    """
    path = Path(path)
    size, line = 0, 0
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty; fetch it again")
    try:
        with gzip.open(path, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                line = len(chunk) - 1 - end if (end := chunk.rfind(b"\n")) >= 0 else line + len(chunk)
                if size > largest:
                    raise UnpacksTooLarge(f"{path}: it unpacks to more than {largest / 1e6:g} MB")
                if line > longest_line:
                    raise UnpacksTooLarge(f"{path}: a line of it has more than {longest_line / 1e6:g} MB")
    except gzip.BadGzipFile as error:
        raise UserError(f"{path}: not a whole gzip file ({error}); fetch it again") from error
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path}: the gzip file is cut short or damaged ({error}); fetch it again") from error


def file_state(path: str | Path) -> str:
    """Return size, modification time and inode of a file, as text."""
    status = Path(path).stat()
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def file_identity(path: str | Path) -> str:
    """Return the hash of a file's content; of a file above 1 GiB, its state."""
    path = Path(path)
    if path.stat().st_size > _CONTENT_LIMIT:
        return file_state(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").hexdigest()[:32]


def checksum_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's content."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
