"""Changes to a finished project, each with the exact set of jobs that it makes necessary."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflow.chain import Jobs
from workflow.project import Project


@dataclass(frozen=True)
class Change:
    """What a user does to a finished project, and the jobs that have to run then."""

    name: str
    make: Callable[[Project], object]
    jobs: Jobs

    def __str__(self) -> str:
        return self.name


def setting(*path: str, to: Any) -> Callable[[Project], None]:
    """Return a change of one key of the config; the sections above it are made where they are missing."""

    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config.setdefault(key, {})
        config[path[-1]] = to

    return lambda project: project.change_config(change)


def in_file(path: str, edit: Callable[[str], str]) -> Callable[[Project], None]:
    """Return a change of a text file that has to change something."""

    def change(project: Project) -> None:
        file = project.root / path
        before = file.read_text(encoding="utf-8")
        after = edit(before)
        assert after != before, f"{path}: nothing was changed"
        file.write_text(after, encoding="utf-8")

    return change


def all_python_files(project: Project) -> list[Path]:
    return sorted((project.root / "workflow" / "scripts").rglob("*.py"))
