"""Means of groups of columns, sample by sample: several probes, or rows, of one gene."""

import numpy as np
from numpy.typing import NDArray


def column_means(
    values: NDArray[np.floating], columns: NDArray[np.intp], starts: NDArray[np.intp]
) -> NDArray[np.floating]:
    """Average groups of columns over the values that are there.

    Parameters
    ----------
    values
        Shape (samples, all columns), NaN where missing.
    columns
        Columns of the first group, then of the second, and so on.
    starts
        Shape (groups,): where each group's columns begin in `columns`.

    Returns
    -------
    array
        Shape (samples, groups), NaN where no column has a value; float64 where any group has several columns.
    """
    chosen = values[:, columns]
    if len(columns) == len(starts):
        return chosen
    chosen = chosen.astype(np.float64)
    present = ~np.isnan(chosen)
    sums = np.add.reduceat(np.where(present, chosen, 0), starts, axis=1)
    counts = np.add.reduceat(present, starts, axis=1, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.floating] = sums / np.where(counts, counts, np.nan)
    return means
