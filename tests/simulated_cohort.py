"""Simulated cohorts for tests of the evaluation: files as normalising writes them, with made-up numbers."""

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.h5ad import write_matrix

Block = NDArray[np.float32]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def write_cohort(
    path: Path, values: Block, *, landmarks: int = 0, own: Block | None = None, measured: Mask | None = None,
    genes: Sequence[str] | None = None, samples: Sequence[str] | None = None,
    series: str | Sequence[str] = "GSE1", group: str | Sequence[str] | None = None,
    cmap: str | Sequence[str] = "", overlapping: Sequence[int] = (),
) -> None:  # fmt: skip
    """Write a normalised matrix of z-scores.

    Parameters
    ----------
    path
        Result.
    values, own
        Under training and own scaling, shape (samples, genes), landmarks first.
    landmarks
        How many of the genes are landmarks.
    measured
        Of the same shape; all by default.
    genes, samples
        Names; by default g0, g1, ... and s0, s1, ...
    series, group
        Of the samples; a group is a series by default.
    cmap
        CMap's class of the genes.
    overlapping
        Places of the targets that overlap, among all genes.
    """
    rows, columns = values.shape
    names = [f"g{column}" for column in range(columns)] if genes is None else list(genes)
    var = pd.DataFrame(
        {
            "symbol": names,
            "ensembl": "",
            "cmap": cmap,
            "role": ["landmark"] * landmarks + ["target"] * (columns - landmarks),
            "overlapping": ["1" if column in overlapping else "0" for column in range(columns)],
        },
        index=pd.Index(names, name="gene"),
    )
    of_samples = [f"s{row}" for row in range(rows)] if samples is None else list(samples)
    bound = {"series": series, "group": series if group is None else group}
    obs = pd.DataFrame(bound, index=pd.Index(of_samples, name="sample"))
    layers = {"measured": np.ones(values.shape, bool) if measured is None else measured}
    write_matrix(path, obs, var, values, layers | ({} if own is None else {"own": own}))


def write_correlation(path: Path, correlation: Floats) -> None:
    """Write of references.h5 what an evaluation reads: the landmarks' correlation."""
    with h5py.File(path, "w") as file:
        file["correlation"] = correlation


def correlation_of(landmarks: int, seed: int = 1, factors: int = 2) -> Floats:
    """Return the correlation of landmarks that share a few factors."""
    loadings = np.random.default_rng(seed).normal(size=(landmarks, factors))
    covariance = loadings @ loadings.T + np.eye(landmarks) / 2
    deviation = np.sqrt(np.diag(covariance))
    return covariance / np.outer(deviation, deviation)


def profiles(samples: int, correlation: Floats, seed: int = 2) -> Block:
    """Draw z-scores of landmarks."""
    random = np.random.default_rng(seed)
    return random.multivariate_normal(np.zeros(len(correlation)), correlation, samples).astype(np.float32)
