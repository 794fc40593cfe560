"""Ranks of many rows at once, ties at their mean rank."""

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from landex.h5ad import Block

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_SIGN = np.uint32(1 << 31)
_ALL = np.uint32((1 << 32) - 1)
# Values of a block: 1 MB in float64.
_VALUES = 1 << 17


def average_ranks(values: Block, measured: Mask | None = None) -> Floats:
    """Rank every row from 1 up; equal values get the mean of their ranks.

    Equal to `scipy.stats.rankdata(values, axis=1)`, several times as fast: a value's bits, in an order that sorts as
    the values do, and its place are packed into one integer, so that one sort without indices ranks a row.

    Parameters
    ----------
    values
        Shape (rows, columns), finite where measured.
    measured
        Of the same shape; what is not measured takes no rank, and gets 0. All is measured by default.
    """
    ranks = np.empty(values.shape)
    for place in row_blocks(*values.shape):
        _rank(values[place], None if measured is None else measured[place], ranks[place])
    return ranks


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield blocks of rows that are few enough for arrays of them to stay in a core's cache."""
    size = max(1, _VALUES // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def _rank(values: Block, measured: Mask | None, ranks: Floats) -> None:
    rows, columns = values.shape
    # Adding 0 makes -0 and 0 one value.
    bits = (values + np.float32(0)).view(np.uint32)
    bits ^= np.where(bits & _SIGN, _ALL, _SIGN)
    if measured is not None:
        # Behind all numbers, where no rank depends on them.
        bits[~measured] = _ALL
    packed = bits.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= np.arange(columns, dtype=np.uint64)
    packed.sort(axis=1)
    halves = packed.view(np.uint32).reshape(rows, columns, 2)
    low = 0 if sys.byteorder == "little" else 1
    places, ordered = halves[:, :, low].astype(np.intp), halves[:, :, 1 - low]
    different = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    in_order = np.arange(1, columns + 1, dtype=np.float64)
    for row in range(rows):
        ranks[row, places[row]] = in_order if different[row] else _with_ties(ordered[row])
    if measured is not None:
        ranks[~measured] = 0


def _with_ties(ordered: NDArray[np.uint32]) -> Floats:
    edges = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1], [True]]))
    return np.repeat((edges[:-1] + edges[1:] + 1) / 2, np.diff(edges))


def standardised_ranks(values: Block, measured: Mask | None = None) -> Floats:
    """Rank rows, centre the ranks and scale them to length 1, so that products of rows are Spearman's correlations.

    A row without two different values has no correlation, and becomes 0; so does what is not measured. Parameters are
    those of `average_ranks`.
    """
    standardised = average_ranks(values, measured)
    for place in row_blocks(*values.shape):
        ranks, there = standardised[place], None if measured is None else measured[place]
        counted = np.full((len(ranks), 1), ranks.shape[1]) if there is None else there.sum(axis=1, keepdims=True)
        ranks -= ranks.sum(axis=1, keepdims=True) / np.maximum(counted, 1)
        if there is not None:
            ranks[~there] = 0
        length = np.sqrt(np.einsum("ij,ij->i", ranks, ranks))[:, None]
        # Ranks and their mean are multiples of a half: equal ranks leave exactly nothing.
        ranks /= np.where(length > 0, length, 1)
    return standardised
