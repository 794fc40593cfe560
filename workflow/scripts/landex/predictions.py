"""Predictions of a model on samples it never saw."""

from pathlib import Path

import h5py
import numpy as np
from anndata.io import read_elem, write_elem
from numpy.typing import NDArray

from landex.examples import read_examples
from landex.files import atomic
from landex.h5ad import Block, open_matrix
from landex.linear import LinearModel
from landex.models import Model

SCALINGS = ("training", "own")


def read_model(path: str | Path) -> Model:
    """Read a model of any kind; TensorFlow is imported for networks only."""
    with h5py.File(path, "r") as file:
        if file.attrs["kind"] == "network":
            from landex.networks import NetworkModel

            return NetworkModel.read(file["model"])
        return LinearModel.read(file["model"])


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
        Result: HDF5 with `samples`, `genes` and, for each scaling, a float32 array of z-scores of shape
        (samples, targets).
    rows
        Rows to predict; all by default.
    """
    model = read_model(weights)
    with open_matrix(normalised) as matrix, atomic(path) as temporary, h5py.File(temporary, "w") as file:
        for scaling in SCALINGS:
            if scaling == "training" or matrix.has_layer(scaling):
                examples = read_examples(matrix, rows, scaling)
                file.create_dataset(scaling, data=model.predict(examples.inputs), chunks=True, fletcher32=True)
        write_elem(file, "samples", np.array(examples.samples, dtype=object))
        write_elem(file, "genes", np.array(examples.features.index, dtype=object))


def read_predictions(path: str | Path) -> tuple[dict[str, Block], list[str], list[str]]:
    """Return the predictions by scaling, the samples and the genes."""
    with h5py.File(path, "r") as file:
        arrays = {scaling: file[scaling][:] for scaling in SCALINGS if scaling in file}
        return arrays, list(read_elem(file["samples"])), list(read_elem(file["genes"]))
