"""Importance: which landmarks carry which targets of a model."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.baselines.linear_model import LinearModel
from landex.h5ad import Block
from landex.models import Predictor

# Landmarks listed for each target.
LISTED = 10
# Profiles predicted at once.
_ROWS = 2048


@dataclass(frozen=True)
class Effects:
    """What a landmark's value does to the targets.

    Attributes
    ----------
    effect
        Shape (landmarks, targets), float32: mean absolute change of the prediction, in z-scores, when the landmark gets
        the value of another sample.
    slope
        Of the same shape: change of the prediction by change of the landmark, z-scores by z-score, least squares.
    """

    effect: Block
    slope: Block


def effects_of(model: Predictor, inputs: Block, seed: int) -> Effects:
    """Permute landmark by landmark and see how predictions move (Breiman 2001, Mach Learn 45:5, on predictions).

    What moves is the prediction, not its error: it needs no truth, and tells a landmark that carries nothing from one
    that does at a few dozen samples. The slopes of a linear model are its coefficients, and taken from there.

    Parameters
    ----------
    model
        Any model.
    inputs
        z-scores of profiles that the model was not fitted to, shape (samples, landmarks).
    seed
        Of the permutations.
    """
    samples, landmarks = inputs.shape
    generator = np.random.default_rng(seed)
    # Each sample gets the value of the next one in a random round, so that none keeps its own.
    rounds = [generator.permutation(samples) for _ in range(landmarks)]
    others = np.empty_like(inputs)
    for landmark, order in enumerate(rounds):
        others[order, landmark] = inputs[np.roll(order, 1), landmark]
    change = others - inputs
    if isinstance(model, LinearModel):
        moved = np.abs(change).mean(axis=0)[:, None]
        return Effects(moved * np.abs(model.coefficients), model.coefficients)
    before = model.predict(inputs)
    effect, slope = np.empty((2, landmarks, before.shape[1]), np.float32)
    for some in _runs(landmarks, max(1, _ROWS // samples)):
        changed = np.repeat(inputs[None], len(some), axis=0)
        changed[np.arange(len(some)), :, some] = others[:, some].T
        after = model.predict(changed.reshape(-1, landmarks)).reshape(len(some), samples, -1)
        after -= before
        effect[some] = np.abs(after).mean(axis=1)
        by = change[:, some].T
        squares = np.einsum("ls,ls->l", by, by)[:, None]
        slope[some] = np.einsum("ls,lst->lt", by, after) / np.where(squares > 0, squares, 1)
    return Effects(effect, slope)


def _runs(count: int, size: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def landmark_table(
    effects: Effects, landmarks: pd.DataFrame, counted: NDArray[np.bool_], correlation: NDArray[np.float64]
) -> pd.DataFrame:
    """Tabulate landmarks.

    Parameters
    ----------
    effects
        Of the model.
    landmarks
        Features of the landmarks: symbol and ensembl, indexed by gene.
    counted
        The targets that count, shape (targets,).
    correlation
        Of the landmarks in the training samples, shrunken, shape (landmarks, landmarks).

    Returns
    -------
    DataFrame
        landmark, symbol, ensembl; importance, the mean effect over targets; share_percent of the sum of all; rank;
        leads and among_ten, the numbers of targets whose most important landmark, or one of ten, it is;
        redundancy, its R2 on all other landmarks; and dispensable, its place, from 1, in `removal_order`.
    """
    some = effects.effect[:, counted]
    importance = some.mean(axis=1, dtype=np.float64) if some.shape[1] else np.zeros(len(some))
    order = np.argsort(-some, axis=0, kind="stable")[:LISTED]
    table = landmarks[["symbol", "ensembl"]].reset_index(names="landmark")
    return table.assign(
        importance=importance,
        share_percent=100 * importance / max(importance.sum(), np.finfo(float).tiny),
        rank=pd.Series(-importance).rank(method="first").astype(int).to_numpy(),
        leads=np.bincount(order[0], minlength=len(some)),
        among_ten=np.bincount(order.ravel(), minlength=len(some)),
        redundancy=redundancy(correlation),
        dispensable=np.argsort(removal_order(effects.slope[:, counted], correlation)) + 1,
    )


def target_table(effects: Effects, landmarks: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """List the ten landmarks that move each target most, with their effects and slopes, a row a target and place."""
    order = np.argsort(-effects.effect, axis=0, kind="stable")[:LISTED].T
    places = order.shape[1]
    chosen = order.ravel()
    which = np.repeat(np.arange(len(targets)), places)
    return pd.DataFrame(
        {
            "gene": targets.index.to_numpy()[which],
            "symbol": targets["symbol"].to_numpy()[which],
            "place": np.tile(np.arange(1, places + 1), len(targets)),
            "landmark": landmarks.index.to_numpy()[chosen],
            "landmark_symbol": landmarks["symbol"].to_numpy()[chosen],
            "effect": effects.effect[chosen, which],
            "slope": effects.slope[chosen, which],
        }
    )


def removal_order(slope: Block, correlation: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the landmarks from the most to the least dispensable, shape (landmarks,).

    Backward elimination: landmark by landmark that one is taken away whose loss, when it is filled in from those still
    there, adds least to the variance of the predictions' error, summed over targets. For predictions that are linear in
    landmarks of a normal distribution this is exact: with slopes b_l and precision matrix P the loss is |b_l|^2 / P_ll,
    and the others take over b_l by their regression weights, - P_kl / P_ll.

    Parameters
    ----------
    slope
        Shape (landmarks, targets).
    correlation
        Of the landmarks, positive definite, shape (landmarks, landmarks).
    """
    precision = np.linalg.inv(correlation)
    products = (slope @ slope.T).astype(np.float64)
    order = np.empty(len(slope), np.intp)
    there = np.ones(len(slope), bool)
    for place in range(len(order)):
        loss = np.diag(products) / np.where(there, np.diag(precision), 1)
        taken = int(np.argmin(np.where(there, loss, np.inf)))
        order[place], there[taken] = taken, False
        row, own = precision[taken].copy(), products[taken].copy()
        weights = np.where(there, -row / row[taken], 0)
        passed = np.outer(weights, own)
        products += passed + passed.T + own[taken] * np.outer(weights, weights)
        # What conditions on the rest no longer conditions on the one taken away (Schur complement).
        precision -= np.outer(row, row / row[taken])
        for gone in (products, precision):
            gone[taken, :] = gone[:, taken] = 0
    return order


def redundancy(correlation: NDArray[np.float64]) -> Block:
    """Return each landmark's R2 on all others, 1 - 1 / (C^-1)_ll, shape (landmarks,).

    Of the training samples' shrunken correlation C: a landmark near 1 could be filled in from the others.
    """
    return (1 - 1 / np.diag(np.linalg.inv(correlation))).astype(np.float32)
