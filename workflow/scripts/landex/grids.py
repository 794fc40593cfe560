"""Grids: entries of `models:` that stand for many models, one for every combination of the values listed."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

Entry = dict[str, Any]


def cells(name: str, entry: Mapping[str, Any]) -> dict[str, Entry]:
    """Return the models that an entry stands for.

    Parameters
    ----------
    name, entry
        One entry of `models:`, valid by the schema.

    Returns
    -------
    dict
        Entries without grids by name: the entry itself, or for every combination of its grid's values, the last
        setting's changing fastest, the entry with these values, named `{name}-{value}-{value}`.
    """
    rest = {key: value for key, value in entry.items() if key != "grid"}
    if "grid" not in entry:
        return {name: rest}
    combinations = (dict(zip(entry["grid"], values, strict=True)) for values in product(*entry["grid"].values()))
    return {"-".join([name, *map(_written, chosen.values())]): rest | chosen for chosen in combinations}


def expanded(models: Mapping[str, Mapping[str, Any]]) -> dict[str, Entry]:
    """Return all models of a config, in order, with the cells of every grid in its place."""
    return {cell: found for name, entry in models.items() for cell, found in cells(name, entry).items()}


def grid_problems(models: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with the grids of a valid config, a line each."""
    makers: dict[str, str] = {}
    for name, entry in models.items():
        for key in entry.get("grid", ()):
            if key in entry:
                yield f"models.{name}.grid.{key}: is a setting of models.{name} too; say it in one of the two places"
        for cell in cells(name, entry):
            if cell in makers:
                yield f"models.{name}: makes the model {cell}, as models.{makers[cell]} does; rename one of the two"
            makers.setdefault(cell, name)


def _written(value: Any) -> str:
    """Write a value as a part of a model's name: [3000, 3000] as 3000x3000, .25 as 0p25, nothing as none."""
    if value is None or value == []:
        return "none"
    if isinstance(value, list):
        return "x".join(map(_written, value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).replace(".", "p")
