"""`preprocessing: dgex`, from the paper's three kinds of files to z-scores, against its scripts step by step."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from papers_files import ARRAYS, COPIES, GENOMES, GTEX, LANDMARKS, TARGETS, PapersFiles, write_papers_files
from scipy.stats import rankdata

from landex.compendium import CompendiumFiles, Joining, write_compendium
from landex.genes import GeneTables
from landex.h5ad import open_matrix
from landex.matrix_cohort import MatrixSource, write_matrix_cohort
from landex.normalise import normalise_compendium, normalise_external
from landex.parts import assign_parts, write_parts
from landex.references import Rules, write_references
from landex.roles import GeneRoles, write_roles

SAMPLES, RNA_SAMPLES = 60, 12
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paper:
    """The paper's files in small, and what was made of them."""

    folder: Path
    files: PapersFiles

    @property
    def features(self) -> pd.DataFrame:
        return self.files.features

    def path(self, name: str) -> Path:
        return self.folder / name

    def of_features(self) -> Floats:
        """Return the mean of every feature's probes, shape (features, samples), as bgedv2.py does."""
        place = {probe: number for number, probe in enumerate(self.files.probes)}
        arrays = self.files.arrays.astype(np.float64).T
        return np.array(
            [arrays[[place[p] for p in probes.split(",")]].mean(axis=0) for probes in self.features["probes"]]
        )


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory, resources: Path) -> Paper:
    folder = tmp_path_factory.mktemp("paper")
    found = Paper(folder, write_papers_files(folder, resources, SAMPLES, RNA_SAMPLES))
    prepare(found, resources)
    return found


def prepare(paper: Paper, resources: Path) -> None:
    genes = resources / "genes"
    tables = GeneTables(genes / "ids.tsv.gz", genes / "landmarks.tsv", genes / "targets.tsv")
    arrays = MatrixSource("bged", str(paper.path(ARRAYS)), "log2", collapse="dgex", dgex_duplicates=True)
    write_matrix_cohort(arrays, tables, paper.path("bged.h5ad"), paper.path("bged.qc.tsv"))
    for name, file in (("gtex", GTEX), ("genomes", GENOMES)):
        source = MatrixSource(name, str(paper.path(file)), "log2", collapse="dgex")
        write_matrix_cohort(source, tables, paper.path(f"{name}.h5ad"), paper.path(f"{name}.qc.tsv"))
    files = CompendiumFiles(*map(paper.path, ("compendium.h5ad", "duplicates.tsv", "lost.tsv", "provenance.tsv")))
    cohorts = {name: paper.path(f"{name}.h5ad") for name in ("bged", "gtex", "genomes")}
    fates = {"bged": paper.path("bged.qc.tsv")}
    write_compendium({"bged": cohorts.pop("bged")}, cohorts, fates, Joining(distance=None), files)
    roles = GeneRoles(None, "dgex", str(tables.landmarks), str(tables.targets), by_features=True)
    write_roles(files.matrix, files.lost, roles, paper.path("genes.tsv"))
    write_parts(files.matrix, "sample", [0.8, 0.1, 0.1], 1, paper.path("split.tsv"))
    references = paper.path("references.h5")
    rules = Rules.of("dgex", "mean_rank")
    write_references(files.matrix, paper.path("genes.tsv"), paper.path("split.tsv"), rules, 2, references)
    normalise_compendium(files.matrix, references, paper.path("normalised.bged.h5ad"), 2)
    for name, cohort in cohorts.items():
        out = paper.path(f"normalised.{name}.h5ad")
        normalise_external(cohort, files.matrix, paper.path("split.tsv"), references, out, "distinct_ranks", 0.5, 2)


def quantiles_of(data: Floats) -> Floats:
    """Do what bgedv2_reqnorm.py does: mean quantiles over all samples, shape (features,)."""
    return np.sort(data, axis=0).mean(axis=1)


