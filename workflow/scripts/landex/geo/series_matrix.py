"""Series matrix files: one platform of a series, its values in one table, its probes' genes elsewhere."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from landex.errors import UserError
from landex.geo.parts import Parts, Probes, Series, Submission
from landex.geo.soft import EMPTY, RejectedSample, check_probes, check_sample
from landex.geo.unpack import unpacked
from landex.geo.values import MISSING, ProbeList

_BEGIN, _END = "!series_matrix_table_begin", "!series_matrix_table_end"


def read_series_matrix(path: str | Path) -> Parts:
    """Yield the series and its samples; the file has no probes' table, so its `Probes` has no rows.

    The table is held at once, 8 bytes a value.

    Raises
    ------
    UserError
        If the file is damaged or no series matrix, or its table does not fit what is announced.
    """
    with unpacked(path) as stream:
        text = stream.read()
    head, begin, rest = text.partition(f"\n{_BEGIN}".encode())
    del text
    if not begin:
        raise UserError(f"{path}: not a series matrix, it has no line {_BEGIN}; fetch it again")
    table, end, _ = rest.partition(b"\n")[2].rpartition(_END.encode())
    del rest
    if not end:
        raise UserError(f"{path}: its table is cut short (no line {_END}); fetch it again")
    series, samples = _attributes(head.decode("utf-8", "replace"))
    names = _only(samples.get("geo_accession", []))
    listed = [name for line in series.get("sample_id", []) for name in line[0].split()]
    yield Series(
        _first(series, "geo_accession"),
        [line[0] for line in series.get("platform_id", [])],
        listed,
        [line[0] for line in series.get("relation", [])],
        [line[0] for line in series.get("supplementary_file", [])],
    )
    columns, probes, values = _table(table, path)
    if columns != names:
        raise UserError(
            f"{path}: the {len(columns)} columns of its table are not the {len(names)} samples that it describes; "
            "fetch it again"
        )
    yield Probes(_first(samples, "platform_id"), pd.DataFrame())
    for number, name in enumerate(names):
        own = {key: [line[number] for line in lines if number < len(line)] for key, lines in samples.items()}
        own = {key: [value for value in found if value] for key, found in own.items()}
        yield _submission(name, {key: found for key, found in own.items() if found}, probes, values[number])


def _submission(name: str, attributes: dict[str, list[str]], probes: ProbeList, values: np.ndarray) -> Submission:
    named = (name, attributes.get("platform_id", [""])[0], attributes)
    try:
        check_sample(attributes)
        if not len(values):
            raise RejectedSample(EMPTY)
        check_probes(probes)
        counted = attributes.get("data_row_count", [""])[0]
        # Samples of one platform may have tables of different probes; the matrix holds all of them.
        if counted.isdecimal() and int(counted) > len(values):
            raise RejectedSample(f"its table has {len(values)} rows, not the {counted} it announces")
    except RejectedSample as error:
        return Submission(*named, reason=str(error))
    return Submission(*named, probes, values)


def _attributes(head: str) -> tuple[dict[str, list[list[str]]], dict[str, list[list[str]]]]:
    """Return the attributes of the series and of the samples: the values of every line, by key."""
    found: dict[str, dict[str, list[list[str]]]] = {"Series": {}, "Sample": {}}
    for key, *cells in _cells(head):
        kind, _, name = key.lstrip("!").partition("_")
        if kind in found and cells:
            found[kind].setdefault(name, []).append(cells)
    return found["Series"], found["Sample"]


def _cells(head: str) -> Iterator[list[str]]:
    for line in head.splitlines():
        if line.startswith("!"):
            yield next(csv.reader([line], delimiter="\t"))


def _first(attributes: dict[str, list[list[str]]], key: str) -> str:
    return attributes[key][0][0] if key in attributes else ""


def _only(lines: list[list[str]]) -> list[str]:
    return lines[0] if lines else []


def _table(text: bytes, path: str | Path) -> tuple[list[str], ProbeList, np.ndarray]:
    """Return the samples, the probes, and the values of shape (samples, probes)."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    header, _, rows = text.partition(b"\n")
    columns = [cell.strip('"') for cell in header.decode("utf-8", "replace").split("\t")]
    count = rows.count(b"\n") + bool(rows and not rows.endswith(b"\n"))
    if not count:
        return columns[1:], ProbeList([]), np.empty((len(columns) - 1, 0))
    kinds = {f"f{number}": pa.float64() for number in range(1, len(columns))}
    try:
        found = pa.csv.read_csv(
            pa.BufferReader(rows),
            pa.csv.ReadOptions(block_size=1 << 24, autogenerate_column_names=True),
            pa.csv.ParseOptions(delimiter="\t", quote_char='"', ignore_empty_lines=False),
            pa.csv.ConvertOptions(
                column_types={"f0": pa.string(), **kinds},
                null_values=MISSING,
                quoted_strings_can_be_null=True,
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowException as error:
        raise UserError(f"{path}: its table is no table of numbers ({' '.join(str(error).split())})") from error
    # One row a line: an unpaired quote swallows none.
    if len(found) != count or found.num_columns != len(columns):
        raise UserError(
            f"{path}: its table has {len(found)} rows of {found.num_columns} cells in {count} lines under "
            f"{len(columns)} columns; fetch it again"
        )
    values = np.empty((len(columns) - 1, count))
    for number in range(1, len(columns)):
        values[number - 1] = found.column(number).to_numpy()
    return columns[1:], ProbeList(found.column(0).to_pylist()), values
