"""What every script of a rule does around its one call: a log, errors in one line, the right package."""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

import landex
from landex.checksums import check, forget, note
from landex.clock import check_clock
from landex.errors import UserError
from landex.files import remove_leftovers
from landex.planned import check_code

# What a full disk, a used-up quota and a limit on the size of files say.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What a folder or a disk says that may only be read.
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

# Snakemake's own folder, where one runs: it keeps the newest time that was seen, see `landex.clock`.
RECORDS = Path(".snakemake")
CLOCK = RECORDS / "landex-clock"

# The terminal that the process was started on, while its output goes to a log.
_terminal: TextIO | None = None


def terminal() -> TextIO | None:
    """Return the terminal that the job was started on, for progress; None where its errors went elsewhere."""
    return _terminal


@contextmanager
def job(log: str | Path, script: str | Path, inputs: Iterable[str] = (), outputs: Iterable[str] = ()) -> Iterator[None]:
    """Run a block with all its output in the file `log`.

    Standard output and standard error are redirected as file descriptors, so that what native libraries
    print is kept too. A `UserError` becomes one line in the log, so does a disk that is full or read-only, any
    other exception its traceback; all end the process with exit code 1.

    Parameters
    ----------
    log
        File that receives the output; its folder is made.
    script
        `__file__` of the calling script. The package has to lie beside it: an installed copy would be
        run unseen by the hashes that decide which jobs are stale.
    inputs, outputs
        The job's files: results that it reads have to be what their jobs left, see `landex.checksums`.
    """
    global _terminal
    # Its own descriptor: the standard one is about to be the log's.
    _terminal = os.fdopen(os.dup(2), "w") if os.isatty(2) else None
    former = os.dup(2)
    try:
        _redirect(log)
    except OSError as error:
        _end(error, former)
    # TensorFlow's greeting is no news; its warnings and errors are.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", force=True)
    try:
        beside = Path(script).resolve().parent / "landex"
        if Path(landex.__file__).resolve().parent != beside:
            raise UserError(
                f"the package landex is loaded from {landex.__file__}, not from {beside}; "
                "uninstall that copy (pip uninstall landex) or take it off PYTHONPATH"
            )
        check_code(beside.parent)
        check(inputs)
        forget(outputs)
        for output in outputs:
            remove_leftovers(output)
        yield
        note(outputs)
        if RECORDS.is_dir():
            check_clock(CLOCK)
    except UserError as error:
        _say(f"landex: {error}", former)
        sys.exit(1)
    except OSError as error:
        _end(error, former)
    except Exception:
        traceback.print_exc()
        sys.exit(1)


def _redirect(log: str | Path) -> None:
    """Let standard output and standard error go to a file."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _end(error: OSError, former: int) -> NoReturn:
    """End the process, with one line where the disk is what failed."""
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in _NO_ROOM:
        _say(f"landex: {place}no room on the disk; make some and run again ({error})", former)
    elif error.errno in _READ_ONLY:
        _say(f"landex: {place}may not be read or written ({error.strerror})", former)
    else:
        traceback.print_exception(error)
    sys.exit(1)


def _say(line: str, former: int) -> None:
    """Print a line to the log, or where its disk is full to what standard error was before."""
    text = f"{line}\n".encode()
    try:
        sys.stderr.flush()
        os.write(2, text)
    except OSError:
        # With what is still in buffers.
        os.dup2(former, 1)
        os.dup2(former, 2)
        os.write(2, text)
