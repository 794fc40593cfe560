"""A whole run on small real data: what it leaves, and that it leaves the same again."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import yaml
from anndata import AnnData

from landex.bundles.bundle import open_bundle
from landex.formats.files import open_matrix_file
from landex.geo.download import Access
from landex.predictions import Predictions
from workflow.chain import CHAIN, NOTHING
from workflow.changes import setting
from workflow.miniature import GDSC_SAMPLES, GEUVADIS_SAMPLES, LANDMARKS, SERIES_SAMPLES, TARGETS
from workflow.project import REPOSITORY, Finished, Project

# Of the genes chosen, those that Geuvadis measures.
GEUVADIS_LANDMARKS, GEUVADIS_TARGETS = 49, 178

EVERY_MODEL = (*CHAIN.models, *CHAIN.blends)


def files_of_variation(name: str, models: tuple[str, ...], evaluated: tuple[str, ...], *more: str) -> set[str]:
    """Return what a variation leaves: fitted models, and tables of those that were asked for."""
    files = {"split/split.tsv", *more}
    for model in models:
        files |= {f"models/{model}/weights.h5", f"models/{model}/metrics.json", f"predictions/{model}.test.h5"}
        files |= {f"models/{model}/{'history' if model in CHAIN.networks else 'targets'}.tsv"}
        files |= {f"predictions/{model}.test.carriers.tsv.gz"} if model in CHAIN.carrying else set()
    for model in evaluated:
        files |= {f"evaluation/{folder}{model}.test.tsv" for folder in ("", "samples/", "strata/")}
    return {f"variations/{name}/{file}" for file in files}


# What a run leaves besides logs and benchmarks: design's stable names, and what the stages hand on.
RESULTS = {
    *(
        f"cohorts/{cohort}.{kind}"
        for cohort in ("gdsc", "kidney", "geuvadis", "leukaemia")
        for kind in ("h5ad", "qc.tsv")
    ),
    "compendium/compendium.h5ad",
    "compendium/duplicates.tsv",
    "compendium/lost_genes.tsv",
    "compendium/provenance.tsv",
    "split/genes.tsv",
    "split/split.tsv",
    "normalised/references.h5",
    *(f"normalised/{cohort}.h5ad" for cohort in ("compendium", "kidney", "geuvadis", "leukaemia")),
    "auxiliary/auxiliary.h5ad",
    "auxiliary/duplicates.tsv",
    *(f"models/{model}/{file}" for model in EVERY_MODEL for file in ("weights.h5", "metrics.json")),
    *(f"models/{network}/history.tsv" for network in CHAIN.networks),
    *(
        f"models/{network}/pieces/{piece}/{file}"
        for network, pieces in CHAIN.pieces.items()
        for piece in pieces
        for file in ("weights.h5", "history.tsv", "metrics.json")
    ),
    *(f"models/{model}/targets.tsv" for model in (*CHAIN.baselines, *CHAIN.blends)),
    *(f"predictions/{model}.{cohort}.h5" for model in EVERY_MODEL for cohort in CHAIN.predicted),
    *(f"predictions/{model}.{cohort}.carriers.tsv.gz" for model in CHAIN.carrying for cohort in CHAIN.predicted),
    *(
        f"evaluation/{folder}{model}.{cohort}.tsv"
        for folder in ("", "samples/", "strata/")
        for model in EVERY_MODEL
        for cohort in CHAIN.evaluated
    ),
    *(f"evaluation/trust/{model}.tsv" for model in EVERY_MODEL),
    *(f"evaluation/comparisons/{cohort}.{kind}" for cohort in CHAIN.evaluated for kind in ("tsv", "genes.tsv.gz")),
    *(f"evaluation/outliers/{cohort}.tsv" for cohort in CHAIN.evaluated),
    *(
        f"evaluation/importance/{model}.{kind}"
        for model in CHAIN.weighed
        for kind in ("landmarks.tsv", "targets.tsv.gz", "ablation.tsv", "heatmap.tsv.gz")
    ),
    *(f"evaluation/{name}.tsv" for name in ("verdict", "intervals", "trust", "learning_curve", "generalisation")),
    *files_of_variation("fraction-0.5", ("ridge", "deep"), ("ridge", "deep")),
    *files_of_variation(
        "by-series",
        ("ridge", "knn", "both"),
        ("ridge", "both"),
        "normalised/references.h5",
        "normalised/compendium.h5ad",
    ),
    *(f"bundles/{model}.landex" for model in EVERY_MODEL),
    *(f"inferred/plate.gctx{ending}" for ending in ("", ".samples.tsv", ".genes.tsv", ".log")),
    *(f"report/{file}" for file in ("summary.tsv", "genes.tsv", "report.html")),
    *(
        f"report/figures/{name}.{ending}"
        for name in (
            *("improvement", "coverage", "learning_curves"),
            *(f"{kind}.{cohort}" for kind in ("density", "scatter") for cohort in CHAIN.evaluated),
        )
        for ending in ("svg", "pdf", "png")
    ),
}


def files_below(folder: Path) -> dict[str, int]:
    """Return all files below a folder, hidden ones too, with their modification times."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in files}


