"""The heads of family SOFT files, read before anything runs."""

import gzip
import zlib
from pathlib import Path

from landex.errors import UserError
from landex.geo.parts import check_platform


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


def check_platform_in_file(series: str, platform: str, soft: str | Path) -> None:
    """Raise a UserError if a series' file does not name a platform; reads the head of the file only."""
    try:
        found = platforms_of(soft)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{soft}: not readable ({error}); fetch it again") from error
    check_platform(series, platform, found)
