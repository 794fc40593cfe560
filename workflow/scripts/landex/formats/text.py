"""Matrices as text: what GCT, TSV and CSV files have in common."""

import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import atomic
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


def read_values(
    path: Path,
    first_row: int,
    columns: Sequence[str],
    labels: int,
    rows: int,
    separator: str,
    quoting: int,
    said: str = "sample {column}, gene {row}",
) -> tuple[list[list[str]], Values]:
    """Read the rows of a file that was found to have equally long rows, mostly a row a gene.

    Parameters
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

    Returns
    -------
    labels, values
        A list a column of text, and an array of shape (rows, columns), NaN where missing.

    Raises
    ------
    UserError
        If a cell is no number, with its sample and gene.
    """
    if rows * len(columns) <= _FEW_CELLS:
        return _read_few(path, first_row, columns, labels, rows, separator, quoting, said)
    import pandas as pd

    places = range(labels, labels + len(columns))
    values = np.empty((rows, len(columns)))
    texts: list[list[str]] = [[] for _ in range(labels)]
    # Labels are text: a gene may be called NA. The others are numbers or missing.
    chunks = pd.read_csv(
        path,
        sep=separator,
        header=None,
        skiprows=first_row,
        dtype=dict.fromkeys(range(labels), str),
        keep_default_na=False,
        na_values={place: list(MISSING) for place in places},
        quoting=quoting,
        encoding="utf-8",
        # Else the last digit of a number may be lost.
        float_precision="round_trip",
        chunksize=max(1, _CELLS // max(1, len(columns))),
        low_memory=False,
    )
    done = 0
    for chunk in chunks:
        for number, text in enumerate(texts):
            text.extend(chunk[number].astype(str))
        place = slice(done, done + len(chunk))
        values[place] = _numbers(path, chunk[list(places)], columns, texts[0][place], said)
        done += len(chunk)
    if done != rows:
        raise ValueError(f"{done} rows, not the {rows} that are needed; is the file whole?")
    return texts, values


def _read_few(
    path: Path,
    first_row: int,
    columns: Sequence[str],
    labels: int,
    rows: int,
    separator: str,
    quoting: int,
    said: str,
) -> tuple[list[list[str]], Values]:
    """Do what `read_values` does without pandas."""
    texts: list[list[str]] = [[] for _ in range(labels)]
    values = np.empty((rows, len(columns)))
    done = 0
    with open_text(path) as stream:
        for _ in range(first_row):
            stream.readline()
        for row in csv.reader(stream, delimiter=separator, quoting=quoting):  # type: ignore[arg-type]
            if not row:
                continue
            if done == rows or len(row) != labels + len(columns):
                raise ValueError(f"the row of {row[0]} has {len(row)} cells, or is one too many")
            for text, cell in zip(texts, row, strict=False):
                text.append(cell)
            for column, cell in enumerate(row[labels:]):
                number = _number(cell)
                if number is None:
                    raise UserError(f"{path}: {said.format(column=columns[column], row=row[0])}: {cell!r} is no number")
                values[done, column] = number
            done += 1
    if done != rows:
        raise ValueError(f"{done} rows, not the {rows} that are needed; is the file whole?")
    return texts, values


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


def _numbers(path: Path, table: Any, columns: Sequence[str], rows: Sequence[str], said: str) -> Values:
    import pandas as pd
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    for number, name in enumerate(columns):
        column = table.iloc[:, number]
        if is_bool_dtype(column) or not is_numeric_dtype(column):
            # As text, TRUE is no number and an integer of more than 64 bits is one.
            numbers = pd.to_numeric(column.astype(str), errors="coerce")
            wrong = np.flatnonzero(numbers.isna() & column.notna())
            if len(wrong):
                cell = column.iloc[wrong[0]]
                place = said.format(column=name, row=rows[wrong[0]])
                raise UserError(f"{path}: {place}: {cell!r} is no number")
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
    with atomic(path) as temporary, TemporaryDirectory(dir=path.parent, prefix=".partial.") as folder:
        scratch = Path(folder, "values")
        values: NDArray[np.float32] = (
            np.memmap(scratch, np.float32, "w+", shape=shape) if np.prod(shape) else np.empty(shape, np.float32)
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
