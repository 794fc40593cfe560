"""D-GEX's rule for near-duplicates, against its description step by step."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from landex.dgex_duplicates import near_duplicates
from landex.formats.matrix_file import Content, TableInMemory


def file_of(values: NDArray[np.floating]) -> TableInMemory:
    samples, genes = (
        [f"{prefix}{number}" for number in range(count)] for prefix, count in zip("sg", values.shape, strict=True)
    )
    return TableInMemory(Path("any"), Content.of(samples, genes), values.T)


def test_a_sample_near_an_earlier_one_falls_even_if_that_one_has_fallen(
    tmp_path: Path,
) -> None:
    # A chain of steps of less than 1, then one of exactly 1, and one far away.
    values = np.zeros((5, 4), np.float32)
    values[:, 0] = [0, 0.75, 1.5, 2.5, 50]
    assert near_duplicates(file_of(values), np.ones(5, bool), tmp_path) == {1: 0, 2: 1}


def test_in_one_cluster_exactly_the_samples_near_an_earlier_one_fall_across_blocks(
    tmp_path: Path, groups: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landex.dgex_duplicates._ROWS", 128)
    found = near_duplicates(file_of(groups), np.ones(600, bool), tmp_path)
    assert found == brute_force(groups.astype(np.float64))


def brute_force(values: NDArray[np.floating]) -> dict[int, int]:
    fallen: dict[int, int] = {}
    for later in range(len(values)):
        for earlier in range(later):
            if np.linalg.norm(values[later] - values[earlier]) < 1:
                fallen[later] = earlier
                break
    return fallen


@pytest.fixture(scope="module")
def groups() -> NDArray[np.float32]:
    """Return 600 samples in 60 tight groups far from each other, so that no cluster's border cuts one."""
    random = np.random.default_rng(1)
    centres = random.normal(0, 40, (60, 12))
    values = centres[random.integers(0, 60, 600)] + random.normal(0, 0.12, (600, 12))
    return values.astype(np.float32)


def test_in_several_clusters_only_samples_near_an_earlier_one_fall_and_most_of_them(
    tmp_path: Path, groups: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A batch of 60 makes ten clusters of 600 samples.
    monkeypatch.setattr("landex.dgex_duplicates._BATCH", 60)
    expected = brute_force(groups.astype(np.float64))
    assert 400 < len(expected) < 600
    found = near_duplicates(file_of(groups), np.ones(600, bool), tmp_path)
    # A cluster's border may part a group.
    assert set(found) <= set(expected)
    for later, earlier in found.items():
        assert earlier < later
        assert np.linalg.norm(groups[later] - groups[earlier]) < 1
    assert len(found) > 0.8 * len(expected)
    assert list(tmp_path.iterdir()) == []


def test_samples_that_do_not_take_part_neither_fall_nor_fell_others(
    tmp_path: Path, groups: NDArray[np.float32]
) -> None:
    kept = np.arange(600) % 3 > 0
    found = near_duplicates(file_of(groups), kept, tmp_path)
    assert found
    assert kept[list(found)].all()
    assert kept[list(found.values())].all()


def test_the_same_samples_fall_every_time(tmp_path: Path, groups: NDArray[np.float32]) -> None:
    one, two = (near_duplicates(file_of(groups), np.ones(600, bool), tmp_path) for _ in range(2))
    assert one == two


def test_no_samples_have_no_duplicates(tmp_path: Path) -> None:
    assert near_duplicates(file_of(np.zeros((3, 2))), np.zeros(3, bool), tmp_path) == {}
