"""From a compendium to z-scores through files, for samples and cohorts that nothing was learnt from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.errors import UserError
from landex.examples import StoredExamples, read_parts
from landex.h5ad import open_matrix, write_matrix
from landex.normalise import normalise_compendium, normalise_external
from landex.parts import rows_of_part, write_parts
from landex.quantiles import map_onto, mean_quantiles
from landex.references import References, Rules, write_references
from landex.roles import GeneRoles, write_roles
from landex.scores import LandmarkFiller

SAMPLES, EXTERNAL_SAMPLES = 60, 12
LANDMARKS, TARGETS = 20, 40


@dataclass(frozen=True)
class Chain:
    """The files of a small run, and the values that it began from."""

    folder: Path
    genes: list[str]
    values: NDArray[np.float32]

    def path(self, name: str) -> Path:
        return self.folder / name

    def normalised(self, name: str) -> Path:
        return self.folder / f"normalised.{name}.h5ad"


def genes_of(resources: Path) -> list[str]:
    """Return Entrez ids of 20 landmarks and of 40 targets that are no landmarks."""
    landmarks = pd.read_csv(resources / "genes/landmarks.tsv", sep="\t", dtype=str)["entrez"]
    targets = pd.read_csv(resources / "genes/targets.tsv", sep="\t", dtype=str).query("landmark_gene == '0'")["entrez"]
    return [*landmarks[:LANDMARKS], *targets.drop_duplicates()[:TARGETS]]


def expression(seed: int, samples: int, genes: int) -> NDArray[np.float32]:
    """Return values of genes that move together, each at a level of its own."""
    random = np.random.default_rng(seed)
    levels, loadings = np.random.default_rng(0).normal(7, 2, genes), np.random.default_rng(1).normal(0, 1, (4, genes))
    noise = random.normal(0, 0.4, (samples, genes))
    return (levels + random.normal(0, 1, (samples, 4)) @ loadings + noise).astype(np.float32)


def write_cohort(path: Path, genes: list[str], values: NDArray[np.float32], prefix: str) -> Path:
    obs = pd.DataFrame(
        {"source": prefix, "series": prefix, "group": prefix},
        index=pd.Index([f"{prefix}{row}" for row in range(len(values))], name="sample"),
    )
    var = pd.DataFrame(
        {"symbol": [f"S{gene}" for gene in genes], "ensembl": "", "mapped": True}, index=pd.Index(genes, name="gene")
    )
    write_matrix(path, obs, var, values)
    return path


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, resources: Path) -> Chain:
    """Run roles, split, references and normalise on a small compendium with a few missing values."""
    folder = tmp_path_factory.mktemp("chain")
    genes = genes_of(resources)
    order = np.random.default_rng(7).permutation(len(genes))
    genes = [genes[place] for place in order]
    values = expression(2, SAMPLES, len(genes))
    values[3, 5] = values[40, 11] = np.nan
    found = Chain(folder, genes, values)
    write_cohort(found.path("compendium.h5ad"), genes, values, "s")
    genes = str(resources / "genes/landmarks.tsv"), str(resources / "genes/targets.tsv")
    lists = GeneRoles(genes[0], "measured", *genes)
    found.path("lost_genes.tsv").write_text("gene\tsymbol\tensembl\tmapped\tmissing_from\n")
    write_roles(found.path("compendium.h5ad"), found.path("lost_genes.tsv"), lists, found.path("genes.tsv"))
    write_parts(found.path("compendium.h5ad"), "sample", [0.7, 0.15, 0.15], 1, found.path("split.tsv"))
    write_references(
        found.path("compendium.h5ad"),
        found.path("genes.tsv"),
        found.path("split.tsv"),
        Rules(),
        2,
        found.path("references.h5"),
    )
    normalise_compendium(found.path("compendium.h5ad"), found.path("references.h5"), found.normalised("compendium"))
    return found


@pytest.fixture(scope="module")
def normalise_cohort(chain: Chain) -> Callable[..., Path]:
    """Write an external cohort and normalise it against the chain's references."""

    def run(name: str, genes: list[str], values: NDArray[np.float32], optional: bool = False) -> Path:
        cohort = write_cohort(chain.path(f"{name}.h5ad"), genes, values, name)
        normalise_external(
            cohort,
            chain.path("compendium.h5ad"),
            chain.path("split.tsv"),
            chain.path("references.h5"),
            chain.normalised(name),
            optional=optional,
        )
        return chain.normalised(name)

    return run


