"""Real expression, made ready by landex's own workflow in a scratch copy of the project."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import yaml
from contenders import Case
from expression import ROOT
from measure import cores
from numpy.typing import NDArray

from landex.h5ad import open_matrix, write_matrix

# Beside the checkout, where there is one: matrices that are no part of the project.
MATRICES = ROOT.parent / "shared" / "data" / "matrices"
# Of a hundred hash values, those whose cell lines are locked.
_LOCKED = 15
# GEO studies on Affymetrix HG-U133A: series GSE3726, GSE6481 and GSE1751, and bladderbatch's.
HGU133A = {
    "breast": ("chowdary_hgu133a_mas5_22283x104.tsv.gz", "linear"),
    "sarcoma": ("nakayama_hgu133a_mas5_22283x105.tsv.gz", "linear"),
    "blood": ("borovecki_hgu133a_mas5_22283x31.tsv.gz", "linear"),
    "bladder": ("bladderbatch_hgu133a_22283x57.tsv.gz", "log2"),
}
TUMOURS = ("ACC", "CHOL", "DLBC", "KICH", "UCS", "UVM")


def locked(names: Sequence[str]) -> NDArray[np.bool_]:
    """Tell which cell lines are locked: 15 in a hundred, by the SHA-256 hash of the name, whatever else there is."""
    hashes = [int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) for name in names]
    return np.array([value % 100 < _LOCKED for value in hashes], bool)


def parts_of_lines(names: Sequence[str], seed: int, looking: bool) -> pd.DataFrame:
    """Deal cell lines to parts.

    Parameters
    ----------
    names
        All cell lines.
    seed
        Of the draw.
    looking
        Whether the locked lines are tested on, and nine tenths of all others learnt from and one tenth validated on;
        else they are left out, and the others are dealt 80/10/10.

    Returns
    -------
    DataFrame
        sample and part.
    """
    closed = locked(names)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~closed))
    first, second = (0.9, 1.0) if looking else (0.8, 0.9)
    edges = [int(share * len(rows)) for share in (first, (first + second) / 2, second)]
    dealt = dict(zip(("training", "select", "calibrate", "test"), np.split(rows, edges), strict=True))
    if looking:
        dealt["test"] = np.flatnonzero(closed)
    return pd.concat(
        [pd.DataFrame({"sample": np.array(names, object)[np.sort(some)], "part": part}) for part, some in dealt.items()]
    )


def gdsc(folder: Path, seed: int, looking: bool, step: int) -> Case:
    """Make the cell lines ready, split by a seed; every `step`-th target."""
    project = copy_of_project(folder)
    with open_matrix(ROOT / "resources" / "demo" / "gdsc.h5ad") as matrix:
        names, values, obs, var = list(matrix.obs.index), matrix.read(), matrix.obs, matrix.var
    parts = parts_of_lines(names, seed, looking)
    chosen = np.isin(names, parts["sample"])
    write_matrix(project / "lines.h5ad", obs[chosen], var, values[chosen])
    parts.to_csv(project / "parts.tsv", sep="\t", index=False)
    overlay = {
        "compendium": {"sources": {"gdsc": {"matrix": "lines.h5ad"}}},
        "external": {"kidney": None, "geuvadis": None},
        "split": {"by": "parts.tsv"},
    }
    return made_ready(project, f"gdsc {'locked' if looking else seed}", overlay, [], True, step)


def platforms(folder: Path, step: int) -> Case:
    """Make the cell lines ready, and cohorts of other platforms: the default run's, leukaemia, and TCGA where it is."""
    project = copy_of_project(folder)
    external = {name: entry for name, entry in outsiders(project).items() if name in ("leukaemia", "tcga")}
    cohorts = ["geuvadis", "kidney", *external]
    return made_ready(project, "platforms", {"external": external}, cohorts, False, step)


def strangers(folder: Path, step: int, cohorts: Sequence[str] | None) -> Iterator[Case]:
    """Make the cell lines ready with every cohort of other platforms left out in turn, all others being auxiliary.

    `cohorts` are those to leave out, by default all.
    """
    for left_out in cohorts or outsiders(copy_of_project(folder / "names")):
        project = copy_of_project(folder / left_out)
        others = outsiders(project)
        overlay = {
            "external": {"kidney": None, "geuvadis": None, left_out: others.pop(left_out)},
            "auxiliary": {"gdsc": None, "leukaemia": None, "bladder": None, **others},
        }
        yield made_ready(project, "strangers", overlay, [left_out], False, step)


def outsiders(project: Path) -> dict[str, Any]:
    """Return the cohorts of other platforms: the project's own, and those beside the checkout where they are there."""
    config = yaml.safe_load((project / "config.yaml").read_text(encoding="utf-8"))
    own = {"leukaemia": config["auxiliary"]["leukaemia"], "bladder": config["auxiliary"]["bladder"]}
    found: dict[str, Any] = {**config["external"], **own}
    if is_there("HG-U133A", [MATRICES / name for name, _ in HGU133A.values()]):
        found |= {name: entry for name, entry in studies().items() if name not in found}
    files = list(tumour_files().values())
    if is_there("TCGA", files):
        tumours = [pd.read_csv(file, sep="\t", index_col=0) for file in files]
        pd.concat(tumours, axis=1, join="inner").to_csv(project / "tcga.tsv", sep="\t", index_label="gene")
        found["tcga"] = {"matrix": "tcga.tsv", "values": "counts", "genes": "ensembl"}
    return found


