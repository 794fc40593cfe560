"""The recipe `dgex-paper` run on the paper's three files in small: its own way, then the default on the same files."""

import shutil
from pathlib import Path

import pandas as pd
from configs import ROOT
from papers_files import COPIES, LANDMARKS, TARGETS, write_papers_files

from workflow.project import Project

SAMPLES, RNA_SAMPLES = 80, 20
COHORTS = ("test", "gtex", "genomes1000")


def test_the_papers_files_are_evaluated_in_its_own_way_and_in_the_default_one(new: Project, tmp_path: Path) -> None:
    project = new.copy(tmp_path / "project")
    shutil.copytree(ROOT / "resources" / "recipes", project.root / "resources" / "recipes")
    write_papers_files(project.root / "data", ROOT / "resources", SAMPLES, RNA_SAMPLES)
    recipe = ("--configfile", "resources/recipes/dgex-paper.yaml")
    tables = [f"results/evaluation/ols.{cohort}.tsv" for cohort in COHORTS]

    project.run(*tables, *recipe)
    paper = {cohort: _evaluated(project, cohort) for cohort in COHORTS}
    roles = pd.read_csv(project.root / "results/split/genes.tsv", sep="\t")["role"].value_counts()
    assert roles[["landmark", "target"]].tolist() == [LANDMARKS, TARGETS]
    fates = pd.read_csv(project.root / "results/cohorts/bged.qc.tsv", sep="\t")
    assert fates.loc[fates["kept"] == 0, "sample"].tolist() == [f"GSM{SAMPLES + copy}" for copy in range(COPIES)]
    for cohort, samples in (("test", SAMPLES // 10), ("gtex", RNA_SAMPLES), ("genomes1000", RNA_SAMPLES)):
        assert paper[cohort]["n"].eq(samples).all()
    # The two RNA-seq files hold the same values, in two formats.
    pd.testing.assert_frame_equal(paper["gtex"], paper["genomes1000"])
    assert len(paper["test"]) == TARGETS

    project.run(tables[0], *recipe, "--config", "preprocessing=landex")
    default = _evaluated(project, "test")
    # No target is a landmark's gene there, and every other gene is measured.
    shared = paper["test"].merge(default, on=["gene", "scaling"])
    assert len(shared) == len(default)
    assert not default["overlapping"].any()
    assert (shared["mae_x"] != shared["mae_y"]).all()


def _evaluated(project: Project, cohort: str) -> pd.DataFrame:
    return pd.read_csv(project.root / f"results/evaluation/ols.{cohort}.tsv", sep="\t", dtype={"gene": str})
