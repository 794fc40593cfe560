"""From a model's errors on the calibrate part to prediction intervals and trust, target by target."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.conformal import conformal_quantile
from landex.evaluation.distance import distances, read_correlation
from landex.evaluation.evaluate import evaluate
from landex.evaluation.ranks import Floats, Mask
from landex.evaluation.scales import DISTANCE, SPREAD, scale_of
from landex.evaluation.targets import identifiers
from landex.evaluation.trust import NEW_SERIES, NOTHING, SAME_SERIES, SAMPLES, Bars, trust_classes
from landex.evaluation.units import bound_together
from landex.examples import Examples, StoredExamples
from landex.files import atomic
from landex.h5ad import open_matrix
from landex.parts import read_parts
from landex.predictions import StoredPredictions, open_predictions

_TARGETS = 512


def write_trust(
    predictions: str | Path,
    normalised: str | Path,
    split: str | Path,
    references: str | Path,
    coverage: float,
    bars: Bars,
    path: str | Path,
    threads: int = 1,
) -> None:
    """Calibrate intervals and class targets on the calibrate part.

    Parameters
    ----------
    predictions
        Of the calibrate part, which neither fitting nor choosing looked at.
    normalised, split, references
        The normalised compendium, its parts, and references.h5.
    coverage
        Of the intervals, in (0, 1).
    bars
        What a usable target has to reach.
    path
        Result, a row a target: identifiers; n, mae, r2_null and r_gene on the calibrate part; quantile and scaled_by
        (see `Intervals`), half_width (the mean over calibration samples), null_half_width (when the gene's mean is
        predicted) and width_ratio; guarantee, what the intervals cover; trust and reason.
    threads
        Cores to use; they change no number.

    Raises
    ------
    UserError
        If the predictions are of other samples or genes.
    """
    parts = read_parts(split)
    rows = np.flatnonzero(parts["part"] == "calibrate")
    found = evaluate(predictions, normalised, rows, threads=threads).targets
    units, promised = exchangeable_units(parts, coverage)
    with open_predictions(predictions) as predicted, open_matrix(normalised) as matrix:
        stored = StoredExamples(matrix, rows)
        truth = stored.load()
        table = identifiers(truth.features)
        far = distances(truth.inputs, read_correlation(references), stored.measured_landmarks())
        widths = [
            _widths(predicted, truth, far, units, coverage, slice(start, start + _TARGETS))
            for start in range(0, len(table), _TARGETS)
        ]
    table = table.merge(found[["gene", "n", "mae", "r2_null", "r_gene"]], on="gene", how="left")
    table = pd.concat([table.fillna({"n": 0}).astype({"n": int}), pd.concat(widths, ignore_index=True)], axis=1)
    table["guarantee"] = np.where(np.isfinite(table["quantile"]), promised, NOTHING)
    table = pd.concat([table, trust_classes(table, bars)], axis=1)
    with atomic(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def exchangeable_units(parts: pd.DataFrame, coverage: float) -> tuple[NDArray[np.intp], str]:
    """Tell what a new sample may be taken for a draw of.

    Parameters
    ----------
    parts
        split.tsv.
    coverage
        Of the intervals.

    Returns
    -------
    units
        The unit of every sample of the calibrate part: its series (series of one group are one) where neither training
        nor select saw any of these and there are enough of them for intervals, else itself.
    guarantee
        What intervals then cover.
    """
    chosen = (parts["part"] == "calibrate").to_numpy()
    seen = parts["part"].isin(["training", "select"]).to_numpy()
    bound = bound_together(parts)
    units, _ = pd.factorize(bound[chosen])
    new = not set(bound[chosen]) & set(bound[seen])
    if new and units.max() + 1 >= coverage / (1 - coverage) - 1e-9:
        return units, NEW_SERIES
    return np.arange(len(units)), SAME_SERIES if new else SAMPLES


def _widths(
    predicted: StoredPredictions,
    truth: Examples,
    far: Floats,
    units: NDArray[np.intp],
    coverage: float,
    place: slice,
) -> pd.DataFrame:
    measured: Mask | None = None if truth.complete else truth.measured[:, place]
    targets = truth.targets[:, place].astype(np.float64)
    spread = predicted.spread("training", targets=place) if predicted.has_spread else None
    scale = scale_of(far, spread)
    residuals = np.abs(predicted.scores("training", targets=place) - targets)
    quantile = conformal_quantile(residuals / scale, units, coverage, measured)
    null = conformal_quantile(np.abs(targets), units, coverage, measured)
    half = quantile * scale.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(np.isfinite(quantile), half / null, np.inf)
    return pd.DataFrame(
        {
            "quantile": quantile,
            "scaled_by": DISTANCE if spread is None else SPREAD,
            "half_width": half,
            "null_half_width": null,
            "width_ratio": ratio,
        }
    )
