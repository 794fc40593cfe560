from itertools import pairwise

import numpy as np
import pandas as pd

from landex.evaluation.heatmap import heatmap_table
from landex.evaluation.importance import Effects


def features(prefix: str, count: int) -> pd.DataFrame:
    names = [f"{prefix}{place}" for place in range(count)]
    return pd.DataFrame({"symbol": [name.upper() for name in names]}, index=pd.Index(names, name="gene"))


def table(slope: np.ndarray, counted: np.ndarray | None = None) -> pd.DataFrame:
    landmarks, targets = slope.shape
    everything = np.ones(targets, bool) if counted is None else counted
    effects = Effects(np.abs(slope), slope)
    return heatmap_table(effects, features("l", landmarks), features("t", targets), everything)


def test_the_most_important_landmarks_and_the_targets_they_move_most_are_taken() -> None:
    slope = np.random.default_rng(1).normal(0, 1, (60, 300)).astype(np.float32)
    slope[:40] *= 10
    slope[:, 100:250] *= 3
    found = table(slope)
    assert len(found) == 40 * 150
    assert set(found["landmark"]) == {f"l{place}" for place in range(40)}
    assert set(found["gene"]) == {f"t{place}" for place in range(100, 250)}


def test_every_pair_has_its_own_slope_in_a_grid() -> None:
    slope = np.random.default_rng(2).normal(0, 1, (7, 11)).astype(np.float32)
    found = table(slope)
    assert [f"l{row['landmark'][1:]}" for row in found.to_dict("records")] == found["landmark"].tolist()
    expected = [slope[int(row.landmark[1:]), int(row.gene[1:])] for row in found.itertuples()]
    np.testing.assert_array_equal(found["slope"], expected)
    order = found["gene"].tolist()[:11]
    assert found["gene"].tolist() == order * 7
    assert (found["landmark_symbol"] == found["landmark"].str.upper()).all()


def test_alike_landmarks_and_alike_targets_are_neighbours() -> None:
    random = np.random.default_rng(3)
    patterns = random.normal(0, 1, (2, 12))
    rows = np.array([0, 1, 0, 1, 0, 1])
    slope = (patterns[rows] * random.uniform(0.8, 1.2, (6, 1))).astype(np.float32)
    kinds = [rows[int(name[1:])] for name in table(slope)["landmark"].unique()]
    assert sum(one != other for one, other in pairwise(kinds)) == 1


def test_overlapping_targets_and_landmarks_without_effect_do_no_harm() -> None:
    slope = np.random.default_rng(4).normal(0, 1, (5, 6)).astype(np.float32)
    slope[2] = 0
    found = table(slope, np.array([True, True, True, True, False, False]))
    assert set(found["gene"]) == {"t0", "t1", "t2", "t3"}
    assert found["landmark"].nunique() == 5
    assert len(table(slope[:1, :1])) == 1
