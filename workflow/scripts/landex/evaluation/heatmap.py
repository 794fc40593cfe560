"""A heat map of the landmarks that matter most and the targets that they move most, ordered by clustering."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist

from landex.evaluation.importance import Effects
from landex.h5ad import Block

# As many as a page shows with readable names, and targets in a column of a few pixels each.
_LANDMARKS, _TARGETS = 40, 150


def heatmap_table(
    effects: Effects, landmarks: pd.DataFrame, targets: pd.DataFrame, counted: NDArray[np.bool_]
) -> pd.DataFrame:
    """Tabulate slopes of the most important landmarks on the targets that they move most.

    Parameters
    ----------
    effects
        Of the model.
    landmarks, targets
        Features with a column symbol, indexed by gene.
    counted
        The targets that count, shape (targets,).

    Returns
    -------
    DataFrame
        landmark, landmark_symbol, gene, symbol and slope (z-score by z-score), a row a pair; at most 40 landmarks times
        150 targets. Landmarks come one after the other and targets in one order within each: both orders are those of
        the leaves of average linkage on 1 - the cosine of slopes, so that alike rows and columns are neighbours.
    """
    candidates = np.flatnonzero(counted)
    rows = np.argsort(-effects.effect[:, candidates].mean(axis=1), kind="stable")[:_LANDMARKS]
    moved = effects.effect[np.ix_(rows, candidates)].sum(axis=0)
    columns = candidates[np.argsort(-moved, kind="stable")[:_TARGETS]]
    slopes = effects.slope[np.ix_(rows, columns)]
    rows, columns = rows[_order(slopes)], columns[_order(slopes.T)]
    slopes = effects.slope[np.ix_(rows, columns)]
    return pd.DataFrame(
        {
            "landmark": np.repeat(landmarks.index.to_numpy()[rows], len(columns)),
            "landmark_symbol": np.repeat(landmarks["symbol"].to_numpy()[rows], len(columns)),
            "gene": np.tile(targets.index.to_numpy()[columns], len(rows)),
            "symbol": np.tile(targets["symbol"].to_numpy()[columns], len(rows)),
            "slope": slopes.ravel(),
        }
    )


def _order(values: Block) -> NDArray[np.intp]:
    """Order rows so that alike ones are neighbours; rows of zeros, which have no direction, count as unlike all."""
    if len(values) < 3:
        return np.arange(len(values))
    distances = np.nan_to_num(pdist(values.astype(np.float64), "cosine"), nan=1.0)
    order: NDArray[np.intp] = leaves_list(linkage(np.maximum(distances, 0), "average", optimal_ordering=True))
    return order
