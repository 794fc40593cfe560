"""GEO's family SOFT files, read an entry at a time, with proof that nothing was lost.

GEOparse parses the metadata of one entry; the file, the entries and the tables are checked here, because
GEOparse trusts everything (truncated files, row counts, genes named NA).
"""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

import GEOparse
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import check_gzip

_ENTRIES = ("DATABASE", "SERIES", "PLATFORM", "SAMPLE")


class RejectedSample(Exception):
    """A sample that cannot be used; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One entry of a SOFT file: its kind (SERIES, PLATFORM, SAMPLE), accession and lines."""

    kind: str
    name: str
    lines: list[str]

    @cached_property
    def metadata(self) -> dict[str, list[str]]:
        """The entry's attributes without their prefix, e.g. `platform_id`, each with all its values."""
        head = takewhile(lambda line: "_table_begin" not in line, self.lines)
        parsed: dict[str, list[str]] = GEOparse.GEOparse.parse_metadata(head)
        return parsed

    def first(self, key: str, default: str = "") -> str:
        """Return the first value of an attribute."""
        return self.metadata.get(key, [default])[0]

    def table(self) -> pd.DataFrame:
        """Return the entry's table with all cells as text.

        Raises
        ------
        RejectedSample
            If the table is cut short or has another number of rows than the entry says.
        """
        begin, end = f"!{self.kind.lower()}_table_begin", f"!{self.kind.lower()}_table_end"
        marks = {line.strip(): number for number, line in enumerate(self.lines) if line.startswith("!")}
        if begin not in marks:
            return pd.DataFrame()
        if end not in marks:
            raise RejectedSample("its table is cut short")
        rows = self.lines[marks[begin] + 1 : marks[end]]
        if len(rows) < 2:
            return pd.DataFrame()
        # Quotes are plain characters in SOFT; an unpaired one must not swallow the rows that follow.
        try:
            table = pd.read_csv(
                io.StringIO("".join(rows)),
                sep="\t",
                dtype=str,
                keep_default_na=False,
                quoting=3,
                index_col=False,
                lineterminator="\n",
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise RejectedSample(f"its table is no table ({str(error).strip()})") from error
        counted = self.first("data_row_count")
        if counted.isdecimal() and int(counted) not in (0, len(table)):
            raise RejectedSample(f"its table has {len(table)} rows, not the {counted} it announces")
        return table


def read_entries(path: str | Path) -> Iterator[Entry]:
    """Read a gzipped SOFT file entry by entry, after the whole file passed its checksum.

    Raises
    ------
    UserError
        If the file is damaged or not in SOFT.
    """
    check_gzip(path)
    entry: Entry | None = None
    # Bytes outside UTF-8 occur in free text (names, protocols); they are replaced, never dropped.
    with gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n") as stream:
        for raw in stream:
            line = raw.rstrip("\r\n") + "\n"
            if line.startswith("^"):
                if entry:
                    yield entry
                kind, _, name = line[1:].partition("=")
                entry = Entry(kind.strip().upper(), name.strip(), [])
                if entry.kind not in _ENTRIES:
                    raise UserError(f"{path}: unknown SOFT entry {line.strip()!r}; is it a series' family file?")
            elif entry:
                entry.lines.append(line)
            elif line.strip():
                raise UserError(f"{path}: not a SOFT file, it begins with {line.strip()[:40]!r}; fetch it again")
    if entry is None:
        raise UserError(f"{path}: an empty SOFT file; fetch it again")
    yield entry


def sample_values(entry: Entry) -> tuple[list[str], NDArray[np.float64]]:
    """Return a sample's probes and values (NaN where missing), each of shape (rows,).

    Raises
    ------
    RejectedSample
        If the sample is not of a human, has two channels, has no values, names a probe twice, or its table
        is cut short.
    """
    organisms = entry.metadata.get("organism_ch1", [])
    if organisms and "Homo sapiens" not in organisms:
        raise RejectedSample(f"its organism is {organisms[0]}, not Homo sapiens")
    if entry.first("channel_count", "1") != "1":
        raise RejectedSample("it has two channels; their values are ratios, not expression")
    table = entry.table()
    if table.empty:
        raise RejectedSample("its table is empty")
    missing = [column for column in ("ID_REF", "VALUE") if column not in table.columns]
    if missing:
        raise RejectedSample(f"its table has no column {missing[0]}")
    if table["ID_REF"].duplicated().any():
        raise RejectedSample(f"its table names {table['ID_REF'][table['ID_REF'].duplicated()].iloc[0]} twice")
    values = pd.to_numeric(table["VALUE"], errors="coerce").to_numpy(np.float64)
    text = table["VALUE"][np.isnan(values)]
    unreadable = text[~text.str.strip().str.lower().isin(["", "null", "na", "nan", "n/a"])]
    if len(unreadable):
        raise RejectedSample(f"its value {unreadable.iloc[0]!r} is no number")
    return table["ID_REF"].tolist(), values
