"""The two references and the scaling that follows them: all that normalising learns, from training samples.

Inputs are normalised from the landmarks alone and truth over all genes, because a new profile has landmarks
only: were its landmarks normalised together with targets during training, they would land elsewhere at
inference.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem, write_elem
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from landex.files import atomic
from landex.h5ad import Block, Matrix, open_matrix
from landex.parts import rows_of_part
from landex.quantiles import Reference, map_onto, mean_quantiles

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Side:
    """What normalises one side: inputs (landmarks) or truth (targets).

    Attributes
    ----------
    genes
        The genes over which samples are ranked: landmarks alone, or all genes (landmarks, targets, unused).
    reference
        Mean quantiles of the training samples over `genes`, shape (len(genes),).
    features
        A row a feature (the landmarks, or the targets): gene (index), symbol, ensembl, cmap, role,
        overlapping, mean and deviation of the normalised training values.
    """

    genes: list[str]
    reference: Reference
    features: pd.DataFrame

    def standardise(self, quantiles: Block) -> Block:
        """Turn features in quantile units, shape (rows, features), into z-scores of the training samples."""
        mean = self.features["mean"].to_numpy(np.float32)
        deviation = self.features["deviation"].to_numpy(np.float32)
        return (quantiles - mean) / deviation


@dataclass(frozen=True)
class References:
    """Frozen statistics of the training samples.

    Attributes
    ----------
    inputs, truth
        The two sides.
    correlation
        Correlation of the landmarks' z-scores, shrunk (Ledoit & Wolf 2004), shape (landmarks, landmarks):
        what fills a missing landmark from those that are there.
    """

    inputs: Side
    truth: Side
    correlation: Floats

    def write(self, path: str | Path) -> None:
        """Write references.h5."""
        with atomic(path) as temporary, h5py.File(temporary, "w") as file:
            for name, side in (("inputs", self.inputs), ("truth", self.truth)):
                group = file.create_group(name)
                write_elem(group, "genes", np.array(side.genes, dtype=object))
                write_elem(group, "reference", side.reference)
                write_elem(group, "features", side.features)
            write_elem(file, "correlation", self.correlation)

    @classmethod
    def read(cls, path: str | Path) -> "References":
        """Read references.h5."""
        with h5py.File(path, "r") as file:
            inputs, truth = (
                Side(
                    list(read_elem(group["genes"])),
                    read_elem(group["reference"]),
                    read_elem(group["features"]),
                )
                for group in (file["inputs"], file["truth"])
            )
            return cls(inputs, truth, read_elem(file["correlation"]))


def fit_references(compendium: Matrix, roles: pd.DataFrame, training: NDArray[np.intp]) -> References:
    """Learn the references, means and deviations from the training samples.

    Genes that are constant in training get a deviation of 1, so that their z-score is 0 there.

    Parameters
    ----------
    compendium
        log2 values.
    roles
        genes.tsv: role of every gene.
    training
        Rows of the training samples; no other row is read.
    """
    features = roles[roles["gene"].isin(compendium.var.index)].set_index("gene")
    landmarks = features[features["role"] == "landmark"]
    targets = features[features["role"] == "target"]
    inputs = _fit_side(compendium, list(landmarks.index), landmarks, training)
    truth = _fit_side(compendium, list(compendium.var.index), targets, training)
    scores = np.concatenate([inputs.standardise(block) for block in _normalised(compendium, inputs, training)])
    # A missing training value counts as its gene's mean.
    covariance, _ = ledoit_wolf(np.nan_to_num(scores))
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    return References(inputs, truth, covariance / np.outer(deviation, deviation))


def _fit_side(compendium: Matrix, genes: list[str], features: pd.DataFrame, training: NDArray[np.intp]) -> Side:
    places = compendium.var.index.get_indexer(genes)
    reference = mean_quantiles((block[:, places] for _, block in compendium.blocks(training)), len(genes))
    side = Side(genes, reference, features)
    mean, deviation = _moments(lambda: _normalised(compendium, side, training))
    return Side(genes, reference, features.assign(mean=mean, deviation=deviation))


def _normalised(compendium: Matrix, side: Side, rows: NDArray[np.intp]) -> Iterator[Block]:
    """Yield the features of rows in quantile units, in blocks."""
    places = compendium.var.index.get_indexer(side.genes)
    of_features = pd.Index(side.genes).get_indexer(side.features.index)
    for _, block in compendium.blocks(rows):
        yield map_onto(block[:, places], side.reference)[:, of_features]


def _moments(blocks: Callable[[], Iterator[Block]]) -> tuple[Floats, Floats]:
    """Return mean and deviation of every column, leaving out missing values; two passes for precision."""
    sums = [(np.sum(~np.isnan(block), axis=0), np.nansum(block, axis=0, dtype=np.float64)) for block in blocks()]
    count = np.maximum(np.sum([part[0] for part in sums], axis=0), 1)
    mean = np.sum([part[1] for part in sums], axis=0) / count
    deviation = np.sqrt(sum(np.nansum((block - mean) ** 2, axis=0) for block in blocks()) / count)
    # Rounding leaves a constant gene a deviation of about 1e-7 instead of 0.
    return mean, np.where(deviation > 1e-5, deviation, 1.0)


def write_references(compendium: str | Path, genes: str | Path, split: str | Path, path: str | Path) -> None:
    """Fit the references to the training part and write references.h5.

    Parameters
    ----------
    compendium
        compendium.h5ad.
    genes, split
        genes.tsv and split.tsv.
    path
        references.h5.
    """
    roles = pd.read_csv(genes, sep="\t", dtype=str, keep_default_na=False)
    with open_matrix(compendium) as matrix:
        fit_references(matrix, roles, rows_of_part(split, "training")).write(path)


def subset_references(
    compendium: Matrix, references: References, training: NDArray[np.intp], sides: Mapping[str, list[str]]
) -> dict[str, Reference]:
    """Return the references of the genes that a cohort measures.

    They are the mean quantiles of the normalised training samples over just these genes, so that a gene
    lands where it lies in training although others are missing around it.

    Parameters
    ----------
    compendium
        log2 values of the compendium.
    references
        The frozen references.
    training
        Rows of the training samples.
    sides
        The measured genes of `inputs` and of `truth`, in any order.
    """
    found = {}
    for name, side in (("inputs", references.inputs), ("truth", references.truth)):
        measured = sides[name]
        if len(measured) == len(side.genes):
            found[name] = side.reference
            continue
        places = compendium.var.index.get_indexer(side.genes)
        chosen = pd.Index(side.genes).get_indexer(measured)
        blocks = (map_onto(block[:, places], side.reference)[:, chosen] for _, block in compendium.blocks(training))
        found[name] = mean_quantiles(blocks, len(measured))
    return found
