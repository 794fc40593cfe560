"""Checks of what a bundle's checksums cannot tell: whether its numbers can be what they stand for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from landex.errors import UserError
from landex.evaluation.scales import DISTANCE, SPREAD

if TYPE_CHECKING:
    from landex.bundles.bundle import Bundle

# Rounding in float32, and in sums of it.
_ROUNDING = 1e-3
# Of float64.
_SMALL_ROUNDING = 1e-6


def check_names(names: Iterable[Mapping[str, Any]]) -> None:
    """Make sure that the names of landmarks are lists of text.

    Raises
    ------
    ValueError
        If one is something else.
    """
    for of_one in names:
        for kind, values in of_one.items():
            if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
                raise ValueError(f"a landmark's names by {kind} are no list of text")


def check_values(bundle: "Bundle") -> None:
    """Make sure that a bundle's numbers are finite where they have to be, in order and of the right sign.

    Raises
    ------
    UserError
        If they are not.
    """
    wrong = next(_wrong(bundle), None)
    if wrong:
        raise UserError(f"{bundle.path}: {wrong}; make the bundle again")


def _wrong(bundle: "Bundle") -> Iterator[str]:
    about, occupancy, correlation = bundle.about, bundle.occupancy, bundle.correlation
    if about.get("scaled_by") not in (DISTANCE, SPREAD):
        yield f"its intervals are scaled by {about.get('scaled_by')!r}"
    if not isinstance(about.get("joint"), bool):
        yield "it does not say how its landmarks were normalised"
    for name, values in (
        ("inputs/reference", bundle.reference),
        ("inputs/values", occupancy.values),
        ("truth/reference", bundle.truth),
        ("calibration/distances", bundle.distances),
    ):
        if not _increases(values):
            yield f"{name} does not hold numbers that increase"
    shares = occupancy.shares
    # A NaN fails every comparison.
    if not ((shares >= 0).all() and (np.abs(shares.sum(axis=1, dtype=np.float64) - 1) <= _ROUNDING).all()):
        yield "inputs/shares does not hold shares"
    if not (np.abs(correlation - correlation.T) <= _SMALL_ROUNDING).all():
        yield "inputs/correlation is no correlation"
    if not (bundle.trust.quantiles >= 0).all():
        yield "the intervals of targets.tsv are no widths"


def _increases(values: NDArray[np.floating]) -> bool:
    finite = values.dtype.kind == "f" and bool(np.isfinite(values).all())
    return finite and bool((np.diff(values) >= -_SMALL_ROUNDING).all())
