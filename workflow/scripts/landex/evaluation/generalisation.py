"""Generalisation: errors on new samples of known series, on new series and on other platforms, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.sample_errors import SampleErrors

COLUMNS = (
    "model", "tested_on", "cohort", "scaling", "training_samples", "samples", "series", "unit",
    "mae", "mae_low", "mae_high", "null_mae",
    "gain_over_mean_percent", "gain_over_mean_percent_low", "gain_over_mean_percent_high", "inflation_percent",
)  # fmt: skip

# What a test part tests, by what its split keeps together.
TESTED = {"sample": "new samples of known series", "series": "new series"}
OWN_SPLIT = "the user's own split"


@dataclass(frozen=True)
class Trial:
    """A model's errors on some samples.

    Attributes
    ----------
    model, tested_on, cohort, scaling
        What was tested on what; `tested_on` in words.
    training_samples
        How many samples the model learnt from.
    samples
        Table of samples of an `Evaluation`, of this scaling.
    """

    model: str
    tested_on: str
    cohort: str
    scaling: str
    training_samples: int
    samples: pd.DataFrame


def generalisation(trials: Sequence[Trial], certainty: Certainty) -> pd.DataFrame:
    """Tabulate trials of models side by side.

    Parameters
    ----------
    trials
        Of every model that is shown.
    certainty
        How sure to be.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row a trial, in the order given: mae over all values with its interval; null_mae, that of every
        gene's mean; gain_over_mean_percent, by how much the first is below the second, which compares across cohorts
        whose genes vary more or less; and inflation_percent, by how much the mae exceeds that of the model's test on
        new samples of known series, where there is one: what a split by sample leaves out of sight.
    """
    errors = [SampleErrors.of([trial.samples], certainty) for trial in trials]
    estimates = [error.mae(0) for error in errors]
    known = {
        trial.model: estimate.value
        for trial, estimate in zip(trials, estimates, strict=True)
        if trial.tested_on == TESTED["sample"]
    }
    rows = []
    for trial, error, estimate in zip(trials, errors, estimates, strict=True):
        row = {
            "model": trial.model,
            "tested_on": trial.tested_on,
            "cohort": trial.cohort,
            "scaling": trial.scaling,
            "training_samples": trial.training_samples,
            "samples": len(trial.samples),
            "series": trial.samples["series"].nunique(),
            "unit": error.unit,
            **estimate.columns("mae"),
            "null_mae": error.mae(-1).value,
            **error.gain(0, -1).columns("gain_over_mean_percent"),
        }
        if trial.model in known and trial.tested_on != TESTED["sample"]:
            row["inflation_percent"] = 100 * (estimate.value / known[trial.model] - 1)
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))
