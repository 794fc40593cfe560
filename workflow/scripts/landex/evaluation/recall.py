"""R_gene, CMap's recall: whether a prediction is closer to its own gene than to the others."""

import numpy as np
from numpy.typing import NDArray

from landex.evaluation.ranks import Mask
from landex.h5ad import Block

Floats = NDArray[np.float64]

# CMap takes a gene for well inferred from here on (Subramanian et al. 2017, Cell 171:1437).
INFERABLE = 0.95


def recall(
    predicted: Block, truth: Block, own: NDArray[np.intp], counted: Mask, measured: Mask | None = None
) -> Floats:
    """Return R_gene of some targets (Subramanian et al. 2017, Cell 171:1437, their recall of inferred genes).

    It is the share of other targets h with Spearman(prediction of g, truth of h) < Spearman(prediction of g, truth of
    g). A model that says nothing of g gets one half on average, a perfect one 1.

    Parameters
    ----------
    predicted
        `standardised_ranks` of the predictions of some targets g, shape (some, samples).
    truth
        `standardised_ranks` of the truth of all targets, shape (targets, samples), 0 where not measured.
    own
        The row of `truth` of each g.
    counted
        Shape (targets,): the targets that there is a correlation with.
    measured
        Shape (targets, samples), where targets lack samples. A correlation is over the samples in which h was
        measured; the ranks of the prediction are those among all samples.

    Returns
    -------
    array
        Shape (some,); NaN where prediction or truth of g has no correlation, or there is no other target.
    """
    if not counted.any():
        return np.full(len(own), np.nan)
    correlation = predicted @ truth.T
    if measured is not None:
        partly = np.flatnonzero(counted & ~measured.all(axis=1))
        there = measured[partly].astype(np.float32)
        n = there.sum(axis=1)
        variance = predicted**2 @ there.T - (predicted @ there.T) ** 2 / n
        correlation[:, partly] /= np.sqrt(np.maximum(variance, np.finfo(np.float32).tiny))
    correlation = correlation[:, counted]
    place = np.cumsum(counted) - 1
    itself = correlation[np.arange(len(own)), place[own]]
    below = (correlation < itself[:, None]).sum(axis=1)
    others = int(counted.sum()) - 1
    known = counted[own] & predicted.any(axis=1)
    return np.where(known, below / others, np.nan) if others else np.full(len(own), np.nan)
