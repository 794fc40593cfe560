"""Baselines: fitted to the training part, written as models."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landex.examples import read_parts
from landex.linear import describe_lambdas, fit_ols, fit_ridge
from landex.models import write_metrics, write_model


def fit_baseline(
    kind: str,
    settings: Mapping[str, Any],
    normalised: str | Path,
    split: str | Path,
    weights: str | Path,
    metrics: str | Path,
) -> None:
    """Fit a linear baseline to the training part and write it.

    Parameters
    ----------
    kind, settings
        Family of the model and its completed settings.
    normalised, split
        The normalised compendium and its parts; test samples are not read.
    weights, metrics
        weights.h5 and metrics.json.
    """
    training, select = read_parts(normalised, split, "training", "select")
    began = time.perf_counter()
    found: dict[str, Any] = {}
    if kind == "ridge":
        model, chosen = fit_ridge(training, select, settings["lambdas"], settings["choose"])
        found["lambda"] = describe_lambdas(chosen, settings["lambdas"])
    else:
        model = fit_ols(training)
    seconds = time.perf_counter() - began
    write_model(weights, kind, model)
    shown = {"kind": kind, "preset": None, "settings": dict(settings)}
    write_metrics(metrics, model, select, {**shown, "seconds": seconds, "device": "CPU", **found})
