"""Generalisation: trials of models side by side, by hand."""

import numpy as np
import pandas as pd
import pytest

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.generalisation import COLUMNS, TESTED, Trial, generalisation

CERTAINTY = Certainty(0.95, 200, 1)


def samples_of(mae: float, series: int, *, null_mae: float = 0.8) -> pd.DataFrame:
    """Return twelve samples whose errors are the MAE on average, with different numbers of values."""
    maes = np.tile([mae - 0.1, mae + 0.1], 6)
    names = [f"GSE{number % series}" for number in range(12)]
    return pd.DataFrame({"series": names, "group": names, "n": 20, "mae": maes, "null_mae": null_mae})


def on(model: str, tested_on: str, samples: pd.DataFrame, cohort: str = "test", scaling: str = "training") -> Trial:
    return Trial(model, tested_on, cohort, scaling, 100, samples)


def test_every_trial_has_its_error_gain_and_inflation_over_new_samples_of_known_series() -> None:
    table = generalisation(
        [
            on("ridge", TESTED["sample"], samples_of(0.4, 1)),
            on("ridge", TESTED["series"], samples_of(0.5, 6)),
            on("ridge", "another cohort", samples_of(1.0, 1, null_mae=2.0), "rna", "own"),
            on("deep", TESTED["series"], samples_of(0.6, 6)),
        ],
        CERTAINTY,
    )
    assert table.columns.tolist() == list(COLUMNS)
    assert table["mae"].tolist() == pytest.approx([0.4, 0.5, 1.0, 0.6])
    assert table["inflation_percent"].tolist() == pytest.approx([np.nan, 25, 150, np.nan], nan_ok=True)
    assert table["null_mae"].tolist() == pytest.approx([0.8, 0.8, 2.0, 0.8])
    # Half the mean's error in the first and the third, whatever their units are.
    assert table["gain_over_mean_percent"].tolist() == pytest.approx([50, 37.5, 50, 25])
    assert table["unit"].tolist() == ["samples", "series", "samples", "series"]
    assert table["series"].tolist() == [1, 6, 1, 6]
    assert (table["samples"] == 12).all()
    assert (table["mae_low"] <= table["mae"]).all()
    assert (table["mae"] <= table["mae_high"]).all()
    assert table.loc[2, ["cohort", "scaling", "training_samples"]].tolist() == ["rna", "own", 100]


def test_errors_are_means_over_values_so_that_a_sample_with_few_counts_little() -> None:
    errors = {"n": [30, 10, 0], "mae": [0.4, 0.8, np.nan], "null_mae": [1.0, 2.0, np.nan]}
    samples = pd.DataFrame({"series": "a", "group": "a", **errors})
    row = generalisation([on("m", TESTED["sample"], samples)], CERTAINTY).iloc[0]
    assert (row["mae"], row["null_mae"]) == (pytest.approx(0.5), pytest.approx(1.25))
    assert row["gain_over_mean_percent"] == pytest.approx(60)
    assert np.isfinite([row["mae_low"], row["mae_high"]]).all()


def test_series_of_few_groups_are_no_units_but_are_counted() -> None:
    samples = samples_of(0.5, 6).assign(group=["a", "b"] * 6)
    row = generalisation([on("m", TESTED["series"], samples)], CERTAINTY).iloc[0]
    assert (row["series"], row["unit"]) == (6, "samples")


def test_no_trials_are_an_empty_table_with_its_columns() -> None:
    assert generalisation([], CERTAINTY).columns.tolist() == list(COLUMNS)
