"""What models learn from and are asked about: rows of a normalised matrix."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.h5ad import Block, Matrix, open_matrix
from landex.parts import rows_of_part

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Examples:
    """Samples with their landmarks and targets, in z-scores.

    Attributes
    ----------
    inputs
        Shape (samples, landmarks), no missing values.
    targets
        Shape (samples, targets); 0 where not measured.
    measured
        Shape (samples, targets): False where a target's value does not count.
    samples
        Names of the samples.
    features
        A row a target, indexed by gene.
    """

    inputs: Block
    targets: Block
    measured: Mask
    samples: list[str]
    features: pd.DataFrame


def read_examples(matrix: Matrix, rows: NDArray[np.intp] | None = None, scaling: str = "training") -> Examples:
    """Read rows of a normalised matrix; all of them by default.

    Parameters
    ----------
    matrix
        A result of `normalise`.
    rows
        Increasing rows.
    scaling
        `training` (X) or `own` (the layer of that name).
    """
    landmarks = int((matrix.var["role"] == "landmark").sum())
    values = matrix.read(rows, "X" if scaling == "training" else scaling)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise UserError(
            f"{matrix.path}: sample {matrix.obs.index[row]}, gene {matrix.var.index[column]} has no finite value; "
            "delete the file and run again"
        )
    measured: Mask = matrix.read(rows, "measured").astype(bool)[:, landmarks:]
    chosen = matrix.obs.index if rows is None else matrix.obs.index[rows]
    features = matrix.var.iloc[landmarks:]
    return Examples(values[:, :landmarks], values[:, landmarks:], measured, chosen.astype(str).tolist(), features)


def read_parts(normalised: str | Path, split: str | Path, *parts: str) -> list[Examples]:
    """Read parts of the normalised compendium, in the order asked for."""
    with open_matrix(normalised) as matrix:
        return [read_examples(matrix, rows_of_part(split, part)) for part in parts]


def mean_absolute_error(prediction: Block, examples: Examples) -> float:
    """Return the mean over all measured values of the absolute error, in z-scores."""
    errors = np.abs(prediction - examples.targets)
    return float(errors[examples.measured].mean(dtype=np.float64))
