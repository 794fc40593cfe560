"""Learning curves by hand, and what they are said to tell."""

import numpy as np
import pandas as pd
import pytest

from landex.evaluation.bootstrap import Certainty, draws, interval
from landex.evaluation.learning_curve import COLUMNS, learning_curve, would_more_help

CERTAINTY = Certainty(0.9, 300, 2)


def samples_of(maes: list[float], series: list[str], n: list[int] | None = None) -> pd.DataFrame:
    counts = n or [10] * len(maes)
    return pd.DataFrame({"series": series, "group": series, "n": counts, "mae": maes, "null_mae": 0.8})


def split_of(training: list[str]) -> pd.DataFrame:
    series = [*training, "GSE8", "GSE9"]
    return pd.DataFrame({"series": series, "part": ["training"] * len(training) + ["unused", "test"]})


def test_errors_and_gains_by_hand() -> None:
    tables = {
        0.25: samples_of([0.8, 0.6], ["a", "a"], [10, 30]),
        1.0: samples_of([0.4, 0.4], ["a", "a"], [10, 30]),
        0.5: samples_of([0.6, 0.5], ["a", "a"], [10, 30]),
    }
    splits = {
        0.25: split_of(["GSE1"] * 10),
        0.5: split_of(["GSE1"] * 10 + ["GSE2"] * 10),
        1.0: split_of(["GSE1", "GSE2"] * 20),
    }
    curve = learning_curve({"ridge": tables}, splits, CERTAINTY)
    assert curve.columns.tolist() == list(COLUMNS)
    assert curve["fraction"].tolist() == [0.25, 0.5, 1.0]
    assert curve["training_samples"].tolist() == [10, 20, 40]
    assert curve["training_series"].tolist() == [1, 2, 2]
    assert curve["mae"].tolist() == pytest.approx([0.65, 0.525, 0.4])
    gains = [100 * (1 - 0.525 / 0.65), 100 * (1 - 0.4 / 0.525)]
    assert curve["gain_percent"].tolist() == pytest.approx([np.nan, *gains], nan_ok=True)
    # Each step doubles the samples.
    assert curve["gain_per_doubling_percent"].tolist() == pytest.approx([np.nan, *gains], nan_ok=True)
    assert (curve["unit"] == "samples").all()


def test_a_gain_per_doubling_is_that_of_half_a_step_where_samples_quadruple() -> None:
    tables = {0.25: samples_of([1.0, 1.0], ["a", "b"]), 1.0: samples_of([0.81, 0.81], ["a", "b"])}
    curve = learning_curve({"m": tables}, {0.25: split_of(["x"] * 10), 1.0: split_of(["x"] * 40)}, CERTAINTY)
    assert curve["gain_percent"].iloc[1] == pytest.approx(19)
    assert curve["gain_per_doubling_percent"].iloc[1] == pytest.approx(10)


@pytest.mark.parametrize("series", [5, 7])
def test_intervals_draw_the_same_units_for_both_fractions(series: int) -> None:
    random = np.random.default_rng(1)
    names = [f"GSE{number % series}" for number in range(21)]
    counts = random.integers(5, 15, 21)
    maes = {fraction: random.uniform(0.4, 0.6, 21) for fraction in (0.5, 1.0)}
    tables = {fraction: samples_of(list(mae), names, list(counts)) for fraction, mae in maes.items()}
    curve = learning_curve({"m": tables}, {f: split_of(["x"] * int(40 * f)) for f in maes}, CERTAINTY)
    units = pd.factorize(np.array(names))[0] if series >= 6 else np.arange(21)
    replicates = []
    for drawn in draws(units.max() + 1, 300, 2):
        weights = counts * drawn[units]
        replicates.append([np.average(maes[fraction], weights=weights) for fraction in (0.5, 1.0)])
    small, whole = np.array(replicates).T
    row = curve.iloc[1]
    assert row["unit"] == ("series" if series >= 6 else "samples")
    expected = interval(100 * (1 - whole / small), 0.9, units.max() + 1)
    np.testing.assert_allclose(row[["gain_percent_low", "gain_percent_high"]].astype(float), expected, rtol=1e-6)
    expected = interval(whole, 0.9, units.max() + 1)
    np.testing.assert_allclose(row[["mae_low", "mae_high"]].astype(float), expected, rtol=1e-6)


def test_no_models_are_an_empty_table_with_its_columns() -> None:
    curve = learning_curve({}, {1.0: split_of(["x"] * 10)}, CERTAINTY)
    assert curve.columns.tolist() == list(COLUMNS)
    assert curve.empty
    assert list(would_more_help(curve)) == []


def curve_of(model: str, low: float) -> pd.DataFrame:
    rows = [{"training_samples": 500}, {"training_samples": 1000, "gain_percent": 3.0, "gain_percent_low": low}]
    return pd.DataFrame(rows).assign(model=model, gain_percent_high=4.0, gain_per_doubling_percent=3.0)


def test_more_samples_help_only_where_the_last_step_surely_did() -> None:
    curve = pd.concat([curve_of("ridge", 2.0), curve_of("deep", -0.5), curve_of("single", 2.0).tail(1)])
    assert list(would_more_help(curve)) == [
        "More samples like these would help ridge: from 500 to 1,000 training samples, drawn once, its error fell by "
        "3.0 % [2.0, 4.0], that is by 3.0 % a doubling.",
        "More samples like these are not shown to help deep: from 500 to 1,000 training samples, drawn once, its error "
        "changed by 3.0 % [-0.5, 4.0] (falls are positive).",
    ]


def test_fractions_that_hold_the_same_samples_are_no_steps_of_a_curve() -> None:
    samples = pd.DataFrame(
        {"sample": ["a", "b"], "series": "s", "group": "s", "n": 10, "mae": [1.0, 2.0], "null_mae": 3.0}
    )
    split = pd.DataFrame({"part": ["training"] * 12, "series": "s"})
    curve = learning_curve({"ridge": {0.5: samples, 1.0: samples}}, {0.5: split, 1.0: split}, Certainty(0.95, 100, 1))
    assert curve["gain_percent"].isna().all()
    assert would_more_help(curve) == [
        "There is no learning curve of ridge: every fraction holds all 12 training samples, since groups are taken "
        "whole."
    ]
