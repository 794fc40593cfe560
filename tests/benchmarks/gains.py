"""How much lower one model's errors are than another's, and how sure that is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.evaluation.bootstrap import Certainty, draws, interval

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

# As the default run says it of its models.
CERTAINTY = Certainty(confidence=0.95, resamples=1000, seed=1)


@dataclass(frozen=True)
class Gain:
    """A model against a baseline on one cohort.

    Attributes
    ----------
    mae
        Mean over the targets of the model's mean absolute errors.
    percent, low, high
        By how many percent that is lower than the baseline's, above 0 where the model is better, with a bootstrap
        interval over the samples.
    genes_better
        Percent of the targets in which the model's error is lower; equal ones are not.
    samples, targets
        What was counted.
    """

    mae: float
    percent: float
    low: float
    high: float
    genes_better: float
    samples: int
    targets: int


def gain(errors: Floats, of_baseline: Floats, measured: Mask, certainty: Certainty = CERTAINTY) -> Gain:
    """Compare absolute errors, all of shape (samples, targets); targets that no sample measures do not count."""
    some = measured.any(axis=0)
    counts = measured[:, some].astype(np.float32)
    of_model, of_other = (np.where(measured, each, 0)[:, some] for each in (errors, of_baseline))
    mae, other = (each.sum(axis=0, dtype=np.float64) / counts.sum(axis=0) for each in (of_model, of_other))
    drawn = draws(len(errors), certainty.resamples, certainty.seed)
    with np.errstate(invalid="ignore"):
        # A resample may have drawn no sample in which a target is measured.
        means = [np.nanmean((drawn @ each) / (drawn @ counts), axis=1) for each in (of_model, of_other)]
    low, high = interval(100 * (1 - means[0].astype(np.float64) / means[1]), certainty.confidence, len(errors))
    return Gain(
        mae=float(mae.mean()),
        percent=float(100 * (1 - mae.mean() / other.mean())),
        low=float(low),
        high=float(high),
        genes_better=float(100 * (mae < other).mean()),
        samples=len(errors),
        targets=int(some.sum()),
    )
