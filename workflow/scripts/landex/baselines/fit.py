"""From the normalised compendium to a baseline, written as a model."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landex.classes import load_class
from landex.examples import open_training
from landex.models import Estimator, settings_told, write_metrics, write_model, write_targets


def fit_baseline(
    kind: str,
    estimator: str,
    settings: Mapping[str, Any],
    threads: int,
    normalised: str | Path,
    split: str | Path,
    auxiliary: str | Path | None,
    weights: str | Path,
    metrics: str | Path,
    targets: str | Path,
) -> None:
    """Fit a baseline to the training part and write it.

    Parameters
    ----------
    kind, estimator, settings
        Family of the model, the class that fits it (`module:Class`), and its completed settings.
    threads
        Cores to use.
    normalised, split
        The normalised compendium and its parts; test samples are not read.
    auxiliary
        Samples of auxiliary cohorts to learn from too; None for none.
    weights, metrics, targets
        weights.h5, metrics.json, and targets.tsv: what was chosen and reached for every target.

    Raises
    ------
    UserError
        If a value is not finite, with its place.
    """
    estimate: Estimator = load_class(estimator)(**settings)
    with open_training(normalised, split, auxiliary) as (training, select):
        began = time.perf_counter()
        fitted = estimate.fit(training, select, threads)
        seconds = time.perf_counter() - began
        write_model(weights, kind, fitted.model)
        write_targets(targets, fitted)
        told = settings_told(settings, training)
        shown = {"kind": kind, "preset": None, "settings": told, "seconds": seconds, "device": "CPU"}
        write_metrics(metrics, fitted.model, select, {**shown, **fitted.found})
