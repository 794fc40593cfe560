"""Bootstrap intervals: their percentiles, and how often they hold the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from landex.evaluation.bootstrap import Certainty, draws, interval, normal_interval
from landex.evaluation.sample_errors import SampleErrors


def reach_of(confidence: float, units: int) -> float:
    """Return the normal quantile that percentiles are expanded to (Hesterberg 2015, section 4.3.3)."""
    return float(np.sqrt(units / (units - 1)) * t(units - 1).ppf((1 + confidence) / 2))


def test_every_resample_draws_as_many_units_as_there_are() -> None:
    drawn = draws(7, 4000, 1)
    assert (drawn.sum(axis=1) == 7).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.06)
    # A multinomial count has variance 1 - 1 / 7.
    assert drawn.var(axis=0).mean() == pytest.approx(6 / 7, rel=0.05)
    np.testing.assert_array_equal(draws(7, 4000, 1), drawn)
    assert (draws(7, 4000, 2) != drawn).any()


@settings(max_examples=40)
@given(st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.integers(2, 300))
def test_an_interval_has_the_expanded_percentiles(confidence: float, units: int) -> None:
    replicates = np.random.default_rng(units).normal(size=(400, 2))
    tail = norm.cdf(-reach_of(confidence, units))
    np.testing.assert_allclose(
        interval(replicates, confidence, units), np.quantile(replicates, [tail, 1 - tail], axis=0), rtol=1e-8
    )


def test_of_many_units_the_percentiles_are_the_plain_ones_and_of_fewer_they_are_further_out() -> None:
    replicates = np.random.default_rng(1).normal(size=2000)
    bounds = {units: interval(replicates, 0.95, units) for units in (6, 12, 40, 10**8)}
    np.testing.assert_allclose(bounds[10**8], np.quantile(replicates, [0.025, 0.975]), rtol=1e-5)
    widths = [high - low for low, high in bounds.values()]
    assert widths == sorted(widths, reverse=True)
    # 2.816 instead of 1.96 standard errors for six units.
    assert reach_of(0.95, 6) == pytest.approx(2.816, abs=1e-3)


def test_an_interval_of_one_unit_is_everything() -> None:
    low, high = interval(np.full((3, 2), 7.0), 0.95, 1)
    assert (low.tolist(), high.tolist()) == ([-np.inf] * 2, [np.inf] * 2)
    assert normal_interval(7.0, np.full(3, 7.0), 0.95, 1) == (-np.inf, np.inf)


def test_intervals_are_percentiles_of_what_is_known() -> None:
    replicates = np.arange(101.0)[:, None] * [1, 2, np.nan]
    replicates[0, 1] = np.nan
    tail = norm.cdf(-reach_of(0.9, 30))
    low, high = interval(replicates, 0.9, 30)
    assert low.tolist() == pytest.approx([100 * tail, 2 * (1 + 99 * tail), np.nan], nan_ok=True)
    assert high.tolist() == pytest.approx([100 * (1 - tail), 2 * (100 - 99 * tail), np.nan], nan_ok=True)


def test_of_what_is_known_the_percentiles_are_numpys() -> None:
    random = np.random.default_rng(3)
    replicates = random.normal(size=(101, 40))
    replicates[random.random(replicates.shape) < 0.2] = np.nan
    # One value known, all of them, and all equal.
    replicates[1:, 0], replicates[:, 1], replicates[:, 2] = np.nan, random.normal(size=101), 1.5
    for units in (2, 9, 300):
        tail = norm.cdf(-reach_of(0.95, units))
        found, expected = interval(replicates, 0.95, units), np.nanquantile(replicates, [tail, 1 - tail], axis=0)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_normal_interval_reaches_expanded_standard_errors() -> None:
    # The standard deviation of 48 and 52 is the root of 8.
    reach = reach_of(0.95, 6) * 8**0.5
    assert normal_interval(50, np.array([48.0, 52]), 0.95, 6) == pytest.approx((50 - reach, 50 + reach))


@pytest.mark.parametrize(("units", "least"), [(6, 0.89), (40, 0.92)])
def test_intervals_hold_the_truth_about_as_often_as_said(units: int, least: float) -> None:
    """Percentiles of a bootstrap of six units are too narrow, by t against normal quantiles and by sqrt(5 / 6)."""
    random = np.random.default_rng(11)
    covered, rounds = 0, 400
    for _ in range(rounds):
        # Per series: the baseline's errors, and a model's that differ by chance.
        base = random.gamma(40, 1 / 40, units)
        sums = np.array([base * (1 + random.normal(0, 0.05, units)), base])
        gain = SampleErrors(sums, np.ones(units), "series", Certainty(0.95, 600, 1)).gain(0, 1)
        covered += gain.low <= 0 <= gain.high
    # Of six, percentiles reach .84; with the t quantile and the factor (Hesterberg 2015, section 4.3.3) .915.
    assert least <= covered / rounds <= 0.975
