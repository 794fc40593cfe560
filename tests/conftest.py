"""Shared by all tests: this folder is on their import path, because pytest puts every conftest.py's there."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from workflow.project import Finished, Project

from landex.examples import Examples
from landex.genes import GeneNames

if TYPE_CHECKING:
    from simulated_bundle import SimulatedRun

# The same examples in every run, and no verdict by the clock on a busy machine.
settings.register_profile("landex", derandomize=True, database=None, deadline=None)
settings.load_profile("landex")

RESOURCES = Path(__file__).parents[1] / "resources"

MakeExamples = Callable[..., Examples]


@pytest.fixture(scope="session")
def resources() -> Path:
    return RESOURCES


@pytest.fixture(scope="session")
def gene_names() -> GeneNames:
    return GeneNames.read(RESOURCES / "genes/ids.tsv.gz")


@pytest.fixture(scope="session")
def make_examples() -> MakeExamples:
    """Build examples from arrays of shape (samples, landmarks) and (samples, targets)."""

    def make(
        inputs: NDArray[np.floating], targets: NDArray[np.floating], measured: NDArray[np.bool_] | None = None
    ) -> Examples:
        return Examples(
            inputs.astype(np.float32),
            targets.astype(np.float32),
            np.ones(targets.shape, bool) if measured is None else measured,
            [f"s{row}" for row in range(len(inputs))],
            pd.DataFrame(index=[f"t{column}" for column in range(targets.shape[1])]),
        )

    return make


@pytest.fixture(scope="session")
def tensorflow_on_two_threads() -> None:
    """Set TensorFlow's threads and determinism, as a job does, before its first operation in this process."""
    from landex.networks.devices import DeviceWishes, choose_device

    choose_device(DeviceWishes("cpu", 1, False), 2)


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> "SimulatedRun":
    """Simulate a run with a bundle of every kind; nobody writes to it."""
    from simulated_bundle import simulate

    return simulate(tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that never ran. Tests change copies of it only."""
    return Project.make(tmp_path_factory.mktemp("new"))


@pytest.fixture(scope="session")
def finished(new: Project, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The project after its first run. Tests change copies of it only."""
    project = new.copy(tmp_path_factory.mktemp("finished") / "project")
    # The jobs' scripts are kept for tests/faults/stages.py.
    return Finished(project, project.run("--skip-script-cleanup"))
