"""Time and memory of the default run, from a fresh clone of HEAD; the environment is made before the clock starts.

Usage: bin/python tests/benchmarks/run.py [--cores N] [--quick]

`--quick` runs two epochs of every network. The last line is JSON; memory is the peak of the proportional set
size (pages shared by processes counted once) summed over Snakemake and all its jobs, sampled every 0.2 s.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pandas as pd
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]


class PeakMemory(threading.Thread):
    """Samples the memory of a process and its descendants until they end."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.bytes = 0

    def run(self) -> None:
        """Sample every 0.2 s."""
        try:
            process = psutil.Process(self._pid)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                self.bytes = max(self.bytes, sum(map(_memory, [process, *process.children(recursive=True)])))
                time.sleep(0.2)
        except psutil.NoSuchProcess:
            return


def _memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
        return int(getattr(full, "pss", full.uss))
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def quick_overlay(project: Path, config: Path) -> None:
    """Write an overlay that trains every network of a project's config for two epochs."""
    models = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))["models"]
    networks = {name: {"epochs": 2} for name, model in models.items() if model["kind"] == "network"}
    config.write_text(yaml.safe_dump({"models": networks}), encoding="utf-8")


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project, overlay = Path(folder, "landex"), Path(folder, "quick.yaml")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(project)], check=True)
        command = [sys.executable, "-m", "snakemake", "--cores", str(arguments.cores)]
        if arguments.quick:
            quick_overlay(project, overlay)
            command += ["--configfile", str(overlay)]
        began = time.perf_counter()
        log = Path(folder, "log")
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=project, stdout=out, stderr=subprocess.STDOUT)
            memory = PeakMemory(process.pid)
            memory.start()
            code = process.wait()
        seconds = time.perf_counter() - began
        if code:
            sys.exit(log.read_text())
        summary = pd.read_csv(project / "results" / "report" / "summary.tsv", sep="\t")
    shown = ["cohort", "scaling", "model", "targets", "samples", "mae", "improvement_percent", "genes_better_percent"]
    print(summary[shown].to_string(index=False))
    print(f"{platform.machine()}, {arguments.cores} cores: {seconds:.0f} s, peak {memory.bytes / 1e9:.2f} GB")
    figures = {"seconds": round(seconds, 1), "memory_gb": round(memory.bytes / 1e9, 3)}
    print(json.dumps({"harness": "run", "figures": figures}))


if __name__ == "__main__":
    main()
