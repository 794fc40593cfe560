"""Summary of a run: what every model's per-gene errors amount to, cohort by cohort, against the baseline."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from landex.errors import UserError
from landex.vocabulary import SCALINGS

TEST = "test"
GENE_COLUMNS = ("gene", "symbol", "ensembl", "cmap", "overlapping")
# What a row takes from the strata of a model's evaluation, and from its comparison with the baseline.
_FIGURES = ("mae", "rmse", "pearson", "spearman", "r_gene", "inferable_percent", "null_mae")
_COMPARED = (
    *(f"{figure}{end}" for figure in ("improvement", "genes_better") for end in ("_percent", "_low", "_high")),
    *("unit", "units"),
)
SUMMARY_COLUMNS = (
    *("cohort", "scaling", "model", "kind", "targets", "overlapping", "samples"),
    *_FIGURES,
    "baseline_mae",
    *_COMPARED,
)
# Columns that hold names, not figures.
_TEXT = frozenset(
    {
        "gene",
        "symbol",
        "ensembl",
        "cmap",
        "sample",
        "series",
        "group",
        "model",
        "other",
        "scaling",
        "unit",
        "stratum",
        "name",
    }
    | {"place", "outcome", "sentence", "trust", "reason", "guarantee", "scaled_by"}
    | {"cohort", "kind", "platform", "scale", "source", "part", "role", "piece", "tested_on", "taken"}
    | {"landmark", "landmark_symbol"}
)


@dataclass(frozen=True)
class ModelRecord:
    """What fitting one model left behind (results/models/{model}/metrics.json).

    `seconds` is wall time, `peak_memory_mb` the process's largest resident size in MB, `select_mae` the MAE
    in z-scores on the select part, which is the only figure that a model may be chosen by.
    """

    name: str
    kind: str
    preset: str | None
    settings: Mapping[str, Any]
    parameters: int
    seconds: float
    peak_memory_mb: float
    device: str
    select_mae: float
    best_epoch: int | None
    epochs: int | None
    stopped: str | None

    @classmethod
    def read(cls, path: str | Path) -> "ModelRecord":
        """Read a metrics.json; the model is named for its folder."""
        path = Path(path)
        values = json.loads(path.read_text(encoding="utf-8"))
        fields = cls.__dataclass_fields__.keys() - {"name"}
        return cls(name=path.parent.name, **{field: values[field] for field in fields})


def read_models(paths: Iterable[str | Path]) -> dict[str, ModelRecord]:
    """Read the metrics.json files of several models, in the order given, keyed by model."""
    return {record.name: record for record in map(ModelRecord.read, paths)}


def read_evaluations(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read tables named `{model}.{cohort}.tsv`, of targets or of strata, into one long table.

    Returns
    -------
    pandas.DataFrame
        The columns of the files after `model` and `cohort`. Identifiers are text as written (a gene may be called NA);
        an empty measure is NaN.
    """
    tables = []
    for path in map(Path, paths):
        model, cohort = path.stem.split(".")
        table = read_table(path)
        table.insert(0, "model", model)
        table.insert(1, "cohort", cohort)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def read_comparisons(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read tables of pairs named `{cohort}.tsv` into one long table, whose first column is `cohort`."""
    tables = []
    for path in map(Path, paths):
        table = read_table(path)
        table.insert(0, "cohort", path.stem)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table of the evaluation: names and identifiers as text as written, an empty figure as NaN."""
    header = pd.read_csv(path, sep="\t", nrows=0).columns
    return pd.read_csv(
        path,
        sep="\t",
        dtype={column: str for column in header if column in _TEXT},
        keep_default_na=False,
        na_values={column: [""] for column in header if column not in _TEXT},
    )


def summarise(
    strata: pd.DataFrame, pairs: pd.DataFrame, models: Mapping[str, ModelRecord], baseline: str
) -> pd.DataFrame:
    """Set every model's figures beside its comparison with the baseline.

    The two comparisons are D-GEX's (Chen et al. 2016, Bioinformatics 32:1832): the relative improvement of the overall
    error, which is the mean over targets of the per-gene MAE, and the share of targets whose own MAE is lower than the
    baseline's. Overlapping targets (also landmarks) are left out of both, and counted.

    Parameters
    ----------
    strata
        Strata of all models and cohorts, of `read_evaluations`.
    pairs
        The long table of `read_comparisons`.
    models
        The models by name; their order is the order of the rows.
    baseline
        Name of the model that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row a cohort, scaling and model, with `SUMMARY_COLUMNS`. MAE and RMSE are means over targets in z-scores,
        correlations means over the targets where they are defined; `null_mae` is the MAE of predicting every gene's
        mean; `overlapping` counts the targets left out. What compares with the baseline is NaN for the baseline.

    Raises
    ------
    UserError
        If the baseline is not there.
    """
    if baseline not in models:
        raise UserError(f"report: baseline: {baseline!r} is none of the models: {', '.join(models)}")
    keys = ["cohort", "scaling", "model"]
    of_targets = strata[strata["stratum"] == "targets"]
    whole = of_targets[of_targets["name"] == "all"]
    left_out = of_targets.loc[of_targets["name"] == "overlapping", [*keys, "targets"]]
    table = whole.merge(left_out.rename(columns={"targets": "overlapping"}), on=keys, how="left")
    table = table.fillna({"overlapping": 0}).astype({"overlapping": int})
    own = table.loc[table["model"] == baseline, ["cohort", "scaling", "mae"]]
    table = table.merge(own.rename(columns={"mae": "baseline_mae"}), on=["cohort", "scaling"])
    against = pairs.loc[pairs["other"] == baseline, [*keys, *_COMPARED]]
    table = table.merge(against, on=keys, how="left").assign(kind=table["model"].map(lambda name: models[name].kind))
    places = {
        "cohort": {name: place for place, name in enumerate(strata["cohort"].unique())},
        "scaling": {name: place for place, name in enumerate(SCALINGS)},
        "model": {name: place for place, name in enumerate(models)},
    }
    table = table.sort_values(keys, key=lambda column: column.map(places[column.name]), ignore_index=True)
    return table[list(SUMMARY_COLUMNS)]


def views_of(errors: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """List cohort by cohort, in the order given, the scalings that it was evaluated with."""
    groups = {(str(cohort), str(scaling)): view for (cohort, scaling), view in errors.groupby(["cohort", "scaling"])}
    keys = [(str(cohort), scaling) for cohort in errors["cohort"].unique() for scaling in SCALINGS]
    return [(key, groups[key]) for key in keys if key in groups]


def widen(errors: pd.DataFrame) -> pd.DataFrame:
    """Turn the long table of errors into one row a target.

    Returns
    -------
    pandas.DataFrame
        `GENE_COLUMNS`, then `mae.{model}.{cohort}.{scaling}` for every model and cohort, then `pearson.…`
        likewise; NaN where a cohort does not measure the target.
    """
    genes = errors.drop_duplicates("gene")[list(GENE_COLUMNS)].set_index("gene")
    columns = {}
    for measure in ("mae", "pearson"):
        for (cohort, scaling), view in views_of(errors):
            for model, table in view.groupby("model", sort=False):
                column = table.set_index("gene")[measure].reindex(genes.index)
                columns[f"{measure}.{model}.{cohort}.{scaling}"] = column
    return pd.concat([genes, pd.DataFrame(columns)], axis=1).reset_index()


def best_network(models: Mapping[str, ModelRecord], baseline: str) -> str | None:
    """Name the network with the lowest MAE on the select part; the test part has no say.

    A blend counts if a network takes part and its weights are the same for all targets: a handful of weights from all
    values of select flatters it by less than models differ.

    None if there is no network besides the baseline.
    """
    networks = [record for record in models.values() if record.name != baseline and _is_network(record, models)]
    return min(networks, key=lambda record: record.select_mae).name if networks else None


def _is_network(record: ModelRecord, models: Mapping[str, ModelRecord]) -> bool:
    if record.kind != "blend" or record.settings["per_target"]:
        return record.kind == "network"
    return any(models[member].kind == "network" for member in record.settings["members"] if member in models)


def view_name(cohort: str, scaling: str) -> str:
    """Name a cohort and scaling for readers."""
    if cohort == TEST:
        return "Held-out test part"
    return f"{cohort}, own scaling" if scaling == "own" else f"{cohort}, training scaling"
