"""Quantile normalisation onto a frozen reference (Bolstad et al. 2003, Bioinformatics 19:185)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from landex.h5ad import Block

Reference = NDArray[np.float64]


def mean_quantiles(blocks: Iterable[Block], genes: int) -> Reference:
    """Average the sorted values of samples: the reference.

    A sample with missing values takes part with its interpolated quantiles.

    Parameters
    ----------
    blocks
        Samples in blocks of shape (rows, genes), NaN where missing.
    genes
        Number of genes.

    Returns
    -------
    array
        Shape (genes,), increasing.
    """
    total = np.zeros(genes)
    samples = 0
    for block in blocks:
        # NaN sorts to the end; a sample without any value has no quantiles.
        ordered = np.sort(block[~np.isnan(block).all(axis=1)], axis=1).astype(np.float64)
        for row in np.flatnonzero(np.isnan(ordered[:, -1])):
            measured = ordered[row][~np.isnan(ordered[row])]
            ordered[row] = np.interp(_positions(genes), _positions(len(measured)), measured)
        total += ordered.sum(axis=0)
        samples += len(ordered)
    return total / samples


def map_onto(block: Block, reference: Reference) -> Block:
    """Replace the values of samples by the reference's values at their ranks.

    Ties take the reference at their mean rank, as R's preprocessCore and limma do. A sample with missing
    values takes interpolated quantiles of the reference; the missing values stay NaN.

    Parameters
    ----------
    block
        Shape (rows, genes), NaN where missing.
    reference
        Shape (genes,), increasing.

    Returns
    -------
    array
        Shape (rows, genes), float32.
    """
    mapped = np.full(block.shape, np.nan, np.float32)
    missing = np.isnan(block)
    whole = ~missing.any(axis=1)
    if whole.any():
        ranks = rankdata(block[whole], axis=1) - 1
        mapped[whole] = np.interp(ranks, np.arange(len(reference)), reference)
    knots = _positions(len(reference))
    for row in np.flatnonzero(~whole):
        measured = ~missing[row]
        count = int(measured.sum())
        if count:
            positions = (rankdata(block[row, measured]) - 0.5) / count
            mapped[row, measured] = np.interp(positions, knots, reference)
    return mapped


def _positions(count: int) -> NDArray[np.float64]:
    """Return the plotting positions of `count` sorted values (Hazen: (rank - 1/2) / count)."""
    return (np.arange(count) + 0.5) / count
