"""Densities of per-gene errors, which the page and the static figures both draw."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import gaussian_kde

Floats = npt.NDArray[np.float64]

# Points of a density curve: enough that no kink shows at full width.
_GRID = 256
# Axes end where 99 % of the genes have been seen: single genes would squeeze all others into a corner.
_AXIS_SHARE = 0.99
# And a model that fails must not squeeze all others: axes reach no farther than twice where the median model's ends.
_FAILED = 2.0


def counted_errors(genes: pd.DataFrame, cohort: str, scaling: str) -> pd.DataFrame:
    """Take one cohort and scaling from the wide table of genes, without overlapping targets.

    Returns
    -------
    pandas.DataFrame
        The measured targets, indexed by their symbol (their id where they have none), a column of MAE in
        z-scores a model.
    """
    suffix = f".{cohort}.{scaling}"
    columns = {
        name: name.removeprefix("mae.").removesuffix(suffix)
        for name in genes.columns
        if name.startswith("mae.") and name.endswith(suffix)
    }
    counted = genes[genes["overlapping"] == 0]
    names = counted["symbol"].where(counted["symbol"] != "", counted["gene"])
    return counted[list(columns)].rename(columns=columns).set_axis(names, axis="index").dropna(how="all")


def density(values: Floats, grid: Floats) -> Floats | None:
    """Estimate the density of per-gene errors at `grid` (Gaussian kernel, Scott's bandwidth).

    None where there is nothing to smooth: fewer than three different values.
    """
    if len(np.unique(values)) < 3:
        return None
    return np.asarray(gaussian_kde(values)(grid), dtype=np.float64)


def axis_end(errors: pd.DataFrame) -> float:
    """Return where an axis of errors ends: a little beyond where the models' genes have been seen."""
    if errors.empty or not errors.shape[1]:
        return 1.0
    ends = errors.quantile(_AXIS_SHARE)
    return 1.05 * float(min(ends.max(), _FAILED * ends.median()))


def densities(errors: pd.DataFrame) -> tuple[Floats, dict[str, Floats | None]]:
    """Return a grid of errors, and the density of every model on it; None where there is nothing to smooth."""
    grid = np.linspace(0.0, axis_end(errors), _GRID)
    return grid, {str(model): density(column.dropna().to_numpy(), grid) for model, column in errors.items()}
