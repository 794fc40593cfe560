"""Orientation: whether samples stand in the columns or in the rows of a table of text."""

import csv
from collections.abc import Set
from pathlib import Path

from landex.formats.text import UNREADABLE, open_text

# A table is looked at up to this many rows.
_ROWS = 30_000


def samples_in(path: str | Path, genes: Set[str]) -> str:
    """Tell where the samples of a TSV or CSV file stand.

    Parameters
    ----------
    path
        The file; other formats say it themselves, and so does a file that cannot be read when it is.
    genes
        Names of genes.

    Returns
    -------
    str
        `rows` where the header names more of the genes than the first column does, else `columns`.
    """
    path = Path(path)
    if not path.name.removesuffix(".gz").removesuffix(".xz").endswith((".tsv", ".csv", ".txt")):
        return "columns"
    in_rows = 0
    try:
        with open_text(path) as stream:
            rows = csv.reader(stream, delimiter="," if ".csv" in path.name else "\t")
            in_header = sum(cell in genes for cell in next(rows, []))
            # Most tables have samples in columns, and a header that names no gene settles it.
            if in_header < 2:
                return "columns"
            for _, row in zip(range(_ROWS), rows, strict=False):
                in_rows += bool(row) and row[0] in genes
    except UNREADABLE:
        return "columns"
    return "rows" if in_header > in_rows else "columns"
