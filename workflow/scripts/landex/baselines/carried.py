"""Training samples that a model carries with it and predicts from: landmarks in memory, targets in blocks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from landex.annotations import read_names, write_names
from landex.examples import ROWS_OF_BLOCK, ExampleSource, Mask
from landex.h5ad import Block
from landex.threads import prefetched

# Targets of some consecutive samples, 0 where not measured, and what was measured; None if all was.
TargetBlocks = Callable[[], Iterator[tuple[Block, Mask | None]]]

# Rows of a stored chunk: at 10,000 targets 2.5 MB, so that reading consecutive blocks is one sweep over the file.
_CHUNK_ROWS = 64


@dataclass(frozen=True)
class CarriedSamples:
    """Training samples.

    Attributes
    ----------
    inputs
        Shape (samples, landmarks), float32.
    samples
        Their names.
    counts
        Of how many samples each target was measured, shape (targets,).
    target_blocks
        Reads the targets, shape (samples, targets), in blocks of consecutive samples.
    """

    inputs: Block
    samples: list[str]
    counts: NDArray[np.int64]
    target_blocks: TargetBlocks

    @classmethod
    def of(cls, training: ExampleSource) -> Self:
        """Carry examples, whose targets stay where they are.

        Raises
        ------
        UserError
            If a value is not finite, with its place.
        """
        # Copied row by row into one array: views would keep the blocks alive, targets and all.
        inputs = np.empty((len(training.samples), training.landmarks), np.float32)
        counts = np.zeros(len(training.features), np.int64)
        start = 0
        for block in prefetched(training.blocks()):
            inputs[start : start + len(block.inputs)] = block.inputs
            start += len(block.inputs)
            counts += block.measured.sum(axis=0)

        def target_blocks() -> Iterator[tuple[Block, Mask | None]]:
            for block in training.blocks():
                if block.complete:
                    yield block.targets, None
                else:
                    yield np.where(block.measured, block.targets, np.float32(0)), block.measured

        return cls(inputs, list(training.samples), counts, target_blocks)

    @property
    def features(self) -> int:
        """Number of targets."""
        return len(self.counts)

    @property
    def size(self) -> int:
        """Number of values carried."""
        return len(self.samples) * (self.inputs.shape[1] + self.features)

    def weighted_sums(self, weights: "Block | csr_matrix") -> Block:
        """Return weights @ targets, shape (queries, targets), for float32 weights of shape (queries, samples).

        A value that was not measured counts as 0, the gene's mean.
        """
        sums = np.zeros((weights.shape[0], self.features), np.float32)
        for some, targets, _ in self._blocks(weights):
            sums += some @ targets
        return sums

    def weighted_means(self, weights: "Block | csr_matrix") -> Block:
        """Return means of the measured targets, shape (queries, targets); weights as above, none below 0.

        0, the gene's mean, where none of the weighted samples has the target measured.
        """
        sums = np.zeros((weights.shape[0], self.features), np.float32)
        # Weights of samples with every target measured, and by target of the others.
        complete = np.zeros((weights.shape[0], 1), np.float32)
        partial: Block | None = None
        for some, targets, measured in self._blocks(weights):
            sums += some @ targets
            if measured is None:
                complete += np.asarray(some.sum(axis=1)).reshape(-1, 1)
            else:
                partial = np.zeros_like(sums) if partial is None else partial
                partial += some @ measured.astype(np.float32)
        totals = complete if partial is None else complete + partial
        # Where the weights add up to 0, so do the weighted values.
        return np.divide(sums, totals, out=sums, where=totals > 0)

    def _blocks(self, weights: "Block | csr_matrix") -> Iterator[tuple["Block | csr_matrix", Block, Mask | None]]:
        """Yield the weights that go with a block of targets, and the block."""
        start = 0
        for targets, measured in prefetched(self.target_blocks()):
            yield weights[:, start : start + len(targets)], targets, measured
            start += len(targets)

    def write(self, group: h5py.Group) -> None:
        """Store the samples in an open HDF5 group, block by block."""
        group["inputs"] = self.inputs
        group["counts"] = self.counts
        write_names(group, "samples", self.samples)
        shape = (len(self.samples), self.features)
        chunks = (min(_CHUNK_ROWS, shape[0]), self.features)
        stored = group.create_dataset("targets", shape, np.float32, chunks=chunks, fletcher32=True)
        start = 0
        for targets, measured in prefetched(self.target_blocks()):
            place = slice(start, start + len(targets))
            start += len(targets)
            stored[place] = targets
            if measured is not None:
                # True where nothing is written: only blocks with gaps take room.
                mask = group.require_dataset(
                    "measured", shape, bool, chunks=chunks, compression="gzip", fletcher32=True, fillvalue=True
                )
                mask[place] = measured

    @classmethod
    def read(cls, group: h5py.Group) -> Self:
        """Load what `write` stored; targets stay in the file, which the caller keeps open."""
        targets, mask = group["targets"], group.get("measured")

        def target_blocks() -> Iterator[tuple[Block, Mask | None]]:
            for start in range(0, len(targets), ROWS_OF_BLOCK):
                place = slice(start, start + ROWS_OF_BLOCK)
                measured = None if mask is None else mask[place]
                yield targets[place], None if measured is None or measured.all() else measured

        return cls(group["inputs"][:], read_names(group, "samples"), group["counts"][:], target_blocks)
