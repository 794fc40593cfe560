"""GEO's SOFT files (families of series, data sets), read an entry at a time.

GEOparse parses the metadata of one entry; the file, the entries and the tables are checked here, because
GEOparse trusts everything (truncated files, row counts, genes named NA).
"""

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

import GEOparse
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.geo.unpack import unpacked
from landex.geo.values import ProbeList, ValueTables

_ENTRIES = ("DATABASE", "SERIES", "PLATFORM", "SAMPLE")
# Read at a time: small beside a sample's table of a megabyte or two, large beside the cost of a call.
_CHUNK = 1 << 18


# The reason of a sample without values.
EMPTY = "its table is empty"


class RejectedSample(Exception):
    """A sample that cannot be used; the message says why."""


@dataclass(frozen=True)
class Entry:
    """One entry of a SOFT file.

    Attributes
    ----------
    kind
        SERIES, PLATFORM, SAMPLE and so on.
    name
        Its accession.
    head
        Its lines but for the table, without line ends.
    body
        Its table as it stands in the file, header first; None where it has none.
    closed
        Whether the table has its end mark.
    """

    kind: str
    name: str
    head: list[str]
    body: bytes | None = None
    closed: bool = True

    @cached_property
    def metadata(self) -> dict[str, list[str]]:
        """The entry's attributes without their prefix, e.g. `platform_id`, each with all its values."""
        parsed: dict[str, list[str]] = GEOparse.GEOparse.parse_metadata([f"{line}\n" for line in self.head])
        return parsed

    def first(self, key: str, default: str = "") -> str:
        """Return the first value of an attribute."""
        return self.metadata.get(key, [default])[0]

    @property
    def columns(self) -> list[str]:
        """Names of the table's columns; none where there is no table."""
        return self.body.partition(b"\n")[0].decode("utf-8", "replace").split("\t") if self.body else []

    def table(self, columns: Collection[str] | None = None) -> pd.DataFrame:
        """Return the entry's table, or some of its columns, with all cells as text.

        Raises
        ------
        RejectedSample
            If the table is cut short or has another number of rows than the entry says.
        """
        if not self.closed:
            raise RejectedSample("its table is cut short")
        if self.body is None or self.body.count(b"\n") < 2:
            return pd.DataFrame()
        # Quotes are plain characters in SOFT; an unpaired one must not swallow the rows that follow.
        try:
            table = pd.read_csv(
                io.StringIO(self.body.decode("utf-8", "replace"), newline="\n"),
                sep="\t",
                dtype=str,
                keep_default_na=False,
                quoting=3,
                index_col=False,
                lineterminator="\n",
                usecols=None if columns is None else lambda name: name in columns,
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise RejectedSample(f"its table is no table ({str(error).strip()})") from error
        self.check_rows(len(table))
        return table

    def check_rows(self, rows: int) -> None:
        """Raise RejectedSample if a table of so many rows is not the one that the entry announces."""
        counted = self.first("data_row_count")
        if counted.isdecimal() and int(counted) not in (0, rows):
            raise RejectedSample(f"its table has {rows} rows, not the {counted} it announces")


class _Text:
    """The text of a gzip file, by the line or by the table."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._text = b""
        self._place = 0

    def _more(self) -> bool:
        """Append what comes next, and forget what was taken."""
        chunk = self._stream.read(_CHUNK)
        self._text = self._text[self._place :] + chunk
        self._place = 0
        return bool(chunk)

    def line(self) -> str | None:
        """Return the next line without its end; None at the file's."""
        while (end := self._text.find(b"\n", self._place)) < 0:
            if not self._more():
                if not self._text:
                    return None
                end = len(self._text)
                break
        line = self._text[self._place : end]
        self._place = min(end + 1, len(self._text))
        # Bytes outside UTF-8 occur in free text (names, protocols); they are replaced, never dropped.
        return line.decode("utf-8", "replace").rstrip("\r")

    def table(self, end_mark: bytes) -> tuple[bytes, bool]:
        """Return the lines up to an end mark, and whether it came; a new entry ends a table too."""
        pieces: list[bytes] = []
        while True:
            # As if the line before were there, so that the first may be the end mark.
            text = b"\n" + self._text[self._place :]
            end, closed = _end_of_table(text, end_mark)
            if end >= 0:
                pieces.append(text[1 : end + 1])
                self._place += end
                break
            # All but the last line, which may go on, is of the table.
            whole = text.rfind(b"\n")
            pieces.append(text[1 : whole + 1])
            self._place += whole
            if not self._more():
                pieces.append(self._text)
                self._place, closed = len(self._text), False
                break
        if closed:
            self.line()
        table = b"".join(pieces)
        return (table.replace(b"\r\n", b"\n") if b"\r" in table else table), closed


def _end_of_table(text: bytes, end_mark: bytes) -> tuple[int, bool]:
    """Return where in a text the line that ends a table begins (its line break), -1 for none, and if it is the mark."""
    end = text.find(b"\n" + end_mark)
    while end >= 0:
        after = text.find(b"\n", end + 1)
        if after < 0:
            # The line may go on.
            end = -1
        elif text[end + 1 : after].strip() == end_mark:
            break
        else:
            end = text.find(b"\n" + end_mark, after)
    other = text.find(b"\n^", 0, end if end >= 0 else len(text))
    return (other, False) if other >= 0 else (end, True)


def read_entries(path: str | Path, kinds: tuple[str, ...] = _ENTRIES) -> Iterator[Entry]:
    """Read a gzipped SOFT file entry by entry.

    The file's checksum comes last: an entry counts only once the iterator has ended.

    Parameters
    ----------
    path
        The file.
    kinds
        The entries that it may hold.

    Raises
    ------
    UserError
        If the file is damaged or not in SOFT.
    """
    with unpacked(path) as stream:
        yield from _entries(_Text(stream), path, kinds)


def _entries(text: _Text, path: str | Path, kinds: tuple[str, ...]) -> Iterator[Entry]:
    kind = name = ""
    head: list[str] = []
    body: bytes | None = None
    closed, begin = True, None
    while (line := text.line()) is not None:
        if line.startswith("^"):
            if kind:
                yield Entry(kind, name, head, body, closed)
            kind, _, name = (part.strip() for part in line[1:].partition("="))
            kind = kind.upper()
            if kind not in kinds:
                raise UserError(f"{path}: unknown SOFT entry {line.strip()!r}; is it a series' family file?")
            head, body, closed = [], None, True
            begin = _mark(kind, "begin")
        elif not kind:
            if line.strip():
                raise UserError(f"{path}: not a SOFT file, it begins with {line.strip()[:40]!r}; fetch it again")
        elif body is None and line.strip() == begin:
            body, closed = text.table(_mark(kind, "end").encode())
        else:
            head.append(line)
    if not kind:
        raise UserError(f"{path}: an empty SOFT file; fetch it again")
    yield Entry(kind, name, head, body, closed)


def _mark(kind: str, which: str) -> str:
    return f"!{kind.lower()}_table_{which}"


def check_sample(attributes: dict[str, list[str]]) -> None:
    """Raise RejectedSample if a sample's attributes say that it is not of a human or has two channels."""
    organisms = attributes.get("organism_ch1", [])
    if organisms and "Homo sapiens" not in organisms:
        raise RejectedSample(f"its organism is {organisms[0]}, not Homo sapiens")
    if attributes.get("channel_count", ["1"])[0] != "1":
        raise RejectedSample("it has two channels; their values are ratios, not expression")


def sample_values(entry: Entry, tables: ValueTables) -> tuple[ProbeList, NDArray[np.float64]]:
    """Return a sample's probes and values (NaN where missing), each of shape (rows,).

    Parameters
    ----------
    entry
        The sample.
    tables
        The reader, kept from sample to sample: those of a series mostly name the same probes.

    Raises
    ------
    RejectedSample
        If the sample is not of a human, has two channels, has no values, names a probe twice, or its table
        is cut short.
    """
    check_sample(entry.metadata)
    if not entry.closed:
        raise RejectedSample("its table is cut short")
    found = tables.read(entry.body) if entry.body else None
    if found is None:
        return _values_with_reasons(entry, tables)
    entry.check_rows(len(found[1]))
    check_probes(found[0])
    return found


def check_probes(probes: ProbeList) -> None:
    """Raise RejectedSample if a list names a probe twice."""
    if probes.repeated:
        raise RejectedSample(f"its table names {probes.repeated} twice")


def _values_with_reasons(entry: Entry, tables: ValueTables) -> tuple[ProbeList, NDArray[np.float64]]:
    """Read a table that is not plain, cell by cell, and say what is wrong with it."""
    table = entry.table()
    if table.empty:
        raise RejectedSample(EMPTY)
    missing = [column for column in ("ID_REF", "VALUE") if column not in table.columns]
    if missing:
        raise RejectedSample(f"its table has no column {missing[0]}")
    probes = tables.named(table["ID_REF"].fillna("").tolist())
    check_probes(probes)
    values = pd.to_numeric(table["VALUE"], errors="coerce").to_numpy(np.float64)
    text = table["VALUE"].fillna("")[np.isnan(values)]
    unreadable = text[~text.str.strip().str.lower().isin(["", "null", "na", "nan", "n/a"])]
    if len(unreadable):
        raise RejectedSample(f"its value {unreadable.iloc[0]!r} is no number")
    return probes, values
