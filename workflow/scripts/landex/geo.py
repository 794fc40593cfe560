"""Series from GEO's file server, a mirror of it, or a folder in its layout."""

import gzip
import http.client
import logging
import random
import shutil
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from landex.errors import UserError
from landex.files import atomic, check_gzip

_logger = logging.getLogger(__name__)
_LONGEST_PAUSE = 60.0


def series_path(series: str) -> str:
    """Return where a series' family SOFT file lies below the root of GEO's file server.

    The last three digits of an accession become `nnn` in the name of its folder: GSE781 lies in GSEnnn,
    GSE14618 in GSE14nnn.
    """
    stub = series[:3] + series[3:-3] + "nnn"
    return f"series/{stub}/{series}/soft/{series}_family.soft.gz"


def is_remote(mirror: str) -> bool:
    """Tell whether a mirror is an address rather than a folder."""
    return mirror.startswith(("http://", "https://"))


def fetch_series(series: str, mirror: str, path: str | Path, retries: int, timeout: float) -> None:
    """Copy the family SOFT file of a series from a mirror to `path`, whole or not at all.

    Parameters
    ----------
    series
        Accession, GSE and digits.
    mirror
        An http(s) address or a folder in GEO's layout; both are read the same way.
    path
        Where the file goes; it appears there only after its gzip checksum was found right.
    retries
        How often a failed download is tried again, after pauses that double (with jitter).
    timeout
        Seconds without an answer after which an attempt is given up.

    Raises
    ------
    UserError
        If the mirror does not have the series, cannot be reached, or sends a damaged file every time.
    """
    root = mirror.rstrip("/") if is_remote(mirror) else Path(mirror).resolve().as_uri()
    address = f"{root}/{series_path(series)}"
    # What a folder holds does not get better by waiting.
    attempts = retries + 1 if is_remote(mirror) else 1
    for attempt in range(attempts):
        temporary = None
        try:
            with atomic(path) as temporary:
                _download(address, temporary, timeout)
                check_gzip(temporary)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise UserError(f"{series}: {mirror} has no such series ({address}: {error.code})") from error
            reason = f"{error.code} {error.reason}"
        except urllib.error.URLError as error:
            if isinstance(error.reason, FileNotFoundError) or not is_remote(mirror):
                raise UserError(f"{series}: {mirror} has no such series ({error.reason})") from error
            reason = str(error.reason)
        except (OSError, http.client.HTTPException, UserError) as error:
            reason = str(error).replace(str(temporary), address) if temporary else str(error)
        else:
            return
        if attempt < attempts - 1:
            pause = min(_LONGEST_PAUSE, 2.0**attempt) * random.uniform(0.5, 1)
            _logger.info("%s: %s; trying again in %.1f s", address, reason, pause)
            time.sleep(pause)
    raise UserError(f"{series}: not to be had from {mirror}: {' '.join(reason.split())}")


def _download(address: str, path: Path, timeout: float) -> None:
    with urllib.request.urlopen(address, timeout=timeout) as response, path.open("wb") as out:
        shutil.copyfileobj(response, out)
        announced = response.headers.get("Content-Length")
    received = path.stat().st_size
    if announced is not None and int(announced) != received:
        raise OSError(f"{received} of {announced} bytes came")


def platforms_of(path: str | Path) -> list[str]:
    """Return the platforms that a series names, reading the head of its file only."""
    platforms: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            if line.startswith("!Series_platform_id"):
                platforms.append(line.partition("=")[2].strip())
            elif line.startswith(("^PLATFORM", "^SAMPLE")):
                break
    return platforms


def check_platform(series: str, platform: str, found: list[str]) -> None:
    """Raise a UserError if a series does not have a platform."""
    if platform not in found:
        raise UserError(f"{series}: has no platform {platform}; it has {', '.join(found) or 'none'}")


def check_platform_in_file(series: str, platform: str, soft: str | Path) -> None:
    """Raise a UserError if a series' file does not name a platform; reads the head of the file only."""
    try:
        found = platforms_of(soft)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{soft}: not readable ({error}); fetch it again") from error
    check_platform(series, platform, found)
