"""Outliers: p values by hand and in simulations, and profiles that lack landmarks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import mahalanobis
from simulated_cohort import correlation_of, profiles, write_cohort, write_correlation

from landex.evaluation.conformal import conformal_p_values
from landex.evaluation.distance import distances
from landex.evaluation.outliers import score, write_outliers
from landex.scores import fill_landmarks

LANDMARKS = 12


def test_p_values_by_hand() -> None:
    found = conformal_p_values(np.array([0.0, 1.0, 2.5, 3.0, 9.0]), np.array([3.0, 1.0, 2.0, 3.0]))
    # 4, 4, 2, 2 and none of the four lie as far or farther.
    assert found.tolist() == [1, 1, 3 / 5, 3 / 5, 1 / 5]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.integers(0, 20))
def test_a_p_value_is_the_rank_of_a_sample_among_the_calibration_samples(usual: list[int], new: int) -> None:
    (found,) = conformal_p_values(np.array([float(new)]), np.array(usual, float))
    assert found == sum(other >= new for other in [new, *usual]) / (len(usual) + 1)


def test_p_values_of_exchangeable_samples_are_uniform() -> None:
    random = np.random.default_rng(4)
    found = np.array([conformal_p_values(draw[:1], draw[1:])[0] for draw in random.gamma(3, size=(4000, 20))])
    for level in (0.05, 0.1, 0.25, 0.5):
        share = (found <= level + 1e-12).mean()
        assert share == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 4000))


def test_ties_make_p_values_no_smaller_than_they_should_be() -> None:
    random = np.random.default_rng(5)
    draws = np.round(random.gamma(3, size=(4000, 20)))
    found = np.array([conformal_p_values(draw[:1], draw[1:])[0] for draw in draws])
    for level in (0.05, 0.1, 0.25):
        assert (found <= level + 1e-12).mean() <= level + 4 * np.sqrt(level * (1 - level) / 4000)


class Cohorts:
    """A compendium with its calibrate part, and a cohort beside it, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.correlation = folder, correlation_of(LANDMARKS)
        write_correlation(folder / "references.h5", self.correlation)
        self.usual = profiles(99, self.correlation, 6)
        parts = ["training", "calibrate", "calibrate", "calibrate"] * 33
        inputs = np.full((132, LANDMARKS), 7, np.float32)
        inputs[np.array(parts) == "calibrate"] = self.usual
        self._write("compendium.h5ad", inputs)
        table = pd.DataFrame({"sample": [f"s{row}" for row in range(132)], "part": parts})
        table.to_csv(folder / "split.tsv", sep="\t", index=False)

    def _write(
        self, name: str, inputs: NDArray[np.float32], own: NDArray[np.float32] | None = None,
        measured: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        target = np.zeros((len(inputs), 1), np.float32)
        there = np.ones((len(inputs), LANDMARKS + 1), bool)
        if measured is not None:
            there[:, :-1] = measured
        both = None if own is None else np.hstack([own, target])
        values = np.hstack([inputs, target])
        write_cohort(self.folder / name, values, landmarks=LANDMARKS, own=both, measured=there)

    def scored(
        self, inputs: NDArray[np.float32], own: NDArray[np.float32] | None = None,
        measured: NDArray[np.bool_] | None = None, rows: NDArray[np.intp] | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        self._write("cohort.h5ad", inputs, own, measured)
        files = [self.folder / name for name in ("compendium.h5ad", "split.tsv", "references.h5", "outliers.tsv")]
        write_outliers(self.folder / "cohort.h5ad", rows, *files)
        return pd.read_csv(files[-1], sep="\t")


def test_a_cohort_is_set_against_the_calibrate_part_alone_in_both_scalings(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path)
    inputs, own = profiles(30, cohorts.correlation, 8), profiles(30, cohorts.correlation, 9)
    table = cohorts.scored(inputs, own)
    assert table.columns.tolist() == ["sample", "series", "scaling", "distance", "p"]
    assert table["scaling"].tolist() == ["training"] * 30 + ["own"] * 30
    usual = distances(cohorts.usual, cohorts.correlation)
    far = np.concatenate([distances(each, cohorts.correlation) for each in (inputs, own)])
    np.testing.assert_allclose(table["distance"], far, rtol=1e-5)
    np.testing.assert_allclose(table["p"], conformal_p_values(far, usual), rtol=1e-5)
    assert table["p"].mean() == pytest.approx(0.5, abs=0.15)


def test_only_the_rows_asked_for_are_scored(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path)
    inputs = profiles(9, cohorts.correlation, 8)
    table = cohorts.scored(inputs, rows=np.array([2, 5]))
    assert table["sample"].tolist() == ["s2", "s5"]
    np.testing.assert_allclose(table["distance"], distances(inputs[[2, 5]], cohorts.correlation), rtol=1e-5)


def test_a_shifted_cohort_and_one_of_other_correlations_have_small_p_values(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path)
    shifted = profiles(30, cohorts.correlation, 8) + np.float32(4)
    assert cohorts.scored(shifted)["p"].max() == pytest.approx(0.01)
    # Of the training's means and deviations gene by gene, but not of their correlations.
    shuffled = np.random.default_rng(10).normal(size=(60, LANDMARKS)).astype(np.float32)
    assert cohorts.scored(shuffled)["p"].median() < 0.2


def test_a_profile_is_set_against_usual_ones_by_the_landmarks_that_it_has() -> None:
    correlation = correlation_of(LANDMARKS)
    usual, inputs = profiles(99, correlation, 6), profiles(20, correlation, 8)
    measured = np.ones(inputs.shape, bool)
    measured[3:9, :5] = measured[9:12, 2] = measured[12, 1:] = False
    filled = fill_landmarks(np.where(measured, inputs, np.nan).astype(np.float32), correlation)
    table = score(filled, measured, usual, correlation)
    for row, there in enumerate(measured):
        inverse = np.linalg.inv(correlation[np.ix_(there, there)])
        far = [mahalanobis(each[there], np.zeros(there.sum()), inverse) for each in (inputs[row], *usual)]
        assert table.loc[row, "distance"] == pytest.approx(far[0] / np.sqrt(there.sum()), rel=1e-5)
        assert table.loc[row, "p"] == pytest.approx(np.mean(np.array(far) >= far[0] - 1e-9))


def test_landmarks_that_were_filled_in_do_not_make_a_cohort_look_usual(tmp_path: Path) -> None:
    """A filled landmark adds nothing to the distance: with half of them missing it would be .7 instead of 1."""
    cohorts = Cohorts(tmp_path)
    inputs = profiles(200, cohorts.correlation, 8)
    measured = np.ones(inputs.shape, bool)
    measured[:, ::2] = False
    filled = fill_landmarks(np.where(measured, inputs, np.nan).astype(np.float32), cohorts.correlation)
    table = cohorts.scored(filled, measured=measured)
    assert table["distance"].mean() == pytest.approx(1, abs=0.1)
    assert table["p"].mean() == pytest.approx(0.5, abs=0.1)
