"""Shared by tests of the report: simulated runs, made once a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from landex.report.run import Run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of five models, 120 targets and three cohorts."""
    from simulated_run import simulated_run

    return simulated_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def large_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same with 5,300 targets."""
    from simulated_run import simulated_run

    return simulated_run(tmp_path_factory.mktemp("large"), targets=5300)
