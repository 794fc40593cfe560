"""Every target's z-scores as normal scores and back: monotone maps, which medians go through unchanged.

The median of g(y) is g of the median of y for every increasing g, so that a model may learn the scores of a skewed
target, in which mean and median are neighbours, and still predict the value that has the least mean absolute error.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from landex.blocks import Block

if TYPE_CHECKING:
    import h5py

    from landex.examples import ExampleSource

# Quantiles kept of a target: 128 steps of some .05 between the lowest score and the highest. With 780 samples four
# to sixteen times as many on GDSC changed no error by more than 1e-4.
_KNOTS = 129
# Samples that the quantiles are taken from; with 10,000 targets 160 MB. Their error is then below a sixtieth of a
# standard deviation.
_MOST_SAMPLES = 4096
# Scores that differ by more are the ends of a run of tied values.
_ROUNDING = 1e-6
# Values mapped at once: some few arrays of 8 MB.
_VALUES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class NormalScores:
    """Maps z-scores to normal scores, target by target, by the quantiles of the training samples (van der Waerden).

    The i-th of n values, from 0, has the score Phi^-1((i + 1/2) / n); between the scores that are kept the map is
    linear, beyond the lowest and highest value constant. Tied values share the score of their middle rank.

    Attributes
    ----------
    quantiles
        Shape (targets, knots), non-decreasing along a row: the values at evenly spaced scores.
    highest
        The highest score; the lowest is its negative.
    """

    quantiles: Block
    highest: float

    @classmethod
    def of(cls, source: "ExampleSource") -> "NormalScores":
        """Take the quantiles of up to 4,096 samples, evenly spaced, of every target where it is measured.

        A target that is never measured keeps its values: its quantiles are the scores themselves.
        """
        from landex.examples import evenly_spaced

        some = evenly_spaced(source, _MOST_SAMPLES)
        highest = float(-ndtri(0.5 / max(2, len(some.samples))))
        knots = np.linspace(-highest, highest, _KNOTS)
        quantiles = np.empty((len(some.features), _KNOTS), np.float32)
        # Of fewer values the highest scores are beyond their own: there the map is constant.
        for target in range(len(quantiles)):
            values = np.sort(some.targets[some.measured[:, target], target])
            scores = ndtri((np.arange(len(values)) + 0.5) / max(1, len(values)))
            quantiles[target] = np.interp(knots, scores, values) if len(values) else knots
        return cls(quantiles, highest)

    @property
    def parameters(self) -> int:
        """Number of quantiles kept."""
        return self.quantiles.size

    def to_scores(self, values: Block) -> Block:
        """Return normal scores of z-scores; both of shape (samples, targets)."""
        knots = np.linspace(-self.highest, self.highest, self.quantiles.shape[1])
        scores = np.empty(values.shape, np.float32)
        for target, row in enumerate(self.quantiles.astype(np.float64)):
            some = values[:, target]
            last = np.interp(some, row, knots)
            if (row[1:] == row[:-1]).any():
                # Where a row does not increase the one takes the last knot and the other, mirrored, the first.
                first = -np.interp(-some, -row[::-1], knots)
                tied = last - first > _ROUNDING
                # The score of the middle rank, not the middle score.
                last[tied] = ndtri((ndtr(first[tied]) + ndtr(last[tied])) / 2)
            scores[:, target] = last
        return scores

    def to_values(self, scores: Block) -> Block:
        """Return z-scores of normal scores; both of shape (samples, targets)."""
        targets, knots = self.quantiles.shape
        values = np.empty(scores.shape, np.float32)
        starts = np.arange(targets) * knots
        flat = self.quantiles.reshape(-1)
        rows = max(1, _VALUES_AT_ONCE // max(1, targets))
        per_step = np.float32((knots - 1) / (2 * self.highest))
        for start in range(0, len(scores), rows):
            place = slice(start, start + rows)
            steps = np.clip((scores[place] + np.float32(self.highest)) * per_step, 0, knots - 1)
            below = np.minimum(steps.astype(np.int32), knots - 2)
            lower, upper = flat[starts + below], flat[starts + below + 1]
            values[place] = lower + (steps - below) * (upper - lower)
        return values

    def of_targets(self, targets: NDArray[np.intp]) -> "NormalScores":
        """Return the map of some targets alone, by their places."""
        return NormalScores(np.ascontiguousarray(self.quantiles[targets]), self.highest)

    def write(self, group: "h5py.Group") -> None:
        """Store the map in an open HDF5 group."""
        group["quantiles"] = self.quantiles
        group.attrs["highest"] = self.highest

    @classmethod
    def read(cls, group: "h5py.Group") -> "NormalScores":
        """Load what `write` stored."""
        return cls(group["quantiles"][:], float(group.attrs["highest"]))
