"""A cohort from a GEO series: one platform of a family SOFT file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from landex.cohort import Cohort
from landex.collapse import Collapse
from landex.errors import UserError
from landex.features import read_features
from landex.genes import GeneNames, GeneTables
from landex.geo import check_platform
from landex.platforms import platform_genes
from landex.soft import Entry, RejectedSample, read_entries, sample_values


@dataclass(frozen=True)
class SeriesSource:
    """Which samples of which series: accessions, the values' scale, the samples' group, and how to collapse probes.

    `collapse` is `mean`, `dgex` or the path of a list of features.
    """

    name: str
    series: str
    platform: str
    values: str
    group: str
    collapse: str = "mean"


def _probe_columns(entry: Entry, genes: GeneNames) -> pd.DataFrame:
    try:
        table = entry.table().fillna("")
    except RejectedSample as error:
        raise UserError(f"platform {entry.name}: {error}; fetch the series again") from error
    return platform_genes(f"platform {entry.name}", table, genes)


def write_series_cohort(
    source: SeriesSource, soft: str | Path, tables: GeneTables, matrix: str | Path, qc: str | Path
) -> None:
    """Read one platform's samples of a series and write its cohort.

    Parameters
    ----------
    source
        Which samples.
    soft
        The series' family SOFT file, gzipped.
    tables
        What is known of genes.
    matrix, qc
        The cohort's .h5ad and .qc.tsv.

    Raises
    ------
    UserError
        If the file is damaged, of another series, lacks samples that it lists, or has no usable sample on
        the platform.
    """
    genes = GeneNames.read(tables.ids)
    cohort: Cohort | None = None
    position: dict[str, int] = {}
    listed: list[str] | None = None
    seen: set[str] = set()
    for entry in read_entries(soft):
        if entry.kind == "SERIES":
            listed = _check_series(entry, source, soft)
        elif entry.kind == "PLATFORM" and entry.name == source.platform:
            columns = _probe_columns(entry, genes)
            position = {probe: number for number, probe in enumerate(columns["own"])}
            features = read_features(source.collapse, tables.landmarks, tables.targets)
            collapse = Collapse.by_gene(columns) if features is None else Collapse.by_features(columns, features)
            cohort = Cohort(source.name, collapse, len(columns))
        elif entry.kind == "SAMPLE":
            seen.add(entry.name)
            if entry.first("platform_id") == source.platform:
                if cohort is None:
                    raise UserError(f"{soft}: the table of platform {source.platform} is missing; fetch it again")
                _add_sample(entry, cohort, source, position)
    if listed is None:
        raise UserError(f"{soft}: names no series; fetch it again")
    lost = [sample for sample in listed if sample not in seen]
    if lost:
        raise UserError(
            f"{soft}: {len(lost)} of the {len(listed)} samples it lists are missing ({lost[0]}); fetch it again"
        )
    if cohort is None:
        raise UserError(f"{soft}: the table of platform {source.platform} is missing; fetch it again")
    cohort.write(matrix, qc)


def _check_series(entry: Entry, source: SeriesSource, soft: str | Path) -> list[str]:
    if entry.name != source.series:
        raise UserError(f"{soft}: holds the series {entry.name}, not {source.series}; fetch it again")
    check_platform(source.series, source.platform, entry.metadata.get("platform_id", []))
    return entry.metadata.get("sample_id", [])


def _add_sample(entry: Entry, cohort: Cohort, source: SeriesSource, position: dict[str, int]) -> None:
    try:
        probes, measured = sample_values(entry)
        places = np.array([position.get(probe, -1) for probe in probes])
        known = places >= 0
        if not known.any():
            raise RejectedSample(f"none of its probes is on platform {source.platform}")
    except RejectedSample as error:
        cohort.reject(entry.name, source.series, source.platform, str(error))
        return
    values = np.full(len(position), np.nan)
    values[places[known]] = measured[known]
    obs = {
        "sample": entry.name,
        "series": source.series,
        "platform": source.platform,
        "group": source.group,
        "title": entry.first("title"),
    }
    cohort.add(values, source.values, obs)
