"""The files that a config names: looked at before anything runs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landex.errors import UserError
from landex.formats.endings import SUFFIXES
from landex.geo.heads import check_platform_in_file
from landex.geo.layout import family_name, file_of_source, kept_in
from landex.model_entries import auxiliary_cohorts


def input_problems(config: Mapping[str, Any]) -> list[str]:
    """List the files of a valid, completed config that are missing or cannot be right, a line each."""
    problems = []
    for section, sources in (
        ("compendium.sources", config["compendium"]["sources"]),
        ("external", config["external"]),
        ("auxiliary", auxiliary_cohorts(config)),
    ):
        for name, source in sources.items():
            found = list(_series_problems(source, config) if "geo" in source else _matrix_problems(source["matrix"]))
            # A source that may be left out is left out when its turn comes.
            if "geo" in source and section == "compendium.sources" and config["geo"]["on_error"] == "skip":
                found = []
            problems += [f"{section}.{name}: {problem}" for problem in found]
            tables = {key: source[key] for key in ("annotation", "lengths") if source.get(key, "geo") != "geo"}
            problems += [
                f"{section}.{name}.{key}: there is no file {path}"
                for key, path in tables.items()
                if not Path(path).is_file()
            ]
    for name, entry in config["infer"].items():
        problems += [f"infer.{name}.profiles: {problem}" for problem in _matrix_problems(entry["profiles"])]
    genes, split = config["genes"], config["split"]
    named = {} if genes["landmarks"] == "dgex" else {"genes.landmarks": genes["landmarks"]}
    if config["compendium"]["collapse"] not in ("mean", "dgex"):
        named["compendium.collapse"] = config["compendium"]["collapse"]
    if isinstance(genes["targets"], str) and genes["targets"] not in ("measured", "dgex"):
        named["genes.targets"] = genes["targets"]
    if split["by"] not in ("series", "sample"):
        named["split.by"] = split["by"]
    return problems + [f"{key}: there is no file {path}" for key, path in named.items() if not Path(path).is_file()]


def _matrix_problems(path: str) -> Iterator[str]:
    if not path.endswith(SUFFIXES):
        yield f"{path}: not a matrix file that can be read; known endings are {', '.join(SUFFIXES)}"
    elif not Path(path).is_file():
        yield f"there is no file {path}"


def _series_problems(source: Mapping[str, str], config: Mapping[str, Any]) -> Iterator[str]:
    mirror = config["geo"]["mirror"]
    names = [file_of_source(source["geo"], source["platform"], source["file"])]
    if names[0].startswith("GSE") and source["file"] not in ("soft", "matrix"):
        names.append(family_name(source["geo"]))
    paths = [kept_in(mirror, name) for name in names]
    for name, path in zip(names, paths, strict=True):
        if path is not None and not path.is_file():
            what = f"series {source['geo']}" if name == family_name(source["geo"]) else f"file {name}"
            yield f"the mirror {mirror} has no {what} (no file {path})"
        elif path is not None and name == family_name(source["geo"]):
            try:
                check_platform_in_file(source["geo"], source["platform"], path)
            except UserError as error:
                yield str(error)
