"""Family SOFT files: a series with its platforms and samples, one entry at a time in memory."""

from pathlib import Path

from landex.errors import UserError
from landex.geo.parts import Parts, Probes, Series, Submission
from landex.geo.soft import Entry, RejectedSample, read_entries, sample_values
from landex.geo.values import ValueTables
from landex.platforms import GENE_COLUMNS


def read_family(path: str | Path, platform: str) -> Parts:
    """Yield the series, the probes of one platform, and all samples; those of other platforms without values.

    Raises
    ------
    UserError
        If the file is damaged, which shows at its end at the latest, or the platform's table is.
    """
    tables = ValueTables()
    for entry in read_entries(path):
        if entry.kind == "SERIES":
            keys = ("platform_id", "sample_id", "relation", "supplementary_file")
            yield Series(entry.name, *(entry.metadata.get(key, []) for key in keys))
        elif entry.kind == "PLATFORM" and entry.name == platform:
            yield probes_of(entry)
        elif entry.kind == "SAMPLE":
            yield _submission(entry, platform, tables)


def probes_of(entry: Entry) -> Probes:
    """Return the probes of a platform's entry, with the columns that name genes.

    Raises
    ------
    UserError
        If the table is cut short or has another number of rows than the entry says.
    """
    wanted = {"ID", *GENE_COLUMNS}
    # Where no column names genes, the message says what there is.
    chosen = wanted if (wanted - {"ID"}) & set(entry.columns) else None
    try:
        return Probes(entry.name, entry.table(chosen).fillna(""))
    except RejectedSample as error:
        raise UserError(f"platform {entry.name}: {error}; fetch the series again") from error


def _submission(entry: Entry, platform: str, tables: ValueTables) -> Submission:
    named = (entry.name, entry.first("platform_id"), entry.metadata)
    if named[1] != platform:
        return Submission(*named)
    try:
        return Submission(*named, *sample_values(entry, tables))
    except RejectedSample as error:
        return Submission(*named, reason=str(error))
