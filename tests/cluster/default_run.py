"""The default run of README through a real Slurm, compared with one on this machine to the bit.

Usage: bin/python tests/cluster/default_run.py [--local RESULTS] [--models] [--keep FOLDER]

As root, with slurm-wlm and munge; see slurm.py. RESULTS is the folder of a default run that has ended, made on this
machine with two cores (`bin/snakemake --cores 2`) and the same code and data; without it one is made first. On Slurm
each training has a pretended card and a job of its own; baselines share a job, and so do the stages before the models
and those after them. `--models` ends with the models: a job of Slurm starts Snakemake, and again for each job of the
workflow in it, so that the 150 short ones after the models take longest. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.compared import differences, results_of
from workflow.project import REPOSITORY

from cluster.slurm import Size, Slurm, missing, slurm

# What is ready at one time shares one job of Slurm.
GROUPS = {
    "data": (
        *("retrieve", "cohort_series", "cohort_matrix", "compendium", "roles", "split", "thin_split"),
        *("references", "normalise", "normalise_external", "auxiliary"),
    ),
    "baselines": ("baseline",),
    "tests": (
        *("blend", "predict", "predict_carried", "predict_blend", "calibrate", "evaluate", "compare", "outliers"),
        *("importance", "judge", "summarise", "bundle", "report"),
    ),
}
HERE = ("-m", "snakemake", "--cores", "2", "--benchmark-extended")
# Without blends, whose job of Slurm goes on to the tests.
MODELS = ("baseline", "network")
# Jobs of a group that none joins to another are one job of Slurm all the same.
TOGETHER = 500
# A group asks for what all its jobs take that could run at a time; they run on the cores that there are.
NODE = Size(cpus=500, cards=1, memory_mb=2_000_000)


def clone(root: Path) -> Path:
    """Clone this checkout, as a user does."""
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(root)], check=True)
    (root / ".venv").symlink_to(REPOSITORY / ".venv")
    return root


def run(root: Path, *command: str) -> float:
    """Run Snakemake in a clone to its end; return the seconds that it took."""
    began = time.monotonic()
    with (root / "printed").open("wb") as out:
        ended = subprocess.run([sys.executable, *command], cwd=root, stdout=out, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        sys.exit((root / "printed").read_text()[-10_000:])
    return time.monotonic() - began


def on_slurm(cluster: Slurm, root: Path, until: tuple[str, ...]) -> tuple[float, list[dict[str, str]]]:
    """Run on the cluster, up to some rules; return the seconds that it took, and what Slurm says of the jobs."""
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    # The card is pretended.
    config.setdefault("train", {}).update(device="gpu", allow_cpu=True)
    (root / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    seconds = run(
        root,
        str(REPOSITORY / "tests" / "cluster" / "asked_often.py"),
        *("--workflow-profile", "profiles/slurm", "--max-threads", "2", "--latency-wait", "5"),
        *("--slurm-init-seconds-before-status-checks", "1"),
        *("--groups", *(f"{rule}={group}" for group, rules in GROUPS.items() for rule in rules)),
        *("--group-components", *(f"{group}={TOGETHER}" for group in GROUPS)),
        *(("--until", *until) if until else ()),
    )
    return seconds, [cluster.details(job) for job in cluster.jobs()]


def main() -> None:
    """Run, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--local", type=Path, help="results of a default run on this machine")
    parser.add_argument("--models", action="store_true", help="run and compare up to the models")
    parser.add_argument("--keep", type=Path, help="where the runs are made and stay, by default nowhere")
    arguments = parser.parse_args()
    if reason := missing():
        sys.exit(reason)
    with nullcontext(arguments.keep) if arguments.keep else tempfile.TemporaryDirectory() as place:
        local, figures = arguments.local, {}
        if local is None:
            here = clone(Path(place, "here"))
            figures["seconds_here"] = round(run(here, *HERE))
            local = here / "results"
        there = clone(Path(place, "there"))
        with slurm(NODE) as cluster:
            seconds, jobs = on_slurm(cluster, there, MODELS if arguments.models else ())
        print("| job of Slurm | partition | cards | state | time |\n|---|---|---|---|---|")
        for job in jobs:
            cards = job.get("TresPerJob", job.get("TresPerNode", "none"))
            print(f"| {job['Comment'][:60]} | {job['Partition']} | {cards} | {job['JobState']} | {job['RunTime']} |")
        # These have to be there, others where they are.
        config = yaml.safe_load((there / "config.yaml").read_text(encoding="utf-8"))
        fitted = [name for name, model in config["models"].items() if model["kind"] != "blend"]
        models = tuple(f"results/models/{name}/weights.h5" for name in fitted)
        wrong = differences(there / "results", local, models if arguments.models else ())
        print("\n".join(wrong) or "every number is that of the run on this machine")
        figures |= {"seconds_on_slurm": round(seconds), "jobs_of_slurm": len(jobs)}
        figures |= {"results_compared": len(results_of(there / "results")), "differences": len(wrong)}
        figures["load"] = round(os.getloadavg()[2], 1)
    print(json.dumps({"harness": "default_run", "figures": figures}))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
