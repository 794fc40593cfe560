"""A cohort from a GEO series: one platform of a family SOFT file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from landex.cohort import Cohort
from landex.errors import UserError
from landex.genes import GeneNames
from landex.geo import check_platform
from landex.soft import Entry, RejectedSample, read_entries, sample_values

# What submitters call the columns of a platform's table that name genes, Entrez ids first.
_ENTREZ_COLUMNS = ("ENTREZ_GENE_ID", "Entrez_Gene_ID", "ENTREZ_GENE", "Gene ID", "GENE", "EntrezGeneID")
_SYMBOL_COLUMNS = (
    "Gene Symbol",
    "Gene symbol",
    "GENE_SYMBOL",
    "Symbol",
    "SYMBOL",
    "ILMN_Gene",
    "gene_symbol",
)
# Separates the genes of a probe that hits several.
_SEVERAL = "///"


@dataclass(frozen=True)
class SeriesSource:
    """Which samples of which series: accessions, the values' scale and the group of the samples."""

    name: str
    series: str
    platform: str
    values: str
    group: str


def platform_genes(entry: Entry, genes: GeneNames) -> pd.DataFrame:
    """Name the gene of every probe of a platform.

    Probes that hit several genes, or none, get no gene (empty).

    Returns
    -------
    DataFrame
        A row a probe: probe, gene, symbol, ensembl, mapped.

    Raises
    ------
    UserError
        If the platform's table has no column that names genes.
    """
    try:
        table = entry.table().fillna("")
    except RejectedSample as error:
        raise UserError(f"platform {entry.name}: {error}; fetch the series again") from error
    if len(table) and "ID" not in table:
        raise UserError(f"platform {entry.name}: its table has no column ID; fetch the series again")
    kind, column = _gene_column(entry.name, table)
    names = table[column].str.strip()
    names = names.where(~names.str.contains(_SEVERAL, regex=False) & ~names.isin(["", "---"]), "")
    columns = genes.identify(names.tolist(), kind)
    columns.loc[(names == "").to_numpy(), ["gene", "symbol", "ensembl", "mapped"]] = ["", "", "", False]
    columns.insert(0, "probe", table["ID"].to_numpy())
    return columns


def _gene_column(platform: str, table: pd.DataFrame) -> tuple[str, str]:
    for kind, known in (("entrez", _ENTREZ_COLUMNS), ("symbol", _SYMBOL_COLUMNS)):
        for column in known:
            # A column that is there but empty names nothing.
            if column in table and table[column].str.strip().ne("").any():
                return kind, column
    raise UserError(
        f"platform {platform}: its table has no column of Entrez ids or symbols (it has "
        f"{', '.join(table.columns[:8]) or 'no rows'}); give the values as a matrix file named by gene instead"
    )


def write_series_cohort(
    source: SeriesSource, soft: str | Path, names: str | Path, matrix: str | Path, qc: str | Path
) -> None:
    """Read one platform's samples of a series and write its cohort.

    Parameters
    ----------
    source
        Which samples.
    soft
        The series' family SOFT file, gzipped.
    names
        resources/genes/ids.tsv.gz.
    matrix, qc
        The cohort's .h5ad and .qc.tsv.

    Raises
    ------
    UserError
        If the file is damaged, of another series, lacks samples that it lists, or has no usable sample on
        the platform.
    """
    genes = GeneNames.read(names)
    cohort: Cohort | None = None
    position: dict[str, int] = {}
    listed: list[str] | None = None
    seen: set[str] = set()
    for entry in read_entries(soft):
        if entry.kind == "SERIES":
            listed = _check_series(entry, source, soft)
        elif entry.kind == "PLATFORM" and entry.name == source.platform:
            columns = platform_genes(entry, genes)
            position = {probe: number for number, probe in enumerate(columns["probe"])}
            cohort = Cohort(source.name, columns)
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
