"""Ablation: what a model loses when landmarks are taken from it and filled in from the others."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.importance import LISTED, Effects
from landex.evaluation.sample_errors import SampleErrors
from landex.evaluation.units import Units
from landex.examples import Examples
from landex.h5ad import Block
from landex.models import Predictor
from landex.scores import fill_landmarks

# Shares of the landmarks that are taken away.
_SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
# Targets whose own landmarks are taken away, one target at a time.
_TARGETS = 40
# A loss that nobody would notice, in percent.
NEGLIGIBLE_PERCENT = 1.0
LEAST, RANDOM, MOST = "the most dispensable", "at random", "the least dispensable"
OWN, OTHERS = "each target's ten", "ten at random for each target"


@dataclass(frozen=True)
class Ablation:
    """A model without some of its landmarks, on some samples.

    Attributes
    ----------
    model
        Any model.
    samples
        With their truth.
    counted
        The targets that count, shape (targets,).
    correlation
        Of the landmarks, shape (landmarks, landmarks).
    units
        Of the samples.
    certainty
        How sure to be.
    """

    model: Predictor
    samples: Examples
    counted: NDArray[np.bool_]
    correlation: NDArray[np.float64]
    units: Units
    certainty: Certainty

    def without(self, landmarks: NDArray[np.intp]) -> Block:
        """Return predictions where some landmarks are their mean given the others (0 where none is left)."""
        inputs = self.samples.inputs.copy()
        inputs[:, landmarks] = np.nan
        filled = fill_landmarks(inputs, self.correlation) if len(landmarks) < inputs.shape[1] else np.zeros_like(inputs)
        return self.model.predict(filled)

    def removal(self, order: NDArray[np.intp]) -> Iterator[dict[str, float | str]]:
        """Take away growing shares of the landmarks, in `removal_order`, in its reverse, and at random."""
        drawn = np.random.default_rng(self.certainty.seed).permutation(len(order))
        orders = {LEAST: order, RANDOM: drawn, MOST: order[::-1]}
        whole = self._errors(self.model.predict(self.samples.inputs))
        for words, each in orders.items():
            for share in _SHARES:
                taken = each[: max(1, round(share * len(each)))]
                yield {"taken": words, "landmarks": len(taken), **self._loss(self._errors(self.without(taken)), whole)}

    def own_landmarks(self, effects: Effects) -> Iterator[dict[str, float | str]]:
        """Take from some targets, one at a time, the ten landmarks that move them most, and ten at random instead."""
        if not self.counted.any():
            return
        candidates = np.flatnonzero(self.counted)
        some = candidates[np.unique(np.linspace(0, len(candidates) - 1, _TARGETS).astype(int))]
        whole = self._errors(self.model.predict(self.samples.inputs), some)
        generator = np.random.default_rng(self.certainty.seed)
        landmarks = len(effects.effect)
        ten = min(LISTED, landmarks)
        for words in (OWN, OTHERS):
            predicted = np.zeros((len(self.samples.samples), len(self.counted)), np.float32)
            for target in some:
                own = np.argsort(-effects.effect[:, target], kind="stable")[:ten]
                taken = own if words == OWN else generator.choice(landmarks, ten, replace=False)
                predicted[:, target] = self.without(taken)[:, target]
            yield {"taken": words, "landmarks": ten, **self._loss(self._errors(predicted, some), whole)}

    def _errors(self, predicted: Block, targets: NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """Return sums of absolute errors and numbers of values, sample by sample, shape (2, samples)."""
        places = np.flatnonzero(self.counted) if targets is None else targets
        there = self.samples.measured[:, places]
        errors = np.where(there, np.abs(predicted[:, places] - self.samples.targets[:, places]), 0)
        return np.array([errors.sum(axis=1, dtype=np.float64), there.sum(axis=1)])

    def _loss(self, without: NDArray[np.float64], whole: NDArray[np.float64]) -> dict[str, float | str]:
        sums = self.units.sums(np.array([without[0], whole[0]]))
        errors = SampleErrors(sums, self.units.sums(whole[1:])[0], self.units.kind, self.certainty)
        gain = errors.gain(0, 1)
        return {
            "mae": errors.mae(0).value,
            "whole_mae": errors.mae(1).value,
            "increase_percent": -gain.value,
            "increase_low": -gain.high,
            "increase_high": -gain.low,
            "unit": self.units.kind,
        }


def could_be_left_out(removal: pd.DataFrame) -> int:
    """Return how many of the least important landmarks cost at most a negligible loss.

    Parameters
    ----------
    removal
        A table of `Ablation.removal`, on samples that decide.

    Returns
    -------
    int
        The largest number of landmarks of which this, and every smaller number, is true by the upper bound of the loss.
    """
    least = removal[removal["taken"] == LEAST].sort_values("landmarks")
    small = least["increase_high"] <= NEGLIGIBLE_PERCENT
    return int(least.loc[small.cummin(), "landmarks"].max()) if small.cummin().any() else 0
