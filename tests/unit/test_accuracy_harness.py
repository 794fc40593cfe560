"""The pure parts of the accuracy harness: which cell lines are locked, and how a gain is counted."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from landex.evaluation.bootstrap import Certainty
from landex.h5ad import open_matrix

PROJECT = Path(__file__).resolve().parents[2]
BENCHMARKS = PROJECT / "tests" / "benchmarks"


@pytest.fixture(scope="module")
def harness() -> Iterator[dict[str, ModuleType]]:
    sys.path.insert(0, str(BENCHMARKS))  # the modules import one another by name, as scripts do
    try:
        yield {name: import_module(name) for name in ("accuracy", "contenders", "data_sets", "gains", "nonlinear")}
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def lines() -> list[str]:
    with open_matrix(PROJECT / "resources" / "demo" / "gdsc.h5ad") as matrix:
        return list(matrix.obs.index)


def test_a_name_alone_decides_whether_a_line_is_locked(harness: dict[str, ModuleType], lines: list[str]) -> None:
    locked = harness["data_sets"].locked
    closed = locked(lines)
    # Three deviations of a binomial share around 15 %.
    assert abs(closed.mean() - 0.15) < 3 * np.sqrt(0.15 * 0.85 / len(lines))
    np.testing.assert_array_equal(locked(lines[::-1]), closed[::-1])
    first = hashlib.sha256(lines[0].encode()).digest()
    assert closed[0] == (int.from_bytes(first[:4], "big") % 100 < 15)


@pytest.mark.parametrize("seed", [0, 4])
def test_locked_lines_are_in_no_part_until_they_are_looked_at(
    harness: dict[str, ModuleType], lines: list[str], seed: int
) -> None:
    closed = set(np.array(lines)[harness["data_sets"].locked(lines)])
    parts = harness["data_sets"].parts_of_lines(lines, seed, looking=False)
    assert parts["sample"].is_unique and set(parts["sample"]) == set(lines) - closed
    shares = parts["part"].value_counts(normalize=True)
    wanted = {"training": 0.8, "select": 0.05, "calibrate": 0.05, "test": 0.1}
    assert all(shares[part] == pytest.approx(share, abs=0.002) for part, share in wanted.items())

    looked = harness["data_sets"].parts_of_lines(lines, seed, looking=True).set_index("sample")["part"]
    assert looked.index.is_unique and set(looked.index) == set(lines)
    assert set(looked.index[looked == "test"]) == closed


def test_seeds_draw_other_splits_and_one_seed_the_same(harness: dict[str, ModuleType], lines: list[str]) -> None:
    parts_of_lines = harness["data_sets"].parts_of_lines
    one, again, other = (parts_of_lines(lines, seed, looking=False) for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)


def test_a_gain_is_counted_over_targets_and_positive_where_the_model_is_better(harness: dict[str, ModuleType]) -> None:
    measured = np.array([[True, True, False, False], [True, False, True, False]])
    # Errors of what is not measured count nowhere; the last target is measured in no sample.
    model = np.array([[1.0, 2.0, 9.0, 9.0], [2.0, 9.0, 3.0, 9.0]], np.float32)
    other = np.array([[3.0, 2.0, 0.0, 0.0], [3.0, 0.0, 2.0, 0.0]], np.float32)
    found = harness["gains"].gain(model, other, measured)
    # Targets: 1.5 against 3, 2 against 2, 3 against 2; their means 6.5 / 3 and 7 / 3.
    assert found.mae == pytest.approx(6.5 / 3)
    assert found.percent == pytest.approx(100 * (1 - 6.5 / 7))
    assert found.genes_better == pytest.approx(100 / 3)
    assert (found.samples, found.targets) == (2, 3)
    back = harness["gains"].gain(other, model, measured)
    assert back.percent == pytest.approx(100 * (1 - 7 / 6.5))


def test_an_interval_is_that_of_samples_drawn_with_replacement(harness: dict[str, ModuleType]) -> None:
    # Of two samples, one in which the model errs by half as much and one in which it errs the same.
    model, other = (np.array([[first], [2.0]], np.float32) for first in (1.0, 2.0))
    found = harness["gains"].gain(model, other, np.ones((2, 1), bool), Certainty(0.5, 4000, 1))
    # Resamples are twice the first (50 %), twice the second (0 %), each a quarter of the draws, or both (25 %).
    assert found.percent == pytest.approx(25)
    assert (found.low, found.high) == (pytest.approx(0), pytest.approx(50))
    # One ratio everywhere leaves nothing to be unsure of.
    same = harness["gains"].gain(np.full((9, 3), 0.9), np.ones((9, 3)), np.ones((9, 3), bool))
    assert (same.low, same.percent, same.high) == pytest.approx((10, 10, 10), abs=1e-4)


def test_the_simulated_function_has_no_linear_part(harness: dict[str, ModuleType]) -> None:
    random = np.random.default_rng(3)
    inputs = random.standard_normal((600, 12)) * np.linspace(1, 3, 12)
    function = harness["nonlinear"].nonlinear_part(random, inputs, 5)
    np.testing.assert_allclose(function.std(axis=0), 1)
    _, vectors = np.linalg.eigh(np.cov(inputs.T))
    components = (inputs - inputs.mean(axis=0)) @ vectors[:, -10:]
    assert np.abs(components.T @ function).max() < 1e-6 * np.abs(components).sum()
    # It is a function of them all the same: products and squares explain much of it.
    squares = np.stack([components[:, i] * components[:, j] for i in range(10) for j in range(i, 10)], axis=1)
    squares = np.column_stack([np.ones(600), squares])
    left = function - squares @ np.linalg.lstsq(squares, function, rcond=None)[0]
    assert (left.var(axis=0) < 0.9).all()


def row_of(harness: dict[str, ModuleType], data: str, cohort: str, scaling: str, method: str, percent: float) -> object:
    found = harness["gains"].Gain(0.5, percent, percent - 1, percent + 1, 90.0, 100, 1000)
    return harness["accuracy"].Row(data, cohort, scaling, method, found, harness["contenders"].Cost(120.0, 1.0))


def test_figures_are_the_winners_as_shares_and_own_scaling_counts_for_external_cohorts(
    harness: dict[str, ModuleType], tmp_path: Path
) -> None:
    entries = harness["contenders"].known_entries()
    held = harness["accuracy"].Harness(["deep"], entries, tmp_path)
    # A blend brings what it combines, in front of it, and the baseline is always there.
    assert held.methods == ["ridge", "gelu", "median_kernel", "pooled_kernel", "deep"]
    held.rows += [
        row_of(harness, "gdsc 0", "test", "training", "deep", 8.0),
        row_of(harness, "gdsc 1", "test", "training", "deep", 10.0),
        row_of(harness, "gdsc 1", "test", "training", "gelu", 2.0),
        row_of(harness, "platforms", "tcga", "training", "deep", 50.0),
        row_of(harness, "platforms", "tcga", "own", "deep", 3.0),
        row_of(harness, "hgu133a", "breast", "own", "deep", 4.0),
        row_of(harness, "hgu133a", "blood", "own", "deep", 6.0),
        row_of(harness, "tcga_types", "ACC", "own", "deep", 2.0),
        row_of(harness, "tcga_types", "ACC", "training", "deep", 9.0),
        row_of(harness, "simulated 1000", "test", "training", "gelu", 5.0),
    ]
    figures = held.figures()
    assert figures == pytest.approx(
        {
            "gdsc_gain_over_ridge": 0.09,
            "gdsc_genes_better": 0.9,
            "train_minutes": 2,
            "tcga_gain_over_ridge": 0.03,
            "hgu133a_gain_over_ridge": 0.05,
            "tcga_types_gain_over_ridge": 0.02,
            "ACC_gain_over_ridge": 0.02,
            "breast_gain_over_ridge": 0.04,
            "blood_gain_over_ridge": 0.06,
            "simulated_1000_gelu_gain_over_ridge": 0.05,
        }
    )


def test_every_look_at_locked_lines_is_a_line_more_whether_it_went_to_its_end_or_not(
    harness: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness["accuracy"], "RESEARCH", tmp_path)
    found = [row_of(harness, "gdsc locked", "test", "training", *last) for last in (("ridge", 0.0), ("deep", 9.0))]
    look = harness["accuracy"].counted_look
    with look(["ridge", "deep"], "deep") as rows:
        rows += found
    with pytest.raises(KeyboardInterrupt), look(["ridge", "deep"], "deep") as rows:
        raise KeyboardInterrupt
    with look(["ridge", "deep"], "deep") as rows:
        rows += found
    head, *looks = (tmp_path / "locked-looks.tsv").read_text().splitlines()
    kept = (PROJECT / "docs" / "research" / "locked-looks.tsv").read_text().splitlines()
    assert head == kept[0]
    reached = ["ridge,deep", "deep", "9.00", "90.0"]
    assert [look.split("\t")[2:] for look in looks] == [reached, ["ridge,deep", "deep", "", ""], reached]
