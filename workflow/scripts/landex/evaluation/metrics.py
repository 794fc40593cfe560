"""Metrics of predictions against the truth, row by row: rows are targets over samples, or samples over targets."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.ranks import Mask, row_blocks, standardised_ranks
from landex.h5ad import Block

Floats = NDArray[np.float64]
Ranks = NDArray[np.floating]

METRICS = ("mae", "rmse", "pearson", "spearman", "r2", "r2_null", "bias", "null_mae")


def row_metrics(
    prediction: Block, truth: Block, measured: Mask | None = None, ranks: tuple[Ranks, Ranks] | None = None
) -> pd.DataFrame:
    """Measure every row over the columns in which it was measured.

    Parameters
    ----------
    prediction, truth
        z-scores, shape (rows, columns).
    measured
        Of the same shape; all is measured by default.
    ranks
        `standardised_ranks` of both, where they are at hand.

    Returns
    -------
    DataFrame
        A row a row: n, the values measured; mae; rmse; Pearson's and Spearman's correlation; r2, 1 - residual sum of
        squares / total sum of squares around the truth's mean; r2_null, the same around 0, which is the mean that
        scaled the gene and what a model that knows nothing predicts; bias, the mean of prediction - truth; and
        null_mae, the MAE of predicting 0. Correlations are NaN where prediction or truth is constant, r2 where truth
        is, r2_null where it is 0 throughout; all are NaN where n is 0.
    """
    ranked = ranks or (standardised_ranks(prediction, measured), standardised_ranks(truth, measured))
    blocks = [
        _metrics(
            prediction[place].astype(np.float64),
            truth[place].astype(np.float64),
            None if measured is None else measured[place],
            ranked[0][place],
            ranked[1][place],
        )
        for place in row_blocks(*truth.shape)
    ]
    return pd.DataFrame({name: np.concatenate([block[name] for block in blocks]) for name in ("n", *METRICS)})


def _metrics(said: Floats, true: Floats, measured: Mask | None, *ranks: Ranks) -> dict[str, NDArray[np.generic]]:
    varied = [each.any(axis=1) for each in ranks]
    if measured is not None:
        said[~measured] = true[~measured] = 0
    n = np.full(len(true), true.shape[1]) if measured is None else measured.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = said - true
        squares, uncentred = _squares(error), _squares(true)
        found = {
            "n": n,
            "mae": np.abs(error).sum(axis=1) / n,
            "rmse": np.sqrt(squares / n),
            "r2_null": np.where(uncentred > 0, 1 - squares / uncentred, np.nan),
            "bias": error.sum(axis=1) / n,
            "null_mae": np.abs(true).sum(axis=1) / n,
        }
        for values in (said, true):
            values -= (values.sum(axis=1) / n)[:, None]
            if measured is not None:
                values[~measured] = 0
        total = _squares(true)
        pearson = np.einsum("ij,ij->i", said, true) / np.sqrt(_squares(said) * total)
        spearman = np.einsum("ij,ij->i", *ranks, dtype=np.float64)
        both = varied[0] & varied[1]
        found["pearson"] = np.where(both, np.clip(pearson, -1, 1), np.nan)
        found["spearman"] = np.where(both, np.clip(spearman, -1, 1), np.nan)
        found["r2"] = np.where(varied[1], 1 - squares / total, np.nan)
    return found


def _squares(values: Floats) -> Floats:
    return np.einsum("ij,ij->i", values, values)
