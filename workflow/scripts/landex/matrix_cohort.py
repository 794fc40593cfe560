"""A cohort from a matrix file of any format, in blocks of samples."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.cohort import Fate, Limits, judge, write_cohort
from landex.collapse import Collapse
from landex.dgex_duplicates import near_duplicates
from landex.errors import UserError
from landex.features import read_features
from landex.files import checksum_of
from landex.formats.files import open_matrix_file
from landex.formats.matrix_file import MatrixFile, Values
from landex.genes import GeneNames, GeneTables
from landex.platforms import genes_of_probes
from landex.scale import in_log2, to_log2
from landex.threads import mapped_in_threads
from landex.tsv import read_tsv

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MatrixSource:
    """A matrix file and how to read it; fields as in the config.

    Attributes
    ----------
    series, group
        One name for all samples or a field of the file's samples; None is the source's name, and the series.
    platform
        Accession of the platform, for the record; empty where none is said.
    annotation
        The platform's table, where genes are probes.
    lengths
        Table of the genes' lengths, where counts become TPM.
    samples
        Whether samples stand in `columns` or in `rows` of a TSV or CSV file.
    collapse
        `mean`, `dgex` or the path of a list of features.
    limits
        What a sample may lack.
    dgex_duplicates
        Whether near-duplicates are left out as D-GEX did, on the file's own columns.
    """

    name: str
    path: str
    values: str = "auto"
    genes: str = "auto"
    series: str | None = None
    group: str | None = None
    platform: str = ""
    annotation: str | None = None
    lengths: str | None = None
    samples: str = "columns"
    collapse: str = "mean"
    dgex_duplicates: bool = False
    limits: Limits = field(default_factory=Limits)


def write_matrix_cohort(
    source: MatrixSource, tables: GeneTables, matrix: str | Path, qc: str | Path, threads: int = 1
) -> None:
    """Read a matrix file and write its cohort.

    The file is read twice, in blocks: first every sample's fate is found, then the samples kept are written.

    Parameters
    ----------
    source
        The file.
    tables
        What is known of genes.
    matrix, qc
        The cohort's .h5ad and .qc.tsv.
    threads
        Threads; the result is the same with any number.

    Raises
    ------
    UserError
        If the file cannot be read as a matrix of numbers with genes that are known, or names a sample twice.
    """
    with open_matrix_file(source.path, source.samples) as file:
        twice = pd.Index(file.samples)[pd.Index(file.samples).duplicated()]
        if len(twice):
            raise UserError(f"{source.path}: names the sample {twice[0]} twice; samples need names of their own")
        genes = GeneNames.read(tables.ids)
        columns = _columns(file, source, tables, genes)
        lengths = _lengths(source, columns, genes)
        obs = _annotations(file, source)
        looked = _look(file, source, lengths, obs, threads)
        fates = looked.fates
        if source.dgex_duplicates:
            fates = _without_duplicates(file, fates, Path(matrix).parent)
        features = read_features(source.collapse, tables.landmarks, tables.targets)
        collapse = Collapse.by_gene(columns) if features is None else Collapse.by_features(columns, features)
        kept = np.array([bool(fate.kept) for fate in fates], bool)
        write_cohort(
            source.name,
            collapse.measured(looked.has_value),
            [row for row, stays in zip(obs, kept, strict=True) if stays],
            _logged(file, [fate.scale for fate in fates], kept, lengths, threads),
            fates,
            matrix,
            qc,
            (str(source.path), checksum_of(source.path)),
        )


def _columns(file: MatrixFile, source: MatrixSource, tables: GeneTables, genes: GeneNames) -> pd.DataFrame:
    """Name the file's columns by gene."""
    try:
        kind = source.genes
        if kind == "auto":
            # Only Affymetrix' probes can be told from other names; a platform's table says that these are probes.
            kind = genes.detect(file.genes) if source.annotation is None else "probe"
        if kind == "probe":
            columns = genes_of_probes(file.genes, source.annotation, (tables.landmarks, tables.targets), genes)
        else:
            columns = genes.identify(file.genes, kind)
    except UserError as error:
        raise UserError(f"{source.path}: {error}") from error
    unknown = int((~columns["mapped"].astype(bool)).sum())
    _logger.info("%d names read as %s, %d of them without an Entrez id", len(columns), kind, unknown)
    return columns


