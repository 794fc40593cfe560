"""One small run on this machine, for all ways of running it elsewhere to be compared with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from workflow.project import Project

from cluster.slurm import Slurm, missing, slurm
from cluster.small import make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what takes a quarter of an hour, and root, where it is not asked for."""
    if os.environ.get("LANDEX_CLUSTER"):
        return
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="takes a quarter of an hour; set LANDEX_CLUSTER=1 to run it"))


@pytest.fixture(scope="session")
def run_here(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small run by profiles/default. Nobody changes it."""
    project = make(tmp_path_factory.mktemp("here") / "project")
    project.run()
    return project


@pytest.fixture(scope="session")
def cluster() -> Iterator[Slurm]:
    """A Slurm cluster of one node."""
    if reason := missing():
        pytest.fail(reason)
    with slurm() as running:
        yield running
