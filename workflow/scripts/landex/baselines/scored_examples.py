"""Samples whose targets stand as normal scores instead of z-scores."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.examples import ROWS_OF_BLOCK, Examples, ExampleSource
from landex.normal_scores import NormalScores


@dataclass(frozen=True)
class ScoredExamples:
    """Samples with normal scores of their targets; see `ExampleSource`.

    Attributes
    ----------
    source
        The samples, with z-scores.
    scale
        What makes normal scores of them.
    """

    source: ExampleSource
    scale: NormalScores

    @property
    def samples(self) -> list[str]:
        """Names of the samples."""
        return self.source.samples

    @property
    def features(self) -> pd.DataFrame:
        """A row a target."""
        return self.source.features

    @property
    def landmarks(self) -> int:
        """Number of landmarks."""
        return self.source.landmarks

    def blocks(self, rows: int = ROWS_OF_BLOCK) -> Iterator[Examples]:
        """Yield consecutive samples; see `ExampleSource`."""
        for block in self.source.blocks(rows):
            yield self._of(block)

    def load(self) -> Examples:
        """Return all samples in memory."""
        return self._of(self.source.load())

    def take(self, rows: NDArray[np.intp]) -> Examples:
        """Return some samples in memory."""
        return self._of(self.source.take(rows))

    def _of(self, block: Examples) -> Examples:
        return replace(block, targets=np.where(block.measured, self.scale.to_scores(block.targets), 0))
