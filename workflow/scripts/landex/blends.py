"""Blends as files: fitted to what their members predict, and predictions made of their members' predictions."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landex.baselines.blend import Blended, BlendModel, fit_blend
from landex.errors import UserError
from landex.examples import open_parts
from landex.hdf5 import open_hdf5
from landex.models import open_model, write_metrics, write_model, write_targets
from landex.predictions import Predictions, open_predictions


@dataclass(frozen=True)
class Member:
    """A model that takes part in a blend: its name, its class (`module:Class`) and its weights.h5."""

    name: str
    kind: str
    weights: str | Path


def write_blend(
    members: Sequence[Member],
    settings: Mapping[str, Any],
    normalised: str | Path,
    split: str | Path,
    weights: str | Path,
    metrics: str | Path,
    targets: str | Path,
) -> None:
    """Fit a blend to the select part and write it.

    Parameters
    ----------
    members
        The models that it combines.
    settings
        Completed settings: `members`, `per_target` and `least`.
    normalised, split
        The normalised compendium and its parts; test samples are not read.
    weights, metrics, targets
        weights.h5, metrics.json and targets.tsv.
    """
    with ExitStack() as opened:
        (select,) = opened.enter_context(open_parts(normalised, split, "select"))
        models = {member.name: opened.enter_context(open_model(member.weights, member.kind)) for member in members}
        began = time.perf_counter()
        fitted = fit_blend(models, select, settings["per_target"], settings["least"])
        seconds = time.perf_counter() - began
        write_model(weights, "blend", fitted.model)
        write_targets(targets, fitted)
        shown = {"kind": "blend", "preset": None, "settings": dict(settings), "seconds": seconds, "device": "CPU"}
        write_metrics(metrics, Blended(fitted.model, list(models.values())), select, {**shown, **fitted.found})


def write_blended_predictions(weights: str | Path, predictions: Sequence[str | Path], path: str | Path) -> None:
    """Combine the members' predictions of a cohort, in every scaling.

    Parameters
    ----------
    weights
        The blend.
    predictions
        Files of its members' predictions, in its order.
    path
        Result, see `Predictions`.

    Raises
    ------
    UserError
        If the members' predictions are of different samples or genes.
    """
    with open_hdf5(weights) as file:
        blend = BlendModel.read(file["model"])
    with ExitStack() as opened:
        members = [opened.enter_context(open_predictions(file)) for file in predictions]
        first = members[0]
        for member in members:
            if member.samples != first.samples or member.genes != first.genes:
                raise UserError(f"{member.path}: other samples or genes than {first.path}; delete both and run again")
        scores = {scaling: blend.combine([member.scores(scaling) for member in members]) for scaling in first.scalings}
    Predictions(scores, first.samples, first.genes).write(path)
