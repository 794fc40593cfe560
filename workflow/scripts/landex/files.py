"""Files that are whole or not there at all."""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landex.errors import UserError

_CHUNK = 1 << 20


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
    finally:
        temporary.unlink(missing_ok=True)


def check_gzip(path: str | Path) -> None:
    """Read a gzip file to its end.

    Raises
    ------
    UserError
        If the file is empty, is not gzip, is cut short or fails its checksum.
    """
    path = Path(path)
    if not path.stat().st_size:
        raise UserError(f"{path}: the file is empty; fetch it again")
    try:
        with gzip.open(path, "rb") as stream:
            while stream.read(_CHUNK):
                pass
    except gzip.BadGzipFile as error:
        raise UserError(f"{path}: not a whole gzip file ({error}); fetch it again") from error
    except (EOFError, zlib.error) as error:
        raise UserError(f"{path}: the gzip file is cut short or damaged ({error}); fetch it again") from error
