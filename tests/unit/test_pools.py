"""The order of the training samples: every sample once an epoch, mixed, the same again from anywhere."""

from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.errors import UserError
from landex.examples import Examples, StoredExamples
from landex.h5ad import open_matrix, write_matrix
from landex.networks.network import OutputScale
from landex.networks.pools import Pools, bytes_of

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")

MakeExamples = Callable[..., Examples]
SAMPLES = 700


@pytest.fixture
def examples(make_examples: MakeExamples) -> Examples:
    """Return samples whose first landmark is their number, and their first target the same."""
    numbers = np.arange(SAMPLES, dtype=np.float32)
    return make_examples(np.stack([numbers, -numbers], 1), np.stack([numbers, 2 * numbers, 3 * numbers], 1))


def pools_of(source: Examples | StoredExamples, pool_bytes: int, batch: int = 20) -> Pools:
    return Pools(source, OutputScale.identity(3), batch, 5, pool_bytes)


def visited(pools: Pools, epoch: int, first_step: int = 0) -> list[NDArray[np.float32]]:
    """Return the samples' numbers pool by pool, in the order of training."""
    found = []
    for pool in pools.epoch(epoch, first_step):
        inputs, targets = pool.inputs.numpy()[pool.order], pool.targets.numpy()[pool.order]
        np.testing.assert_array_equal(targets, inputs[:, :1] * [1, 2, 3])
        found.append(inputs[:, 0])
    return found


@pytest.mark.parametrize("pool_bytes", [1 << 20, 3000, 1])
def test_an_epoch_visits_every_sample_once_in_whole_batches(examples: Examples, pool_bytes: int) -> None:
    pools = pools_of(examples, pool_bytes)
    found = visited(pools, 1)
    assert sorted(chain(*found)) == list(range(SAMPLES))
    assert pools.steps == 35
    assert all(len(pool) % 20 == 0 for pool in found[:-1])
    assert pools.in_memory == (len(found) == 1) == (pool_bytes == 1 << 20)
    # 20 bytes a sample: a pool never takes more, but for a single batch.
    assert max(map(len, found)) <= max(20, pool_bytes // 20)


@pytest.mark.parametrize("pool_bytes", [1 << 20, 3000])
def test_epochs_differ_and_come_again_with_the_seed(examples: Examples, pool_bytes: int) -> None:
    one, two, again = (np.concatenate(visited(pools_of(examples, pool_bytes), epoch)).tolist() for epoch in (1, 2, 1))
    assert one == again
    assert one != two


@pytest.mark.parametrize("pool_bytes", [1 << 20, 3000])
@pytest.mark.parametrize("first_step", [0, 1, 6, 7, 8, 34])
def test_an_epoch_goes_on_from_any_step(examples: Examples, pool_bytes: int, first_step: int) -> None:
    pools = pools_of(examples, pool_bytes)
    whole, rest = (np.concatenate(visited(pools, 3, step)) for step in (0, first_step))
    np.testing.assert_array_equal(rest, whole[20 * first_step :])


def test_batches_from_disk_mix_samples_from_all_over_the_file(examples: Examples) -> None:
    # Seven batches a pool of 64-row pages.
    batches = np.concatenate(visited(pools_of(examples, 3000), 1)).reshape(-1, 20)
    # Neighbours of a page alone would span 64.
    spans = batches.max(axis=1) - batches.min(axis=1)
    assert np.median(spans) > 150
    assert np.mean([len(set(batch // 64)) for batch in batches]) > 2


def test_a_file_gives_what_memory_gives(examples: Examples, tmp_path: Path) -> None:
    values = np.concatenate([examples.inputs, examples.targets], axis=1)
    var = pd.DataFrame({"role": ["landmark"] * 2 + ["target"] * 3}, index=[f"g{column}" for column in range(5)])
    measured = np.ones(values.shape, bool)
    measured[3, 4] = False
    write_matrix(tmp_path / "m.h5ad", pd.DataFrame(index=examples.samples), var, values, {"measured": measured})
    with open_matrix(tmp_path / "m.h5ad") as matrix:
        stored = StoredExamples(matrix)
        assert bytes_of(stored) == bytes_of(examples) == SAMPLES * 20
        in_memory, from_disk = (list(pools_of(source, 3000).epoch(1)) for source in (examples, stored))
        for one, two in zip(in_memory, from_disk, strict=True):
            np.testing.assert_array_equal(one.order, two.order)
            np.testing.assert_array_equal(one.targets.numpy(), two.targets.numpy())
        # Only the pool with the gap carries a mask, and it has the gap at its sample.
        masks = [pool for pool in from_disk if pool.measured is not None]
        (row,) = np.flatnonzero(~masks[0].measured.numpy().all(axis=1))
        assert masks[0].inputs.numpy()[row, 0] == 3


def test_some_targets_are_read_alone(examples: Examples, tmp_path: Path) -> None:
    values = np.concatenate([examples.inputs, examples.targets], axis=1)
    var = pd.DataFrame({"role": ["landmark"] * 2 + ["target"] * 3}, index=[f"g{column}" for column in range(5)])
    layers = {"measured": np.ones(values.shape, bool)}
    write_matrix(tmp_path / "m.h5ad", pd.DataFrame(index=examples.samples), var, values, layers)
    with open_matrix(tmp_path / "m.h5ad") as matrix:
        some = StoredExamples(matrix, np.arange(10, 690, 3), targets=slice(1, 3))
        assert some.features.index.tolist() == ["g3", "g4"]
        np.testing.assert_array_equal(some.load().targets, examples.targets[10:690:3, 1:])
        np.testing.assert_array_equal(some.take(np.array([0, 5, 100])).targets, examples.targets[[10, 25, 310], 1:])
        blocks = list(some.blocks(100))
        np.testing.assert_array_equal(np.concatenate([block.inputs for block in blocks]), examples.inputs[10:690:3])


def test_a_value_that_is_not_finite_is_named(examples: Examples) -> None:
    examples.targets[123, 1] = np.nan
    with pytest.raises(UserError, match=r"s123.*t1"):
        visited(pools_of(examples, 3000), 1)
