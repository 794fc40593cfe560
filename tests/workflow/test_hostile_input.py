"""Names and metadata that mean something to a shell, a path or a browser are text and nothing else."""

import gzip
import json
from pathlib import Path

import anndata
import pytest

from workflow.changes import setting
from workflow.miniature import SERIES
from workflow.project import Project

HOSTILE = (
    "$(touch pwned)", "`touch pwned`", "; touch pwned;", "../../pwned", "<img src=x onerror=alert(1)>", 'a "name"',
    "{input}", "{{7*7}}", "%s%n", "-rf",
)  # fmt: skip
MATRICES = ("results/normalised/compendium.h5ad", "results/normalised/kidney.h5ad")


def with_hostile_names(project: Project) -> None:
    """Give the first samples of the matrix such names, and those of the series such titles."""
    path = project.root / "data" / "gdsc.h5ad"
    cells = anndata.read_h5ad(path)
    cells.obs_names = [*HOSTILE, *cells.obs_names[len(HOSTILE) :]]
    cells.obs["batch"] = [f"{HOSTILE[row % 10]}" for row in range(cells.n_obs)]
    cells.write_h5ad(path)
    family = project.root / "data" / "geo" / SERIES
    lines = gzip.decompress(family.read_bytes()).decode().splitlines()
    spoilt = [
        f"{line.partition('=')[0]}= {HOSTILE[number % len(HOSTILE)]}"
        if line.startswith(("!Sample_title", "!Series_title"))
        else line
        for number, line in enumerate(lines)
    ]
    family.write_bytes(gzip.compress("\n".join([*spoilt, ""]).encode()))


def test_hostile_names_and_titles_stay_text(new: Project, tmp_path: Path) -> None:
    project = new.copy(tmp_path / "outer" / "project")
    with_hostile_names(project)
    before = {path.name for path in tmp_path.rglob("*")}
    project.run(*MATRICES)
    compendium = anndata.read_h5ad(project.root / MATRICES[0])
    assert set(HOSTILE) <= {name.partition(":")[2] or name for name in compendium.obs_names} | set(compendium.obs_names)
    assert not [path for path in tmp_path.rglob("*") if "pwned" in path.name and path.name not in before]


@pytest.mark.parametrize(
    ("cells", "line"),
    [
        ({"values": "counts; touch pwned"}, "landex: compendium.sources.GSE781-GPL96.values: 'counts; touch pwned' is"),
        (
            {"file": "GSE781_/../../secret.tsv.gz"},
            "landex: compendium.sources.GSE781-GPL96.file: 'GSE781_/../../secret",
        ),
    ],
)
def test_a_list_of_series_is_held_to_the_schema(new: Project, tmp_path: Path, cells: dict[str, str], line: str) -> None:
    project = new.copy(tmp_path / "project")
    table = "\n".join(["\t".join(["series", "platform", *cells]), "\t".join(["GSE781", "GPL96", *cells.values()])])
    (project.root / "list.tsv").write_text(f"{table}\n", encoding="utf-8")
    setting("compendium", "sources", "many", to={"list": "list.tsv"})(project)
    ended = project.snakemake("--dry-run")
    assert ended.returncode == 1
    (said,) = [found for found in ended.stdout.splitlines() if found.startswith("landex: ")]
    assert said.startswith(line), json.dumps(said)
