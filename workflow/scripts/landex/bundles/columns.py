"""Small tables of text and numbers without pandas, whose import takes longer than a bundle needs to open."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Column = list[str] | NDArray[np.float64]


def written(columns: Mapping[str, Sequence[str] | NDArray[np.floating]]) -> str:
    """Return columns of equal length as tab-separated text; numbers with the 9 digits that float32 takes."""
    cells = []
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            cells.append([f"{value:.9g}" for value in values.tolist()])
        else:
            cells.append([_plain(name, value) for value in values])
    lines = ["\t".join(columns), *("\t".join(row) for row in zip(*cells, strict=True))]
    return "\n".join(lines) + "\n"


def _plain(name: str, value: object) -> str:
    text = str(value)
    if "\t" in text or "\n" in text or "\r" in text:
        raise ValueError(f"{name}: {text!r} would break its row")
    return text


def read(text: str, texts: Sequence[str], numbers: Sequence[str]) -> dict[str, Column]:
    """Read what `written` returned.

    Parameters
    ----------
    text
        The table.
    texts, numbers
        The columns to return, as text and as numbers.

    Raises
    ------
    ValueError
        If a column is missing, a row is short, or a number is none.
    """
    lines = text.split("\n")
    if lines[-1] != "":
        raise ValueError("its last line is cut short")
    header = lines[0].split("\t")
    rows = [line.split("\t") for line in lines[1:-1]]
    wrong = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if wrong:
        raise ValueError(f"line {wrong[0]} has not {len(header)} cells")
    missing = [name for name in (*texts, *numbers) if name not in header]
    if missing:
        raise ValueError(f"it has no column {missing[0]}")
    places = {name: header.index(name) for name in (*texts, *numbers)}
    found: dict[str, Column] = {name: [row[places[name]] for row in rows] for name in texts}
    for name in numbers:
        found[name] = np.array([float(row[places[name]]) for row in rows])
    return found
