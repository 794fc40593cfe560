"""Simulated samples with the structure of real ones, whose targets are known to be partly non-linear."""

from pathlib import Path

import numpy as np
import pandas as pd
from contenders import Case
from numpy.typing import NDArray

from landex.baselines.least_squares import Ridge
from landex.examples import Examples, read_parts
from landex.h5ad import write_matrix
from landex.kinds import KINDS

Floats = NDArray[np.float64]

# Cell lines that one simulated sample is combined of: few, so that profiles keep the tails of real ones, which
# combinations of all would make normal.
_LINES = 3
# Variance that every landmark has for itself: a combination of lines alone would be an exact one of 800 others.
_OWN_VARIANCE = 0.15
# The share of what ridge leaves over that is a function of the landmarks; the rest is noise that nobody predicts. A
# model that knows the function has 1 - sqrt(.6), 22.5 %, less error than one that knows the linear part alone.
SHARE = 0.4
# The function: units of a hidden layer shared by all targets, on so many leading components, few of them to a target.
_COMPONENTS, _HIDDEN, _UNITS_OF_TARGET = 10, 100, 10
# Of the units' inputs, in deviations: tanh is well bent at 2.
_STEEPNESS = 2.0
_TARGETS, _TEST = 300, 1000


def nonlinear(folder: Path, real: Case, samples: int, seed: int = 1) -> Case:
    """Simulate a case.

    Landmarks are combinations of three random cell lines, with random weights whose squares add up to 1, so that they
    keep the lines' covariance, and noise. A target is what ridge, fitted to the real training part, predicts of them; a
    random function of their leading principal components, from which its own linear part is taken away; and noise. Of
    the variance that ridge leaves over in the real samples that it was not fitted to, the function has `SHARE`, noise
    the rest.

    Parameters
    ----------
    folder
        For the files.
    real
        A case of cell lines.
    samples
        Training samples; beside them a tenth as many validate (from 100 to 1,000), and 1,000 are the test.
    seed
        Of all draws.
    """
    training, *others = read_parts(real.normalised, real.split, "training", "select", "calibrate", "test")
    validation = int(np.clip(samples // 10, 100, 1000))
    random = np.random.default_rng(seed)
    inputs = landmark_profiles(random, training.inputs, samples + 2 * validation + _TEST)
    linear, left = linear_part(training, others, inputs, random)
    function = nonlinear_part(random, inputs, linear.shape[1])
    noise = random.standard_normal(linear.shape)
    targets = linear + np.sqrt(left) * (np.sqrt(SHARE) * function + np.sqrt(1 - SHARE) * noise)
    values = np.concatenate([inputs, targets], axis=1)
    values = (values - values[:samples].mean(axis=0)) / values[:samples].std(axis=0)
    parts = np.repeat(["training", "select", "calibrate", "test"], [samples, validation, validation, _TEST])
    return _written(folder, f"simulated {samples}", values.astype(np.float32), inputs.shape[1], parts)


def landmark_profiles(random: np.random.Generator, real: NDArray[np.float32], samples: int) -> Floats:
    """Draw profiles, shape (samples, landmarks), from real ones."""
    lines = random.integers(len(real), size=(samples, _LINES))
    weights = np.sqrt(random.dirichlet(np.ones(_LINES), samples))
    signal = np.sum([weights[:, [line]] * real[lines[:, line]] for line in range(_LINES)], axis=0)
    noise = random.standard_normal(signal.shape)
    return np.sqrt(1 - _OWN_VARIANCE) * signal + np.sqrt(_OWN_VARIANCE) * noise


def linear_part(
    training: Examples, others: list[Examples], inputs: Floats, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return what ridge predicts of some targets, and the variance that it leaves over in real samples it never saw."""
    chosen = np.sort(random.permutation(len(training.features))[:_TARGETS])
    some, *rest = (
        Examples(
            part.inputs, part.targets[:, chosen], part.measured[:, chosen], part.samples, part.features.iloc[chosen]
        )
        for part in (training, *others)
    )
    model = Ridge(**KINDS["ridge"].defaults).fit(some, rest[0]).model
    left = np.concatenate([model.predict(part.inputs) - part.targets for part in rest])
    return model.predict(inputs.astype(np.float32)).astype(np.float64), left.var(axis=0, dtype=np.float64)


def nonlinear_part(random: np.random.Generator, inputs: Floats, targets: int) -> Floats:
    """Return random functions of the inputs' leading components, uncorrelated with these, of variance 1."""
    centred = inputs - inputs.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    components = centred @ vectors[:, -_COMPONENTS:]
    components /= components.std(axis=0)
    into = random.standard_normal((_COMPONENTS, _HIDDEN)) * _STEEPNESS / np.sqrt(_COMPONENTS)
    hidden = np.tanh(components @ into + random.standard_normal(_HIDDEN))
    out = np.zeros((_HIDDEN, targets))
    for target in range(targets):
        out[random.choice(_HIDDEN, _UNITS_OF_TARGET, replace=False), target] = random.standard_normal(_UNITS_OF_TARGET)
    function = hidden @ out
    with_constant = np.column_stack([np.ones(len(components)), components])
    function -= with_constant @ np.linalg.lstsq(with_constant, function, rcond=None)[0]
    return function / function.std(axis=0)


def _written(folder: Path, name: str, values: NDArray[np.float32], landmarks: int, parts: NDArray[np.str_]) -> Case:
    """Write values, landmarks first, as the workflow's normalised compendium and split."""
    folder.mkdir(parents=True)
    matrix, split = folder / "compendium.h5ad", folder / "split.tsv"
    names = [f"s{row}" for row in range(len(values))]
    genes = [f"g{column}" for column in range(values.shape[1])]
    roles = ["landmark"] * landmarks + ["target"] * (len(genes) - landmarks)
    identifiers = {"symbol": genes, "ensembl": "", "cmap": "", "overlapping": "0"}
    obs = pd.DataFrame({"source": "simulated", "series": "simulated", "group": "simulated"}, index=names)
    var = pd.DataFrame({"role": roles, **identifiers}, index=genes)
    write_matrix(matrix, obs, var, values, {"measured": np.ones(values.shape, bool)})
    obs.assign(part=parts).to_csv(split, sep="\t", index_label="sample")
    return Case(name, matrix, split, None, {"test": matrix})
