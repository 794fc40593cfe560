"""Distance of profiles from the training samples, by their landmarks alone: what makes errors larger."""

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from landex.h5ad import Block

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def distances(inputs: Block, correlation: Floats, measured: Mask | None = None) -> Floats:
    """Return how far profiles lie from the training samples, shape (samples,).

    sqrt(z' C^-1 z / landmarks), Mahalanobis' distance of z-scores z with the training samples' shrunken correlation C,
    scaled so that the samples that C was learnt from have about 1. Landmarks that were filled in with their mean given
    the others add nothing to the sum, which then is the distance by those measured, and do not count.

    Parameters
    ----------
    inputs
        z-scores, shape (samples, landmarks).
    correlation
        Shape (landmarks, landmarks), positive definite.
    measured
        Of the shape of `inputs`: False where a landmark was filled in; all were measured by default.
    """
    white = solve_triangular(cholesky(correlation, lower=True), inputs.T.astype(np.float64), lower=True)
    count = inputs.shape[1] if measured is None else np.maximum(measured.sum(axis=1), 1)
    return np.sqrt(np.einsum("ij,ij->j", white, white) / count)


def read_correlation(references: str | Path) -> Floats:
    """Read the landmarks' correlation in the training samples from references.h5.

    Not by `References`, whose module imports all that fitting takes.
    """
    with h5py.File(references, "r") as file:
        return np.asarray(file["correlation"][:], np.float64)
