"""Choosing among values of a setting by errors that were estimated for every target."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def best_values(values: Floats, errors: Floats, per_target: bool) -> Floats:
    """Return the value with the lowest error for every target, or the one lowest on average for all.

    Parameters
    ----------
    values
        What there is to choose from; of equal errors the first wins.
    errors
        Shape (values, targets); an average over targets counts all alike.
    per_target
        Choose for every target, or for all together.

    Returns
    -------
    array
        Shape (targets,).
    """
    if per_target:
        return values[np.argmin(errors, axis=0)]
    return np.full(errors.shape[1], values[np.argmin(errors.mean(axis=1))])


def describe_choice(chosen: Floats, values: Floats) -> dict[str, Any]:
    """Summarise what was chosen for the targets, for metrics.json.

    `share_at_edge` is the share of targets with the smallest or largest value on offer; where it is large,
    the values on offer should reach further.
    """
    return {
        "median": float(np.median(chosen)),
        "smallest": float(chosen.min()),
        "largest": float(chosen.max()),
        "share_at_edge": float(np.mean(np.isin(chosen, (values.min(), values.max())))),
    }
