"""One job of every rule, run by itself on a copy of a finished run: what a fault does to each stage in turn.

Snakemake leaves the scripts of its jobs with `--skip-script-cleanup`, each with all that it was given. They are run as
Snakemake runs them, without the seconds that it takes to start.
"""

import ast
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from faults.compared import differing_parts
from workflow.project import REPOSITORY, Project

# These make nothing themselves.
_TARGETS = ("all", "fetch")
_RULE = re.compile(r"^(?:use rule \w+ as|rule) (\w+)", re.MULTILINE)
# A loaded machine may take long to start Python.
PATIENCE = 300
# What stands beside results in a project, and is only read.
_READ = ("workflow", "data", "config.yaml", "resources/genes")
# What jobs write.
_WRITTEN = ("results", "resources/downloads")


def all_rules() -> list[str]:
    """Return the names of all rules that make something."""
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")]
    return sorted({rule for text in texts for rule in _RULE.findall(text)} - set(_TARGETS))


@dataclass(frozen=True)
class Stage:
    """A job of a rule: its script with all that Snakemake gave it, and its files."""

    rule: str
    script: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    log: str

    @classmethod
    def read(cls, script: Path) -> "Stage":
        """Read a script that Snakemake left."""
        given = next(
            node.args[0].value
            for node in ast.walk(ast.parse(script.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") == "loads"
            and isinstance(node.args[0], ast.Constant)
        )
        job = pickle.loads(given)
        return cls(job.rule, script, tuple(job.input), tuple(job.output), job.log[0])

    @property
    def results(self) -> list[str]:
        """Return the inputs that other jobs made."""
        return [path for path in self.inputs if path.startswith("results/")]

    def start(self, root: Path) -> subprocess.Popen[str]:
        """Start the job in a project, without the log of another run if that can be."""
        with suppress(OSError):
            (root / self.log).unlink()
        return subprocess.Popen(
            [sys.executable, str(self.script)],
            cwd=root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, root: Path) -> "Ended":
        """Run the job in a project to its end."""
        process = self.start(root)
        printed, _ = process.communicate(timeout=PATIENCE)
        return self.ended(root, process.returncode, printed)

    def signalled(self, root: Path, seconds: float) -> "Ended":
        """Run the job and send it SIGTERM after some seconds, if it still runs."""
        process = self.start(root)
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate(timeout=PATIENCE)
        return self.ended(root, process.returncode, printed)

    def ended(self, root: Path, code: int, printed: str) -> "Ended":
        """Return how the job ended and what it said, there or in its log."""
        log = root / self.log
        is_new = log.exists() and os.access(log.parent, os.W_OK)
        return Ended(code, printed + (log.read_text(encoding="utf-8") if is_new else ""))

    def remove_outputs(self, root: Path) -> None:
        """Remove the job's results and all that was written with them."""
        for output in (*self.outputs, self.log):
            path = root / output
            path.unlink(missing_ok=True)
            (path.parent / ".checksums" / path.name).unlink(missing_ok=True)

    def wrong(self, root: Path, undisturbed: Path, all_there: bool = True) -> list[str]:
        """List the results that are missing or not those of an undisturbed run, a line each."""
        lines = []
        for output in self.outputs:
            here, there = root / output, undisturbed / output
            if here.exists():
                parts = differing_parts(here, there)
                lines += [f"{output}: {', '.join(parts)} not as in an undisturbed run"] if parts else []
            elif all_there:
                lines.append(f"{output}: is missing")
        return lines

    def half_written(self, root: Path) -> list[str]:
        """List temporary files beside the job's results."""
        folders = {(root / output).parent for output in self.outputs}
        return [str(path) for folder in folders for path in folder.rglob("*.partial*")]


@dataclass(frozen=True)
class Ended:
    """How a job ended: its exit code, and what it printed and logged."""

    code: int
    said: str

    @property
    def lines(self) -> list[str]:
        """Return the lines that are for the user."""
        return [line for line in self.said.splitlines() if line.startswith("landex: ")]

    @property
    def has_traceback(self) -> bool:
        return "Traceback" in self.said


def stages_of(finished: Project) -> dict[str, Stage]:
    """Return a job of every rule of a run that was made with `--skip-script-cleanup`, the first of each."""
    scripts = sorted((finished.root / ".snakemake" / "scripts").glob("*.py"), key=lambda path: path.stat().st_mtime_ns)
    stages = [Stage.read(script) for script in scripts]
    return {stage.rule: stage for stage in reversed(stages)}


def can_mount(folder: Path) -> str:
    """Try to mount a file system; return why it cannot be done, or nothing."""
    try:
        with mounted(folder, "size=1m"):
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        return f"no file system can be mounted here ({said.strip()})"


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """Mount a file system of its own in memory."""
    place.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", options, "tmpfs", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    """Change the options of a file system."""
    _mount("-o", f"remount,{options}", str(place))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], capture_output=True, text=True, check=True)


def fill(place: Path) -> None:
    """Take all room that a file system in memory still has."""
    status = os.statvfs(place)
    used = (status.f_blocks - status.f_bfree) * status.f_frsize
    remount(place, f"size={used}")


def lay_out(finished: Project, root: Path, written: Path) -> Path:
    """Make a project whose results, copied from a finished run, lie in a folder of their own."""
    for name in (*_READ, *_WRITTEN):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    for name in _READ:
        (root / name).symlink_to(finished.root / name)
    for name in _WRITTEN:
        shutil.copytree(finished.root / name, written / Path(name).name)
        (root / name).symlink_to(written / Path(name).name)
    return root
