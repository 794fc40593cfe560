"""Gzip files as streams: unpacked in a thread beside the one that reads, with their faults in one clear line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from isal import igzip_lib, igzip_threaded

from landex.errors import UserError
from landex.files import check_gzip


@contextmanager
def unpacked(path: str | Path) -> Iterator[IO[bytes]]:
    """Open a gzip file for reading; its checksum is looked at when it has been read to the end.

    Raises
    ------
    UserError
        If the file is empty, not gzip, cut short or damaged; also where what was read of such a file made no sense.
    """
    if not Path(path).stat().st_size:
        check_gzip(path)
    try:
        with igzip_threaded.open(path, "rb", threads=1) as stream:  # type: ignore[no-untyped-call]
            yield cast(IO[bytes], stream)
    except UserError:
        # What a damaged file says is no reason.
        check_gzip(path)
        raise
    except (OSError, EOFError, igzip_lib.IsalError) as error:  # type: ignore[misc]
        check_gzip(path)
        raise UserError(f"{path}: not readable ({' '.join(str(error).split())}); fetch it again") from error
