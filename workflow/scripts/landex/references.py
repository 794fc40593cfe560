"""The two references and the scaling that follows them: all that normalising learns, from training samples.

Inputs are normalised from the landmarks alone and truth over all genes, because a new profile has landmarks
only: were its landmarks normalised together with targets during training, they would land elsewhere at
inference.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.annotations import read_names, read_table, write_names, write_table
from landex.h5ad import Block, Matrix, open_matrix
from landex.harmonise import Method, by_quantiles
from landex.hdf5 import create_hdf5, open_hdf5
from landex.moments import Correlation, Moments
from landex.occupancy import Bins, Occupancy, OccupancyCounts
from landex.parts import rows_of_part
from landex.quantiles import Reference, Ties, mean_quantiles
from landex.scores import SideScores
from landex.threads import mapped_in_threads

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rules:
    """How references are learnt.

    Attributes
    ----------
    ties
        What tied values take, see `quantiles.Ties`.
    joint
        Whether inputs are normalised together with the targets, as in the paper, and not from landmarks alone.
    everything
        Whether all samples are learnt from, as in the paper, and not the training samples alone.
    added_deviation
        What is added to every standard deviation.
    """

    ties: Ties = "mean_rank"
    joint: bool = False
    everything: bool = False
    added_deviation: float = 0.0

    @classmethod
    def of(cls, preprocessing: str, ties: Ties) -> "Rules":
        """Return the rules of the config's `preprocessing`: `landex`, or `dgex` with the paper's own ties."""
        return cls("lower_rank", True, True, 1e-3) if preprocessing == "dgex" else cls(ties)

    def deviations(self, moments: Moments) -> Floats:
        """Return the deviations that features are divided by."""
        if self.added_deviation:
            return np.sqrt(moments.squares / np.maximum(moments.counts, 1)) + self.added_deviation
        return moments.deviations()


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

    def in_file(self, var: pd.DataFrame, method: Method, reference: Reference | None = None) -> SideScores:
        """Return what scores the samples of a file.

        Parameters
        ----------
        var
            The file's genes, as its index.
        method
            How samples are brought onto the reference.
        reference
            That of the genes that the file has, where it lacks some.
        """
        measured = pd.Index([gene for gene in self.genes if gene in var.index])
        return SideScores(
            var.index.get_indexer(measured),
            measured.get_indexer(self.features.index),
            self.reference if reference is None else reference,
            self.features["mean"].to_numpy(np.float32),
            self.features["deviation"].to_numpy(np.float32),
            method,
        )


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
    occupancy
        Where the landmarks lie on the inputs' reference: what gives the reference of some landmarks alone.
    rules
        How they were learnt.
    """

    inputs: Side
    truth: Side
    correlation: Floats
    occupancy: Occupancy
    rules: Rules = Rules()

    @property
    def features(self) -> pd.DataFrame:
        """A row a gene of a normalised matrix, in its order: landmarks, then targets."""
        return pd.concat([self.inputs.features, self.truth.features])

    def reference_of_landmarks(self, landmarks: list[str]) -> Reference:
        """Return the reference of landmarks that are ranked among themselves alone, shape (len(landmarks),).

        Parameters
        ----------
        landmarks
            Genes, in any order, at least one.
        """
        if len(landmarks) == len(self.inputs.genes):
            return self.inputs.reference
        return self.occupancy.reference_of(self.inputs.features.index.get_indexer(landmarks))

    def write(self, path: str | Path) -> None:
        """Write references.h5."""
        arrays = (self.correlation, self.occupancy.shares, self.inputs.reference, self.truth.reference)
        with create_hdf5(path, sum(array.nbytes for array in arrays)) as file:
            for name, side in (("inputs", self.inputs), ("truth", self.truth)):
                group = file.create_group(name)
                write_names(group, "genes", side.genes)
                group["reference"] = side.reference
                write_table(group, "features", side.features)
            file["correlation"] = self.correlation
            file["occupancy/values"] = self.occupancy.values
            file.create_dataset("occupancy/shares", data=self.occupancy.shares, compression="gzip", compression_opts=1)
            file.attrs["ties"] = self.rules.ties
            file.attrs["joint"] = self.rules.joint
            file.attrs["everything"] = self.rules.everything
            file.attrs["added_deviation"] = self.rules.added_deviation

    @classmethod
    def read(cls, path: str | Path) -> "References":
        """Read references.h5."""
        with open_hdf5(path) as file:
            inputs, truth = (
                Side(read_names(group, "genes"), group["reference"][()], read_table(group["features"]))
                for group in (file["inputs"], file["truth"])
            )
            said = file.attrs
            rules = Rules(said["ties"], bool(said["joint"]), bool(said["everything"]), float(said["added_deviation"]))
            occupancy = Occupancy(file["occupancy/values"][()], file["occupancy/shares"][()])
            return cls(inputs, truth, file["correlation"][()], occupancy, rules)


