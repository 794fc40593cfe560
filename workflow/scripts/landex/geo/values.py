"""Tables of values, one a sample, read at the speed of Arrow; probes are named once for all samples that share them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PROBE, _VALUE = b"ID_REF", b"VALUE"
# What stands for a missing value; others are no number.
MISSING = ["", "null", "NULL", "Null", "NA", "na", "N/A", "n/a", "NaN", "nan", "NAN"]
_PARSE = pa.csv.ParseOptions(
    # Quotes are plain characters in SOFT.
    delimiter="\t", quote_char=False, double_quote=False, escape_char=False, ignore_empty_lines=False,
)  # fmt: skip


@dataclass(frozen=True)
class ProbeList:
    """The probes of a table, in its order."""

    names: list[str]

    @cached_property
    def repeated(self) -> str:
        """The first probe that stands there twice; empty where none does."""
        twice = pd.Index(self.names).duplicated()
        return self.names[int(np.argmax(twice))] if twice.any() else ""


class ValueTables:
    """Reads tables of probes and values, and gives tables with the same probes one and the same list."""

    def __init__(self) -> None:
        self._array: pa.ChunkedArray | None = None
        self._list: ProbeList | None = None

    def read(self, table: bytes) -> tuple[ProbeList, Floats] | None:
        """Return probes and values, NaN where missing; None of a table that is not plain.

        A plain table has the columns ID_REF and VALUE once each, as many cells in every row, and a number or a usual
        sign of a missing value in every cell of VALUE. Arrow rounds as Python does.

        Parameters
        ----------
        table
            Its lines, header first.
        """
        header, _, rows = table.partition(b"\n")
        columns = header.split(b"\t")
        # Arrow takes a lone carriage return for the end of a row.
        if columns.count(_PROBE) != 1 or columns.count(_VALUE) != 1 or b"\r" in rows:
            return None
        if not rows or rows.startswith(b"\n") or b"\n\n" in rows:
            return None
        kinds = {f"f{columns.index(_PROBE)}": pa.string(), f"f{columns.index(_VALUE)}": pa.float64()}
        try:
            found = pa.csv.read_csv(
                pa.BufferReader(rows),
                pa.csv.ReadOptions(use_threads=False, block_size=len(rows) + 1, autogenerate_column_names=True),
                _PARSE,
                pa.csv.ConvertOptions(
                    column_types=kinds, include_columns=list(kinds), null_values=MISSING, strings_can_be_null=False
                ),
            )
        except pa.ArrowException:
            return None
        # One row a line, whatever is in it.
        if len(found) != rows.count(b"\n") + (not rows.endswith(b"\n")) or found.num_columns != 2:
            return None
        values = found.column(1).to_numpy()
        # Numbers too large for a float are no numbers to pandas.
        if np.isinf(values).any():
            return None
        return self._named(found.column(0)), values.astype(np.float64)

    def _named(self, array: pa.ChunkedArray) -> ProbeList:
        if self._list is None or self._array is None or not array.equals(self._array):
            self._array, self._list = array, ProbeList(array.to_pylist())
        return self._list

    def named(self, names: list[str]) -> ProbeList:
        """Return a list of probes, the last one where it is the same."""
        if self._list is None or self._list.names != names:
            self._array, self._list = pa.chunked_array([pa.array(names, pa.string())]), ProbeList(names)
        return self._list