def test_training_z_scores_have_mean_0_and_deviation_1_and_others_do_not_move_them(chain: Chain) -> None:
    training = rows_of_part(chain.path("split.tsv"), "training")
    assert len(training) == 42
    with open_matrix(chain.normalised("compendium")) as matrix:
        scores, measured = matrix.read(training), matrix.read(training, "measured")
    scores = np.where(measured, scores, np.nan).astype(np.float64)
    np.testing.assert_allclose(np.nanmean(scores, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(scores, axis=0), 1, rtol=1e-5)


def test_landmarks_come_first_then_targets_with_what_was_measured(chain: Chain) -> None:
    with open_matrix(chain.normalised("compendium")) as matrix:
        assert matrix.var["role"].tolist() == ["landmark"] * LANDMARKS + ["target"] * TARGETS
        assert set(matrix.var.index) == set(chain.genes)
        assert matrix.obs.index.tolist() == [f"s{row}" for row in range(SAMPLES)]
        measured, place = matrix.read(layer="measured"), matrix.var.index.get_indexer(chain.genes)
        np.testing.assert_array_equal(measured[:, place].astype(bool), ~np.isnan(chain.values))
        assert np.isfinite(matrix.read()).all()


def test_truth_is_ranked_over_all_genes_and_inputs_over_landmarks_alone(chain: Chain) -> None:
    training = rows_of_part(chain.path("split.tsv"), "training")
    roles = pd.read_csv(chain.path("genes.tsv"), sep="\t", dtype=str).set_index("gene")["role"]
    landmark = np.array([roles[gene] == "landmark" for gene in chain.genes])
    with open_matrix(chain.normalised("compendium")) as matrix:
        scores, index = matrix.read(), matrix.var.index
    row = int(rows_of_part(chain.path("split.tsv"), "test")[0])
    for ranked, features in ((landmark, landmark), (np.ones(len(landmark), bool), ~landmark)):
        values = chain.values[:, ranked]
        reference = mean_quantiles([values[training]], int(ranked.sum()))
        mapped = map_onto(values, reference)[:, features[ranked]].astype(np.float64)
        mean, deviation = np.nanmean(mapped[training], axis=0), np.nanstd(mapped[training], axis=0)
        place = index.get_indexer(np.array(chain.genes)[features])
        np.testing.assert_allclose(scores[row, place], ((mapped - mean) / deviation)[row], rtol=1e-3, atol=1e-4)


def test_examples_read_the_parts_of_the_split(chain: Chain) -> None:
    parts = read_parts(chain.normalised("compendium"), chain.path("split.tsv"), "training", "select", "test")
    split = pd.read_csv(chain.path("split.tsv"), sep="\t").set_index("sample")["part"]
    for examples, part in zip(parts, ("training", "select", "test"), strict=True):
        assert examples.samples == split.index[split == part].tolist()
        assert examples.inputs.shape == (len(examples.samples), LANDMARKS)
        assert examples.targets.shape == examples.measured.shape == (len(examples.samples), TARGETS)


def test_a_cohort_of_all_genes_is_scored_like_samples_of_the_compendium(
    chain: Chain, normalise_cohort: Callable[..., Path]
) -> None:
    rows = rows_of_part(chain.path("split.tsv"), "test")
    backwards = slice(None, None, -1)
    path = normalise_cohort("same", chain.genes[backwards], chain.values[rows][:, backwards])
    with open_matrix(path) as external, open_matrix(chain.normalised("compendium")) as compendium:
        np.testing.assert_array_equal(external.read(), compendium.read(rows))
        assert external.var.index.tolist() == compendium.var.index.tolist()


def test_own_scaling_has_mean_0_and_deviation_1_for_every_measured_feature(
    chain: Chain, normalise_cohort: Callable[..., Path]
) -> None:
    chosen = [*range(0, 60, 3), *range(1, 60, 3)]
    values = expression(3, EXTERNAL_SAMPLES, len(chain.genes))[:, chosen] * 1.7 + 2
    values[4, 2] = values[7, 30] = np.nan
    path = normalise_cohort("own", [chain.genes[place] for place in chosen], values)
    with open_matrix(path) as matrix:
        own, measured = matrix.read(layer="own").astype(np.float64), matrix.read(layer="measured").astype(bool)
    assert measured.any(axis=0).sum() == len(chosen)
    assert (~measured).sum() == EXTERNAL_SAMPLES * (LANDMARKS + TARGETS - len(chosen)) + 2
    features = np.where(measured, own, np.nan)[:, measured.any(axis=0)]
    np.testing.assert_allclose(np.nanmean(features, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(features, axis=0), 1, rtol=1e-4)
    assert np.isfinite(own).all()


def test_a_cohort_that_lacks_genes_is_mapped_onto_the_reference_of_the_same_genes(
    chain: Chain, normalise_cohort: Callable[..., Path]
) -> None:
    # Training samples with the genes of high values gone: each gene has to land where it lies in training.
    training = rows_of_part(chain.path("split.tsv"), "training")
    keep = np.argsort(np.nanmean(chain.values, axis=0))[:45]
    path = normalise_cohort("subset", [chain.genes[place] for place in keep], chain.values[training][:, keep])
    with open_matrix(path) as external, open_matrix(chain.normalised("compendium")) as compendium:
        measured = external.read(layer="measured").astype(bool)
        apart = np.where(measured, external.read() - compendium.read(training), 0)
    assert np.abs(apart[:, LANDMARKS:]).mean() < 0.1
    assert np.abs(apart.mean(axis=0)).max() < 0.15


def test_a_sample_of_an_external_cohort_is_scored_alone_as_among_others(
    chain: Chain, normalise_cohort: Callable[..., Path]
) -> None:
    genes, values = chain.genes[:50], expression(4, EXTERNAL_SAMPLES, len(chain.genes))[:, :50]
    together = normalise_cohort("together", genes, values)
    alone = normalise_cohort("alone", genes, values[3:4])
    with open_matrix(together) as many, open_matrix(alone) as one:
        np.testing.assert_allclose(one.read()[0], many.read()[3], rtol=1e-6, atol=1e-6)
        # A cohort of one has no mean and deviation of its own.
        assert many.has_layer("own")
        assert not one.has_layer("own")


def test_missing_landmarks_take_their_mean_given_the_others_worked_out_by_hand() -> None:
    correlation = np.array([[1.0, 0.5, 0.2], [0.5, 1.0, 0.4], [0.2, 0.4, 1.0]])
    scores = np.array([[np.nan, 1.0, -1.0], [2.0, np.nan, np.nan], [1.0, 2.0, 3.0], [np.nan] * 3], np.float32)
    filled = LandmarkFiller(correlation).fill(scores)
    # The inverse of [[1, .4], [.4, 1]] is [[1, -.4], [-.4, 1]] / .84; [.5, .2] times it is [.42, 0] / .84 = [.5, 0].
    assert filled[0].tolist() == pytest.approx([0.5 * 1.0 + 0 * -1.0, 1, -1], abs=1e-6)
    # Given one landmark, the others are its correlation with them times its score.
    assert filled[1].tolist() == pytest.approx([2, 1.0, 0.4], abs=1e-6)
    assert filled[2].tolist() == [1, 2, 3]
    # Where nothing is known, the mean is the training mean.
    assert filled[3].tolist() == [0, 0, 0]
    assert np.isnan(scores[0, 0])


def test_filled_landmarks_of_a_cohort_are_the_conditional_mean_by_the_stored_correlation(
    chain: Chain, normalise_cohort: Callable[..., Path]
) -> None:
    references = References.read(chain.path("references.h5"))
    gone = references.inputs.genes[:4]
    genes = [gene for gene in chain.genes if gene not in gone]
    columns = [chain.genes.index(gene) for gene in genes]
    path = normalise_cohort("filled", genes, expression(5, EXTERNAL_SAMPLES, len(chain.genes))[:, columns])
    with open_matrix(path) as matrix:
        scores = matrix.read()[:, :LANDMARKS].astype(np.float64)
        assert not matrix.read(layer="measured")[:, :4].any()
    known = references.correlation[4:, 4:]
    expected = references.correlation[:4, 4:] @ np.linalg.inv(known) @ scores[:, 4:].T
    np.testing.assert_allclose(scores[:, :4], expected.T, atol=1e-5)


def test_targets_that_are_not_measured_are_0_and_count_nowhere(
    chain: Chain, normalise_cohort: Callable[..., Path]
) -> None:
    references = References.read(chain.path("references.h5"))
    targets = list(references.truth.features.index)
    genes = [gene for gene in chain.genes if gene not in targets[:30]]
    columns = [chain.genes.index(gene) for gene in genes]
    path = normalise_cohort("few", genes, expression(6, EXTERNAL_SAMPLES, len(chain.genes))[:, columns])
    with open_matrix(path) as matrix:
        for scaling in ("training", "own"):
            examples = StoredExamples(matrix, scaling=scaling).load()
            assert not examples.measured[:, :30].any()
            assert examples.measured[:, 30:].all()
            assert (examples.targets[:, :30] == 0).all()


def test_too_few_landmarks_are_refused_with_their_number(chain: Chain, normalise_cohort: Callable[..., Path]) -> None:
    references = References.read(chain.path("references.h5"))
    gone = references.inputs.genes[:11]
    genes = [gene for gene in chain.genes if gene not in gone]
    with pytest.raises(
        UserError, match=r"poor\.h5ad: measures 9 of the 20 landmarks; normalise.fewest_landmarks asks for 50%"
    ):
        normalise_cohort("poor", genes, expression(7, 6, len(genes)))
    assert not chain.normalised("poor").exists()


@pytest.mark.parametrize("measured", ["few landmarks", "no target"])
def test_an_optional_cohort_that_measures_too_little_comes_without_samples(
    chain: Chain, normalise_cohort: Callable[..., Path], measured: str
) -> None:
    references = References.read(chain.path("references.h5"))
    landmarks = references.inputs.genes
    genes = landmarks if measured == "no target" else [gene for gene in chain.genes if gene not in landmarks[:11]]
    path = normalise_cohort("poor", genes, expression(7, 6, len(genes)), optional=True)
    with open_matrix(path) as matrix:
        assert matrix.shape == (0, LANDMARKS + TARGETS)
        assert matrix.var.index.equals(references.features.index)
        assert not matrix.has_layer("own")


def test_a_cohort_without_targets_is_refused(chain: Chain, normalise_cohort: Callable[..., Path]) -> None:
    landmarks = References.read(chain.path("references.h5")).inputs.genes
    with pytest.raises(UserError, match=r"bare\.h5ad: measures none of the targets"):
        normalise_cohort("bare", landmarks, expression(8, 6, len(landmarks)))
