"""Recipes: overlays that a user hands to Snakemake beside the default config."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import DEFAULT, ROOT, SCHEMA, completed, merged

from landex.config import meaning_problems, schema_problems, with_preprocessing
from landex.grids import expanded
from landex.inputs import input_problems
from landex.model_entries import model_settings, pieces

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
    config = with_preprocessing(completed(config))
    assert meaning_problems(config) == []
    # The paper's own files are the user's to bring.
    own = [f"{section}: there is no file data/{file}" for section, file in OWN_FILES.get(recipe.stem, {}).items()]
    assert input_problems(config) == own


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_names_no_model_to_drop_that_the_default_config_does_not_have(recipe: Path) -> None:
    overlay = yaml.safe_load(recipe.read_text(encoding="utf-8"))["models"]
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
