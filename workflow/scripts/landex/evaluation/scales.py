"""The scale of errors, sample by sample: what a residual is divided by and an interval multiplied with."""

import numpy as np
from numpy.typing import NDArray

from landex.blocks import Block

Floats = NDArray[np.float64]

# What a residual is divided by, and an interval multiplied with.
DISTANCE, SPREAD = "distance", "distance and spread"
# Added to the members' spread, in z-scores: where they agree by chance an interval does not shrink to nothing.
_FLOOR = 0.1


def scale_of(distances: Floats, spread: Block | None) -> Floats:
    """Return the scale of errors, sample by sample, shape (samples, 1), or for an ensemble (samples, targets).

    A sample's distance from the training samples; of an ensemble times the standard deviation of its members'
    predictions, and .1 z-scores. Of GDSC's select part, distances had a correlation of .85 to .9 with the samples'
    errors.
    """
    return distances[:, None] if spread is None else distances[:, None] * (spread + _FLOOR)
