"""Outliers: which profiles are unlike the training samples."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.conformal import conformal_p_values
from landex.evaluation.distance import distances, read_correlation
from landex.examples import StoredExamples
from landex.files import atomic
from landex.h5ad import Block, open_matrix
from landex.parts import read_parts
from landex.vocabulary import SCALINGS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def write_outliers(
    normalised: str | Path,
    rows: NDArray[np.intp] | None,
    compendium: str | Path,
    split: str | Path,
    references: str | Path,
    path: str | Path,
) -> None:
    """Score every sample of a cohort.

    Parameters
    ----------
    normalised, rows
        The cohort's normalised matrix, and its rows; all where None.
    compendium, split
        The normalised compendium and its parts: the calibrate part says what is usual.
    references
        references.h5.
    path
        Result, a row a sample and scaling: sample, series, scaling, distance and p.
    """
    correlation = read_correlation(references)
    calibrate = np.flatnonzero(read_parts(split)["part"] == "calibrate")
    with open_matrix(compendium) as matrix:
        usual = StoredExamples(matrix, calibrate).load().inputs
    tables = []
    with open_matrix(normalised) as matrix:
        series = matrix.obs["series"].astype(str).to_numpy()
        for scaling in SCALINGS:
            if scaling != "training" and not matrix.has_layer(scaling):
                continue
            cohort = StoredExamples(matrix, rows, scaling)
            inputs = np.concatenate([block.inputs for block in cohort.blocks()])
            table = score(inputs, cohort.measured_landmarks(), usual, correlation)
            table.insert(0, "scaling", scaling)
            table.insert(0, "series", series if rows is None else series[rows])
            table.insert(0, "sample", cohort.samples)
            tables.append(table)
    with atomic(path) as temporary:
        pd.concat(tables).to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def score(inputs: Block, measured: Mask, usual: Block, correlation: Floats) -> pd.DataFrame:
    """Return distance and p of profiles, each by the landmarks that it has, against usual profiles by the same.

    Parameters
    ----------
    inputs, measured
        z-scores and what of them was measured, shape (samples, landmarks).
    usual
        Profiles of the calibrate part, shape (calibrate samples, landmarks).
    correlation
        Of the landmarks, shape (landmarks, landmarks).
    """
    found = np.empty((2, len(inputs)))
    patterns, which = np.unique(measured, axis=0, return_inverse=True)
    for number, there in enumerate(patterns):
        some = np.flatnonzero(which == number)
        among = correlation[np.ix_(there, there)]
        far = distances(inputs[np.ix_(some, there)], among)
        found[:, some] = far, conformal_p_values(far, distances(usual[:, there], among))
    return pd.DataFrame({"distance": found[0], "p": found[1]})
