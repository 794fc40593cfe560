"""Distance of profiles from the training samples, by their landmarks alone: what makes errors larger."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landex.blocks import Block

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def whitening(correlation: Floats) -> Floats:
    """Return W, shape (landmarks, landmarks), such that z W has squares that add up to z' C^-1 z.

    The transposed inverse of C's Cholesky factor; C is shrunken, so that it is far from singular.
    """
    return np.linalg.inv(np.linalg.cholesky(correlation)).T


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
    return whitened_distances(inputs.astype(np.float64), whitening(correlation), measured)


def whitened_distances(inputs: NDArray[np.floating], whitening: NDArray[np.floating], measured: Mask | None) -> Floats:
    """Return `distances`, in the precision of both arrays, for whoever asks block by block."""
    white = inputs @ whitening
    count = inputs.shape[1] if measured is None else np.maximum(measured.sum(axis=1), 1)
    return np.sqrt(np.einsum("ij,ij->i", white, white) / count)


def read_correlation(references: str | Path) -> Floats:
    """Read the landmarks' correlation in the training samples from references.h5.

    Not by `References`, whose module imports all that fitting takes.
    """
    from landex.hdf5 import open_hdf5

    with open_hdf5(references) as file:
        return np.asarray(file["correlation"][:], np.float64)
