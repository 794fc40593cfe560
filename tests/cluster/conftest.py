"""One small run on this machine, for all ways of running it elsewhere to be compared with."""

import os
from collections.abc import Iterator

import pytest
from workflow.project import Project

from cluster.slurm import Slurm, missing, slurm
from cluster.small import make


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
        # CI has to have one; elsewhere these tests are for those who do.
        (pytest.fail if os.environ.get("LANDEX_CLUSTER") else pytest.skip)(reason)
    with slurm() as running:
        yield running
