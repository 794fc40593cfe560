"""The recipe `dgex-paper` run on the paper's three files in small."""

import shutil
from pathlib import Path

import pandas as pd
from configs import DEFAULT, ROOT
from papers_files import COPIES, LANDMARKS, TARGETS, write_papers_files

from workflow.project import Project

SAMPLES, RNA_SAMPLES = 200, 60
COHORTS = ("test", "gtex", "genomes1000")


def test_the_papers_files_are_prepared_learnt_from_and_evaluated_in_its_own_way(new: Project, tmp_path: Path) -> None:
    project = new.copy(tmp_path / "project")
    default = {key: DEFAULT[key] for key in ("models", "evaluation", "infer")}
    project.change_config(lambda config: config.update(default))
    shutil.copytree(ROOT / "resources" / "recipes", project.root / "resources" / "recipes")
    write_papers_files(project.root / "data", ROOT / "resources", SAMPLES, RNA_SAMPLES)
    tables = [f"results/evaluation/ols.{cohort}.tsv" for cohort in COHORTS]
    # Least squares alone goes all the way from the files to errors.
    project.run(*tables, "--configfile", "resources/recipes/dgex-paper.yaml")

    roles = pd.read_csv(project.root / "results/split/genes.tsv", sep="\t")["role"].value_counts()
    assert roles[["landmark", "target"]].tolist() == [LANDMARKS, TARGETS]
    fates = pd.read_csv(project.root / "results/cohorts/bged.qc.tsv", sep="\t")
    assert fates.loc[fates["kept"] == 0, "sample"].tolist() == [f"GSM{SAMPLES + copy}" for copy in range(COPIES)]
    found = {cohort: pd.read_csv(project.root / table, sep="\t") for cohort, table in zip(COHORTS, tables, strict=True)}
    for cohort, samples, scalings in (("test", SAMPLES // 10, 1), ("gtex", RNA_SAMPLES, 2)):
        assert found[cohort]["n"].eq(samples).all()
        assert len(found[cohort]) == TARGETS * scalings
    # The two RNA-seq files hold the same values, in two formats.
    pd.testing.assert_frame_equal(found["gtex"], found["genomes1000"])
