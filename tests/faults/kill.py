"""Kill a run in every stage at random moments, run it again, and compare every number with an undisturbed run.

Usage: bin/python tests/faults/kill.py [--kills N] [--seed S] [--undisturbed PROJECT]

The run is the small project of tests/workflow, with every rule. A kill is SIGKILL to the whole process group at once:
Snakemake, its jobs, and what these started, as when a machine loses power or a scheduler ends a job; every fifth is
SIGTERM. It is aimed at a job of each rule in turn, at a random moment of the time that such a job took undisturbed. The
next call begins without Snakemake's lock, as after `snakemake --unlock`. When every rule was hit, the run goes to its
end and is compared, and another one begins. The last lines are a table, a row a rule, and JSON.
"""

import argparse
import csv
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
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.compared import differences, results_of
from workflow.project import Project

# A line of Snakemake's when a job begins, with what it makes, and when one ends.
_BEGINS = re.compile(r"^(?:local)?rule (\w+):$\n(?:    .*\n)*?    jobid: (\d+)$", re.MULTILINE)
_ENDS = re.compile(r"^Finished jobid: (\d+) ", re.MULTILINE)
_MAKES = re.compile(r"^(?:local)?rule (\w+):$\n(?:    .*\n)*?    output: (.*)$", re.MULTILINE)
# Snakemake's table of what it is about to run.
_PLAN = re.compile(r"^job +count\n-+ +-+\n((?:\w+ +\d+\n)+)", re.MULTILINE)
CORES = 2
# After a signal that can be caught; a training writes a checkpoint first.
PATIENCE = 120
# Where no job was running: Snakemake was choosing the next ones.
BETWEEN = "between jobs"


@dataclass(frozen=True)
class Undisturbed:
    """A run that went to its end: its results, and how long a job of each rule takes in seconds."""

    results: Path
    seconds: dict[str, float]

    @classmethod
    def read(cls, project: Project) -> "Undisturbed":
        """Read the run of a project."""
        taken: dict[str, list[float]] = {}
        for table in (project.root / "results").glob("**/benchmarks/*/*.tsv"):
            with table.open(encoding="utf-8", newline="") as stream:
                taken.setdefault(table.parent.name, []).append(float(next(csv.DictReader(stream, delimiter="\t"))["s"]))
        return cls(project.root / "results", {rule: median(seconds) for rule, seconds in taken.items()})


@dataclass
class Kills:
    """What was killed, and what came of it.

    Attributes
    ----------
    killed, ended
        How many kills, and how many SIGTERMs, hit a job of each rule.
    runs
        How many runs went to their end.
    resumed
        How many trainings of them went on from a checkpoint.
    equal
        How many results of each rule were compared and are those of the undisturbed run.
    wrong
        What differed from an undisturbed run, a line each.
    """

    killed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    resumed: int = 0
    equal: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    kills: int = 0

    def hits(self, rule: str) -> int:
        """Return how often jobs of a rule were hit."""
        return self.killed[rule] + self.ended[rule]

    def note(self, rules: list[str], number: signal.Signals) -> None:
        """Count one kill."""
        self.kills += 1
        (self.ended if number == signal.SIGTERM else self.killed).update(rules or [BETWEEN])


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


def wait_for_a_job(log: Path, process: subprocess.Popen[bytes], rules: Container[str] | None = None) -> str | None:
    """Wait until a job begins, of some rules or of any; return its rule, None where the run ended without."""
    while process.poll() is None:
        for rule in running_jobs(log):
            if rules is None or rule in rules:
                return rule
        time.sleep(0.02)
    return None


def planned_rules(log: Path, process: subprocess.Popen[bytes]) -> list[str]:
    """Wait for the rules that a call is about to run, and return them; none where nothing is to be done."""
    while True:
        # Looked at before the log is: what was written until the end is seen.
        ended = process.poll() is not None
        if plan := _PLAN.search(log.read_text(encoding="utf-8", errors="replace")):
            return [rule for rule in (line.split()[0] for line in plan[1].splitlines()) if rule not in ("all", "total")]
        if ended:
            return []
        time.sleep(0.02)


