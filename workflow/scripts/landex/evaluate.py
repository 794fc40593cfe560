"""Errors of a model, target by target."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.examples import Mask, StoredExamples
from landex.files import atomic
from landex.h5ad import Block, open_matrix
from landex.predictions import Predictions

Floats = NDArray[np.float64]

_COLUMNS_OF_IDS = ["symbol", "ensembl", "cmap", "overlapping"]
# Targets at a time: bounds the memory of the float64 copies.
_BLOCK = 512


def target_metrics(prediction: Block, truth: Block, measured: Mask) -> pd.DataFrame:
    """Measure every target over the samples in which it was measured.

    Parameters
    ----------
    prediction, truth
        z-scores, shape (samples, targets).
    measured
        Shape (samples, targets).

    Returns
    -------
    DataFrame
        A row a target: n, mae, rmse, pearson, spearman, r2 (1 - residual sum of squares / total sum of squares
        around the truth's mean) and null_mae, the MAE of predicting 0, the mean that scaled the gene.
        Correlations are NaN where prediction or truth is constant, r2 where truth is; all of them where n is 0.
    """
    blocks = []
    for start in range(0, truth.shape[1], _BLOCK):
        columns = slice(start, start + _BLOCK)
        counted = measured[:, columns]
        blocks.append(
            _metrics(
                np.where(counted, prediction[:, columns], np.nan).astype(np.float64),
                np.where(counted, truth[:, columns], np.nan).astype(np.float64),
            )
        )
    return pd.concat(blocks, ignore_index=True)


def _metrics(prediction: Floats, truth: Floats) -> pd.DataFrame:
    n = np.sum(~np.isnan(truth), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = prediction - truth
        squares = np.nansum(error**2, axis=0)
        total = np.nansum((truth - np.nansum(truth, axis=0) / n) ** 2, axis=0)
        # As scipy.stats.rankdata, whose import alone takes longer than all else here.
        ranks = [pd.DataFrame(values).rank(axis=0).to_numpy() for values in (prediction, truth)]
        return pd.DataFrame(
            {
                "n": n,
                "mae": np.nansum(np.abs(error), axis=0) / n,
                "rmse": np.sqrt(squares / n),
                "pearson": _correlation(prediction, truth, n),
                "spearman": _correlation(ranks[0], ranks[1], n),
                "r2": np.where(total > 0, 1 - squares / total, np.nan),
                "null_mae": np.nansum(np.abs(truth), axis=0) / n,
            }
        )


def _correlation(first: Floats, second: Floats, n: NDArray[np.int_]) -> Floats:
    """Return Pearson's correlation of columns, NaN where one is constant; missing values lie in both."""
    centred = [values - np.nansum(values, axis=0) / n for values in (first, second)]
    covariance = np.nansum(centred[0] * centred[1], axis=0)
    norms = np.sqrt(np.nansum(centred[0] ** 2, axis=0) * np.nansum(centred[1] ** 2, axis=0))
    # Rounding leaves a constant column a variance of about 1e-30.
    constant = [
        np.nanmax(values, axis=0, initial=-np.inf) == np.nanmin(values, axis=0, initial=np.inf)
        for values in (first, second)
    ]
    return np.where(constant[0] | constant[1] | (n < 2), np.nan, np.clip(covariance / norms, -1, 1))


def write_evaluation(
    predictions: str | Path, normalised: str | Path, path: str | Path, rows: NDArray[np.intp] | None = None
) -> None:
    """Compare a model's predictions on a cohort with the truth.

    Parameters
    ----------
    predictions
        Result of `write_predictions`.
    normalised
        The normalised matrix that was predicted.
    path
        Result: a row a target and scaling; targets that were measured in no sample have no row.
    rows
        Rows that were predicted; all by default.

    Raises
    ------
    UserError
        If the predictions are of other samples or genes.
    """
    predicted = Predictions.read(predictions)
    tables = []
    with open_matrix(normalised) as matrix:
        for scaling, prediction in predicted.scores.items():
            examples = StoredExamples(matrix, rows, scaling).load()
            if predicted.samples != examples.samples or predicted.genes != list(examples.features.index):
                raise UserError(f"{predictions}: other samples or genes than {normalised}; delete it and run again")
            ids = examples.features[_COLUMNS_OF_IDS].reset_index(names="gene").assign(scaling=scaling)
            found = pd.concat([ids, target_metrics(prediction, examples.targets, examples.measured)], axis=1)
            tables.append(found[found["n"] > 0])
    with atomic(path) as temporary:
        pd.concat(tables).to_csv(temporary, sep="\t", index=False, float_format="%.6g")
