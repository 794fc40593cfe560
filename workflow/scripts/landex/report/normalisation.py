"""Normalisation before and after: the quantiles of some samples' targets in log2, as read and as normalised."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.h5ad import Matrix, open_matrix

# Shares of a sample's targets: the middle, the middle half, and all but a tenth.
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Samples of a cohort: enough to see whether they lie on one line.
_MOST_SAMPLES = 40


@dataclass(frozen=True)
class Profile:
    """What normalising did to some samples of a cohort.

    Attributes
    ----------
    before, after
        Quantiles (`SHARES`) of their targets, shape (samples, shares), in log2.
    landmarks, of_landmarks
        Landmarks that any of them measures, of all landmarks.
    """

    cohort: str
    samples: list[str]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    landmarks: int
    of_landmarks: int


def read_profiles(matrices: Mapping[str, tuple[str, str]], targets: pd.DataFrame) -> list[Profile]:
    """Read the quantiles of evenly spaced samples of every cohort.

    Parameters
    ----------
    matrices
        By cohort, its matrix in log2 and its normalised one; `compendium` is one of them.
    targets
        mean and deviation of every target, indexed by gene: what turns z-scores back into log2.
    """
    profiles = []
    for cohort, (raw, normalised) in matrices.items():
        with open_matrix(raw) as before, open_matrix(normalised) as after:
            profiles.append(_profile(cohort, before, after, targets))
    return profiles


def _profile(cohort: str, before: Matrix, after: Matrix, targets: pd.DataFrame) -> Profile:
    rows = np.arange(0, after.shape[0], max(1, -(-after.shape[0] // _MOST_SAMPLES)))
    samples = after.obs.index[rows]
    genes = targets.index.intersection(before.var.index).intersection(after.var.index)
    there = after.var.index.get_indexer(genes)
    measured = after.read(rows, "measured").astype(bool)
    landmarks = (after.var["role"] == "landmark").to_numpy()
    present = int(measured[:, landmarks].any(axis=0).sum())
    measured = measured[:, there]
    statistics = targets.loc[genes]
    scores = after.read(rows)[:, there] * statistics["deviation"].to_numpy() + statistics["mean"].to_numpy()
    places = before.obs.index.get_indexer(samples)
    order = np.argsort(places)
    values = np.empty((len(rows), len(genes)), np.float32)
    values[order] = before.read(places[order])[:, before.var.index.get_indexer(genes)]
    quantiles = (_quantiles(values, measured), _quantiles(scores, measured))
    return Profile(cohort, samples.tolist(), *quantiles, present, int(landmarks.sum()))


def _quantiles(values: NDArray[np.floating], measured: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the quantiles of every row's measured values; NaN where a sample has none."""
    known = np.where(measured & np.isfinite(values), values, np.nan).astype(np.float64)
    found = np.full((len(known), len(SHARES)), np.nan)
    some = np.isfinite(known).any(axis=1)
    if some.any():
        found[some] = np.nanquantile(known[some], SHARES, axis=1).T
    return found
