"""Quantile normalisation onto a frozen reference (Bolstad et al. 2003, Bioinformatics 19:185)."""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from landex.blocks import Block as Block
from landex.orders import ROWS_AT_ONCE, Orders, fill_runs, orders_of
from landex.threads import mapped_in_threads

Reference = NDArray[np.float64]
# What tied values take: the reference at their mean rank, as R's preprocessCore and limma (ties = TRUE) do; the mean
# of the reference over their ranks, as qnorm does; or the reference at their mean rank rounded down, as D-GEX does.
Ties = Literal["mean_rank", "mean_value", "lower_rank"]
TIES: tuple[Ties, ...] = get_args(Ties)
# Rows whose sorted values are added up before they join the others: a reference's last bits depend on it.
_ROWS_SUMMED = 32


def mean_quantiles(blocks: Iterable[Block], genes: int, threads: int = 1) -> Reference:
    """Average the sorted values of samples: the reference.

    A sample with missing values takes part with its interpolated quantiles.

    Parameters
    ----------
    blocks
        Samples in blocks of shape (rows, genes), NaN where missing.
    genes
        Number of genes.
    threads
        Threads that sort; the result is the same with any number.

    Returns
    -------
    array
        Shape (genes,), increasing.
    """
    total = np.zeros(genes)
    samples = 0
    for sums, count in mapped_in_threads(_summed_quantiles, _pieces(blocks), threads):
        total += sums
        samples += count
    return total / samples


def _pieces(blocks: Iterable[Block]) -> Iterable[Block]:
    for block in blocks:
        for start in range(0, len(block), _ROWS_SUMMED):
            yield block[start : start + _ROWS_SUMMED]


def _summed_quantiles(block: Block) -> tuple[Reference, int]:
    """Return the sum of the sorted samples, and how many have any value."""
    # NaN sorts to the end.
    ordered = np.sort(block, axis=1)
    if not np.isnan(ordered[:, -1]).any():
        return ordered.sum(axis=0, dtype=np.float64), len(ordered)
    total, samples = np.zeros(block.shape[1]), 0
    for row in ordered:
        measured = row[: np.count_nonzero(~np.isnan(row))]
        if len(measured):
            whole = len(measured) == len(row)
            total += row if whole else np.interp(_positions(len(row)), _positions(len(measured)), measured)
            samples += 1
    return total, samples


def map_onto(block: NDArray[np.floating], reference: Reference, ties: Ties = "mean_rank") -> Block:
    """Replace the values of samples by the reference's values at their ranks.

    A sample with missing values takes interpolated quantiles of the reference; the missing values stay NaN.

    Parameters
    ----------
    block
        Shape (rows, genes), NaN where missing.
    reference
        Shape (genes,), increasing.
    ties
        What tied values take, see `Ties`.

    Returns
    -------
    array
        Shape (rows, genes), float32. A sample's result does not depend on the others.
    """
    mapped = np.empty(block.shape, np.float32)
    known: dict[int, Reference] = {}
    for start in range(0, len(block), ROWS_AT_ONCE):
        piece = slice(start, start + ROWS_AT_ONCE)
        orders = orders_of(block[piece])
        mapped[piece].ravel()[orders.places] = _values_in_order(orders, reference, ties, known)
    return mapped


def _values_in_order(orders: Orders, reference: Reference, ties: Ties, known: dict[int, Reference]) -> Block:
    """Return the reference's values for values in increasing order, shape (rows, genes)."""
    genes = len(reference)
    if (orders.counts == genes).all():
        values = np.empty(orders.places.shape, np.float32)
        values[:] = reference
        _settle_ties(values, orders, slice(None), _at_half_ranks(reference, genes, known), ties)
        return values
    values = np.full(orders.places.shape, np.nan, np.float32)
    for row, count in enumerate(orders.counts):
        if count:
            halves = _at_half_ranks(reference, int(count), known)
            values[row, :count] = halves[::2]
            _settle_ties(values[row : row + 1], orders, slice(row, row + 1), halves, ties)
    return values


def _at_half_ranks(reference: Reference, count: int, known: dict[int, Reference]) -> Reference:
    """Return the reference of `count` values at the ranks 0, 1/2, 1, ..., count - 1, interpolated."""
    if count not in known:
        ranks = np.arange(2 * count - 1) / 2
        if count == len(reference):
            known[count] = np.interp(ranks, np.arange(count), reference)
        else:
            known[count] = np.interp((ranks + 0.5) / count, _positions(len(reference)), reference)
    return known[count]


def _settle_ties(values: Block, orders: Orders, rows: slice, halves: Reference, ties: Ties) -> None:
    """Give every run of equal values in some rows one value of the reference."""
    row, first, last = orders.runs(rows)
    if not len(row):
        return
    if ties == "mean_rank":
        settled = halves[first + last]
    elif ties == "lower_rank":
        settled = halves[(first + last) // 2 * 2]
    else:
        sums = np.concatenate([[0.0], np.cumsum(halves[::2])])
        settled = (sums[last + 1] - sums[first]) / (last - first + 1)
    fill_runs(values, (row, first, last), settled)


def _positions(count: int) -> NDArray[np.float64]:
    """Return the plotting positions of `count` sorted values (Hazen: (rank - 1/2) / count)."""
    return (np.arange(count) + 0.5) / count
