"""Recipes as a user calls them: an overlay beside the default config's models, planned to the last job."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from configs import DEFAULT, ROOT
from papers_files import ARRAYS, GENOMES, GTEX

from workflow.project import Project

RECIPES = ROOT / "resources" / "recipes"
# Trainings and joins: 27 models in two halves; ridge three times, for the learning curve too.
GRID = {"baseline": 3, "network_piece": 54, "join_network": 27}


PAPER = {"baseline": 6, "network_piece": 2, "join_network": 1}
# The default models, two of them three times.
LISTS = {"baseline": 14, "blend": 2, "network": 3}
JOBS = {
    "dgex-grid": GRID, "dgex-grid-small": GRID, "dgex-paper": PAPER, "single-gene": {"baseline": 1, "network": 1},
    "gpl96": LISTS, "gpl570": LISTS,
}  # fmt: skip


@pytest.mark.parametrize(("recipe", "jobs"), JOBS.items())
def test_a_recipe_plans_a_job_for_every_fit_of_its_models_and_no_other(
    new: Project, tmp_path: Path, recipe: str, jobs: dict[str, int]
) -> None:
    project = new.copy(tmp_path / "project")
    default = {key: DEFAULT[key] for key in ("models", "evaluation", "infer")}
    project.change_config(lambda config: config.update(default))
    for name in (ARRAYS, GTEX, GENOMES):
        (project.root / "data" / name).touch()
    shutil.copytree(RECIPES, project.root / "resources" / "recipes")
    planned = Counter(job.partition(" ")[0] for job in project.planned("--configfile", str(RECIPES / f"{recipe}.yaml")))
    fits = ("baseline", "blend", "network", "network_piece", "join_network")
    assert {rule: planned[rule] for rule in fits if rule in planned} == jobs


def test_every_recipe_is_planned_here() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} == set(JOBS)
