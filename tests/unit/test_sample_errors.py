"""Averages of samples' errors, by hand and against a slow bootstrap."""

import numpy as np
import pandas as pd
import pytest

from landex.evaluation.bootstrap import Certainty, draws, interval
from landex.evaluation.sample_errors import Estimate, SampleErrors

CERTAINTY = Certainty(0.9, 300, 2)


def samples_of(
    maes: list[float], n: list[int], series: list[str] | str = "a", null_mae: list[float] | float = 0.8
) -> pd.DataFrame:
    return pd.DataFrame({"n": n, "mae": maes, "null_mae": null_mae, "series": series, "group": series})


def test_errors_are_means_over_values_and_gains_are_shares_of_them() -> None:
    tables = [samples_of([0.4, 0.8], [30, 10]), samples_of([0.6, 0.6], [30, 10])]
    errors = SampleErrors.of(tables, CERTAINTY)
    assert (errors.unit, errors.counts.tolist()) == ("samples", [30, 10])
    assert [errors.mae(place).value for place in (0, 1, -1)] == pytest.approx([0.5, 0.6, 0.8])
    assert errors.gain(0, 1).value == pytest.approx(100 / 6)
    assert errors.gain(0, -1).value == pytest.approx(37.5)
    assert errors.gain(1, 0).value == pytest.approx(-20)


def test_samples_in_which_nothing_was_measured_count_nothing() -> None:
    table = samples_of([0.4, np.nan], [30, 0], null_mae=[0.8, np.nan])
    errors = SampleErrors.of([table], CERTAINTY)
    mae, gain = errors.mae(0), errors.gain(0, -1)
    # A resample may draw only the second sample: it says nothing.
    assert [mae.low, mae.value, mae.high] == pytest.approx([0.4] * 3)
    assert [gain.low, gain.value, gain.high] == pytest.approx([50] * 3)


@pytest.mark.parametrize("groups", [5, 7])
def test_intervals_are_those_of_a_slow_bootstrap_over_groups_of_series(groups: int) -> None:
    random = np.random.default_rng(1)
    series = np.array([f"GSE{number % 14}" for number in range(42)])
    group = np.array([f"G{number % 14 % groups}" for number in range(42)])
    n, maes = random.integers(5, 15, 42), random.uniform(0.4, 0.6, (2, 42))
    tables = [samples_of(list(each), list(n)).assign(series=series, group=group) for each in maes]
    errors = SampleErrors.of(tables, CERTAINTY)
    units = pd.factorize(group)[0] if groups >= 6 else np.arange(42)
    assert errors.unit == ("series" if groups >= 6 else "samples")
    drawn = draws(units.max() + 1, 300, 2)[:, units] * n
    one, two = (np.array([np.average(each, weights=weights) for weights in drawn]) for each in maes)
    for found, replicates in ((errors.mae(1), two), (errors.gain(0, 1), 100 * (1 - one / two))):
        expected = interval(replicates, 0.9, units.max() + 1)
        np.testing.assert_allclose([found.low, found.high], expected, rtol=1e-6)
        assert found.low < found.value < found.high


def test_an_estimate_is_three_columns() -> None:
    assert Estimate(2.0, 1.0, 3.0).columns("mae") == {"mae": 2, "mae_low": 1, "mae_high": 3}
