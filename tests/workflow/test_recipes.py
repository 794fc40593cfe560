"""Recipes as a user calls them: an overlay beside the default config's models, planned to the last job."""

from collections import Counter
from pathlib import Path

import pytest
from configs import DEFAULT, ROOT

from workflow.project import Project

RECIPES = ROOT / "resources" / "recipes"
# Trainings and joins: 27 models in two halves.
GRID = {"baseline": 1, "network_piece": 54, "join_network": 27}


@pytest.mark.parametrize(("recipe", "jobs"), [("dgex-grid", GRID), ("dgex-grid-small", GRID)])
def test_a_recipe_plans_a_job_for_every_fit_of_its_models_and_no_other(
    new: Project, tmp_path: Path, recipe: str, jobs: dict[str, int]
) -> None:
    project = new.copy(tmp_path / "project")
    project.change_config(lambda config: config.update(models=DEFAULT["models"]))
    planned = Counter(job.partition(" ")[0] for job in project.planned("--configfile", str(RECIPES / f"{recipe}.yaml")))
    fits = ("baseline", "blend", "network", "network_piece", "join_network")
    assert {rule: planned[rule] for rule in fits if rule in planned} == jobs


def test_every_recipe_is_planned_here() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == {"dgex-grid", "dgex-grid-small"}
