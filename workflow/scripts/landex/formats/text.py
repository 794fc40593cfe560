"""Matrices as text: what GCT, TSV and CSV files have in common."""

import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import allocate, atomic, scratch_prefix
from landex.formats.matrix_file import Content, Values

# What stands for a missing value.
MISSING = ("", "NA", "NaN", "nan", "null", "N/A")
# What a damaged, cut or foreign file raises while it is read.
UNREADABLE = (OSError, EOFError, ValueError, csv.Error, lzma.LZMAError, zlib.error)
_OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
# Cells that are parsed or written at a time.
_CELLS = 4_000_000
# Up to so many, Python reads a file sooner than pandas is imported.
_FEW_CELLS = 100_000
# What a number is made of; Python's float would take 1_000 too.
_NUMERIC = frozenset("+-.0123456789eEinfINFatyATY")


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """Open a file of text for reading, plain, gzipped or xz."""
    # Without newline="" a lone carriage return in a cell would end its line.
    with _OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8-sig", newline="") as stream:
        yield stream


@dataclass(frozen=True)
class Layout:
    """Where the values of a file of text stand, whose rows were found to be equally long, mostly a row a gene.

    Attributes
    ----------
    path
        The file.
    first_row
        How many lines stand before the first row of values.
    columns
        Names of the columns of values, for messages.
    labels
        How many columns of text stand before the values, at least one; the first names the row.
    rows
        Number of rows.
    separator, quoting
        As for pandas.
    said
        How a message names a cell.
    """

    path: Path
    first_row: int
    columns: Sequence[str]
    labels: int
    rows: int
    separator: str
    quoting: int
    said: str = "sample {column}, gene {row}"

    def no_number(self, row: str, column: int, cell: object) -> UserError:
        """Return the error of a cell that holds no number."""
        place = self.said.format(column=self.columns[column], row=row)
        return UserError(f"{self.path}: {place}: {cell!r} is no number")


# Some consecutive rows: a list a column of text, and values of shape (rows, columns).
_Rows = tuple[list[list[str]], Values]


def read_values(layout: Layout) -> tuple[list[list[str]], Values]:
    """Read the rows of a file.

    Returns
    -------
    labels, values
        A list a column of text, and an array of shape (rows, columns), NaN where missing.

    Raises
    ------
    UserError
        If a cell is no number, with its sample and gene.
    ValueError
        If there are not the rows that there should be.
    """
    values = np.empty((layout.rows, len(layout.columns)))
    texts: list[list[str]] = [[] for _ in range(layout.labels)]
    done = 0
    few = values.size <= _FEW_CELLS
    for labels, numbers in _rows_by_csv(layout) if few else _rows_by_pandas(layout):
        for text, of_rows in zip(texts, labels, strict=True):
            text.extend(of_rows)
        if done + len(numbers) > layout.rows:
            raise ValueError(f"more than the {layout.rows} rows that are needed")
        values[done : done + len(numbers)] = numbers
        done += len(numbers)
    if done != layout.rows:
        raise ValueError(f"{done} rows, not the {layout.rows} that are needed; is the file whole?")
    return texts, values


