"""Distances of profiles against scipy's Mahalanobis distance."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from simulated_cohort import correlation_of, profiles, write_correlation

from landex.evaluation.distance import distances, read_correlation
from landex.scores import fill_landmarks

LANDMARKS = 12


def test_distances_are_scipys_mahalanobis_by_landmark() -> None:
    correlation = correlation_of(LANDMARKS)
    inputs = profiles(20, correlation)
    inverse = np.linalg.inv(correlation)
    expected = [mahalanobis(row, np.zeros(LANDMARKS), inverse) / np.sqrt(LANDMARKS) for row in inputs.astype(float)]
    np.testing.assert_allclose(distances(inputs, correlation), expected, rtol=1e-10)


def test_samples_like_those_that_were_learnt_from_lie_at_about_one() -> None:
    correlation = correlation_of(60)
    assert distances(profiles(3000, correlation), correlation).mean() == pytest.approx(1, abs=0.02)


def test_landmarks_that_were_filled_in_do_not_count() -> None:
    """With them the distance is that among those measured, by the correlation among those measured."""
    correlation = correlation_of(LANDMARKS)
    inputs = profiles(30, correlation)
    measured = np.random.default_rng(3).random(inputs.shape) < 0.6
    measured[0] = True
    filled = fill_landmarks(np.where(measured, inputs, np.nan).astype(np.float32), correlation)
    expected = []
    for row, there in zip(inputs.astype(float), measured, strict=True):
        inverse = np.linalg.inv(correlation[np.ix_(there, there)])
        expected.append(mahalanobis(row[there], np.zeros(there.sum()), inverse) / np.sqrt(there.sum()))
    np.testing.assert_allclose(distances(filled, correlation, measured), expected, rtol=1e-4)
    # Counted, they would make a profile look nearer than it is.
    assert (distances(filled, correlation)[1:] < np.array(expected)[1:]).all()


def test_distances_by_hand() -> None:
    inputs = np.array([[3, 4, 0], [0, 0, 0]], np.float32)
    assert distances(inputs, np.eye(3)).tolist() == pytest.approx([5 / np.sqrt(3), 0])
    measured = np.array([[True, True, False], [False, False, False]])
    assert distances(inputs, np.eye(3), measured).tolist() == pytest.approx([5 / np.sqrt(2), 0])


def test_of_the_references_only_the_correlation_is_needed(tmp_path: Path) -> None:
    correlation = correlation_of(5)
    write_correlation(tmp_path / "references.h5", correlation)
    np.testing.assert_array_equal(read_correlation(tmp_path / "references.h5"), correlation)
