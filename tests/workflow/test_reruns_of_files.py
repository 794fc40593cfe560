"""A replaced input file reruns what stands on it; a touched one does not; lost results are made again where needed."""

import os
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from workflow.chain import CHAIN, NOTHING, Jobs, after
from workflow.changes import Change, in_file
from workflow.miniature import SERIES
from workflow.project import Finished, Project

# Before any result was made.
LONG_AGO = 1_000_000_000


def replaced_by_older(path: str | Path, place: int) -> Callable[[Project], None]:
    """Return a change of one byte of a file, whose size stays and whose modification time goes back."""

    def change(project: Project) -> None:
        file = project.root / path
        content = bytearray(file.read_bytes())
        content[place] ^= 1
        file.write_bytes(content)
        os.utime(file, (LONG_AGO, LONG_AGO))

    return change


def lost(*paths: str) -> Callable[[Project], None]:
    def change(project: Project) -> None:
        for path in paths:
            (project.root / path).unlink()

    return change


def touch_all_inputs(project: Project) -> None:
    for folder in ("data", "resources", "profiles", "envs"):
        for file in (project.root / folder).rglob("*"):
            file.touch()
    for file in (project.root / "workflow" / "report").rglob("*"):
        file.touch()


INPUTS = [
    Change("a matrix", replaced_by_older("data/gdsc.h5ad", -1), CHAIN.cohort_matrix("gdsc")),
    # The bytes of a gzip file's header that hold a time.
    Change("an external matrix", replaced_by_older("data/geuvadis.tsv.gz", 4), CHAIN.cohort_matrix("geuvadis")),
    Change("a series in the mirror", replaced_by_older(Path("data/geo", SERIES), 4), after("retrieve")),
    Change("the landmarks", replaced_by_older("resources/genes/landmarks.tsv", -2), after("roles")),
    # Its lists name probes of cohorts, too.
    Change(
        "the paper's targets",
        in_file("resources/genes/targets.tsv", lambda text: f"{text}\n"),
        after("cohort_matrix", "cohort_series"),
    ),
    Change("touched inputs", touch_all_inputs, NOTHING),
    *(
        Change(f"the page's {file}", in_file(f"workflow/report/{file}", lambda text: f"{text}\n"), CHAIN.report())
        for file in ("page.html.j2", "page/genes.html.j2", "page/style.css", "page/start.js")
    ),
    Change(
        "a caption, which only Snakemake's own report quotes",
        in_file("workflow/report/density.rst", lambda text: f"{text}\n"),
        NOTHING,
    ),
]

RESULTS = [
    Change("an intermediate that nothing needs now", lost("results/normalised/kidney.h5ad"), NOTHING),
    Change("a table of the report", lost("results/report/genes.tsv"), CHAIN.summarise()),
    Change("the verdict", lost("results/evaluation/verdict.tsv"), CHAIN.judge()),
    Change("a table that users read", lost("results/evaluation/outliers/test.tsv"), CHAIN.outliers("test")),
    Change(
        "a table of the report and what it stands on",
        lost("results/report/summary.tsv", "results/evaluation/deep.test.tsv", "results/predictions/deep.test.h5"),
        Jobs({"predict deep.test", "evaluate deep.test"}) | CHAIN.compare("test") | CHAIN.bundle("deep"),
    ),
]


@pytest.mark.parametrize("change", INPUTS + RESULTS, ids=str)
def test_a_changed_file_reruns_exactly_what_stands_on_it(change: Change, plans: dict[Change, Future[set[str]]]) -> None:
    assert plans[change].result() == change.jobs


def test_a_replaced_table_of_parts_or_of_targets_reruns_what_stands_on_it(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    tables = ("results/split/split.tsv", "results/split/genes.tsv")
    parts = (project.root / tables[0]).read_text(encoding="utf-8")
    (project.root / "data" / "parts.tsv").write_text(parts, encoding="utf-8")
    (project.root / "data" / "targets.tsv").write_text("symbol\nA2M\nABAT\n", encoding="utf-8")

    def use_own_tables(config: dict) -> None:
        config["split"]["by"] = "data/parts.tsv"
        config["genes"] = {"targets": "data/targets.tsv"}

    project.change_config(use_own_tables)
    project.run(*tables)
    assert project.planned(*tables) == NOTHING
    replaced_by_older("data/parts.tsv", 0)(project)
    replaced_by_older("data/targets.tsv", -2)(project)
    assert project.planned(*tables) == {"split", "roles"}
