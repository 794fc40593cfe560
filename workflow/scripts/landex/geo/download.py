"""Files from GEO's server, a mirror of it, or a folder in its layout: whole and checked, or one clear reason."""

import email.utils
import http.client
import json
import logging
import random
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from landex.errors import UserError
from landex.files import UnpacksTooLarge, check_gzip, checksum_of
from landex.geo.layout import address_of, is_remote, places_of
from landex.job import terminal

_logger = logging.getLogger(__name__)

# Pauses between attempts double up to this; a server that asks for more (Retry-After) gets up to ten minutes.
_LONGEST_PAUSE = 60.0
_LONGEST_WISH = 600.0
_CHUNK = 1 << 16
# Text is read by the line: one of a series matrix of 100,000 samples has some 2 MB.
_LONGEST_LINE = 64e6
# What GEO says of a file that it does not have.
_NOT_THERE = (404, 410)
# What will be said again however often one asks; others (too many requests, a server's own faults) may pass.
_REFUSALS = (400, 401, 403, 405, 406, 451)


@dataclass(frozen=True)
class Access:
    """How files are fetched; fields as in the config's `geo`.

    Attributes
    ----------
    mirror
        An http(s) address or a folder in GEO's layout.
    retries
        How often a failed attempt is followed by another, after pauses that double (with jitter).
    timeout
        Seconds without a byte after which an attempt is given up.
    offline
        Never to touch the network.
    largest_mb
        Largest file that is taken, in megabytes (10^6 bytes).
    largest_unpacked_mb
        What a file may hold unpacked, in megabytes.
    turn
        Seconds that a request takes at least: the share of one job in the requests a second of all jobs.
    """

    mirror: str
    retries: int = 5
    timeout: float = 60.0
    offline: bool = False
    largest_mb: float = 2000.0
    largest_unpacked_mb: float = 20000.0
    turn: float = 1.0


@dataclass(frozen=True)
class Fetched:
    """A file that is there and whole: where it came from, its size in bytes and its checksum."""

    address: str
    bytes: int
    sha256: str


class NotFetched(UserError):
    """A file that cannot be had; `again` tells whether another call may have more luck."""

    def __init__(self, message: str, again: bool) -> None:
        super().__init__(message)
        self.again = again


class _Refused(Exception):
    """An answer that will not change."""


class _NotThere(_Refused):
    """The server does not have the file."""


class _Passing(Exception):
    """A failure that another attempt may not meet.

    Attributes
    ----------
    wish
        Seconds that the server asks to wait.
    """

    def __init__(self, reason: str, wish: float = 0.0) -> None:
        super().__init__(reason)
        self.wish = wish


def fetch(name: str, access: Access, path: str | Path) -> Fetched:
    """Have a file of GEO at `path`, whole or not at all.

    What is there already is checked and kept. A download goes to a hidden file beside `path` first, which the next
    attempt, or the next call, goes on with; it is moved when its size and its gzip checksum are right.

    Parameters
    ----------
    name
        GEO's name of the file, see `layout`.
    access
        Where from and how.
    path
        Where it goes.

    Raises
    ------
    NotFetched
        If it cannot be had.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotFetched(f"{name}: cannot be put into {path.parent} ({error})", again=False) from error
    place, *others = places_of(name, access.mirror)
    if is_remote(access.mirror):
        if (kept := _kept(path)) is not None:
            return Fetched(address_of(place, access.mirror), *kept)
        if access.offline:
            raise NotFetched(f"{name}: not in {path.parent}, and geo.offline is true; fetch it where there is network",
                             again=False)  # fmt: skip
    for other in [place, *others]:
        try:
            return _fetch_from(other, access, path)
        except _NotThere as error:
            reason = str(error)
        except _Refused as error:
            raise NotFetched(f"{name}: not to be had from {access.mirror}: {error}", again=False) from error
    raise NotFetched(f"{name}: {access.mirror} has no such file ({reason})", again=False)


def _kept(path: Path) -> tuple[int, str] | None:
    """Return size and checksum of a file that is there and whole; one that is not is taken away."""
    if not path.is_file():
        return None
    try:
        check_gzip(path)
    except UserError as error:
        _logger.info("%s; it is fetched anew", str(error).removesuffix("; fetch it again"))
        path.unlink()
        return None
    _logger.info("%s: kept, its checksum is right", path.name)
    return path.stat().st_size, checksum_of(path)


def _fetch_from(place: str, access: Access, path: Path) -> Fetched:
    address = address_of(place, access.mirror)
    # A folder as the config names it: results do not say where the project lies.
    shown = address if is_remote(address) else f"{access.mirror.rstrip('/')}/{place}"
    part = _Part(path)
    # What a folder holds does not get better by waiting.
    remote = is_remote(address)
    attempts = access.retries + 1 if remote else 1
    for attempt in range(attempts):
        try:
            with _turn(access.turn if remote else 0.0):
                _download(address, part, access)
            _check(part, address, access)
        except _Passing as error:
            reason, wish = str(error), error.wish
        else:
            found = Fetched(shown, part.path.stat().st_size, checksum_of(part.path))
            part.path.replace(path)
            part.forget()
            return found
        if attempt < attempts - 1:
            pause = max(min(_LONGEST_PAUSE, 2.0**attempt) * random.uniform(0.5, 1), min(wish, _LONGEST_WISH))
            _logger.info("%s: %s; trying again in %.1f s", address, reason, pause)
            time.sleep(pause)
    raise NotFetched(f"{path.name}: not to be had from {access.mirror}: {' '.join(reason.split())}", again=remote)


@contextmanager
def _turn(seconds: float) -> Iterator[None]:
    """Take at least some seconds, so that jobs that end quickly do not ask more often than they may."""
    began = time.monotonic()
    try:
        yield
    finally:
        if (rest := seconds - (time.monotonic() - began)) > 0:
            time.sleep(rest)


class _Part:
    """What came so far of a file, and what the server called the version that it is of."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.part")
        self._version = path.with_name(f".{path.name}.part.json")

    def forget(self) -> None:
        """Take it away."""
        self.path.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def resumable(self, address: str) -> dict[str, str]:
        """Return the headers that ask for the rest; none where there is nothing to go on with."""
        try:
            version = json.loads(self._version.read_text(encoding="utf-8"))
            size = self.path.stat().st_size
        except (OSError, ValueError):
            return {}
        if not size or version.get("address") != address or not version.get("validator"):
            return {}
        return {"Range": f"bytes={size}-", "If-Range": version["validator"]}

    def begin(self, address: str, headers: Any) -> None:
        """Note the version of what is about to come; one without a name cannot be gone on with."""
        self.forget()
        tag = headers.get("ETag", "")
        # A weak tag does not promise the same bytes (RFC 9110, 13.1.5).
        validator = tag if tag.startswith('"') else headers.get("Last-Modified", "")
        self._version.write_text(json.dumps({"address": address, "validator": validator}), encoding="utf-8")


