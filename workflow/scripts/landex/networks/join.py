"""Pieces of a model, each a network trained by a job of its own, as one model."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from landex.examples import open_parts
from landex.files import atomic
from landex.hdf5 import open_hdf5
from landex.models import write_metrics, write_model
from landex.networks.model import NetworkModel, joined


def join_networks(
    pieces: Mapping[str, str | Path],
    normalised: str | Path,
    split: str | Path,
    weights: str | Path,
    history: str | Path,
    metrics: str | Path,
) -> None:
    """Write the pieces of a model as one.

    Parameters
    ----------
    pieces
        By name, `{member}.{part}`, the folder of each: weights.h5, history.tsv and metrics.json.
    normalised, split
        The normalised compendium and its parts; only the select part is read.
    weights, history, metrics
        weights.h5; history.tsv, the pieces' tables one under the other; metrics.json: the select MAE is the whole
        model's, `seconds` is the sum, and `pieces` lists what every piece cost and reached.
    """
    folders = {piece: Path(folder) for piece, folder in pieces.items()}
    model = joined({_place(piece): _network(folder) for piece, folder in folders.items()})
    write_model(weights, "network", model)
    with atomic(history) as temporary:
        _histories(folders).to_csv(temporary, sep="\t", index=False)
    found = {piece: json.loads((folder / "metrics.json").read_text("utf-8")) for piece, folder in folders.items()}
    with open_parts(normalised, split, "select") as (select,):
        write_metrics(metrics, model, select, _together(found))


def _place(piece: str) -> tuple[int, int]:
    member, _, part = piece.partition(".")
    return int(member), int(part)


def _network(folder: Path) -> NetworkModel:
    with open_hdf5(folder / "weights.h5") as file:
        return NetworkModel.read(file["model"])


def _histories(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Return the learning curves of all pieces, numbers as they are written."""
    read = {"sep": "\t", "dtype": str, "keep_default_na": False}
    return pd.concat(
        pd.read_csv(folder / "history.tsv", **read).assign(piece=piece) for piece, folder in folders.items()
    )


def _together(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up the metrics of the pieces of one model, which differ by seed and by target."""
    first = found["1.1"]
    places = [_place(piece) for piece in found]
    sizes = {"ensemble": max(member for member, _ in places), "target_jobs": max(part for _, part in places)}
    reasons = {metrics["stopped"] for metrics in found.values()}
    of_all = ("kind", "preset", "settings")
    return {
        **{key: first[key] for key in of_all},
        "settings": {**first["settings"], **sizes},
        "device": "; ".join(sorted({metrics["device"] for metrics in found.values()})),
        "seconds": sum(metrics["seconds"] for metrics in found.values()),
        "peak_memory_mb": max(metrics["peak_memory_mb"] for metrics in found.values()),
        "epochs": max(metrics["epochs"] for metrics in found.values()),
        "stopped": reasons.pop() if len(reasons) == 1 else None,
        "pieces": [
            {
                "piece": piece,
                "seed": metrics["settings"]["seed"],
                **{key: value for key, value in metrics.items() if key not in of_all},
            }
            for piece, metrics in found.items()
        ],
    }
