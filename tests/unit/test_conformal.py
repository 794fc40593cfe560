"""Conformal quantiles: the exact order statistic, the weights of series, and what is covered in simulations."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from landex.evaluation.conformal import conformal_quantile

Floats = NDArray[np.float64]
Units = NDArray[np.intp]


def slow(scores: Floats, units: Units, coverage: float) -> float:
    """Return the smallest score s at which 1 / (K + 1) sum_k mean over unit k of [score <= s] reaches the coverage."""
    names = np.unique(units)
    for score in np.sort(scores):
        reached = sum(np.mean(scores[units == name] <= score) for name in names) / (len(names) + 1)
        if reached >= coverage - 1e-12:
            return float(score)
    return np.inf


@st.composite
def calibration(draw: st.DrawFn) -> tuple[Floats, Units, NDArray[np.bool_]]:
    samples, units = draw(st.integers(1, 40)), draw(st.integers(1, 25))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    # Rounded, so that scores tie within and between units.
    scores = np.round(np.abs(random.normal(size=(samples, 3))), draw(st.integers(0, 3)))
    codes = np.unique(random.integers(0, units, samples), return_inverse=True)[1]
    return scores, codes, random.random(scores.shape) < draw(st.sampled_from([0.3, 0.9, 1.0]))


@given(calibration(), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_the_quantile_is_that_of_the_formula_over_what_was_measured(
    drawn: tuple[Floats, Units, NDArray[np.bool_]], coverage: float
) -> None:
    scores, units, measured = drawn
    found = conformal_quantile(np.where(measured, scores, 1e9), units, coverage, measured)
    expected = [slow(scores[there, column], units[there], coverage) for column, there in enumerate(measured.T)]
    assert found.tolist() == expected


@given(st.integers(1, 60), st.sampled_from([0.5, 0.75, 0.9, 0.95]), st.integers(0, 1000))
def test_where_a_unit_is_a_sample_it_is_the_order_statistic(samples: int, coverage: float, seed: int) -> None:
    scores = np.random.default_rng(seed).random((samples, 2))
    found = conformal_quantile(scores, np.arange(samples), coverage)
    place = int(np.ceil(round((samples + 1) * coverage, 9)))
    expected = np.sort(scores, axis=0)[place - 1] if place <= samples else np.full(2, np.inf)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(("units", "finite"), [(8, False), (9, True), (10, True)])
def test_nine_units_are_the_fewest_for_nine_tenths(units: int, finite: bool) -> None:
    scores = np.arange(3.0 * units)[:, None]
    assert np.isfinite(conformal_quantile(scores, np.arange(3 * units) % units, 0.9))[0] == finite


def test_a_large_series_weighs_no_more_than_a_small_one() -> None:
    # One series of 1,000 large scores and nineteen of one small score each: .9 of 21 units is 18.9 units.
    scores = np.concatenate([np.full(1000, 9.0), np.arange(19) / 100])[:, None]
    units = np.concatenate([np.zeros(1000, int), np.arange(1, 20)])
    assert conformal_quantile(scores, units, 0.9)[0] == 0.18
    assert conformal_quantile(scores, np.arange(len(scores)), 0.9)[0] == 9.0


def test_a_target_that_nobody_measured_has_an_infinite_quantile() -> None:
    measured = np.array([[True, False]] * 30)
    assert np.isfinite(conformal_quantile(np.ones((30, 2)), np.arange(30), 0.9, measured)).tolist() == [True, False]


def covered(calibration: Floats, units: Units, new: Floats, coverage: float) -> Floats:
    """Return the share of new values within the quantile, target by target."""
    return (new <= conformal_quantile(calibration, units, coverage)).mean(axis=0)


@pytest.mark.parametrize("samples", [19, 49, 200])
def test_samples_like_those_that_calibrated_are_covered_as_often_as_said(samples: int) -> None:
    """Each column is a draw of its own: its coverage has mean ceil((n + 1) c) / (n + 1), whatever the noise is."""
    random = np.random.default_rng(samples)
    calibration, new = (np.abs(random.standard_t(3, (count, 1500))) for count in (samples, 400))
    shares = covered(calibration, np.arange(samples), new, 0.9)
    expected = np.ceil(0.9 * (samples + 1) - 1e-9) / (samples + 1)
    assert shares.mean() == pytest.approx(expected, abs=4 * shares.std() / np.sqrt(len(shares)))
    assert shares.mean() >= 0.9 - 4 * shares.std() / np.sqrt(len(shares))


def test_a_new_series_is_covered_by_the_quantile_of_series_and_not_by_that_of_samples() -> None:
    """Errors share 80 % of their variance within a series, and sizes differ: two series are most of the samples."""
    random = np.random.default_rng(7)
    sizes, draws = np.array([40, 30, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1]), 3000
    units = np.repeat(np.arange(len(sizes)), sizes)

    def errors(of_series: Units, series: int) -> Floats:
        shared = random.normal(0, np.sqrt(0.8), (series, draws))[of_series]
        return np.abs(shared + random.normal(0, np.sqrt(0.2), shared.shape))

    calibration, new = errors(units, len(sizes)), errors(np.arange(50), 50)
    by_series = covered(calibration, units, new, 0.9)
    by_sample = covered(calibration, np.arange(len(units)), new, 0.9)
    error = by_series.std() / np.sqrt(draws)
    assert by_series.mean() >= 0.9 - 4 * error
    # Not by being wide for nothing: the weight at infinity costs up to 1 / 13.
    assert by_series.mean() <= 0.9 + 1 / 13 + 4 * error
    assert by_sample.mean() < 0.87


def test_memory_grows_with_the_scores_and_not_with_the_square_of_the_samples() -> None:
    """A calibrate part of 6,000 samples: a matrix of samples by units would take 290 MB."""
    scores = np.random.default_rng(1).random((6000, 4))
    tracemalloc.start()
    conformal_quantile(scores, np.arange(6000), 0.9)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * scores.nbytes