def killed_once(
    project: Project,
    log: Path,
    number: signal.Signals,
    aim: Callable[[list[str]], set[str]],
    delay: Callable[[str], float],
    targets: tuple[str, ...] = (),
) -> list[str] | None:
    """Start a run and signal it while a job of a chosen rule runs.

    Parameters
    ----------
    aim
        Chooses from the rules that the call is about to run; the first job to begin of those is hit.
    delay
        Says how many seconds after a job of a rule began.

    Returns
    -------
        The rules that were running; None if the run ended before.
    """
    with started(project, log, *targets) as process:
        rule = wait_for_a_job(log, process, aim(planned_rules(log, process)))
        try:
            process.wait(delay(rule) if rule else None)
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
    new: Project,
    undisturbed: Undisturbed,
    kills: int,
    seed: int,
    folder: Path,
    targets: tuple[str, ...] = (),
    rules: tuple[str, ...] = (),
) -> Kills:
    """Kill runs of copies of a project until there were enough kills.

    Parameters
    ----------
    new
        A project that never ran.
    undisturbed
        A run of the same that nothing disturbed.
    folder
        Where the copies are made.
    targets
        Results to make and to compare; by default all.
    rules
        The rules whose jobs are killed; by default all.
    """
    moments, told = random.Random(seed), Kills()

    def aim(planned: list[str]) -> set[str]:
        # Once more in each run; where none of those is left, it goes to its end.
        return {rule for rule in planned if told.hits(rule) <= told.runs and (not rules or rule in rules)}

    def delay(rule: str) -> float:
        # A rule without a table of its time takes a second or two.
        return moments.uniform(0, undisturbed.seconds.get(rule, 2))

    while told.kills < kills:
        project = new.copy(folder / f"run{told.runs}")
        while told.kills < kills:
            unlock(project)
            # Every fifth is a polite one.
            number = signal.SIGTERM if told.kills % 5 == 4 else signal.SIGKILL
            hit = killed_once(project, folder / "log", number, aim, delay, targets)
            if hit is None:
                break
            told.note(hit, number)
            print(f"{number.name} {told.kills}: {', '.join(hit) or BETWEEN}", flush=True)
        unlock(project)
        project.run(*targets)
        compare(project, undisturbed, told, targets)
        if not told.wrong:
            shutil.rmtree(project.root)
    return told


def compare(project: Project, undisturbed: Undisturbed, told: Kills, targets: tuple[str, ...]) -> None:
    """Compare a run's results with the undisturbed ones, and count them by the rules that make them."""
    results = project.root / "results"
    wrong = differences(results, undisturbed.results, targets)
    told.runs += 1
    told.wrong += wrong
    differing = {line.partition(": ")[0] for line in wrong}
    rules = rules_of_results(project)
    told.equal.update(rules.get(file, "other files") for file in results_of(results) - differing)
    metrics = [file for file in results_of(results) if file.endswith("/metrics.json")]
    told.resumed += sum(bool(json.loads((results / file).read_text()).get("resumptions")) for file in metrics)
    print(f"run {told.runs}: {told.equal.total()} results compared so far, {len(told.wrong)} differ", flush=True)


def rules_of_results(project: Project) -> dict[str, str]:
    """Return which rule makes each result, below `results/`."""
    planned = project.snakemake("--dry-run", "--forceall").stdout
    return {file.removeprefix("results/"): rule for rule, made in _MAKES.findall(planned) for file in made.split(", ")}


def main() -> None:
    """Kill, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--undisturbed", type=Path, help="the small project after a run; made first by default")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        new = Project.make(folder / "new")
        if arguments.undisturbed:
            whole = Project(arguments.undisturbed)
        else:
            whole = new.copy(folder / "whole")
            whole.run()
            print(f"an undisturbed run took {time.monotonic() - began:.0f} s", flush=True)
        told = kill_runs(new, Undisturbed.read(whole), arguments.kills, arguments.seed, folder)
    print("| rule | SIGKILL | SIGTERM | results as in an undisturbed run |\n|---|---|---|---|")
    for rule in sorted(told.killed.keys() | told.ended.keys() | told.equal.keys()):
        print(f"| {rule} | {told.killed[rule]} | {told.ended[rule]} | {told.equal[rule]} |")
    print("\n".join(told.wrong) or "every number is that of the undisturbed run")
    figures = {
        "kills": told.kills,
        "runs": told.runs,
        "rules_killed": len((told.killed.keys() | told.ended.keys()) - {BETWEEN}),
        "results_compared": told.equal.total() + len(told.wrong),
        "trainings_resumed": told.resumed,
        "differences": len(told.wrong),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps({"harness": "kill", "figures": figures}))
    sys.exit(bool(told.wrong))


if __name__ == "__main__":
    main()
