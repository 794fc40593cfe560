"""Time and memory of planning: a dry run of a compendium of many series and of many models.

Usage: bin/python tests/benchmarks/plan.py [--quick] [--profile FILE]

The config names 2,000 GEO series of one platform, 3 external cohorts and 60 models (two grids of networks, baselines
and a blend), all of which are bundled. Nothing is downloaded: the mirror is an address, which no dry run asks. Measured
are the first plan (`seconds`, `memory_gb`: the peak of Snakemake's process), and the plan of a run that has ended
(`seconds_finished`, `memory_gb_finished`), where Snakemake compares the records of every job: its results are empty
files that `snakemake --touch` takes for made. `seconds_folder` is the first plan with a mirror that is a folder, where
every file is looked at. `--quick` plans 200 series and 12 models. `--profile` writes a profile of the first plan, for
pstats. The last line is JSON.
"""

import argparse
import gzip
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from measure import print_figures

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from landex.geo.layout import series_path  # noqa: E402

SERIES, QUICK_SERIES = 2000, 200
# Hidden layers times dropouts of each of two presets; with 9 baselines and a blend 60 models.
HIDDEN, DROPOUTS = [[size] * depth for depth in (1, 2) for size in (500, 1000, 2000)][:5], [0.1, 0.2, 0.3, 0.4, 0.5]
PLATFORM = "GPL96"


def models(quick: bool) -> dict[str, Any]:
    """Return entries of 60 models, or of 12."""
    hidden, dropouts = (HIDDEN[:1], DROPOUTS[:1]) if quick else (HIDDEN, DROPOUTS)
    grid = {"hidden": hidden, "dropout": dropouts}
    networks = {preset: {"kind": "network", "preset": preset, "grid": grid} for preset in ("dgex", "deep")}
    kinds = ("ols", "ridge", "lasso", "elastic_net", "knn", "knn_ge", "kernel_ridge", "sample_lasso")
    return {
        **{kind: {"kind": kind} for kind in kinds},
        "ridge_wide": {"kind": "ridge", "lambdas": [0.1, 1.0, 10.0]},
        **networks,
        "both": {"kind": "blend", "members": ["ridge", "knn"]},
    }


def config(quick: bool, mirror: str) -> dict[str, Any]:
    """Return the config of a compendium of the series listed in series.tsv."""
    external = {f"external{number}": {"geo": f"GSE{900000 + number}", "platform": PLATFORM} for number in range(3)}
    return {
        "compendium": {"sources": {"gpl96": {"list": "series.tsv", "values": "log2"}}},
        "external": external,
        "geo": {"mirror": mirror},
        "split": {"by": "series"},
        "models": models(quick),
        "report": {"baseline": "ridge"},
    }


def make_project(root: Path, series: int, quick: bool) -> None:
    """Copy the workflow and write config and list of series."""
    caches = shutil.ignore_patterns("__pycache__")
    for folder in ("workflow", "profiles", "envs", "resources/genes"):
        shutil.copytree(ROOT / folder, root / folder, ignore=caches)
    shutil.copy2(ROOT / "Snakefile", root)
    rows = [f"GSE{10000 + number}\t{PLATFORM}" for number in range(series)]
    (root / "series.tsv").write_text("\n".join(["series\tplatform", *rows]) + "\n", encoding="utf-8")
    write_config(root, config(quick, "https://geo.invalid"))


def write_config(root: Path, settings: dict[str, Any]) -> None:
    """Write the project's config."""
    (root / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


@dataclass(frozen=True)
class Plan:
    """What a call of Snakemake took (wall and processor seconds, peak memory in GB), and what it printed."""

    seconds: float
    cpu_seconds: float
    memory_gb: float
    printed: str

    @property
    def jobs(self) -> int:
        """How many jobs a dry run plans."""
        found = re.search(r"^total\s+(\d+)", self.printed, re.MULTILINE)
        return int(found[1]) if found else 0


def planned(root: Path, *arguments: str, python: tuple[str, ...] = ()) -> Plan:
    """Run Snakemake in a project."""
    printed = root / "printed"
    began = time.perf_counter()
    with printed.open("wb") as out:
        command = [sys.executable, *python, "-m", "snakemake", "--cores", "2", *arguments]
        process = subprocess.Popen(command, cwd=root, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    text = printed.read_text(encoding="utf-8", errors="replace")
    if status:
        sys.exit(text[-5000:])
    # macOS counts in bytes, others in KiB.
    memory = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return Plan(seconds, used.ru_utime + used.ru_stime, memory, text)


def fill_mirror(folder: Path, series: int) -> None:
    """Write the heads of family files in GEO's layout."""
    for accession in [*(10000 + number for number in range(series)), *(900000 + number for number in range(3))]:
        path = folder / series_path(f"GSE{accession}")
        path.parent.mkdir(parents=True)
        text = f"^SERIES = GSE{accession}\n!Series_platform_id = {PLATFORM}\n^PLATFORM = {PLATFORM}\n"
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


def measured_further(root: Path, from_folder: dict[str, Any], series: int, first: Plan) -> dict[str, float]:
    """Measure the plan of a run that has ended, and that of a run whose mirror is a folder."""
    for listed in re.findall(r"^    output: (.*)$", first.printed, re.MULTILINE):
        for output in listed.split(", "):
            path = root / output
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    touched = planned(root, "--touch")
    print(f"taken for made by --touch: {said(touched)}", flush=True)
    ended = planned(root, "--dry-run")
    print(f"planned again, {ended.jobs} jobs: {said(ended)}", flush=True)
    shutil.rmtree(root / "results")
    shutil.rmtree(root / "resources" / "downloads")
    fill_mirror(root / "mirror", series)
    write_config(root, from_folder)
    looked = planned(root, "--dry-run")
    print(f"with a mirror that is a folder, {looked.jobs} jobs: {said(looked)}", flush=True)
    figures = {"seconds_finished": ended.seconds, "cpu_seconds_finished": ended.cpu_seconds}
    figures |= {"memory_gb_finished": ended.memory_gb, "jobs_finished": ended.jobs}
    return figures | {"seconds_folder": looked.seconds, "cpu_seconds_folder": looked.cpu_seconds}


def said(plan: Plan) -> str:
    """Say what a plan took."""
    return f"{plan.seconds:.1f} s ({plan.cpu_seconds:.1f} s of processors), {plan.memory_gb:.2f} GB"


def main() -> None:
    """Plan, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--profile")
    arguments = parser.parse_args()
    series = QUICK_SERIES if arguments.quick else SERIES
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "project")
        make_project(root, series, arguments.quick)
        watched = ("-m", "cProfile", "-o", str(Path(arguments.profile).resolve())) if arguments.profile else ()
        first = planned(root, "--dry-run", python=watched)
        print(f"{series} series, {first.jobs} jobs: {said(first)}", flush=True)
        figures = {"jobs": first.jobs, "seconds": first.seconds, "cpu_seconds": first.cpu_seconds}
        figures["memory_gb"] = first.memory_gb
        if not arguments.profile:
            figures |= measured_further(root, config(arguments.quick, "mirror"), series, first)
    print_figures("plan", figures)


if __name__ == "__main__":
    main()
