"""Units of evidence: what counts as one independent observation of a model's errors."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# Wilcoxon's signed ranks cannot fall below .05 with five pairs, and a bootstrap of so few repeats itself.
FEWEST_SERIES = 6


def bound_together(samples: pd.DataFrame) -> NDArray[np.intp]:
    """Return, sample by sample, the number of the set that it is bound to, from 0 in their order, shape (samples,).

    Samples of one series are bound together, and so are those of one group: series that share a superseries or samples,
    or what the user said.

    Parameters
    ----------
    samples
        With columns series and group.
    """
    series, names = pd.factorize(samples["series"].astype(str).to_numpy())
    group, groups = pd.factorize(samples["group"].astype(str).to_numpy())
    edges = (np.ones(len(samples)), (series, len(names) + group))
    size = len(names) + len(groups)
    _, component = connected_components(coo_matrix(edges, shape=(size, size)), directed=False)
    codes, _ = pd.factorize(component[series])
    return codes


@dataclass(frozen=True)
class Units:
    """Samples of a cohort, dealt to units.

    Attributes
    ----------
    kind
        `series` (those of one group being one), or `samples` where there are fewer than six: then samples of one
        series, which resemble each other, count as independent, and what follows is more certain than it should be.
    codes
        Shape (samples,): the unit of each, from 0.
    """

    kind: str
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, samples: pd.DataFrame) -> "Units":
        """Deal samples, with columns series and group, to units."""
        codes = bound_together(samples)
        if codes.max(initial=-1) + 1 < FEWEST_SERIES:
            return cls("samples", np.arange(len(codes)))
        return cls("series", codes)

    @property
    def count(self) -> int:
        """Number of units."""
        return int(self.codes.max()) + 1 if len(self.codes) else 0

    def sums(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        """Sum columns (samples) by unit, shape (rows, units)."""
        if self.kind == "samples":
            return values.astype(np.float64)
        order = np.argsort(self.codes, kind="stable")
        starts = np.flatnonzero(np.diff(self.codes[order], prepend=-1))
        return np.add.reduceat(values[:, order], starts, axis=1, dtype=np.float64)
