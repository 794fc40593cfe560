"""Predictions as a file: what a model says of samples it never saw, in every scaling."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from anndata.io import read_elem, write_elem

from landex.errors import UserError
from landex.files import atomic
from landex.h5ad import Block
from landex.vocabulary import SCALINGS


@dataclass(frozen=True)
class Predictions:
    """Predicted targets of a cohort.

    Attributes
    ----------
    scores
        By scaling, float32 z-scores of shape (samples, targets).
    samples, genes
        Names of rows and columns.
    """

    scores: Mapping[str, Block]
    samples: list[str]
    genes: list[str]

    def write(self, path: str | Path) -> None:
        """Write an HDF5 file: `samples`, `genes` and an array a scaling.

        Raises
        ------
        UserError
            If a prediction is not a finite number: it would count as no error.
        """
        for scaling, scores in self.scores.items():
            if not (finite := np.isfinite(scores)).all():
                row, column = np.argwhere(~finite)[0]
                raise UserError(
                    f"{path}: the model predicts no finite number for sample {self.samples[row]}, target "
                    f"{self.genes[column]} ({scaling} scaling); fit it again, with stronger penalties"
                )
        with atomic(path) as temporary, h5py.File(temporary, "w") as file:
            for scaling, scores in self.scores.items():
                file.create_dataset(scaling, data=scores, chunks=True, fletcher32=True)
            write_elem(file, "samples", np.array(self.samples, dtype=object))
            write_elem(file, "genes", np.array(self.genes, dtype=object))

    @classmethod
    def read(cls, path: str | Path) -> "Predictions":
        """Read what `write` wrote."""
        with h5py.File(path, "r") as file:
            scores = {scaling: file[scaling][:] for scaling in SCALINGS if scaling in file}
            return cls(scores, list(read_elem(file["samples"])), list(read_elem(file["genes"])))
