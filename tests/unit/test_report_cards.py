"""Cards: what is packed for a gene is what the stages before found for it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from packed_blocks import array, text
from simulated_run import SETTINGS, simulated_files

from landex.h5ad import open_matrix
from landex.predictions import Predictions
from landex.report.cards import NAMES, card_blocks, card_facts
from landex.report.observed import MOST_SAMPLES, in_steps, samples_shown, steps_of
from landex.report.packing import MISSING, Block
from landex.report.run import Run, best_model, read_run
from landex.summary import ModelRecord


@pytest.fixture(scope="module")
def blocks(run: Run) -> dict[str, Block]:
    return card_blocks(run)


def unpacked(block: Block) -> np.ndarray:
    return array(block.kind, block.shape_text, block.data)


def test_a_gene_is_found_by_symbol_alias_entrez_and_ensembl(run: Run) -> None:
    tp53 = run.genes.assign(gene=["7157", *run.genes["gene"][1:]], symbol=["TP53", *run.genes["symbol"][1:]])
    names = pd.DataFrame({"aliases": "P53|LFS1", "name": "tumor protein p53"}, index=pd.Index(["7157"], name="entrez"))
    lines = text(card_blocks(replace(run, genes=tp53, names=names))["names"].data).split("\n")
    first = dict(zip(NAMES, lines[0].split("\t"), strict=True))
    assert (first["gene"], first["symbol"], first["aliases"]) == ("7157", "TP53", "P53|LFS1")
    assert first["name"] == "tumor protein p53"
    assert lines[5].split("\t")[5:] == ["", ""]


def test_names_come_from_the_list_of_human_genes(tmp_path: Path) -> None:
    files = simulated_files(tmp_path)
    run = read_run(files, SETTINGS)
    # 1003 is CDH5's Entrez id.
    assert "7B4" in run.names.loc["1003", "aliases"].split("|")
    assert run.names.loc["1003", "name"] == "cadherin 5"


def test_classes_of_trust_are_those_of_every_models_table(run: Run, blocks: dict[str, Block]) -> None:
    classes = card_facts(run)["classes"]
    codes = unpacked(blocks["trust"])
    for row, model in enumerate(run.models):
        assert [classes[code - 1] for code in codes[row]] == run.trust[model]["trust"].tolist()
    widths = [f"{value / 1000:.3f}" for value in unpacked(blocks["width"])[1]]
    assert widths == [f"{value:.3f}" for value in run.trust["ridge"]["half_width"]]


def test_gains_are_those_of_the_errors_in_full_and_not_of_those_shown(run: Run, blocks: dict[str, Block]) -> None:
    genes = run.genes.copy()
    genes.loc[3, ["mae.deep.test.training", "mae.ridge.test.training"]] = [0.6576, 0.9104]
    found = unpacked(card_blocks(replace(run, genes=genes))["gain"])
    # Of .658 and .910 it would be 27.7.
    assert found[0, 3] == 278
    for place, (cohort, scaling) in enumerate(run.views):
        own, other = (run.genes[f"mae.{model}.{cohort}.{scaling}"] for model in ("deep", "ridge"))
        shown = [f"{value / 10:.1f}" for value in unpacked(blocks["gain"])[place] if value != MISSING]
        gains = (100 * (1 - own / other)).dropna()
        assert shown == [
            f"{value:.1f}".replace("-0.0", "0.0") if abs(value) < 0.05 else f"{value:.1f}" for value in gains
        ]


def test_top_landmarks_are_those_of_the_importance_table(run: Run, blocks: dict[str, Block]) -> None:
    names = card_facts(run)["weighed"]["deep"]
    landmarks, slopes = unpacked(blocks["landmarks-deep"]), unpacked(blocks["slopes-deep"])
    table = run.importance["deep"].targets
    for gene, rows in table.groupby("gene"):
        place = run.genes["gene"].tolist().index(gene)
        assert [names[landmark] for landmark in landmarks[place]] == rows["landmark_symbol"].tolist()
        assert [f"{slope / 1000:.3f}" for slope in slopes[place]] == [
            f"{slope:.3f}".replace("-0.000", "0.000") for slope in rows["slope"]
        ]


@pytest.mark.parametrize(("cohort", "scaling"), [("test", "training"), ("kidney", "own"), ("geuvadis", "training")])
def test_observed_and_predicted_are_those_of_the_samples_named(tmp_path: Path, cohort: str, scaling: str) -> None:
    files = simulated_files(tmp_path)
    run = read_run(files, SETTINGS)
    blocks = card_blocks(run)
    view = f"{cohort}-{scaling}"
    facts = card_facts(run)["observed"][view]
    said = Predictions.read(tmp_path / f"predictions/{run.best}.{cohort}.h5")
    file = "compendium" if cohort == "test" else cohort
    with open_matrix(tmp_path / f"normalised/{file}.h5ad") as matrix:
        values = pd.DataFrame(
            matrix.read(layer="X" if scaling == "training" else "own"), matrix.obs.index, matrix.var.index
        )
        measured = pd.DataFrame(matrix.read(layer="measured"), matrix.obs.index, matrix.var.index)
    genes = run.genes["gene"].tolist()
    steps = unpacked(blocks[f"steps-{view}"]) / 1000
    truth = values.loc[facts["samples"], genes].to_numpy().T
    known = measured.loc[facts["samples"], genes].to_numpy(bool).T
    packed = unpacked(blocks[f"truth-{view}"])
    assert (packed[~known] == -128).all()
    assert not (packed[known] == -128).any()
    difference = np.abs(packed * steps[:, None] - truth)[known]
    assert difference.max() <= steps.max() / 2 + 1e-6
    # The best model is packed as its difference from the baseline, modulo 256.
    best = (unpacked(blocks[f"baseline-{view}"]) + unpacked(blocks[f"best-{view}"])).astype(np.int8)
    expected = pd.DataFrame(said.scores[scaling], said.samples, said.genes).loc[facts["samples"], genes].to_numpy().T
    assert np.abs(best * steps[:, None] - expected).max() <= steps.max() / 2 + 1e-6
    assert facts["of"] == len(said.samples)
    assert len(set(facts["samples"])) == min(60, facts["of"])


def test_large_scores_get_larger_steps_and_nothing_is_cut_off() -> None:
    scores = np.array([[1.0, 30.0], [-2.0, -31.0]], np.float32)
    steps = steps_of([scores, scores / 2])
    assert steps.tolist() == [50, 245]
    np.testing.assert_allclose(in_steps(scores, steps) * steps / 1000, scores, atol=0.13)


def test_a_page_of_many_genes_shows_fewer_samples_of_each_cohort() -> None:
    assert samples_shown(5000, 5) == MOST_SAMPLES
    assert samples_shown(9520, 5) == 42
    assert samples_shown(60_000, 9) == 10


def test_the_best_model_is_chosen_by_the_select_part_and_is_not_the_baseline() -> None:
    def record(name: str, mae: float) -> ModelRecord:
        return ModelRecord(name, "ridge", None, {}, 1, 1.0, 1.0, "CPU", mae, None, None, None)

    models = {name: record(name, mae) for name, mae in (("ridge", 0.4), ("ols", 0.6), ("blend", 0.5))}
    assert best_model(models, "ridge") == "blend"
    assert best_model(models, "ols") == "ridge"
    assert best_model({"ols": models["ols"]}, "ols") == "ols"
