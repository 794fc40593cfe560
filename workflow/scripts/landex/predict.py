"""From a model and a normalised cohort to predictions."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from landex.examples import read_examples
from landex.h5ad import open_matrix
from landex.linear import LinearModel
from landex.models import Model
from landex.networks import NetworkModel
from landex.predictions import Predictions
from landex.vocabulary import SCALINGS


def read_model(path: str | Path) -> Model:
    """Read a model of any kind."""
    with h5py.File(path, "r") as file:
        kind = NetworkModel if file.attrs["kind"] == "network" else LinearModel
        return kind.read(file["model"])


def write_predictions(
    weights: str | Path, normalised: str | Path, path: str | Path, rows: NDArray[np.intp] | None = None
) -> None:
    """Predict the targets of a cohort in every scaling that it has.

    Parameters
    ----------
    weights
        The model.
    normalised
        A normalised matrix.
    path
        Result, see `Predictions`.
    rows
        Rows to predict; all by default.
    """
    model = read_model(weights)
    with open_matrix(normalised) as matrix:
        scalings = [scaling for scaling in SCALINGS if scaling == "training" or matrix.has_layer(scaling)]
        examples = {scaling: read_examples(matrix, rows, scaling) for scaling in scalings}
    scores = {scaling: model.predict(found.inputs) for scaling, found in examples.items()}
    asked = examples["training"]
    Predictions(scores, asked.samples, list(asked.features.index)).write(path)
