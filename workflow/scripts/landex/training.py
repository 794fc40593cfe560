"""Networks: trained on the training part, written as models."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landex.examples import read_parts
from landex.files import atomic
from landex.models import write_metrics, write_model
from landex.networks import NetworkSettings
from landex.trainer import Trainer, describe_training, use_threads


def fit_network(
    preset: str | None,
    settings: Mapping[str, Any],
    threads: int,
    normalised: str | Path,
    split: str | Path,
    weights: str | Path,
    history: str | Path,
    metrics: str | Path,
) -> None:
    """Train a network on the training part and write it.

    Parameters
    ----------
    preset
        Name of the preset that the settings began from, for the record.
    settings
        Completed settings.
    threads
        Cores to use.
    normalised, split
        The normalised compendium and its parts; test samples are not read.
    weights, history, metrics
        weights.h5, history.tsv and metrics.json.

    Raises
    ------
    UserError
        If the training diverges.
    """
    use_threads(threads)
    training, select = read_parts(normalised, split, "training", "select")
    wanted = NetworkSettings.from_mapping(settings)
    began = time.perf_counter()
    trained = Trainer(wanted, training, select).train()
    seconds = time.perf_counter() - began
    write_model(weights, "network", trained.model)
    with atomic(history) as temporary:
        pd.DataFrame(trained.history).to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    shown = {"kind": "network", "preset": preset, "settings": dict(settings), "seconds": seconds}
    write_metrics(metrics, trained.model, select, {**shown, **describe_training(trained, wanted)})
