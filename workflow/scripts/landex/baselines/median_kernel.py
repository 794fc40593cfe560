"""Kernel regression for the least absolute error: medians, of z-scores and of their normal scores."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from landex.baselines.kernel_ridge import KernelRidge
from landex.baselines.median_model import MedianModel
from landex.examples import Examples, ExampleSource, MappedExamples
from landex.models import Fitted
from landex.normal_scores import NormalScores

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MedianKernel:
    """Two kernel ridge regressions whose predictions are averaged; see `KernelRidge` for what is not told here.

    Kernel ridge regression predicts means, and errors are measured as absolute ones, which medians make least. Both
    parts are moved to the median. One learns z-scores. The other learns every target's normal scores, in which skewed
    targets are symmetric, and its predictions are mapped back (`NormalScores`).

    The second is much the better where samples are like those of training and targets are skewed, and the worse on
    other platforms, where a target's distribution has another shape: so both take part.

    Attributes
    ----------
    lambdas, widths, exact_up_to, centres, seed, linear
        See `KernelRidge`. Each part chooses its own, by leaving one out. Two exact solutions take some four minutes of
        8,000 samples on two cores, and would take half an hour of 20,000.
    normal_scores
        Share of the part that learns normal scores in the prediction, from 0 to 1.
    """

    lambdas: Sequence[float]
    widths: Sequence[float]
    linear: float = 0.5
    normal_scores: float = 0.5
    exact_up_to: int = 8_000
    centres: int = 4000
    seed: int = 1

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[MedianModel]:
        """Fit to the training part; see `models.Estimator`."""
        shared = {field.name for field in fields(KernelRidge)} & {field.name for field in fields(self)}
        ridge = KernelRidge(**{name: getattr(self, name) for name in shared}, centre="median")
        scale = NormalScores.of(training)
        _logger.info("z-scores")
        of_values = ridge.fit(training, select, threads)
        _logger.info("normal scores")
        of_scores = ridge.fit(scored(training, scale), scored(select, scale), threads)
        model = MedianModel(of_values.model, of_scores.model, scale, self.normal_scores)
        targets = of_values.targets.assign(lambda_of_scores=of_scores.targets["lambda"].to_numpy(np.float64))
        return Fitted(model, targets, {**of_values.found, "of_scores": dict(of_scores.found)})


def scored(source: ExampleSource, scale: NormalScores) -> MappedExamples:
    """Return samples with normal scores of their targets instead of z-scores."""

    def change(block: Examples) -> Examples:
        return replace(block, targets=np.where(block.measured, scale.to_scores(block.targets), 0))

    return MappedExamples(source, change, source.landmarks)