def _lengths(source: MatrixSource, columns: pd.DataFrame, genes: GeneNames) -> NDArray[np.float64] | None:
    """Return the length of every column's gene, NaN where the table has none; None without a table."""
    if source.lengths is None:
        return None
    table = read_tsv(source.lengths, ["gene", "length"])
    numbers = pd.to_numeric(table["length"], errors="coerce")
    wrong = np.flatnonzero(~(numbers > 0))
    if len(wrong):
        gene, length = table.iloc[wrong[0]][["gene", "length"]]
        raise UserError(f"{source.lengths}: the length of {gene} is {length!r}, not a number above 0")
    try:
        named = genes.identify(table["gene"].tolist(), genes.detect(table["gene"].tolist()))
    except UserError as error:
        raise UserError(f"{source.lengths}: {error}") from error
    known = dict(zip(named["gene"], numbers, strict=True))
    lengths = columns["gene"].map(known).to_numpy(np.float64)
    if np.isnan(lengths).all():
        raise UserError(f"{source.lengths}: has a length for none of the genes of {source.path}")
    _logger.info("%d of %d genes have a length", np.count_nonzero(~np.isnan(lengths)), len(lengths))
    return lengths


def _annotations(file: MatrixFile, source: MatrixSource) -> list[dict[str, str]]:
    series = _labels("series", source.series, file) or [source.name] * len(file.samples)
    groups = _labels("group", source.group, file) or series
    return [
        {"sample": sample, "series": of_series, "platform": source.platform, "group": group, "title": sample}
        for sample, of_series, group in zip(file.samples, series, groups, strict=True)
    ]


def _labels(key: str, label: str | None, file: MatrixFile) -> list[str]:
    """Return a label a sample; none where the config does not ask for labels."""
    if label is None:
        return []
    if label not in file.sample_fields:
        return [label] * len(file.samples)
    column = file.sample_fields[label]
    if "" in column:
        sample = file.samples[column.index("")]
        raise UserError(f"{file.path}: the samples' field {label} ({key}) has no value for {sample}")
    return column


@dataclass(frozen=True)
class _Looked:
    """What the first reading found: every sample's fate, and which columns have any value in samples kept."""

    fates: list[Fate]
    has_value: NDArray[np.bool_]


def _look(
    file: MatrixFile,
    source: MatrixSource,
    lengths: NDArray[np.float64] | None,
    obs: list[dict[str, str]],
    threads: int,
) -> _Looked:
    def look(item: tuple[slice, Values]) -> _Looked:
        place, block = item
        fates, has_value = [], np.zeros(len(file.genes), bool)
        for row, values in zip(obs[place], block, strict=True):
            if source.values in ("counts", "tpm") and (values < 0).any():
                name = "counts" if source.values == "counts" else "TPM"
                raise UserError(f"{source.path}: has negative values, so they are no {name} (values: {source.values})")
            logged = to_log2(values.astype(np.float64), source.values, lengths)
            fates.append(judge(logged, row, source.limits))
            if fates[-1].kept:
                has_value |= ~np.isnan(logged.values)
        return _Looked(fates, has_value)

    fates: list[Fate] = []
    has_value = np.zeros(len(file.genes), bool)
    for looked in mapped_in_threads(look, file.blocks(), threads):
        fates += looked.fates
        has_value |= looked.has_value
    return _Looked(fates, has_value)


def _logged(
    file: MatrixFile,
    scales: list[str],
    kept: NDArray[np.bool_],
    lengths: NDArray[np.float64] | None,
    threads: int,
) -> Iterator[NDArray[np.float32]]:
    """Yield the samples kept in log2, in blocks."""

    def logged(item: tuple[slice, Values]) -> NDArray[np.float32]:
        place, block = item
        rows = [
            in_log2(values.astype(np.float64), scale, lengths).astype(np.float32)
            for values, scale, stays in zip(block, scales[place], kept[place], strict=True)
            if stays
        ]
        return np.stack(rows) if rows else np.empty((0, block.shape[1]), np.float32)

    return mapped_in_threads(logged, file.blocks(), threads)


def _without_duplicates(file: MatrixFile, fates: list[Fate], folder: Path) -> list[Fate]:
    """Reject the samples that D-GEX's rule takes for near-duplicates."""
    fallen = near_duplicates(file, np.array([bool(fate.kept) for fate in fates], bool), folder)
    _logger.info("%d of %d samples are near-duplicates by D-GEX's rule", len(fallen), len(fates))
    return [
        replace(fate, kept=0, reason=f"a near-duplicate of {file.samples[fallen[number]]} (D-GEX's rule)")
        if number in fallen
        else fate
        for number, fate in enumerate(fates)
    ]
