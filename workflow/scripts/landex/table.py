"""A cohort from a matrix file: TSV or CSV (genes in rows) and AnnData (samples in rows)."""

import csv
import gzip
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from landex.cohort import Cohort, identify_columns
from landex.errors import UserError
from landex.genes import GeneNames
from landex.h5ad import open_matrix

# What stands for a missing value.
_MISSING = ["", "NA", "NaN", "nan", "null", "N/A"]


@dataclass(frozen=True)
class MatrixSource:
    """A matrix file and how to read it; fields as in the config.

    Attributes
    ----------
    series, group
        One name for all samples or, in .h5ad, a column of obs; None is the source's name, and the series.
    """

    name: str
    path: str
    values: str
    genes: str
    series: str | None
    group: str | None


@dataclass(frozen=True)
class _Content:
    """What a file holds: values of shape (samples, columns), NaN where missing."""

    values: NDArray[np.floating]
    samples: list[str]
    names: list[str]
    obs: pd.DataFrame


def write_matrix_cohort(source: MatrixSource, names: str | Path, matrix: str | Path, qc: str | Path) -> None:
    """Read a matrix file and write its cohort.

    Parameters
    ----------
    source
        The file.
    names
        resources/genes/ids.tsv.gz.
    matrix, qc
        The cohort's .h5ad and .qc.tsv.

    Raises
    ------
    UserError
        If the file cannot be read as a matrix of numbers with genes that are known, or names a sample twice.
    """
    content = _read(Path(source.path))
    twice = pd.Index(content.samples)[pd.Index(content.samples).duplicated()]
    if len(twice):
        raise UserError(f"{source.path}: names the sample {twice[0]} twice; samples need names of their own")
    try:
        columns = identify_columns(content.names, source.genes, GeneNames.read(names))
    except UserError as error:
        raise UserError(f"{source.path}: {error}") from error
    if source.values == "counts" and (content.values < 0).any():
        raise UserError(f"{source.path}: has negative values, so they are no counts (values: counts)")
    cohort = Cohort(source.name, columns)
    series = _labels("series", source.series, source, content) or [source.name] * len(content.samples)
    groups = _labels("group", source.group, source, content) or series
    for number, sample in enumerate(content.samples):
        obs = {
            "sample": sample,
            "series": series[number],
            "platform": "",
            "group": groups[number],
            "title": sample,
        }
        cohort.add(content.values[number].astype(np.float64), source.values, obs)
    cohort.write(matrix, qc)


def _labels(key: str, label: str | None, source: MatrixSource, content: _Content) -> list[str]:
    """Return a label a sample; none where the config does not ask for labels."""
    if label is None:
        return []
    if label not in content.obs.columns:
        return [label] * len(content.samples)
    column = content.obs[label]
    if column.isna().any():
        raise UserError(f"{source.path}: obs column {label} ({key}) has no value for {column.index[column.isna()][0]}")
    return column.astype(str).tolist()


def _read(path: Path) -> _Content:
    if path.name.endswith(".h5ad"):
        with open_matrix(path) as matrix:
            values = matrix.read()
            if not np.issubdtype(values.dtype, np.number):
                raise UserError(f"{path}: its X holds no numbers")
            names = list(map(str, matrix.var.index))
            return _Content(values, list(map(str, matrix.obs.index)), names, matrix.obs)
    return _read_text(path)


def _read_text(path: Path) -> _Content:
    separator = "," if ".csv" in path.name else "\t"
    try:
        samples = _sample_names(path, separator)
        # The first column is text: a gene may be called NA. The others are numbers or missing.
        table = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=1,
            index_col=0,
            dtype={0: str},
            keep_default_na=False,
            na_values=dict.fromkeys(range(1, len(samples) + 1), _MISSING),
        )
    except (OSError, EOFError, ValueError, csv.Error, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"{path}: not readable as a table ({str(error).strip()})") from error
    if table.empty:
        raise UserError(f"{path}: has no values; genes stand in rows, samples in columns")
    names = [str(name) for name in table.index]
    for number, sample in enumerate(samples):
        column = table.iloc[:, number]
        if is_bool_dtype(column) or not is_numeric_dtype(column):
            # As text, TRUE is no number and an integer of more than 64 bits is one.
            numbers = pd.to_numeric(column.astype(str), errors="coerce")
            wrong = np.flatnonzero(numbers.isna() & column.notna())
            if len(wrong):
                cell = column.iloc[wrong[0]]
                raise UserError(f"{path}: sample {sample}, gene {names[wrong[0]]}: {cell!r} is no number")
            table.isetitem(number, numbers)
    return _Content(table.to_numpy(np.float64).T, samples, names, pd.DataFrame())


def _sample_names(path: Path, separator: str) -> list[str]:
    """Return the names of the samples, after all rows were found equally long.

    R writes a header without a name for the column of genes. A short row, as a file that was cut leaves it,
    would be read as missing values.
    """
    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open}
    with openers.get(path.suffix, open)(path, "rt", encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream, delimiter=separator)
        header, first = next(rows, []), next(rows, [])
        if len(first) < 2 or len(header) not in (len(first), len(first) - 1):
            raise ValueError(f"its header has {len(header)} cells, its first row {len(first)}; separator {separator!r}")
        for row in rows:
            if row and len(row) != len(first):
                raise ValueError(f"the row of {row[0]} has {len(row)} cells, not {len(first)}; is the file whole?")
    return header[1:] if len(header) == len(first) else header
