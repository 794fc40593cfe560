"""Series of sequencing: counts in a table of their own, NCBI's or supplementary; the family file describes samples."""

from pathlib import Path

import numpy as np
import pandas as pd

from landex.errors import UserError
from landex.files import check_gzip
from landex.formats.files import open_matrix_file
from landex.formats.matrix_file import MatrixFile
from landex.genes import GeneNames
from landex.geo.family import read_family
from landex.geo.parts import Parts, Probes, Series, Submission
from landex.geo.soft import RejectedSample, check_sample
from landex.geo.values import ProbeList

# What a table may call a sample by, besides its accession.
_CALLED = ("title", "description")


def read_counts(family: Path, table: Path, platform: str, genes: GeneNames) -> Parts:
    """Yield a series, the genes of its table as probes, and its samples with their columns of the table.

    Parameters
    ----------
    family
        The family SOFT file, for the samples' attributes.
    table
        Genes in rows, named in any way that is known; samples in columns, by accession, title or description.
    platform
        Whose samples get values.
    genes
        Human genes.

    Raises
    ------
    UserError
        If a file is damaged, or the table names no sample or no genes.
    """
    parts = list(read_family(family, platform))
    yield from (part for part in parts if isinstance(part, Series))
    samples = [part for part in parts if isinstance(part, Submission)]
    check_gzip(table)
    with open_matrix_file(table) as file:
        twice = pd.Index(file.genes)[pd.Index(file.genes).duplicated()]
        if len(twice):
            raise UserError(f"{table}: names the gene {twice[0]} twice")
        yield _probes(file, platform, genes, table)
        yield from _submissions(file, [part for part in samples if part.platform == platform], table)
    yield from (part for part in samples if part.platform != platform)


def _probes(file: MatrixFile, platform: str, genes: GeneNames, table: Path) -> Probes:
    try:
        kind = genes.detect(file.genes)
    except UserError as error:
        raise UserError(f"{table}: {error}") from error
    # Ensembl ids are known as such under any name of the column.
    column = "symbol" if kind == "symbol" else "entrez"
    return Probes(platform, pd.DataFrame({"ID": file.genes, column: file.genes}))


def _submissions(file: MatrixFile, samples: list[Submission], table: Path) -> Parts:
    places = {name.strip(): place for place, name in enumerate(file.samples)}
    found = {sample.name: place for sample in samples if (place := _place(sample, places)) is not None}
    if not found:
        titles = ", ".join(sample.first("title") for sample in samples[:3])
        raise UserError(
            f"{table}: its columns ({', '.join(file.samples[:4])}) are neither accessions nor titles of the samples "
            f"({titles}); rename them and name the file as a matrix (matrix: path)"
        )
    if len(set(found.values())) < len(found):
        raise UserError(f"{table}: two samples have the same column; rename its columns by accession")
    values = np.empty((len(file.samples), len(file.genes)))
    for rows, block in file.blocks():
        values[rows] = block
    probes = ProbeList(list(file.genes))
    for sample in samples:
        yield _with_values(sample, found.get(sample.name), values, probes, table)


def _place(sample: Submission, places: dict[str, int]) -> int | None:
    """Return the column of a sample: its accession's, else the one that it is called by."""
    if sample.name in places:
        return places[sample.name]
    names = [name.strip() for key in _CALLED for name in sample.attributes.get(key, [])]
    return next((places[name] for name in names if name in places), None)


def _with_values(
    sample: Submission, place: int | None, values: np.ndarray, probes: ProbeList, table: Path
) -> Submission:
    named = (sample.name, sample.platform, sample.attributes)
    try:
        check_sample(dict(sample.attributes))
        if place is None:
            raise RejectedSample(f"it has no column in {table.name}")
        if (values[place] < 0).any():
            raise RejectedSample("it has negative values, so they are no counts")
    except RejectedSample as error:
        return Submission(*named, reason=str(error))
    return Submission(*named, probes, values[place])
