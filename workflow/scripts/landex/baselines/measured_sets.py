"""Sets of targets that are measured in the same samples: they are fitted together, on just these samples."""

import logging

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]

_logger = logging.getLogger(__name__)

# A handful of sets come from platforms; more come from single missing values.
_MANY = 32


def measured_sets(bits: NDArray[np.uint8], samples: int) -> list[tuple[Indices, Indices]]:
    """Gather the targets that are measured in the same samples.

    Parameters
    ----------
    bits
        What is measured, packed along the samples as by NumPy's packbits, shape (bytes, targets).
    samples
        Their number; bits behind it are left alone.

    Returns
    -------
    list
        For every set the samples that count and the targets, by number; the set with most targets first. Targets that
        are measured nowhere are in none.
    """
    targets_of: dict[bytes, list[int]] = {}
    for target in range(bits.shape[1]):
        targets_of.setdefault(bits[:, target].tobytes(), []).append(target)
    counted = (
        (np.flatnonzero(np.unpackbits(np.frombuffer(pattern, np.uint8), count=samples)), np.array(targets))
        for pattern, targets in targets_of.items()
    )
    sets = sorted((found for found in counted if len(found[0])), key=lambda found: -len(found[1]))
    if len(sets) > _MANY:
        _logger.warning(
            "targets are measured in %d different sets of samples, each fitted by itself: this takes up to %d times as "
            "long; leave out the source whose single values are missing, or fill them in",
            len(sets),
            len(sets),
        )
    return sets
