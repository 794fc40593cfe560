"""Ranks of many rows at once, ties at their mean rank."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from landex.h5ad import Block
from landex.orders import fill_runs, orders_of

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Values of a block: 1 MB in float64.
_VALUES = 1 << 17


def average_ranks(values: Block, measured: Mask | None = None) -> Floats:
    """Rank every row from 1 up; equal values get the mean of their ranks.

    Equal to `scipy.stats.rankdata(values, axis=1)`, several times as fast; see `orders_of`.

    Parameters
    ----------
    values
        Shape (rows, columns), finite where measured.
    measured
        Of the same shape; what is not measured takes no rank, and gets 0. All is measured by default.
    """
    ranks = np.empty(values.shape)
    for place in row_blocks(*values.shape):
        there = None if measured is None else measured[place]
        orders = orders_of(values[place] if there is None else np.where(there, values[place], np.float32(np.nan)))
        in_order = np.tile(np.arange(1, values.shape[1] + 1, dtype=np.float64), (len(orders.counts), 1))
        runs = orders.runs()
        fill_runs(in_order, runs, (runs[1] + runs[2]) / 2 + 1)
        # Rows of an array lie together, so that this is a view.
        ranks[place].ravel()[orders.places] = in_order
        if there is not None:
            ranks[place][~there] = 0
    return ranks


def row_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Yield blocks of rows that are few enough for arrays of them to stay in a core's cache."""
    size = max(1, _VALUES // max(1, columns))
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


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
