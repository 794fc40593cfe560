"""A small project in a folder of its own: landex on miniature data, run as a user runs it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflow.dry_runs import dry_run
from workflow.miniature import Miniature

REPOSITORY = Path(__file__).parents[2]

CELL_LINES = {"matrix": "data/gdsc.h5ad", "values": "log2", "genes": "symbol"}

# Every kind of job; two epochs are enough to see that training goes its way.
CONFIG: dict[str, Any] = {
    "compendium": {"sources": {"gdsc": {**CELL_LINES, "series": "batch"}}},
    "external": {
        "kidney": {"geo": "GSE781", "platform": "GPL96"},
        "geuvadis": {"matrix": "data/geuvadis.tsv.gz", "values": "counts", "genes": "ensembl"},
    },
    "auxiliary": {"leukaemia": {"matrix": "data/leukaemia.h5ad", "values": "log2", "genes": "symbol"}},
    "geo": {"mirror": "data/geo", "retries": 0, "timeout": 5},
    "split": {"by": "sample"},
    "models": {
        "ols": {"kind": "ols", "auxiliary": True},
        "ridge": {"kind": "ridge", "lambdas": [0.01, 0.1, 1.0]},
        "lasso": {"kind": "lasso", "lambdas": [0.1]},
        "knn": {"kind": "knn", "neighbours": [2, 5]},
        "both": {"kind": "blend", "members": ["ridge", "knn"]},
        "relu_tanh": {"kind": "network", "preset": "relu_tanh", "hidden": [16], "epochs": 2},
        "deep": {"kind": "network", "preset": "deep", "hidden": [8], "epochs": 2},
        # Two networks that add to a ridge, and the only cell of a grid.
        "pair": {
            "kind": "network",
            "preset": "dgex",
            "skip": "ridge",
            "epochs": 2,
            "ensemble": 2,
            "grid": {"hidden": [[6]]},
        },
    },
    # The same on machines with a card.
    "train": {"device": "cpu"},
    "evaluation": {
        "resamples": 100,
        "importance": {"models": ["ridge", "deep"]},
        "learning_curve": {"models": ["ridge", "deep"], "fractions": [0.5]},
        "generalisation": {"models": ["ridge", "both"]},
    },
    "report": {"baseline": "ridge"},
    "infer": {"plate": {"profiles": "data/geuvadis.tsv.gz", "model": "both"}},
}

_JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
_WILDCARDS = re.compile(r"^    wildcards: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A folder with landex's workflow, a config and data."""

    root: Path

    @classmethod
    def make(cls, root: Path) -> "Project":
        """Copy the workflow of this checkout beside miniature data."""
        caches = shutil.ignore_patterns("__pycache__")
        for folder in ("workflow", "profiles", "envs"):
            shutil.copytree(REPOSITORY / folder, root / folder, ignore=caches)
        shutil.copy2(REPOSITORY / "Snakefile", root)
        (root / "resources" / "genes").mkdir(parents=True)
        for name in ("landmarks.tsv", "targets.tsv", "ids.tsv.gz"):
            shutil.copy2(REPOSITORY / "resources" / "genes" / name, root / "resources" / "genes")
        miniature = Miniature()
        (root / "data").mkdir()
        miniature.write_gdsc(root / "data" / "gdsc.h5ad")
        miniature.write_leukaemia(root / "data" / "leukaemia.h5ad")
        miniature.write_geuvadis(root / "data" / "geuvadis.tsv.gz")
        miniature.write_mirror(root / "data" / "geo")
        project = cls(root)
        project.write_config(CONFIG)
        return project

    def copy(self, root: Path) -> "Project":
        """Copy the whole project, with modification times and Snakemake's records."""
        return Project(Path(shutil.copytree(self.root, root)))

    def write_config(self, config: dict[str, Any]) -> None:
        text = yaml.safe_dump(config, sort_keys=False)
        (self.root / "config.yaml").write_text(text, encoding="utf-8")

    def change_config(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Apply a function that changes the config in place."""
        config = yaml.safe_load((self.root / "config.yaml").read_text(encoding="utf-8"))
        change(config)
        self.write_config(config)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the project's folder; its output and errors come in one stream, in `stdout`."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")}
        if "--dry-run" in arguments:
            return dry_run(self.root, arguments, environment)
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def run(self, *targets: str) -> str:
        """Run to the end on two cores and return what was printed."""
        ended = self.snakemake("--cores", "2", *targets)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    def planned(self, *targets: str) -> set[str]:
        """Return the jobs that would run now, each as its rule and its wildcards' values (`predict ols.test`)."""
        ended = self.snakemake("--dry-run", *targets)
        assert ended.returncode == 0, ended.stdout
        return jobs_in(ended.stdout)


@dataclass(frozen=True)
class Finished:
    """A project after its first run, and what that printed."""

    project: Project
    printed: str


def jobs_in(printed: str) -> set[str]:
    """Read the jobs from what a dry run prints, without those that make nothing themselves."""
    jobs = set()
    for rule, details in _JOB.findall(printed):
        wildcards = _WILDCARDS.search(details)
        values = [pair.partition("=")[2] for pair in wildcards[1].split(", ")] if wildcards else []
        # A variation is named as its folder is; the run itself is one without a name.
        names = [value.removeprefix("variations/").rstrip("/") for value in values]
        jobs.add(f"{rule} {'.'.join(filter(None, names))}".strip())
    return jobs - {"all", "fetch"}
