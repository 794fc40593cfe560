"""Small tables of text, such as lists of genes."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from landex.errors import UserError


def read_tsv(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read a tab-separated table with all cells as text, so that a gene named NA stays one.

    Raises
    ------
    UserError
        If the file cannot be read or lacks one of the columns.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: not readable as a tab-separated table ({str(error).strip()})") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise UserError(f"{path}: the column {missing[0]} is missing; it has {', '.join(table.columns[:8])}")
    return table
