"""A whole run whose results lie in an S3-compatible store, read back and compared with those of a run on disk."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from workflow.project import Project

from cluster.small import SAME, make

pytestmark = pytest.mark.slow

BUCKET, PREFIX = "landex", "run"
KEYS = {"access_key": "any", "secret_key": "any"}
# What rules take as inputs beside results: a default store is asked for these too.
INPUTS = ("data", "resources", "workflow/report")


class Store:
    """A store on loopback, and what it holds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.s3 = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1"
        )
        self.s3.create_bucket(Bucket=BUCKET)

    def upload(self, root: Path, folder: str) -> None:
        """Put the files below a folder of a project under the run's prefix."""
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                self.s3.upload_file(str(path), BUCKET, f"{PREFIX}/{path.relative_to(root).as_posix()}")

    def read(self, name: str) -> bytes:
        """Return a file of the run."""
        return bytes(self.s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}")["Body"].read())

    @property
    def settings(self) -> list[str]:
        """Return Snakemake's arguments that put a run's files here."""
        return [
            *("--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}/{PREFIX}"),
            *("--storage-s3-endpoint-url", self.address),
            *("--storage-s3-access-key", "any", "--storage-s3-secret-key", "any"),
        ]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Store(f"http://{host}:{port}")
    finally:
        server.stop()


@pytest.fixture(scope="module")
def run_there(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small run with all its files but checkpoints in the store."""
    project = make(tmp_path_factory.mktemp("stored") / "project")
    for folder in INPUTS:
        store.upload(project.root, folder)
    project.run(*store.settings)
    return project


def test_results_in_a_store_are_those_on_disk_to_the_bit(store: Store, run_there: Project, run_here: Project) -> None:
    for name in SAME:
        assert store.read(f"results/{name}") == (run_here.root / "results" / name).read_bytes(), name
        assert not (run_there.root / "results" / name).exists(), name


def test_a_run_in_a_store_is_finished_and_a_change_reruns_what_depends_on_it(store: Store, run_there: Project) -> None:
    assert run_there.planned(*store.settings) == set()
    run_there.change_config(lambda config: config["evaluation"].update(coverage=0.8))
    expected = {"calibrate deep", "evaluate deep.test", "summarise", "judge", "bundle deep", "report"}
    assert run_there.planned(*store.settings) == expected