def _download(address: str, part: _Part, access: Access) -> None:
    asked = part.resumable(address)
    request = urllib.request.Request(address, headers={"User-Agent": "landex", "Accept-Encoding": "identity", **asked})
    try:
        with urllib.request.urlopen(request, timeout=access.timeout) as response:
            _receive(response, address, part, access, bool(asked))
    except urllib.error.HTTPError as error:
        if error.code in _NOT_THERE:
            raise _NotThere(f"{address}: {error.code}") from error
        if error.code in _REFUSALS:
            raise _Refused(f"{error.code} {error.reason}") from error
        if error.code == 416:
            part.forget()
        raise _Passing(f"{error.code} {error.reason}", _wish(error.headers)) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            raise _NotThere(str(error.reason)) from error
        raise _Passing(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Passing(str(error).replace(str(part.path), address) or type(error).__name__) from error


def _wish(headers: Any) -> float:
    """Return the seconds that a server asks to wait, as a number or a date; 0 where it does not."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def _receive(response: Any, address: str, part: _Part, access: Access, asked: bool) -> None:
    """Write an answer's body after what is there, or anew where the server sends the whole."""
    headers = response.headers
    if "html" in headers.get("Content-Type", ""):
        raise _Passing("an HTML page came instead of the file")
    start = 0
    if asked and response.status == 206:
        start = part.path.stat().st_size
        if not headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            part.forget()
            raise _Passing(f"another range came than the one from {start} on")
    else:
        part.begin(address, headers)
    length = headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    _check_size(total or 0, access)
    with part.path.open("ab" if start else "wb") as out, _progress(part.path.name, start, total) as progress:
        size = start
        while chunk := response.read(_CHUNK):
            out.write(chunk)
            size += len(chunk)
            progress.update(len(chunk))
            _check_size(size, access)
    if total is not None and size != total:
        raise _Passing(f"{size} of {total} bytes came")


def _check_size(size: int, access: Access) -> None:
    if size > access.largest_mb * 1e6:
        raise _Refused(f"it has more than {access.largest_mb:g} MB (geo.largest_mb)")


def _progress(name: str, start: int, total: int | None) -> Any:
    """Return a bar on the user's terminal, where there is one."""
    screen = terminal()
    return tqdm(
        desc=name.removeprefix(".").removesuffix(".part"), initial=start, total=total, unit="B", unit_scale=True,
        file=screen, disable=screen is None, leave=False, mininterval=1,
    )  # fmt: skip


def _check(part: _Part, address: str, access: Access) -> None:
    """Read what came to its end; what is damaged is no start for another attempt."""
    try:
        check_gzip(part.path, access.largest_unpacked_mb * 1e6, _LONGEST_LINE)
    except UnpacksTooLarge as error:
        part.forget()
        raise _Refused(f"{str(error).removeprefix(f'{part.path}: ')} (geo.largest_unpacked_mb)") from error
    except UserError as error:
        part.forget()
        raise _Passing(str(error).replace(str(part.path), address)) from error
