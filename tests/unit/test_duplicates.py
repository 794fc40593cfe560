"""Near-duplicates: exact in blocks, without labels, whatever a sample's scale."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from landex.duplicates import Pair, groups_of, near_pairs, normal_scores


def scores_with_copies(random: np.random.Generator, samples: int, genes: int) -> NDArray[np.float32]:
    """Return normal scores of samples of which many are copies of another, with noise or exact."""
    values = random.normal(size=(samples, genes))
    for row in range(1, samples):
        if random.random() < 0.5:
            noise = random.choice([0, 0.02, 0.1, 0.3])
            values[row] = 5 * values[random.integers(row)] + 2 + random.normal(0, 1, genes) * 5 * noise
    return normal_scores(values)


def by_brute_force(first: NDArray[np.float32], second: NDArray[np.float32], distance: float) -> dict[tuple, float]:
    """Return the distance of every near pair of rows, by their rows."""
    found = {}
    for row, one in enumerate(first.astype(np.float64)):
        for column, two in enumerate(second.astype(np.float64)):
            apart = float(np.sqrt(np.mean((one - two) ** 2)))
            if apart <= distance and (first is not second or row < column):
                found[row, column] = apart
    return found


def pairs_of(first: NDArray[np.float32], second: NDArray[np.float32], distance: float) -> dict[tuple, float]:
    pairs = list(near_pairs(first, second, distance))
    found = {(pair.first, pair.second): pair.distance for pair in pairs}
    assert len(found) == len(pairs)
    return found


seeds, distances = st.integers(0, 10_000), st.sampled_from([0.0, 0.02, 0.1, 0.4])


@given(seeds, distances, st.integers(1, 25), st.sampled_from([3, 40, 500]))
def test_pairs_within_a_compendium_are_those_of_brute_force(
    seed: int, distance: float, samples: int, genes: int
) -> None:
    scores = scores_with_copies(np.random.default_rng(seed), samples, genes)
    assert pairs_of(scores, scores, distance) == pytest.approx(by_brute_force(scores, scores, distance))


@given(seeds, distances)
def test_pairs_between_two_matrices_are_those_of_brute_force(seed: int, distance: float) -> None:
    scores = scores_with_copies(np.random.default_rng(seed), 20, 60)
    first, second = scores[:8], scores[8:]
    assert pairs_of(first, second, distance) == pytest.approx(by_brute_force(first, second, distance))


@pytest.mark.parametrize("block", [1, 3, 7, 20, 21])
def test_the_size_of_blocks_changes_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = scores_with_copies(np.random.default_rng(8), 21, 50)
    first, second = scores[:9], scores[9:]
    within, between = by_brute_force(scores, scores, 0.2), by_brute_force(first, second, 0.2)
    assert len(within) > 5
    assert len(between) > 3
    monkeypatch.setattr("landex.duplicates._BLOCK", block)
    assert pairs_of(scores, scores, 0.2) == pytest.approx(within)
    assert pairs_of(first, second, 0.2) == pytest.approx(between)


@pytest.mark.parametrize("dimensions", [1, 4])
@pytest.mark.parametrize("many", [0, 1_000_000])
@pytest.mark.parametrize("distance", [0.02, 0.2, 0.9])
def test_few_dimensions_and_either_way_of_measuring_miss_no_pair(
    dimensions: int, many: int, distance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = scores_with_copies(np.random.default_rng(3), 60, 80)
    expected = by_brute_force(scores, scores, distance)
    assert len(expected) > 5
    small = {"_DIMENSIONS": dimensions, "_MANY": many, "_WHOLE_BLOCK": 7, "_CHOOSING": 9, "_BLOCK": 16}
    for name, value in small.items():
        monkeypatch.setattr(f"landex.duplicates.{name}", value)
    assert pairs_of(scores, scores, distance) == pytest.approx(expected)
    first, second = scores[:33], scores[33:]
    assert pairs_of(first, second, distance) == pytest.approx(by_brute_force(first, second, distance))


@given(seeds, st.sampled_from([np.float32, np.float64]))
def test_normal_scores_are_those_of_scipys_ranks(seed: int, kind: type) -> None:
    random = np.random.default_rng(seed)
    values = random.integers(0, 30, (40, 50)).astype(kind) if seed % 2 else random.normal(size=(40, 50)).astype(kind)
    values[random.random(values.shape) < 0.2] = np.nan
    values[3] = np.nan
    measured = np.sum(~np.isnan(values), axis=1, keepdims=True)
    ranks = rankdata(values, axis=1, nan_policy="omit")
    expected = np.nan_to_num(norm.ppf((ranks - 0.375) / (measured + 0.25)))
    np.testing.assert_allclose(normal_scores(values), expected, atol=1e-6)


def test_the_distance_itself_still_counts() -> None:
    first = np.zeros((1, 4), np.float32)
    second = np.full((1, 4), 0.25, np.float32)
    assert pairs_of(first, second, 0.25) == {(0, 0): 0.25}
    assert pairs_of(first, second, 0.2499999) == {}


def test_exact_copies_are_found_at_distance_0_among_many_genes() -> None:
    values = np.random.default_rng(9).normal(size=(6, 12_000)).astype(np.float32)
    values[4] = values[1] * 3 + 1
    scores = normal_scores(values)
    assert pairs_of(scores, scores, 0.0) == {(1, 4): 0.0}


def test_normal_scores_are_blom_quantiles_of_mean_ranks() -> None:
    scores = normal_scores(np.array([[10.0, 30, 20, 20], [5, np.nan, 7, 6]]))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores[0], norm.ppf([(rank - 0.375) / 4.25 for rank in (1, 4, 2.5, 2.5)]), atol=1e-6)
    # Missing values score the middle.
    np.testing.assert_allclose(scores[1], [norm.ppf(0.625 / 3.25), 0, norm.ppf(2.625 / 3.25), 0], atol=1e-6)


def test_two_hundredths_are_a_correlation_of_about_9998() -> None:
    """The default distance in words, as the config has it: d² = 2 (1 - r) for scores of variance 1."""
    scores = norm.ppf((np.arange(1, 20_001) - 0.375) / 20_000.25)
    other = scores + np.random.default_rng(1).normal(0, 0.02, len(scores))
    assert np.sqrt(np.mean((scores - other) ** 2)) == pytest.approx(0.02, rel=0.02)
    assert np.corrcoef(scores, other)[0, 1] == pytest.approx(0.9998, abs=2e-5)


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=25))
def test_groups_are_what_pairs_connect_named_for_their_first_sample(samples: int, edges: list[tuple]) -> None:
    edges = [(one, two) for one, two in edges if max(one, two) < samples]
    leaders = groups_of([Pair(one, two, 0.0) for one, two in edges], samples)
    # Brute force: pass the lowest number along the edges until nothing changes.
    lowest = list(range(samples))
    for _ in range(samples):
        for one, two in edges:
            lowest[one] = lowest[two] = min(lowest[one], lowest[two])
    assert leaders.tolist() == lowest