def read_normalised(finished: Finished, name: str) -> AnnData:
    return anndata.read_h5ad(finished.project.root / "results" / "normalised" / f"{name}.h5ad")


def read_table(project: Project, path: str) -> pd.DataFrame:
    return pd.read_csv(project.root / "results" / path, sep="\t", dtype={"gene": str}, keep_default_na=False)


def test_a_run_leaves_the_promised_files_and_no_others(finished: Finished) -> None:
    files = files_below(finished.project.root / "results")
    beside = re.compile(r"(variations/[^/]+/)?(logs|benchmarks)/|(.*/)?\.checksums/")
    assert {file for file in files if not beside.match(file)} == RESULTS
    downloads = set(files_below(finished.project.root / "resources" / "downloads"))
    assert downloads == {
        f"{place}GSE781_family.soft.gz{end}" for place, end in (("", ""), ("", ".json"), (".", ".json"))
    }


def test_every_job_has_a_log_and_a_benchmark_of_its_own(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    plan = project.snakemake("--dry-run", "--forceall").stdout
    for kind in ("log", "benchmark"):
        files = re.findall(rf"^    {kind}: (.*)$", plan, re.MULTILINE)
        assert len(files) == len(set(files)) == len(CHAIN.everything())
        assert [file for file in files if not (project.root / file).is_file()] == []


def test_a_second_call_says_nothing_to_be_done_and_changes_no_file(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    before = files_below(project.root / "results")
    assert "Nothing to be done" in project.run()
    assert files_below(project.root / "results") == before


@pytest.mark.parametrize(
    ("name", "layers"), [("compendium", ["X"]), ("kidney", ["X", "own"]), ("geuvadis", ["X", "own"])]
)
def test_normalised_matrices_hold_a_number_in_every_cell(finished: Finished, name: str, layers: list[str]) -> None:
    matrix = read_normalised(finished, name)
    assert matrix.n_vars == LANDMARKS + TARGETS
    for layer in layers:
        assert np.isfinite(matrix.X if layer == "X" else matrix.layers[layer]).all()


def test_a_bundle_infers_from_landmarks_alone_what_the_evaluation_predicted(finished: Finished) -> None:
    results = finished.project.root / "results"
    predicted = Predictions.read(results / "predictions" / "both.geuvadis.h5")
    with (
        open_bundle(results / "bundles" / "both.landex") as bundle,
        open_matrix_file(results / "inferred" / "plate.gctx") as inferred,
    ):
        values, targets = inferred.read(slice(None)), bundle.targets
        assert inferred.samples == predicted.samples
        assert inferred.genes == [*bundle.landmarks.genes, *targets.genes]
        assert targets.genes == predicted.genes
        scores = (values[:, len(bundle.landmarks.genes) :] - targets.mean) / targets.deviation
    # The file's counts went through another door: found to be counts, mapped by the bundle's own references.
    np.testing.assert_allclose(scores, predicted.scores["training"], atol=2e-5)
    told = read_table(finished.project, "inferred/plate.gctx.samples.tsv")
    assert set(told["scale"]) == {"counts"}
    assert set(told["landmarks"]) == {GEUVADIS_LANDMARKS}
    outliers = read_table(finished.project, "evaluation/outliers/geuvadis.tsv")
    assert len(told) == len(outliers[outliers["scaling"] == "training"])


def test_the_example_in_python_of_the_docs_runs(finished: Finished) -> None:
    said = (REPOSITORY / "docs" / "bundles.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", said, re.DOTALL)
    root = finished.project.root
    ended = subprocess.run(
        [sys.executable, "-c", example],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert re.search(rf"= {SERIES_SAMPLES['GPL96']} . {LANDMARKS + TARGETS}\n", ended.stdout)
    assert "layers: 'lower', 'upper'" in ended.stdout


def test_a_bundles_card_says_the_errors_of_the_evaluation(finished: Finished) -> None:
    results = finished.project.root / "results"
    with open_bundle(results / "bundles" / "deep.landex") as bundle:
        errors = {(row["cohort"], row["scaling"]): row for row in bundle.about["errors"]}
    summary = read_table(finished.project, "report/summary.tsv")
    shown = summary[summary["model"] == "deep"]
    assert set(zip(shown["cohort"], shown["scaling"], strict=True)) == set(errors)
    for row in shown.itertuples():
        assert errors[row.cohort, row.scaling]["mae"] == pytest.approx(float(row.mae), rel=1e-4)


@pytest.mark.parametrize(("model", "auxiliary"), [("ols", ["leukaemia"]), ("both", [])])
def test_a_bundle_tells_of_the_auxiliary_cohorts_that_its_models_learnt_from(
    finished: Finished, model: str, auxiliary: list[str]
) -> None:
    with open_bundle(finished.project.root / "results" / "bundles" / f"{model}.landex") as bundle:
        origins = {origin["name"]: origin["data"] for origin in bundle.about["origins"]}
    assert list(origins) == ["gdsc", *auxiliary]
    assert all(origins[name] == f"{name}.h5ad (auxiliary)" for name in auxiliary)


def test_missing_genes_of_a_cohort_are_imputed_and_marked(finished: Finished) -> None:
    matrix = read_normalised(finished, "geuvadis")
    measured = matrix.layers["measured"]
    assert (measured == measured[0]).all()
    assert measured[0, :LANDMARKS].sum() == GEUVADIS_LANDMARKS
    assert measured[0, LANDMARKS:].sum() == GEUVADIS_TARGETS


def test_samples_are_dealt_out_by_the_fractions(finished: Finished) -> None:
    parts = read_table(finished.project, "split/split.tsv")["part"].value_counts().to_dict()
    assert parts == {"training": 96, "select": 6, "calibrate": 6, "test": 12}
    assert sum(parts.values()) == GDSC_SAMPLES


@pytest.mark.parametrize(
    ("cohort", "samples", "targets", "scalings"),
    [
        ("test", 12, TARGETS, ["training"]),
        ("kidney", SERIES_SAMPLES["GPL96"], TARGETS, ["training", "own"]),
        ("geuvadis", GEUVADIS_SAMPLES, GEUVADIS_TARGETS, ["training", "own"]),
    ],
)
@pytest.mark.parametrize("model", EVERY_MODEL)
def test_evaluation_has_a_row_for_every_measured_target_and_scaling(
    finished: Finished, model: str, cohort: str, samples: int, targets: int, scalings: list[str]
) -> None:
    table = read_table(finished.project, f"evaluation/{model}.{cohort}.tsv")
    assert table.groupby("scaling")["gene"].nunique().to_dict() == dict.fromkeys(scalings, targets)
    assert len(table) == targets * len(scalings)
    assert (table["n"] == samples).all()


def test_errors_are_those_of_the_predictions_on_the_test_samples(finished: Finished) -> None:
    split = read_table(finished.project, "split/split.tsv")
    truth = read_normalised(finished, "compendium")[split.loc[split["part"] == "test", "sample"], LANDMARKS:]
    found = Predictions.read(finished.project.root / "results/predictions/ridge.test.h5")
    assert (found.samples, found.genes) == (truth.obs_names.tolist(), truth.var_names.tolist())
    table = read_table(finished.project, "evaluation/ridge.test.tsv")
    expected = np.abs(found.scores["training"] - truth.X).mean(axis=0)
    np.testing.assert_allclose(table.set_index("gene").loc[found.genes, "mae"], expected, rtol=1e-5)


def test_every_column_of_a_table_of_the_evaluation_is_documented(finished: Finished) -> None:
    documented = set(re.findall(r"`([^`]+)`", (REPOSITORY / "docs" / "evaluation.md").read_text(encoding="utf-8")))
    # `_low` and the like stand for a whole name with that end.
    ends = tuple(word for word in documented if word.startswith("_"))
    folder = finished.project.root / "results" / "evaluation"
    unknown = {
        f"{path.relative_to(folder)}: {column}"
        for path in folder.rglob("*.tsv*")
        if path.parent.name != ".checksums"
        for column in pd.read_csv(path, sep="\t", nrows=0).columns
        if column not in documented and not column.endswith(ends)
    }
    assert unknown == set()


def test_variations_learn_from_fewer_samples_or_test_on_whole_series(finished: Finished) -> None:
    parts = read_table(finished.project, "split/split.tsv")["part"]
    thinned = read_table(finished.project, "variations/fraction-0.5/split/split.tsv")["part"]
    assert (thinned == "training").sum() == 48
    assert (thinned[parts != "training"] == parts[parts != "training"]).all()
    resplit = read_table(finished.project, "variations/by-series/split/split.tsv")
    assert resplit.groupby("series")["part"].nunique().max() == 1
    generalisation = read_table(finished.project, "evaluation/generalisation.tsv")
    tested = generalisation[generalisation["model"] == "ridge"]["tested_on"].tolist()
    assert tested == ["new samples of known series", "new series", *["another cohort"] * 4]
    curve = read_table(finished.project, "evaluation/learning_curve.tsv")
    assert curve[["model", "training_samples"]].to_numpy().tolist() == [
        ["ridge", 48], ["ridge", 96], ["deep", 48], ["deep", 96],
    ]  # fmt: skip


def test_a_model_in_pieces_has_the_course_and_the_cost_of_each_and_members_differ(finished: Finished) -> None:
    folder = finished.project.root / "results" / "models"
    history = pd.read_csv(folder / "pair-6" / "history.tsv", sep="\t", dtype={"piece": str})
    assert history[["piece", "epoch"]].to_numpy().tolist() == [["1.1", 1], ["1.1", 2], ["2.1", 1], ["2.1", 2]]
    assert history["select_mae"].nunique() == 4
    metrics = json.loads((folder / "pair-6" / "metrics.json").read_text(encoding="utf-8"))
    assert [(piece["piece"], piece["seed"]) for piece in metrics["pieces"]] == [("1.1", 1), ("2.1", 2)]
    assert metrics["seconds"] == pytest.approx(sum(piece["seconds"] for piece in metrics["pieces"]))
    whole = pd.read_csv(folder / "deep" / "history.tsv", sep="\t", dtype={"piece": str})
    assert whole[["piece", "epoch"]].to_numpy().tolist() == [["1.1", 1], ["1.1", 2]]


def test_after_a_change_the_next_run_makes_up_for_it(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    setting("report", "baseline", to="ols")(project)
    project.run()
    summary = read_table(project, "report/summary.tsv")
    by_cohort = summary.set_index(["cohort", "scaling", "model"])
    assert (by_cohort.xs("ols", level="model")["mae"] == by_cohort.xs("ols", level="model")["baseline_mae"]).all()
    assert project.planned() == NOTHING


def test_fetch_only_downloads(new: Project) -> None:
    assert new.planned("fetch") == {"retrieve GSE781_family.soft.gz"}


def test_all_downloads_together_ask_three_times_a_second(new: Project) -> None:
    """Every job holds one of three, for a second a request (`landex.geo.download.Access.turn`)."""
    planned = new.snakemake("--dry-run", "fetch").stdout
    (resources,) = re.findall(r"^rule retrieve:\n(?:    .*\n)*?    resources: (.*)$", planned, re.MULTILINE)
    assert "geo_requests=1" in resources.split(", ")
    profile = yaml.safe_load((new.root / "profiles/default/config.yaml").read_text(encoding="utf-8"))
    assert profile["resources"]["geo_requests"] == 3
    assert Access("mirror").turn == 1
