"""Profiles and a bundle brought together: blocks scored in threads."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from landex.bundles.bundle import Bundle
from landex.errors import UserError
from landex.harmonise import METHODS, Method, Spread, by_quantiles, by_training_distribution, map_distinct_ranks
from landex.inference.account import Account
from landex.inference.landmarks import KINDS_OF_NAMES
from landex.inference.profiles import Profiles, Reading
from landex.inference.score import Asked, Scored, Scorer, targets_named
from landex.threads import mapped_in_threads
from landex.vocabulary import SCALES

# Units of results.
UNITS = ("quantile", "zscores")
# Profiles that are scored at a time: products near the machine's peak, and at 10,000 genes 40 MB.
_ROWS = 1024


@dataclass(frozen=True)
class Settings:
    """What is to be done with a file of profiles.

    Attributes
    ----------
    reading
        How it is read.
    units
        `quantile` or `zscores`.
    targets
        Names of the targets asked for; all where None.
    intervals
        Whether the ends of prediction intervals are written too.
    harmonise
        How profiles are brought onto the reference: `quantiles`, `distinct_ranks` or `tdm`.
    """

    reading: Reading = field(default_factory=Reading)
    units: str = "quantile"
    targets: tuple[str, ...] | None = None
    intervals: bool = False
    harmonise: str = "quantiles"


def _check(settings: Settings) -> None:
    """Make sure that settings are of those that there are; callers from Python have no parser that does."""
    for name, value, known in (
        ("harmonise", settings.harmonise, METHODS),
        ("units", settings.units, UNITS),
        ("values", settings.reading.values, SCALES),
        ("names", settings.reading.names, ("auto", *KINDS_OF_NAMES)),
    ):
        if value not in known:
            raise UserError(f"{name}: {value!r} is not one of {', '.join(known)}")


class Job:
    """One file of profiles, to be scored with one bundle.

    Parameters
    ----------
    bundle, profiles
        Both open.
    settings
        What is to be done.

    Raises
    ------
    UserError
        If a setting does not go with the bundle.
    """

    def __init__(self, bundle: Bundle, profiles: Profiles, settings: Settings) -> None:
        _check(settings)
        self._bundle, self._profiles, self._settings = bundle, profiles, settings
        targets = None if settings.targets is None else targets_named(bundle, settings.targets)
        shown = np.arange(len(bundle.targets.genes)) if targets is None else targets
        asked = Asked(settings.units, targets, settings.intervals)
        self._scorer = Scorer(bundle, profiles.found.places, self._method(), asked)
        self.account = Account(
            bundle, profiles, shown, settings.units, settings.harmonise, settings.reading.values != "auto"
        )

    def _method(self) -> Method | None:
        profiles, ties = self._profiles, self._bundle.ties
        if profiles.units.scale == "zscores":
            return None
        if self._settings.harmonise == "distinct_ranks":
            joint = bool(self._bundle.about["joint"])
            return lambda block, reference: map_distinct_ranks(block, reference, as_published=joint)
        if self._settings.harmonise == "tdm":
            return by_training_distribution(Spread.of(lambda: (profiles.read(place) for place in self._places(0))))
        return by_quantiles(ties)

    def _places(self, start: int) -> Iterator[slice]:
        count = len(self._profiles.rows)
        for first in range(start, count, _ROWS):
            yield slice(first, min(first + _ROWS, count))

    def scored(self, start: int, threads: int) -> Iterator[Scored]:
        """Yield blocks in order, from some profile on."""
        blocks = (self._profiles.read(place) for place in self._places(start))
        if len(self._profiles.rows) - start <= _ROWS:
            threads = 1
        with _single_blas() if threads > 1 else nullcontext():
            yield from mapped_in_threads(self._scorer.score, blocks, threads)


@contextmanager
def _single_blas() -> Iterator[None]:
    """Let every thread multiply by itself: blocks keep all cores busy, and each while others read and write."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