def scored(data: Floats) -> Floats:
    """Do what the _norm.py scripts do."""
    return (data - data.mean(axis=1, keepdims=True)) / (data.std(axis=1, keepdims=True) + 1e-3)


def read(path: Path, features: pd.DataFrame, layer: str = "X") -> Floats:
    """Return z-scores, shape (features, samples)."""
    with open_matrix(path) as matrix:
        return matrix.read(layer=layer)[:, matrix.var.index.get_indexer(features.index)].T.astype(np.float64)


def test_near_copies_fall_with_their_reason(paper: Paper) -> None:
    fates = pd.read_csv(paper.path("bged.qc.tsv"), sep="\t").set_index("sample")
    fallen = fates[fates["kept"] == 0]
    assert set(fallen.index) == {f"GSM{SAMPLES + copy}" for copy in range(COPIES)}
    for sample, reason in fallen["reason"].items():
        assert reason == f"a near-duplicate of GSM{int(str(sample)[3:]) - SAMPLES} (D-GEX's rule)"


def test_arrays_are_normalised_and_scored_jointly_over_all_samples_as_by_the_scripts(paper: Paper) -> None:
    fates = pd.read_csv(paper.path("bged.qc.tsv"), sep="\t")
    data = paper.of_features()[:, fates["kept"] == 1]
    quantiles = quantiles_of(data)
    ranks = (np.apply_along_axis(rankdata, 0, data) - 1).astype(int)
    expected = scored(quantiles[ranks])
    found = read(paper.path("normalised.bged.h5ad"), paper.features)
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize("cohort", ["gtex", "genomes"])
def test_rna_seq_takes_the_arrays_quantiles_at_its_distinct_ranks_and_its_own_scores(paper: Paper, cohort: str) -> None:
    fates = pd.read_csv(paper.path("bged.qc.tsv"), sep="\t")
    quantiles = quantiles_of(paper.of_features()[:, fates["kept"] == 1])
    # An overlapping target has its landmark's values: it is the same gene.
    first = paper.features["entrez"].drop_duplicates()
    place = [list(first).index(entrez) for entrez in paper.features["entrez"]]
    data = paper.files.rna[:, [paper.features["entrez"].tolist().index(entrez) for entrez in first]][:, place].T
    expected = np.empty_like(data)
    for sample in range(data.shape[1]):
        distinct = np.unique(data[:, sample])
        positions = (np.searchsorted(distinct, data[:, sample]) + 1.0) / len(distinct)
        expected[:, sample] = quantiles[(positions * len(data)).astype(int) - 1]
    found = read(paper.path(f"normalised.{cohort}.h5ad"), paper.features, "own")
    np.testing.assert_allclose(found, scored(expected), atol=2e-3)


def test_both_kinds_of_rna_files_say_the_same(paper: Paper) -> None:
    one, two = (read(paper.path(f"normalised.{name}.h5ad"), paper.features) for name in ("gtex", "genomes"))
    np.testing.assert_array_equal(one, two)


def test_features_have_their_roles_and_overlapping_ones_are_marked(paper: Paper) -> None:
    roles = pd.read_csv(paper.path("genes.tsv"), sep="\t", dtype=str).set_index("gene")
    used = roles[roles["role"] != "unused"]
    assert used["role"].value_counts().to_dict() == {"landmark": LANDMARKS, "target": TARGETS}
    assert set(used.index[used["overlapping"] == "1"]) == set(paper.features.index[paper.features["overlapping"]])


def test_the_split_of_111009_samples_is_the_papers() -> None:
    parts = assign_parts([f"s{row}" for row in range(111_009)], [0.8, 0.1, 0.1], 1)
    counts = {part: int((parts == part).sum()) for part in np.unique(parts)}
    assert counts["training"] == 88_807
    assert counts["select"] + counts["calibrate"] == 11_101
    assert counts["test"] == 11_101
