"""Series that cannot be had or used: with `on_error: skip` the run goes on without them, and says so."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from workflow.miniature import SERIES, SERIES_SAMPLES
from workflow.project import Project

COMPENDIUM = "results/compendium/compendium.h5ad"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; while `down` is there, nothing but 503."""

    def do_GET(self) -> None:  # the name that http.server calls
        if Path(self.directory, "down").exists():
            self.send_error(503)
        else:
            super().do_GET()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(new: Project, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve the project's mirror: its folder and its address."""
    folder = tmp_path / "served"
    shutil.copytree(new.root / "data" / "geo", folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def fates(project: Project, cohort: str) -> pd.DataFrame:
    return pd.read_csv(project.root / f"results/cohorts/{cohort}.qc.tsv", sep="\t", keep_default_na=False)


def test_bad_series_are_left_out_and_the_networks_are_tried_again(
    new: Project, tmp_path: Path, mirror: tuple[Path, str]
) -> None:
    project = new.copy(tmp_path / "project")
    folder, address = mirror
    lists = project.root / "list.tsv"
    lists.write_text("series\tplatform\nGSE781\tGPL97\nGSE782\tGPL96\n", encoding="utf-8")

    def change(config: dict) -> None:
        config["compendium"]["sources"]["listed"] = {"list": "list.tsv"}
        config["external"].pop("kidney")
        config["geo"] = {"mirror": address, "retries": 0, "on_error": "skip"}
        # GPL97 measures other genes than the cell lines' platform does.
        config["compendium"].update(join="outer", missing_genes=0.9)

    project.change_config(change)
    (folder / "down").touch()
    project.run(COMPENDIUM)
    assert fates(project, "GSE781-GPL97")["reason"].str.contains("503 Service Unavailable").all()
    # The server's silence is not remembered.
    assert {"retrieve GSE781_family.soft.gz", "cohort_series GSE781-GPL97"} <= project.planned(COMPENDIUM)
    (folder / "down").unlink()
    project.run(COMPENDIUM)
    assert fates(project, "GSE781-GPL97")["kept"].sum() == SERIES_SAMPLES["GPL97"]
    # What the server does not have is.
    assert fates(project, "GSE782-GPL96")["reason"].tolist() == [
        f"GSE782_family.soft.gz: {address} has no such file ({address}/series/GSEnnn/GSE782/soft/"
        "GSE782_family.soft.gz: 404)"
    ]
    assert project.planned(COMPENDIUM) == set()
    provenance = pd.read_csv(project.root / "results/compendium/provenance.tsv", sep="\t", keep_default_na=False)
    assert provenance.groupby("source")["kept"].sum().to_dict() == {"gdsc": 120, "GSE781-GPL97": 2, "GSE782-GPL96": 0}
    downloads = {path.name for path in (project.root / "resources" / "downloads").glob("[!.]*")}
    assert downloads == {"GSE781_family.soft.gz", "GSE781_family.soft.gz.json", "GSE782_family.soft.gz.json"}
    # A file that is gone is fetched again; offline it cannot be.
    (project.root / "resources/downloads/GSE781_family.soft.gz").unlink()
    assert "retrieve GSE781_family.soft.gz" in project.planned(COMPENDIUM)


def test_without_skip_one_bad_series_ends_the_run(new: Project, tmp_path: Path, mirror: tuple[Path, str]) -> None:
    project = new.copy(tmp_path / "project")
    folder, address = mirror
    (folder / SERIES).unlink()
    project.change_config(lambda config: config["geo"].update(mirror=address, retries=0))
    ended = project.snakemake("--cores", "1", "results/cohorts/kidney.h5ad")
    assert ended.returncode == 1
    assert "landex: GSE781_family.soft.gz: http://127.0.0.1" in ended.stdout
    assert "Traceback" not in ended.stdout
    assert not (project.root / "resources/downloads").exists() or not list(
        (project.root / "resources/downloads").iterdir()
    )
