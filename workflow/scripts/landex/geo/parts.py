"""What a file of a series holds, in the order in which readers yield it: the series, its probes, its samples."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.geo.values import ProbeList

Attributes = Mapping[str, list[str]]

# Ends of supplementary files that are tables.
TABLES = (".tsv.gz", ".csv.gz", ".txt.gz")


@dataclass(frozen=True)
class Series:
    """A series: accession, its platforms, the samples that it lists, its relations to others, its other files."""

    name: str
    platforms: list[str]
    samples: list[str]
    relations: list[str] = field(default_factory=list)
    supplementary: list[str] = field(default_factory=list)

    @property
    def tables(self) -> list[str]:
        """The names of its supplementary files that may be tables of values."""
        names = [address.rpartition("/")[2] for address in self.supplementary]
        return [name for name in names if name.endswith(TABLES)]

    @property
    def superseries(self) -> list[str]:
        """The superseries that it is part of."""
        return self._related("SubSeries of:")

    @property
    def subseries(self) -> list[str]:
        """The series that it is made of."""
        return self._related("SuperSeries of:")

    def _related(self, how: str) -> list[str]:
        return [text.partition(":")[2].strip() for text in self.relations if text.startswith(how)]


@dataclass(frozen=True)
class Probes:
    """The table of a platform, all cells text; without rows where the file has none."""

    platform: str
    table: pd.DataFrame


@dataclass(frozen=True)
class Submission:
    """A sample as it was submitted: probes and values of shape (rows,), or the reason why it cannot be used."""

    name: str
    platform: str
    attributes: Attributes
    probes: ProbeList | None = None
    values: NDArray[np.float64] | None = None
    reason: str = ""

    def first(self, key: str) -> str:
        """Return the first value of an attribute; empty where it has none."""
        return self.attributes.get(key, [""])[0]


Part = Series | Probes | Submission
Parts = Iterator[Part]


def check_platform(series: str, platform: str, found: list[str]) -> None:
    """Raise a UserError if a series does not have a platform."""
    if platform not in found:
        raise UserError(f"{series}: has no platform {platform}; it has {', '.join(found) or 'none'}")
