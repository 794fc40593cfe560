"""Kill a run at random moments, run it again, and compare every number with an undisturbed run.

Usage: bin/python tests/faults/kill.py [--kills N] [--seed S]

The run is the small project of tests/workflow, with every rule. A kill is SIGKILL to the whole process group at once:
Snakemake, its jobs, and what these started, as when a machine loses power or a scheduler ends a job; every fifth is
SIGTERM. The next call begins without Snakemake's lock, as after `snakemake --unlock`. A run that ends before the kills
are used up is compared, and another one begins. The last lines are a table of what was killed, and JSON.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.compared import differences
from workflow.project import Project

# A line of Snakemake's when a job begins, the rule's name in it, and when one ends.
_BEGINS = re.compile(r"^(?:local)?rule (\w+):$\n(?:    .*\n)*?    jobid: (\d+)$", re.MULTILINE)
_ENDS = re.compile(r"^Finished jobid: (\d+) ", re.MULTILINE)
CORES = 2
# After a signal that can be caught; a training writes a checkpoint first.
PATIENCE = 120


@dataclass
class Kills:
    """What was killed, and what came of it.

    Attributes
    ----------
    moments
        How many kills hit a job of each rule.
    runs
        How many runs went to their end.
    wrong
        What differed from an undisturbed run, a line each.
    """

    moments: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    wrong: list[str] = field(default_factory=list)
    kills: int = 0


@contextmanager
def started(project: Project, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start Snakemake in a process group of its own, which is gone when the block ends."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--cores", str(CORES), *arguments],
            cwd=project.root,
            env={key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that it started, and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def running_jobs(log: Path) -> list[str]:
    """Name the rules of the jobs that a log of Snakemake has begun and not ended."""
    text = log.read_text(encoding="utf-8", errors="replace")
    ended = set(_ENDS.findall(text))
    return [rule for rule, job in _BEGINS.findall(text) if job not in ended]


def wait_for_a_job(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the first job begins, or nothing is to be done."""
    while process.poll() is None and not running_jobs(log):
        time.sleep(0.02)


def killed_once(
    project: Project, log: Path, seconds: float, number: signal.Signals = signal.SIGKILL, targets: tuple[str, ...] = ()
) -> list[str] | None:
    """Signal a run some seconds after its first job began; return the rules that were running, None if it had ended."""
    with started(project, log, *targets) as process:
        wait_for_a_job(log, process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            rules = running_jobs(log)
            os.killpg(process.pid, number)
            process.wait(PATIENCE)
            return rules
    if process.returncode:
        raise SystemExit(f"a run failed that nothing disturbed:\n{log.read_text()}")
    return None


def unlock(project: Project) -> None:
    """Take away the lock that a killed Snakemake leaves, as `snakemake --unlock` does, without its seconds to start."""
    for lock in (project.root / ".snakemake" / "locks").glob("*.lock"):
        lock.unlink()


def kill_runs(
    new: Project, undisturbed: Path, kills: int, seed: int, longest: float, folder: Path, targets: tuple[str, ...] = ()
) -> Kills:
    """Kill runs of copies of a project until there were enough kills.

    Parameters
    ----------
    new
        A project that never ran.
    undisturbed
        Results of the same that nothing disturbed.
    longest
        A kill comes at most so many seconds after the first job of a call began.
    folder
        Where the copies are made.
    targets
        Results to make and to compare; by default all.
    """
    moments, told = random.Random(seed), Kills()
    while told.kills < kills:
        project = new.copy(folder / f"run{told.runs}")
        while told.kills < kills:
            unlock(project)
            # Every fifth is a polite one.
            number = signal.SIGTERM if told.kills % 5 == 4 else signal.SIGKILL
            rules = killed_once(project, folder / "log", moments.uniform(0, longest), number, targets)
            if rules is None:
                break
            told.kills += 1
            told.moments.update(rules or ["between jobs"])
            print(f"{number.name} {told.kills}: {', '.join(rules) or 'between jobs'}", flush=True)
        unlock(project)
        project.run(*targets)
        told.runs += 1
        told.wrong += differences(project.root / "results", undisturbed, targets)
        if not told.wrong:
            shutil.rmtree(project.root)
    return told


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    # Several jobs of the small project end in this time, and a call of Snakemake takes 3 s before the first.
    parser.add_argument("--longest", type=float, default=12.0, help="seconds from a call's first job to a kill")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        new = Project.make(folder / "new")
        whole = new.copy(folder / "whole")
        whole.run()
        print(f"an undisturbed run took {time.monotonic() - began:.0f} s", flush=True)
        told = kill_runs(new, whole.root / "results", arguments.kills, arguments.seed, arguments.longest, folder)
    print("rule\tkilled")
    for rule, count in sorted(told.moments.items()):
        print(f"{rule}\t{count}")
    print("\n".join(told.wrong) or "every number is that of the undisturbed run")
    figures = {"kills": told.kills, "runs": told.runs, "rules": len(told.moments), "differences": len(told.wrong)}
    print(json.dumps({"harness": "kill", "figures": {**figures, "seconds": round(time.monotonic() - began)}}))
    sys.exit(bool(told.wrong))


if __name__ == "__main__":
    main()
