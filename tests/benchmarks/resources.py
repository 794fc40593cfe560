"""Granted and used memory of the jobs of a finished run, by stage: the check of landex/job_resources.py.

Usage: bin/python tests/benchmarks/resources.py [FOLDER ...]: of runs made with `--benchmark-extended`, by default that
of this checkout (`bin/snakemake --cores all --benchmark-extended`; profiles/slurm asks for it by itself).
"""

import ast
import csv
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from measure import print_figures

ROOT = Path(__file__).parents[2]
# Snakemake's two processes around a script in a job of a cluster, which its benchmark does not see: 180 to 200 MB each.
BESIDE_THE_SCRIPT_MB = 400


@dataclass(frozen=True)
class Job:
    """What a job was granted on its first attempt, and what its script took at most."""

    stage: str
    input_mb: float
    granted_mb: float
    used_mb: float

    @property
    def share(self) -> float:
        """Return the used share of what was granted, with what stands around the script."""
        return (self.used_mb + BESIDE_THE_SCRIPT_MB) / self.granted_mb


def read_jobs(folder: Path) -> list[Job]:
    """Read the jobs of a run from its tables of time and memory; too short ones have none."""
    jobs = []
    for file in sorted(folder.glob("results/**/benchmarks/**/*.tsv")):
        with file.open(encoding="utf-8", newline="") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        if row.get("resources") and row["max_rss"] not in ("NA", "-"):
            granted = ast.literal_eval(row["resources"])["mem_mb"]
            inputs = sum(ast.literal_eval(row["input_size_mb"]).values())
            jobs.append(Job(_stage(file), inputs, granted, float(row["max_rss"])))
    return jobs


def _stage(file: Path) -> str:
    """Name what a table is of: the rule, and of a baseline the model."""
    return f"{file.parent.name} {file.stem}" if file.parent.name in ("baseline", "network") else file.parent.name


def main() -> None:
    """Print a row a stage: of its job that came nearest to what it was granted."""
    folders = list(map(Path, sys.argv[1:])) or [ROOT]
    largest, count = 0.0, 0
    for folder in folders:
        jobs = defaultdict(list)
        for job in read_jobs(folder):
            jobs[job.stage].append(job)
        if not jobs:
            sys.exit(f"{folder}: no tables of a run; make it with snakemake --cores all --benchmark-extended")
        print(f"{folder.resolve().name}: MB by stage, of the job that came nearest to what it was granted")
        print(
            "| stage | jobs | inputs | granted | used by the script | share with Snakemake |\n|---|---|---|---|---|---|"
        )
        for stage, some in sorted(jobs.items()):
            job = max(some, key=lambda job: job.share)
            print(
                f"| {stage} | {len(some)} | {job.input_mb:.1f} | {job.granted_mb:.0f} | {job.used_mb:.0f} "
                f"| {job.share:.2f} |"
            )
            largest, count = max(largest, job.share), count + len(some)
    print_figures("resources", {"largest_share_of_granted_memory": largest, "jobs": count})


if __name__ == "__main__":
    main()
