"""Errors of samples, averaged, with what a bootstrap over units says of the average."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.bootstrap import Certainty, draws, interval
from landex.evaluation.units import Units

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure with its confidence interval."""

    value: float
    low: float
    high: float

    def columns(self, name: str) -> dict[str, float]:
        """Return the figure as columns of a table: {name}, {name}_low and {name}_high."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


@dataclass(frozen=True)
class SampleErrors:
    """Sums of absolute errors by unit, of several predictions of the same samples.

    Attributes
    ----------
    sums
        Shape (predictions, units).
    counts
        Values measured, shape (units,).
    unit
        `series` or `samples`, see `Units`.
    certainty
        How sure to be.
    """

    sums: Floats
    counts: Floats
    unit: str
    certainty: Certainty

    @classmethod
    def of(cls, tables: Sequence[pd.DataFrame], certainty: Certainty) -> "SampleErrors":
        """Gather tables of samples of an `Evaluation`, of one scaling each and of the same samples.

        The last prediction is that of every gene's mean.
        """
        first = tables[0]
        units = Units.of(first)
        errors = [table["mae"] * table["n"] for table in tables] + [first["null_mae"] * first["n"]]
        sums = units.sums(np.nan_to_num(np.array(errors, float)))
        return cls(sums, units.sums(first["n"].to_numpy(float)[None, :])[0], units.kind, certainty)

    def mae(self, prediction: int) -> Estimate:
        """Return the MAE of one prediction, over all values."""
        value = self.sums[prediction].sum() / self.counts.sum()
        return self._estimate(float(value), self._replicates[prediction])

    def gain(self, prediction: int, over: int) -> Estimate:
        """Return by how many percent one prediction's MAE is below another's."""
        value = 100 * (1 - self.sums[prediction].sum() / self.sums[over].sum())
        return self._estimate(float(value), 100 * (1 - self._replicates[prediction] / self._replicates[over]))

    def _estimate(self, value: float, replicates: Floats) -> Estimate:
        low, high = interval(replicates, self.certainty.confidence, len(self.counts))
        return Estimate(value, float(low), float(high))

    @cached_property
    def _replicates(self) -> Floats:
        drawn = draws(len(self.counts), self.certainty.resamples, self.certainty.seed).T
        counts = self.counts @ drawn
        # A resample may draw only units in which nothing was measured.
        return np.where(counts > 0, self.sums @ drawn, np.nan) / np.where(counts > 0, counts, 1)
