"""What dry runs say of copies of the finished project that were changed."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from workflow.changes import Change
from workflow.project import Finished


@pytest.fixture(scope="session")
def plans(
    request: pytest.FixtureRequest, finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[Change, Future[set[str]]]]:
    """The jobs that would run after every `change` that a collected test asks about, found by two at a time."""
    parameters = [getattr(item, "callspec", None) for item in request.session.items]
    # Tests elsewhere have parameters of that name too.
    named = [call.params.get("change") for call in parameters if call]
    changes = [change for change in named if isinstance(change, Change)]
    folder = tmp_path_factory.mktemp("changed")

    def planned_after(change: Change) -> set[str]:
        with TemporaryDirectory(dir=folder) as place:
            project = finished.project.copy(Path(place) / "project")
            change.make(project)
            return project.planned()

    pool = ThreadPoolExecutor(max_workers=2)
    yield {change: pool.submit(planned_after, change) for change in changes}
    pool.shutdown(cancel_futures=True)