def _rows_by_pandas(layout: Layout) -> Iterator[_Rows]:
    import pandas as pd

    places = range(layout.labels, layout.labels + len(layout.columns))
    # Labels are text: a gene may be called NA. The others are numbers or missing.
    chunks = pd.read_csv(
        layout.path,
        sep=layout.separator,
        header=None,
        skiprows=layout.first_row,
        dtype=dict.fromkeys(range(layout.labels), str),
        keep_default_na=False,
        na_values={place: list(MISSING) for place in places},
        quoting=layout.quoting,
        encoding="utf-8",
        # Else the last digit of a number may be lost.
        float_precision="round_trip",
        chunksize=max(1, _CELLS // max(1, len(layout.columns))),
        low_memory=False,
    )
    for chunk in chunks:
        labels = [chunk[number].astype(str).tolist() for number in range(layout.labels)]
        yield labels, _numbers(layout, chunk[list(places)], labels[0])


def _rows_by_csv(layout: Layout) -> Iterator[_Rows]:
    with open_text(layout.path) as stream:
        rows = csv.reader(stream, delimiter=layout.separator, quoting=layout.quoting)  # type: ignore[arg-type]
        for row in islice(rows, layout.first_row, None):
            if not row:
                continue
            labels, cells = row[: layout.labels], row[layout.labels :]
            if len(cells) != len(layout.columns):
                raise ValueError(f"the row of {row[0]} has {len(row)} cells")
            numbers = [_number(cell) for cell in cells]
            if None in numbers:
                column = numbers.index(None)
                raise layout.no_number(row[0], column, cells[column])
            yield [[label] for label in labels], np.array([numbers], np.float64)


def _number(cell: str) -> float | None:
    """Return a cell's number, NaN where its value is missing; None where it holds something else."""
    if cell in MISSING:
        return float("nan")
    stripped = cell.strip()
    if not _NUMERIC.issuperset(stripped):
        return None
    try:
        return float(stripped)
    except ValueError:
        return None


def _numbers(layout: Layout, table: Any, rows: Sequence[str]) -> Values:
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for number in range(table.shape[1]):
        column = table.iloc[:, number]
        if is_bool_dtype(column) or not is_numeric_dtype(column):
            # As text, TRUE is no number and an integer of more than 64 bits is one.
            numbers = pd.to_numeric(column.astype(str), errors="coerce")
            wrong = np.flatnonzero(numbers.isna() & column.notna())
            if len(wrong):
                raise layout.no_number(rows[wrong[0]], number, column.iloc[wrong[0]])
            table.isetitem(number, numbers)
    return table.to_numpy(np.float64)


class TextWriter:
    """Gathers blocks of samples until all are there, since text has its genes in rows; made by `create_text`."""

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._values = values

    def write(self, place: slice, block: NDArray[np.float32]) -> None:
        """See `MatrixFileWriter`."""
        self._values[:, place] = block.T


@contextmanager
def create_text(
    path: Path, content: Content, head: Iterable[Sequence[str]], labels: Sequence[Sequence[str]], separator: str
) -> Iterator[TextWriter]:
    """Write a file of text when all blocks have come.

    Values are written with the fewest digits that give the same float32 again. Until the end they lie in a
    temporary file beside the result, so that memory holds blocks only.

    Parameters
    ----------
    path
        The file, plain or with .gz or .xz at its end.
    content
        Samples and genes.
    head
        Rows before the first gene.
    labels
        Columns of text before the values, each with a cell a gene.
    separator
        Between cells. Where it is a comma, cells that need quotes get them; else what would break a row becomes a
        space.
    """
    shape = (len(content.genes), len(content.samples))
    with atomic(path) as temporary, TemporaryDirectory(dir=path.parent, prefix=scratch_prefix(path)) as folder:
        scratch = Path(folder, "values")
        allocate(scratch, 4 * shape[0] * shape[1])
        values: NDArray[np.float32] = (
            np.memmap(scratch, np.float32, "r+", shape=shape) if np.prod(shape) else np.empty(shape, np.float32)
        )
        values[:] = np.nan
        yield TextWriter(values)
        with _open_for_writing(temporary) as stream:
            for row in head:
                stream.write(_joined(row, separator))
            step = max(1, _CELLS // max(1, shape[1]))
            for start in range(0, shape[0], step):
                text = values[start : start + step].astype(str)
                text[text == "nan"] = "NaN"
                for number, cells in enumerate(text):
                    names = _joined([column[start + number] for column in labels], separator)
                    stream.write(separator.join([names[:-1], *cells]) + "\n" if len(cells) else names)


@contextmanager
def _open_for_writing(path: Path) -> Iterator[IO[str]]:
    # The name and time that gzip would store make equal content differ.
    if path.suffix == ".gz":
        with (
            path.open("wb") as raw,
            gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
        ):
            yield stream
        return
    with _OPENERS.get(path.suffix, open)(path, "wt", encoding="utf-8", newline="") as stream:
        yield stream


def _joined(cells: Sequence[str], separator: str) -> str:
    if separator == ",":
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        return line.getvalue()
    return separator.join(" ".join(cell.splitlines()).replace(separator, " ") for cell in cells) + "\n"
