"""The clock, when it goes back: results made then would look older than what they replace.

Snakemake takes a result for stale when what it stands on is newer. A result that is made again after the clock has
gone back is older than what was made of the one before, which then passes for fresh. So the newest time that was seen
is kept as that of a file, and where the clock is behind it, all results are set back by as much, in their order.
"""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from landex.errors import UserError

# Clocks of the nodes of a cluster and of a file server differ by less; so do two jobs that end at once.
_TOLERANCE = 5.0


def seconds_behind(seen: Path) -> float:
    """Return by how many seconds the clock is behind the newest time that was seen; 0 where it is not.

    Parameters
    ----------
    seen
        The file whose modification time that is; it is made where it is missing, and takes the time of now unless that
        is behind. The file system's own clock is asked, which dates the results as well.
    """
    before = seen.stat().st_mtime_ns if seen.exists() else 0
    seen.touch()
    behind = (before - seen.stat().st_mtime_ns) / 1e9
    if behind > 0:
        os.utime(seen, ns=(before, before))
    return behind if behind > _TOLERANCE else 0.0


def check_clock(seen: Path) -> None:
    """Raise a UserError if the clock went back since a job last ended: what this one made would look too old."""
    if behind := seconds_behind(seen):
        raise UserError(f"the clock went back by {_said(behind)} while the workflow was running; run again")


def follow_clock(seen: Path, folders: Iterable[Path]) -> str:
    """Set all files in some folders back where the clock has gone back; return what was done, or nothing."""
    behind = seconds_behind(seen)
    if not behind:
        return ""
    shift = int(behind * 1e9)
    for folder in folders:
        for path in folder.rglob("*"):
            # One that is gone or not ours to change is left as it is.
            with suppress(OSError):
                status = path.lstat()
                times = (status.st_atime_ns, status.st_mtime_ns - shift)
                os.utime(path, ns=times, follow_symlinks=False)
    now = time.time_ns()
    os.utime(seen, ns=(now, now))
    return f"the clock went back by {_said(behind)}; the times of all results were set back by as much"


def _said(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min"
