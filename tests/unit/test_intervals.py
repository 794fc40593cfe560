"""Prediction intervals: their widths, and what they cover."""

import numpy as np
import pandas as pd
import pytest

from landex.errors import UserError
from landex.evaluation.intervals import Intervals, coverage_figures
from landex.evaluation.scales import DISTANCE, SPREAD, scale_of

DISTANCES = np.array([0.5, 2.0])
MEMBERS = np.array([[0.0, 0.9], [0.4, 0.1]], np.float32)


def intervals_of(scaled_by: str) -> Intervals:
    return Intervals(["a", "b", "c"], np.array([1.0, 3.0, np.inf]), scaled_by, np.eye(2))


def test_an_interval_is_as_wide_as_its_sample_is_far() -> None:
    assert scale_of(DISTANCES, None).tolist() == [[0.5], [2]]
    found = intervals_of(DISTANCE).half_widths(slice(0, 2), DISTANCES, None)
    assert found.tolist() == [[0.5, 1.5], [2, 6]]


def test_an_ensembles_interval_widens_with_the_spread_of_its_members_too() -> None:
    np.testing.assert_allclose(scale_of(DISTANCES, MEMBERS), [[0.05, 0.5], [1.0, 0.4]], rtol=1e-6)
    found = intervals_of(SPREAD).half_widths(slice(1, 3), DISTANCES, MEMBERS)
    np.testing.assert_allclose(found, [[0.15, np.inf], [3.0, np.inf]], rtol=1e-6)


@pytest.mark.parametrize(("scaled_by", "spread", "has"), [(SPREAD, None, "no"), (DISTANCE, MEMBERS, "a")])
def test_intervals_and_predictions_that_do_not_belong_together_are_refused(
    scaled_by: str, spread: np.ndarray | None, has: str
) -> None:
    with pytest.raises(UserError, match=f"scaled by {scaled_by}, and the predictions have {has} spread of members"):
        intervals_of(scaled_by).half_widths(slice(0, 2), DISTANCES, spread)


def test_intervals_of_other_targets_are_refused() -> None:
    intervals_of(DISTANCE).check_same(["a", "b", "c"], "truth.h5ad")
    for genes in (["a", "c", "b"], ["a", "b"]):
        with pytest.raises(UserError, match=r"other targets than truth\.h5ad; delete it and run again"):
            intervals_of(DISTANCE).check_same(genes, "truth.h5ad")


def tables_of_coverage(half_widths: list[float]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return tables of three targets and one, d, that overlaps."""
    trust = pd.DataFrame({"gene": list("abcd"), "null_half_width": [2.0, 4.0, 9.0, 50.0], "scaled_by": DISTANCE})
    samples = pd.DataFrame({"series": list("xxy"), "n": [2, 2, 4], "coverage": [1.0, 0.5, 0.25]})
    widths = {"gene": list("abcd"), "overlapping": [0, 0, 0, 1], "half_width": [*half_widths, 0.0]}
    return trust, samples, pd.DataFrame(widths)


def test_coverage_is_counted_over_values_and_over_series_by_hand() -> None:
    figures = coverage_figures(*tables_of_coverage([1.0, 2.0, 3.0]))
    assert figures["coverage_percent"] == pytest.approx(100 * (2 + 1 + 1) / 8)
    assert figures["coverage_of_series_percent"] == pytest.approx(100 * (0.75 + 0.25) / 2)
    assert (figures["targets_percent"], figures["half_width"], figures["null_half_width"]) == (100, 2, 5)
    assert figures["scaled_by"] == DISTANCE
    assert "guarantee" not in figures


def test_widths_are_means_over_the_targets_that_have_an_interval() -> None:
    figures = coverage_figures(*tables_of_coverage([1.0, np.inf, 3.0]))
    assert figures["targets_percent"] == pytest.approx(200 / 3)
    assert (figures["half_width"], figures["null_half_width"]) == (2, 5.5)


def test_samples_in_which_no_target_has_an_interval_do_not_count() -> None:
    trust, samples, targets = tables_of_coverage([1.0, 2.0, 3.0])
    figures = coverage_figures(trust, samples.assign(coverage=[1.0, np.nan, np.nan]), targets)
    assert (figures["coverage_percent"], figures["coverage_of_series_percent"]) == (100, 100)


def test_no_interval_at_all_covers_nothing() -> None:
    """An infinite interval holds every value: 100 % would read as the best of all models."""
    trust, samples, targets = tables_of_coverage([np.inf] * 3)
    figures = coverage_figures(trust, samples.assign(coverage=np.nan), targets)
    assert figures["targets_percent"] == 0
    shown = ("coverage_percent", "coverage_of_series_percent", "half_width", "null_half_width")
    assert np.isnan([figures[key] for key in shown]).all()
