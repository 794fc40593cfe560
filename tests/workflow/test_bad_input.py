"""Bad input ends with one clear line: no traceback, nothing half-written."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata
import pytest

from workflow.changes import setting
from workflow.miniature import LANDMARKS, SERIES
from workflow.project import Finished, Project

FAMILY = f"data/geo/{SERIES}"


def lines_of_landex(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if line.startswith("landex: ")]


def half_written(project: Project) -> list[str]:
    return [str(path) for path in project.root.rglob("*.partial*")]


def misspelt(project: Project) -> None:
    setting("split", "sed", to=1)(project)
    setting("models", "deep", "epochs", to="many")(project)
    setting("models", "deep", "activation", to="rel")(project)
    setting("genes", "targets", to={"seed": 1})(project)
    setting("models", "pair", "grid", "dropout", to=[0, 1.5])(project)


def contradictory(project: Project) -> None:
    setting("split", "fractions", to=[0.8, 0.1, 0.2])(project)
    setting("report", "baseline", to="pair")(project)
    setting("external", "gdsc", to={"matrix": "data/gdsc.h5ad"})(project)
    setting("models", "ols", "lambdas", to=[1])(project)
    setting("infer", "plate", "model", to="bothe")(project)
    setting("bundles", "models", to=["rige"])(project)


def naming_what_is_not_there(project: Project) -> None:
    setting("compendium", "sources", "gdsc", "matrix", to="data/gdcs.h5ad")(project)
    setting("external", "geuvadis", "matrix", to="data/geuvadis.xlsx")(project)
    setting("external", "kidney", "geo", to="GSE782")(project)
    setting("external", "lung", to={"geo": "GSE781", "platform": "GPL570"})(project)
    setting("genes", "landmarks", to="marks.tsv")(project)
    setting("split", "by", to="parts.tsv")(project)
    setting("infer", "plate", "profiles", to="plate.gct")(project)


def error_page_in_mirror(project: Project) -> None:
    (project.root / FAMILY).write_text("<html>404</html>", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "lines"),
    [
        (
            misspelt,
            [
                "landex: genes.targets: {'seed': 1} is none of what is allowed here: Target genes",
                "landex: models.deep.activation: 'rel' is not one of relu, tanh, gelu, silu, elu, taaf; did you mean",
                "landex: models.deep.epochs: 'many' should be a whole number",
                "landex: models.pair.grid.dropout.1: 1.5 is greater than or equal to the maximum of 1",
                "landex: split.sed: unknown key; did you mean seed?",
            ],
        ),
        (
            contradictory,
            [
                "landex: external.gdsc: is a source of the compendium too; an external cohort is never learnt from",
                "landex: models.ols.lambdas: a model of kind ols has no such setting",
                "landex: report.baseline: pair is a grid; name one of its models, such as pair-6",
                "landex: split.fractions: [0.8, 0.1, 0.2] add up to 1.1, not to 1",
                "landex: bundles.models: there is no model rige; did you mean ridge?",
                "landex: infer.plate.model: there is no model bothe; did you mean both?",
            ],
        ),
        (
            naming_what_is_not_there,
            [
                "landex: compendium.sources.gdsc: there is no file data/gdcs.h5ad",
                "landex: external.kidney: the mirror data/geo has no series GSE782 (no file data/geo/series/",
                "landex: external.geuvadis: data/geuvadis.xlsx: not a matrix file that can be read; known endings are",
                "landex: external.lung: GSE781: has no platform GPL570; it has GPL96, GPL97",
                "landex: infer.plate.profiles: there is no file plate.gct",
                "landex: genes.landmarks: there is no file marks.tsv",
                "landex: split.by: there is no file parts.tsv",
            ],
        ),
        (error_page_in_mirror, [f"landex: external.kidney: {FAMILY}: not readable (Not a gzipped file"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_can_be_known_before_is_said_by_a_dry_run(
    new: Project, tmp_path: Path, spoil: Callable[[Project], None], lines: list[str]
) -> None:
    project = new.copy(tmp_path / "project")
    spoil(project)
    ended = project.snakemake("--dry-run")
    assert ended.returncode == 1
    # Besides the problems, a line each, there is Snakemake's own on the profile.
    said = ended.stdout.splitlines()[1:]
    assert len(said) == len(lines), ended.stdout
    for found, expected in zip(said, lines, strict=True):
        assert found.startswith(expected)
    assert not (project.root / "results").exists()


def without_landmarks(project: Project) -> None:
    path = project.root / "data" / "gdsc.h5ad"
    anndata.read_h5ad(path)[:, LANDMARKS:].copy().write_h5ad(path)


def of_eight_samples(project: Project) -> None:
    path = project.root / "data" / "gdsc.h5ad"
    anndata.read_h5ad(path)[:8].copy().write_h5ad(path)
    # Else the split by series, which fails as well, may be the one that is tried first.
    setting("evaluation", "generalisation", "models", to=[])(project)


def with_text_in_a_cell(project: Project) -> None:
    path = project.root / "data" / "geuvadis.tsv.gz"
    rows = [row.split("\t") for row in gzip.decompress(path.read_bytes()).decode().splitlines()]
    rows[5][3] = "many"
    path.write_bytes(gzip.compress("\n".join("\t".join(row) for row in rows).encode()))


def cut_short(project: Project) -> None:
    path = project.root / FAMILY
    path.write_bytes(path.read_bytes()[:30_000])


@dataclass(frozen=True)
class Failure:
    """Spoilt input that shows when a job reads it: what is said, and what must not be left."""

    spoil: Callable[[Project], None]
    line: str
    absent: tuple[str, ...]


FAILURES = [
    Failure(
        without_landmarks,
        "landex: none of the compendium's 340 genes is a landmark of resources/genes/landmarks.tsv",
        ("results/split/genes.tsv",),
    ),
    Failure(
        of_eight_samples,
        "landex: split: too few to split 0.8/0.1/0.1: 8 samples that make 8 undivided group(s)",
        ("results/split/split.tsv",),
    ),
    Failure(
        with_text_in_a_cell,
        "landex: data/geuvadis.tsv.gz: sample NA20505, gene ENSG00000008283: 'many' is no number",
        ("results/cohorts/geuvadis.h5ad", "results/cohorts/geuvadis.qc.tsv"),
    ),
    Failure(
        cut_short,
        "landex: GSE781_family.soft.gz: not to be had from data/geo",
        ("resources/downloads/GSE781_family.soft.gz.json",),
    ),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.line[:40])
def test_what_shows_in_a_job_ends_the_run_with_one_line(finished: Finished, tmp_path: Path, failure: Failure) -> None:
    project = finished.project.copy(tmp_path / "project")
    failure.spoil(project)
    ended = project.snakemake("--cores", "1")
    assert ended.returncode == 1
    (line,) = lines_of_landex(ended.stdout)
    assert line.startswith(failure.line)
    assert "Traceback" not in ended.stdout
    assert [path for path in failure.absent if (project.root / path).exists()] == []
    assert half_written(project) == []