def is_there(name: str, files: Sequence[Path]) -> bool:
    """Tell whether all files are there, and say which is not."""
    absent = [file for file in files if not file.exists()]
    if absent:
        print(f"{name} skipped: there is no {absent[0]}", flush=True)
    return not absent


def hgu133a(folder: Path, step: int, cohorts: Sequence[str] | None) -> Iterator[Case]:
    """Make the studies on HG-U133A ready, each left out in turn; none where the files are not there."""
    return leaving_one_out("hgu133a", studies(), folder, step, cohorts)


def studies() -> dict[str, Any]:
    """Return the studies on HG-U133A, there or not."""
    return {
        study: {"matrix": str(MATRICES / name), "values": values, "genes": "probe", "platform": "GPL96"}
        for study, (name, values) in HGU133A.items()
    }


def tcga_types(folder: Path, step: int, cohorts: Sequence[str] | None) -> Iterator[Case]:
    """Make the tumour types of TCGA ready (RNA-seq), each left out in turn; none where the files are not there."""
    sources = {}
    for tumour, file in tumour_files().items():
        path = folder / f"{tumour}.tsv"
        if file.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.read_csv(file, sep="\t", index_col=0).to_csv(path, sep="\t", index_label="gene")
        sources[tumour] = {"matrix": str(path), "values": "counts", "genes": "ensembl"}
    # Of the 55,000 Ensembl ids that are counted most are off in most samples.
    return leaving_one_out("tcga_types", sources, folder, step, cohorts, {"genes": {"targets": "dgex"}})


def tumour_files() -> dict[str, Path]:
    """Return the files of TCGA by tumour type, there or not; their endings and headers are not those of a TSV file."""
    return {tumour: MATRICES / f"TCGA_{tumour}_Counts.exp.gz" for tumour in TUMOURS}


def leaving_one_out(
    name: str,
    sources: Mapping[str, Mapping[str, Any]],
    folder: Path,
    step: int,
    cohorts: Sequence[str] | None,
    also: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Case]:
    """Make a case of every source: it is tested on, and the others are learnt from; `also` is laid over the config.

    `cohorts` are those to test on, by default all.
    """
    if not is_there(name, [Path(source["matrix"]) for source in sources.values()]):
        return
    for left_out in cohorts or sources:
        overlay = {
            "compendium": {"sources": {"gdsc": None, **{key: sources[key] for key in sources if key != left_out}}},
            "external": {"kidney": None, "geuvadis": None, left_out: sources[left_out]},
        }
        yield made_ready(copy_of_project(folder / left_out), name, {**overlay, **also}, [left_out], False, step)


def copy_of_project(folder: Path) -> Path:
    """Copy what a run takes from this checkout, as it lies there."""
    caches = shutil.ignore_patterns("__pycache__", "downloads")
    for name in ("workflow", "profiles", "envs", "resources"):
        shutil.copytree(ROOT / name, folder / name, ignore=caches)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder)
    return folder


def made_ready(
    project: Path, name: str, overlay: Mapping[str, Any], cohorts: Sequence[str], test: bool, step: int
) -> Case:
    """Run the workflow to its normalised matrices.

    Parameters
    ----------
    project
        A copy of the project.
    name
        What the case is called.
    overlay
        Laid over the default config.
    cohorts
        External cohorts to test on.
    test
        Whether to test on the compendium's test part.
    step
        Takes every `step`-th target.
    """
    (project / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    results = project / "results"
    matrices = {cohort: results / "normalised" / f"{cohort}.h5ad" for cohort in ("compendium", *cohorts)}
    auxiliary = results / "auxiliary" / "auxiliary.h5ad"
    targets = [str(path.relative_to(project)) for path in (auxiliary, *matrices.values())]
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores()), "--configfile", "overlay.yaml", "--"]
    ended = subprocess.run(
        [*command, *targets],
        cwd=project,
        env={key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        sys.exit(ended.stdout)
    if step > 1:
        for path in (auxiliary, *matrices.values()):
            keep_some_targets(path, step)
    compendium = matrices.pop("compendium")
    tested = {**({"test": compendium} if test else {}), **matrices}
    return Case(name, compendium, results / "split" / "split.tsv", auxiliary, tested)


def keep_some_targets(path: Path, step: int) -> None:
    """Rewrite a normalised matrix with every landmark and every `step`-th target."""
    with open_matrix(path) as matrix:
        target = (matrix.var["role"] != "landmark").to_numpy()
        chosen = np.sort(np.concatenate([np.flatnonzero(~target), np.flatnonzero(target)[::step]]))
        obs, var, values = matrix.obs, matrix.var.iloc[chosen], matrix.read()[:, chosen]
        layers = {name: matrix.read(layer=name)[:, chosen] for name in ("measured", "own") if matrix.has_layer(name)}
    write_matrix(path, obs, var, values, layers)
