"""The training samples in shuffled batches, from memory or from disk.

What two pools can take is held and shuffled as a whole. More is read in pages of neighbouring rows: an epoch visits
the pages in a new random order, some dozens of them make a pool, and the batches are dealt from the shuffled pool,
while a thread reads the next one. So the targets are never in memory as a whole, the disk is read in long runs, and
a batch mixes samples from all over the file. The order depends on the seed and the epoch alone: a training that was
interrupted finds it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from landex.examples import Examples, ExampleSource
from landex.networks.network import Scale
from landex.threads import prefetched

# At 10,000 genes 2.5 MB of neighbours: long enough for a disk, and a pool has some hundred of them.
ROWS_OF_PAGE = 64


def bytes_of(source: ExampleSource) -> int:
    """Return the memory that inputs and targets of all samples take as float32."""
    return 4 * len(source.samples) * (source.landmarks + len(source.features))


@dataclass(frozen=True)
class Pool:
    """Samples on the device, and the order in which they are trained on.

    Attributes
    ----------
    inputs, targets
        Shapes (samples, landmarks) and (samples, targets), the targets in units of the network's output.
    measured
        Shape (samples, targets); None where every target is measured.
    order
        Rows, batch after batch.
    """

    inputs: tf.Tensor
    targets: tf.Tensor
    measured: tf.Tensor | None
    order: NDArray[np.int32]


class Pools:
    """Deals the training samples in batches, epoch after epoch.

    Parameters
    ----------
    source
        The training samples.
    scale
        From z-scores to the network's output.
    batch
        Samples of a batch; the last one of an epoch is smaller.
    seed
        Of the order.
    pool_bytes
        Most memory of a pool; three are alive at a time at most: in training, read ahead, and on its way to the device.
    """

    def __init__(self, source: ExampleSource, scale: Scale, batch: int, seed: int, pool_bytes: int) -> None:
        self._source, self._scale, self._batch, self._seed = source, scale, batch, seed
        self.samples = len(source.samples)
        self.steps = -(-self.samples // batch)
        size = bytes_of(source)
        self.in_memory = size <= 2 * pool_bytes
        # Whole batches, at least one.
        fitting = int(self.samples * pool_bytes / max(1, size)) // batch * batch
        self._rows = self.samples if self.in_memory else max(batch, fitting)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Pool]:
        """Yield the pools of an epoch (from 1) that hold the steps from `first_step` on.

        The first pool's order begins with that step.

        Raises
        ------
        UserError
            If a value is not finite, with its place.
        """
        random = np.random.default_rng([self._seed, epoch])
        first = first_step * self._batch
        if self.in_memory:
            order = random.permutation(self.samples)[first:]
            inputs, targets, measured = self._resident
            yield Pool(inputs, targets, measured, order.astype(np.int32))
            return
        pages = np.array_split(np.arange(self.samples), -(-self.samples // ROWS_OF_PAGE))
        visited = np.concatenate([pages[page] for page in random.permutation(len(pages))])
        shuffles = random.integers(1 << 32, size=-(-self.samples // self._rows))
        wanted = range(first // self._rows, len(shuffles))
        rows = (np.sort(visited[pool * self._rows : (pool + 1) * self._rows]) for pool in wanted)
        read = prefetched(self._on_device(self._source.take(some)) for some in rows)
        for pool, (inputs, targets, measured) in zip(wanted, read, strict=True):
            order = np.random.default_rng(shuffles[pool]).permutation(len(inputs))[max(0, first - pool * self._rows) :]
            yield Pool(inputs, targets, measured, order.astype(np.int32))

    @cached_property
    def _resident(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        return self._on_device(self._source.load())

    def _on_device(self, examples: Examples) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        measured = None if examples.complete else tf.constant(examples.measured)
        return tf.constant(examples.inputs), tf.constant(self._scale.to_output(examples.targets)), measured