def fit_references(
    compendium: Matrix, roles: pd.DataFrame, training: NDArray[np.intp], rules: Rules | None = None, threads: int = 1
) -> References:
    """Learn the references, means and deviations from the training samples, in three passes over their blocks.

    Genes that are constant in training get a deviation of 1, so that their z-score is 0 there.

    Parameters
    ----------
    compendium
        log2 values.
    roles
        genes.tsv: role of every gene.
    training
        Rows of the training samples; no other row is read.
    rules
        How to learn.
    threads
        Threads; the result is the same with any number.
    """
    rules = rules or Rules()
    features = roles[roles["gene"].isin(compendium.var.index)].set_index("gene")
    landmarks = features[features["role"] == "landmark"]
    targets = features[features["role"] == "target"]
    every_gene = list(compendium.var.index)
    truth = _with_reference(compendium, every_gene, targets, training, threads)
    inputs = (
        Side(every_gene, truth.reference, _unscaled(landmarks))
        if rules.joint
        else _with_reference(compendium, list(landmarks.index), landmarks, training, threads)
    )
    inputs, truth = _with_moments(compendium, [inputs, truth], training, rules, threads)
    side = inputs.in_file(compendium.var, by_quantiles(rules.ties))
    bins = Bins.of(inputs.reference)

    def gathered(block: Block) -> tuple[Correlation, OccupancyCounts]:
        values = side.quantiles(block)
        return Correlation.of(side.standardised(values)), bins.counted(values)

    blocks = (block for _, block in compendium.blocks(training))
    total: tuple[Correlation, OccupancyCounts] | None = None
    for part in mapped_in_threads(gathered, blocks, threads):
        total = part if total is None else (total[0] + part[0], total[1] + part[1])
    assert total is not None
    return References(inputs, truth, total[0].shrunk(), total[1].occupancy(), rules)


def _with_reference(
    compendium: Matrix, genes: list[str], features: pd.DataFrame, training: NDArray[np.intp], threads: int
) -> Side:
    places = compendium.var.index.get_indexer(genes)
    blocks = (block if len(genes) == block.shape[1] else block[:, places] for _, block in compendium.blocks(training))
    return Side(genes, mean_quantiles(blocks, len(genes), threads), _unscaled(features))


def _unscaled(features: pd.DataFrame) -> pd.DataFrame:
    return features.assign(mean=0.0, deviation=1.0)


def _with_moments(
    compendium: Matrix, sides: list[Side], training: NDArray[np.intp], rules: Rules, threads: int
) -> list[Side]:
    """Learn mean and deviation of all sides' features in one pass."""
    scores = [side.in_file(compendium.var, by_quantiles(rules.ties)) for side in sides]

    def moments(block: Block) -> list[Moments]:
        return [Moments.of(side.quantiles(block)) for side in scores]

    total: list[Moments] | None = None
    for part in mapped_in_threads(moments, (block for _, block in compendium.blocks(training)), threads):
        total = part if total is None else [one + other for one, other in zip(total, part, strict=True)]
    assert total is not None
    return [
        Side(side.genes, side.reference, side.features.assign(mean=found.means, deviation=rules.deviations(found)))
        for side, found in zip(sides, total, strict=True)
    ]


def write_references(
    compendium: str | Path, genes: str | Path, split: str | Path, rules: Rules, threads: int, path: str | Path
) -> None:
    """Fit the references to the training part and write references.h5.

    Parameters
    ----------
    compendium
        compendium.h5ad.
    genes, split
        genes.tsv and split.tsv.
    rules, threads
        As in `fit_references`.
    path
        references.h5.
    """
    roles = pd.read_csv(genes, sep="\t", dtype=str, keep_default_na=False)
    with open_matrix(compendium) as matrix:
        fit_references(matrix, roles, _learnt_from(matrix, split, rules), rules, threads).write(path)


def _learnt_from(compendium: Matrix, split: str | Path, rules: Rules) -> NDArray[np.intp]:
    return np.arange(compendium.shape[0]) if rules.everything else rows_of_part(split, "training")


def subset_of_truth(
    compendium: Matrix,
    references: References,
    training: NDArray[np.intp],
    measured: list[str],
    threads: int = 1,
) -> Reference:
    """Return the truth reference of the genes that a cohort measures.

    It is the mean quantiles of the normalised training samples over just these genes, so that a gene lands where it
    lies in training although others are missing around it.

    Parameters
    ----------
    compendium
        log2 values of the compendium.
    references
        The frozen references.
    training
        Rows of the training samples.
    measured
        The measured genes of `truth`, in any order.
    threads
        Threads; the result is the same with any number.
    """
    side = references.truth
    if len(measured) == len(side.genes):
        return side.reference
    places = compendium.var.index.get_indexer(side.genes)
    chosen = pd.Index(side.genes).get_indexer(measured)
    onto = by_quantiles(references.rules.ties)
    blocks = (block for _, block in compendium.blocks(training))
    normalised = mapped_in_threads(lambda block: onto(block[:, places], side.reference)[:, chosen], blocks, threads)
    return mean_quantiles(normalised, len(measured), threads)
