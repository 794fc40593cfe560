"""The order of values within samples: the step that all quantile normalisation stands on, near the speed of sorting."""

import sys
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rows that are sorted at a time: at 10,000 genes 2.5 MB of packed keys, which stay in a core's cache.
ROWS_AT_ONCE = 32
# Of the two halves of a packed key, as they lie in memory: the value's bits and the place.
_VALUE, _PLACE = (1, 0) if sys.byteorder == "little" else (0, 1)
_LOW = np.uint64(0xFFFFFFFF)
_SIGN = np.uint32(0x80000000)
# The ordered bits of minus infinity and of infinity; what lies outside is no number.
_LOWEST, _HIGHEST = np.uint32(0x007FFFFF), np.uint32(0xFF800000)


@dataclass(frozen=True)
class Orders:
    """Values of some samples in increasing order; missing ones come last.

    Attributes
    ----------
    places
        Shape (rows, genes): where each value lies in the flattened block, row by row in increasing order.
    tied
        Shape (rows, genes): whether a value equals the one before it in its row's order.
    counts
        Shape (rows,): how many values of each row are not missing.
    """

    places: NDArray[np.int64]
    tied: NDArray[np.bool_]
    counts: NDArray[np.intp]

    def runs(self, rows: slice = slice(None)) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return row, first and last rank (from 0) of every run of equal values in some rows."""
        tied = self.tied[rows]
        flat = np.flatnonzero(tied)
        if not len(flat):
            return flat, flat, flat
        ends = np.flatnonzero(np.diff(flat) != 1)
        first = flat[np.concatenate([[0], ends + 1])] - 1
        last = flat[np.concatenate([ends, [len(flat) - 1]])]
        row, rank = np.divmod(first, tied.shape[1])
        return row, rank, rank + last - first


def fill_runs(
    values: NDArray[np.floating], runs: tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]], settled: Floats
) -> None:
    """Give every run of equal values one value.

    Parameters
    ----------
    values
        Shape (rows, genes), by rank; changed in place.
    runs
        Of `Orders.runs`, for these rows.
    settled
        Shape (runs,): the value of each.
    """
    row, first, last = runs
    lengths = last - first + 1
    starts = np.cumsum(lengths) - lengths
    ranks = np.arange(lengths.sum()) - np.repeat(starts - first, lengths)
    values[np.repeat(row, lengths), ranks] = np.repeat(settled, lengths)


class _Room:
    """Arrays that a thread uses again and again: new ones cost as much as the sort, in fresh pages of memory."""

    def __init__(self, rows: int, genes: int) -> None:
        self.packed = np.empty((rows, genes), np.uint64)
        self.halves = self.packed.view(np.uint32).reshape(rows, genes, 2)
        self.values = np.empty((rows, genes), np.float32)
        self.turned = np.empty((rows, genes), np.int32)
        self.places = np.arange(rows * genes, dtype=np.uint32).reshape(rows, genes)
        self.tied = np.zeros((rows, genes), np.bool_)


_rooms = threading.local()


def _room(rows: int, genes: int) -> _Room:
    """Return this thread's arrays for blocks of a shape; only the last shape's are kept."""
    room: _Room | None = getattr(_rooms, "last", None)
    if room is None or room.packed.shape != (rows, genes):
        room = _rooms.last = _Room(rows, genes)
    return room


def orders_of(block: NDArray[np.floating]) -> Orders:
    """Order the values of every sample.

    float32 values are packed with their places into 64 bits and sorted as whole numbers, several times as fast
    as argsort; others take argsort.

    Parameters
    ----------
    block
        Shape (rows, genes), NaN where missing.

    Returns
    -------
    Orders
        Its arrays hold until the same thread orders the next block.
    """
    if block.dtype != np.float32 or not 0 < block.size < 1 << 32:
        return _orders_by_argsort(block)
    room = _room(*block.shape)
    # Adding 0 makes -0 equal to 0, in bits too.
    np.add(block, np.float32(0), out=room.values)
    _pack_and_sort(room)
    if (room.halves[:, 0, _VALUE] < _LOWEST).any():
        # NaN with a minus: like the others it has to come last.
        room.values[np.isnan(block)] = np.nan
        _pack_and_sort(room)
    sorted_bits = room.halves[..., _VALUE]
    counts = np.full(len(block), block.shape[1])
    for row in np.flatnonzero(sorted_bits[:, -1] > _HIGHEST):
        counts[row] = np.searchsorted(sorted_bits[row], _HIGHEST, side="right")
    np.equal(sorted_bits[:, 1:], sorted_bits[:, :-1], out=room.tied[:, 1:])
    _untie_missing(room.tied, counts)
    np.bitwise_and(room.packed, _LOW, out=room.packed)
    return Orders(room.packed.view(np.int64), room.tied, counts)


def _pack_and_sort(room: _Room) -> None:
    """Sort value and place as one number; a value's bits are turned so that they order as it does.

    Of a negative float all bits are turned, of others the first (Herf 2001, "Radix tricks").
    """
    bits = room.values.view(np.uint32)
    np.right_shift(room.values.view(np.int32), 31, out=room.turned)
    turned = room.turned.view(np.uint32)
    turned |= _SIGN
    np.bitwise_xor(bits, turned, out=room.halves[..., _VALUE])
    room.halves[..., _PLACE] = room.places
    room.packed.sort(axis=1)


def _orders_by_argsort(block: NDArray[np.floating]) -> Orders:
    missing = np.isnan(block)
    order = np.lexsort((block, missing), axis=1)
    values = np.take_along_axis(block, order, 1)
    tied = np.zeros(block.shape, np.bool_)
    np.equal(values[:, 1:], values[:, :-1], out=tied[:, 1:])
    starts = np.arange(len(block))[:, None] * block.shape[1]
    counts = block.shape[1] - np.count_nonzero(missing, axis=1)
    return Orders((order + starts).astype(np.int64), tied, counts)


def _untie_missing(tied: NDArray[np.bool_], counts: NDArray[np.intp]) -> None:
    """Mark missing values, which all have the same bits, as different."""
    for row in np.flatnonzero(counts < tied.shape[1]):
        tied[row, counts[row] :] = False
