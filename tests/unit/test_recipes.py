"""Recipes: overlays that a user hands to Snakemake beside the default config."""

import gzip
import io
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from configs import DEFAULT, ROOT, SCHEMA, completed, merged
from geo_files import HERE, SHARED
from soft_text import received

from landex.config import meaning_problems, schema_problems, with_preprocessing
from landex.genes import GeneTables
from landex.geo.layout import series_path
from landex.geo.series import SeriesSource, write_series_cohort
from landex.grids import expanded
from landex.h5ad import open_matrix
from landex.inputs import input_problems
from landex.model_entries import model_settings, pieces
from landex.source_lists import expanded_sources
from landex.tsv import read_tsv

OWN_FILES = {
    "dgex-paper": {
        "compendium.sources.bged": "bgedv2_QNORM.gctx",
        "external.gtex": "GTEx_RNASeq_RPKM_n2921x55993.gctx",
        "external.genomes1000": "GD462.GeneQuantRPKM.50FN.samplename.resk10.txt",
    }
}
RECIPES = sorted((ROOT / "resources" / "recipes").glob("*.yaml"))


def config_with(recipe: Path) -> dict[str, Any]:
    return merged(DEFAULT, yaml.safe_load(recipe.read_text(encoding="utf-8")))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_over_the_default_config_has_no_problem(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = config_with(recipe)
    assert schema_problems(config, SCHEMA) == []
    config = expanded_sources(with_preprocessing(completed(config)))
    assert meaning_problems(config) == []
    # The paper's own files are the user's to bring.
    own = [f"{section}: there is no file data/{file}" for section, file in OWN_FILES.get(recipe.stem, {}).items()]
    assert input_problems(config) == own


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_names_no_model_to_drop_that_the_default_config_does_not_have(recipe: Path) -> None:
    overlay = yaml.safe_load(recipe.read_text(encoding="utf-8")).get("models", {})
    assert {name for name, entry in overlay.items() if entry is None} <= DEFAULT["models"].keys()


@pytest.mark.parametrize(("name", "unit"), [("dgex-grid", 3000), ("dgex-grid-small", 100)])
def test_the_papers_grid_has_27_models_of_two_halves_beside_ridge(name: str, unit: int) -> None:
    models = expanded(completed(config_with(ROOT / f"resources/recipes/{name}.yaml"))["models"])
    ridge, *cells = models.values()
    assert ridge == {"kind": "ridge"}
    settings = [model_settings(cell) for cell in cells]
    expected = {
        (layers, width * unit, dropout) for layers in (1, 2, 3) for width in (1, 2, 3) for dropout in (0, 0.1, 0.25)
    }
    found = {(len(cell["hidden"]), cell["hidden"][0], cell["dropout"]) for cell in settings}
    assert found == expected
    assert len(cells) == 27
    for cell, setting in zip(cells, settings, strict=True):
        assert len(set(setting["hidden"])) == 1
        assert pieces(cell) == ["1.1", "1.2"]
        assert setting["learning_rate"] == (5e-4 if len(setting["hidden"]) == 1 else 3e-4)


def test_the_papers_recipe_is_its_own_preprocessing_or_landexs_by_one_key() -> None:
    config = with_preprocessing(completed(config_with(ROOT / "resources/recipes/dgex-paper.yaml")))
    assert config["genes"] == {"landmarks": "dgex", "targets": "dgex"}
    assert config["compendium"]["collapse"] == config["compendium"]["duplicates"]["rule"] == "dgex"
    assert {source["harmonise"] for source in config["external"].values()} == {"distinct_ranks"}
    plain = merged(config_with(ROOT / "resources/recipes/dgex-paper.yaml"), {"preprocessing": "landex"})
    plain = with_preprocessing(completed(plain))
    assert plain["compendium"]["collapse"] == "mean"
    assert plain["genes"]["targets"] == "measured"


def test_the_single_gene_recipe_has_one_target_a_network_and_linear_regression() -> None:
    config = completed(config_with(ROOT / "resources/recipes/single-gene.yaml"))
    assert config["genes"]["targets"] == {"random": 1, "seed": 1}
    assert {name: model["kind"] for name, model in config["models"].items()} == {"ols": "ols", "relu_tanh": "network"}
    assert config["report"]["baseline"] == "ols"


LISTS = sorted((ROOT / "resources" / "recipes").glob("gpl*.tsv"))


def samples_in(path: Path, platform: str) -> int:
    """Return how many samples of a platform a family file holds, by gzip alone."""
    with gzip.open(path, "rt", encoding="latin-1") as stream:
        return sum(line.strip() == f"!Sample_platform_id = {platform}" for line in stream)


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_lists_name_series_of_their_platform_once_and_say_what_was_verified(path: Path) -> None:
    table = read_tsv(path, ["series", "platform", "samples", "verified", "title"])
    assert table["series"].is_unique
    assert set(table["platform"]) == {path.stem.upper()}
    assert table["samples"].astype(int).gt(0).all()
    assert set(table["verified"]) <= {"file", "list", "no"}


@HERE
@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_what_lists_call_verified_is_what_the_files_here_hold(path: Path) -> None:
    for row in read_tsv(path, ["series"]).to_dict("records"):
        if row["verified"] != "no":
            (file,) = SHARED.glob(f"{row['series']}[._]*soft.gz")
            assert samples_in(file, row["platform"]) == int(row["samples"])


PROBES = ROOT / "resources" / "recipes" / "gpl96_highest_mean.tsv.gz"
BLADDER = SHARED.parent / "matrices" / "bladderbatch_hgu133a_22283x57.tsv.gz"


def genes_of_gpl96() -> dict[str, str]:
    """Return the gene of every probe of GPL96 that names one, from the family file by gzip alone."""
    with gzip.open(ROOT / "resources/demo/geo" / series_path("GSE781"), "rt", encoding="latin-1") as stream:
        lines = iter(stream)
        next(line for line in lines if line.startswith("^PLATFORM = GPL96"))
        next(line for line in lines if line.startswith("!platform_table_begin"))
        column = next(lines).rstrip("\n").split("\t").index("ENTREZ_GENE_ID")
        rows = [line.rstrip("\n").split("\t") for line in takewhile(lambda line: line[0] != "!", lines)]
    return {row[0]: row[column] for row in rows if row[column].isdecimal()}


def test_the_list_of_highest_means_names_a_probe_of_every_gene_that_gpl96_measures() -> None:
    table = read_tsv(PROBES, ["entrez", "symbol", "ensembl", "probes"])
    genes = genes_of_gpl96()
    assert table["entrez"].is_unique
    assert [genes[probe] for probe in table["probes"]] == table["entrez"].tolist()
    assert len(table) > 12_000


@pytest.mark.skipif(not BLADDER.is_file(), reason=f"there is no file {BLADDER}")
def test_every_probe_of_the_list_has_the_highest_mean_of_its_gene() -> None:
    means = pd.read_csv(BLADDER, sep="\t", index_col=0).mean(axis=1)
    best: dict[str, float] = {}
    for probe, gene in genes_of_gpl96().items():
        best[gene] = max(best.get(gene, -np.inf), means[probe])
    table = read_tsv(PROBES, ["entrez", "probes"])
    expected = [best[gene] for gene in table["entrez"]]
    np.testing.assert_allclose(means[table["probes"]], expected, rtol=1e-6)


def test_a_series_collapsed_by_the_list_has_one_probe_a_gene(tmp_path: Path) -> None:
    genes = ROOT / "resources" / "genes"
    tables = GeneTables(genes / "ids.tsv.gz", genes / "landmarks.tsv", genes / "targets.tsv")
    file = tmp_path / "GSE781_family.soft.gz"
    file.symlink_to(ROOT / "resources/demo/geo" / series_path("GSE781"))
    source = SeriesSource("kidney", "GSE781", "GPL96", collapse=str(PROBES))
    write_series_cohort(source, received(file), tables, tmp_path / "c.h5ad", tmp_path / "c.qc.tsv")
    with open_matrix(tmp_path / "c.h5ad") as matrix:
        assert (matrix.var["columns"] == 1).all()
        assert matrix.shape == (17, len(read_tsv(PROBES, ["probes"])))


def test_inflation_compares_the_targets_that_two_runs_share(tmp_path: Path) -> None:
    tables = {
        "paper/ols.test.tsv": [("1", 0.5, "training", 20), ("2", 0.7, "training", 20), ("3", 9, "training", 20)],
        "default/ols.test.tsv": [("1", 0.6, "training", 19), ("2", 0.9, "training", 19), ("4", 8, "training", 19)],
        "paper/ridge.test.tsv": [("1", 0.5, "training", 20)],
    }
    for name, rows in tables.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pd.DataFrame(rows, columns=["gene", "mae", "scaling", "n"]).to_csv(tmp_path / name, sep="\t", index=False)
    command = [sys.executable, str(ROOT / "resources/recipes/inflation.py"), str(tmp_path / "paper")]
    printed = subprocess.run([*command, str(tmp_path / "default")], capture_output=True, text=True, check=True).stdout
    (row,) = pd.read_csv(io.StringIO(printed), sep="\t").to_dict("records")
    # (.6 + .9) / (.5 + .7) is 1.25.
    assert row == {
        "model": "ols", "cohort": "test", "scaling": "training", "targets": 2, "samples": "20, 19",
        "mae_one": 0.6, "mae_other": 0.75, "percent_higher": 25.0,
    }  # fmt: skip
    alone = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True, check=False)
    assert alone.returncode == 1
    assert alone.stderr.count("\n") == 1
    assert "name copies of results/evaluation" in alone.stderr
