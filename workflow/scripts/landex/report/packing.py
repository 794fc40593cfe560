"""Numbers and text as they travel inside the page: compressed, in base64, unpacked by the browser when they are wanted.

A number that is shown is kept as a whole number of its last shown digit, rounded as text is: what a reader sees is what
`f"{value:.3f}"` gives, and equals the table that it came from at these digits.
"""

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Stands for a value that does not exist: -1 above the lowest number, which has no counterpart.
MISSING = -(2**31) + 1
# A tie between two roundings is nearer than this, in units of the last digit; tables hold six digits.
_TIE = 1e-6
# zlib's best: the page is written once and opened often.
_LEVEL = 9


@dataclass(frozen=True)
class Block:
    """One packed block: what kind of values, of what shape, and base64 of their raw-deflate compressed bytes.

    Bytes are little-endian and lie plane by plane (all lowest bytes first), which compresses twice as well.
    """

    kind: str
    shape: tuple[int, ...]
    data: str

    @property
    def shape_text(self) -> str:
        """The shape as an attribute."""
        return ",".join(map(str, self.shape))


def packed(values: NDArray[Any]) -> Block:
    """Pack an array of whole numbers: int8, uint8, int16, uint16, int32."""
    kind = values.dtype.name
    flat = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).view(np.uint8)
    planes = flat.reshape(-1, values.dtype.itemsize).T
    return Block(kind, values.shape, _deflated(planes.tobytes()))


def packed_text(text: str) -> Block:
    """Pack text, as UTF-8."""
    return Block("text", (len(text),), _deflated(text.encode()))


def _deflated(content: bytes) -> str:
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return base64.b64encode(compressor.compress(content) + compressor.flush()).decode("ascii")


def whole_numbers(values: NDArray[np.floating[Any]], digits: int) -> NDArray[np.int32]:
    """Round to so many digits and count these: .4125 with three digits is what `f"{.4125:.3f}"` says, times 1000.

    Values that are not finite are `MISSING`; so are those beyond two thousand million of the last digit.
    """
    scaled = np.asarray(values, np.float64) * 10.0**digits
    finite = np.isfinite(scaled) & (np.abs(scaled) < -(MISSING + 1))
    rounded = np.full(scaled.shape, MISSING, np.int32)
    rounded[finite] = np.rint(scaled[finite])
    ties = finite & (np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5) < _TIE)
    for place in zip(*np.nonzero(ties), strict=True):
        rounded[place] = round(float(f"{float(values[place]):.{digits}f}") * 10.0**digits)
    return rounded


def names_text(table: pd.DataFrame) -> str:
    """Join a table of names into lines of tab-separated cells, without a header; no name holds a tab or line end."""
    cleaned = table.astype(str).replace(r"[\t\r\n]+", " ", regex=True)
    return "\n".join("\t".join(row) for row in cleaned.itertuples(index=False, name=None))
