"""Lists of series: a source that names a table stands for an entry a row."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from landex.errors import UserError
from landex.tsv import read_tsv

_SERIES = re.compile(r"^(GSE|GDS)\d+$")
_PLATFORM = re.compile(r"^GPL\d+$")
# Columns of a list that stand for keys of an entry, besides series and platform; all others are for the reader.
_KEYS = ("file", "values", "group", "annotation")


def expanded_sources(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a completed config whose sources, external and auxiliary cohorts name no lists.

    An entry `{list: path, ...}` becomes one a row of the table, named `{series}-{platform}`, with the other settings of
    the entry; a cell of the columns file, values, group and annotation that is not empty goes before them.

    Raises
    ------
    UserError
        If a table cannot be read, has something else than accessions, or names an entry that is there already.
    """
    compendium = {**config["compendium"], "sources": _expanded(config["compendium"]["sources"], "compendium.sources")}
    others = {section: _expanded(config[section], section) for section in ("external", "auxiliary")}
    return {**config, "compendium": compendium, **others}


def _expanded(sources: Mapping[str, Any], section: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, source in sources.items():
        own = _rows(source, f"{section}.{name}") if "list" in source else iter([(name, source)])
        for entry, settings in own:
            if entry in found:
                raise UserError(f"{section}.{name}: {entry} is named already; name every series and platform once")
            found[entry] = settings
    return found


def _rows(source: Mapping[str, Any], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    clash = [key for key in ("geo", "matrix", "platform") if key in source]
    if clash:
        raise UserError(f"{place}: names a list, which says {clash[0]} itself; take {clash[0]} away")
    path = source["list"]
    shared = {key: value for key, value in source.items() if key != "list"}
    table = read_tsv(path, ["series", "platform"])
    if table.empty:
        raise UserError(f"{path}: lists no series")
    for number, row in enumerate(table.to_dict("records")):
        series, platform = row["series"].strip(), row["platform"].strip()
        if not _SERIES.match(series) or not _PLATFORM.match(platform):
            raise UserError(
                f"{path}: row {number + 2} has no accessions of a series and a platform ({series}, {platform})"
            )
        own = {key: row[key].strip() for key in _KEYS if row.get(key, "").strip()}
        yield f"{series}-{platform}", {**shared, "geo": series, "platform": platform, **own}
