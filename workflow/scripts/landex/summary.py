"""Summary of a run: what every model's per-gene errors amount to, cohort by cohort, against the baseline.

The two comparisons are D-GEX's (Chen et al. 2016, Bioinformatics 32:1832): the relative improvement of the
overall error, which is the mean over targets of the per-gene MAE, and the share of targets whose own MAE is
lower than the baseline's. Overlapping targets (also landmarks) are left out of both, and counted.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landex.errors import UserError
from landex.vocabulary import SCALINGS

TEST = "test"
GENE_COLUMNS = ("gene", "symbol", "ensembl", "cmap", "overlapping")
SUMMARY_COLUMNS = (
    "cohort",
    "scaling",
    "model",
    "kind",
    "targets",
    "overlapping",
    "samples",
    "mae",
    "rmse",
    "pearson",
    "spearman",
    "null_mae",
    "baseline_mae",
    "improvement_percent",
    "genes_better_percent",
)
_MEASURES = ("mae", "rmse", "pearson", "spearman", "r2", "null_mae")
_TEXT = ("gene", "symbol", "ensembl", "cmap", "scaling")


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
    """Read evaluation tables named `{model}.{cohort}.tsv` into one long table.

    Returns
    -------
    pandas.DataFrame
        A row a model, cohort, scaling and target: `model`, `cohort`, then the columns of the files.
        Identifiers are text as written (a gene may be called NA); an empty measure is NaN.
    """
    tables = []
    for path in map(Path, paths):
        model, cohort = path.stem.split(".")
        table = _read_evaluation(path)
        table.insert(0, "model", model)
        table.insert(1, "cohort", cohort)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _read_evaluation(path: Path) -> pd.DataFrame:
    return pd.read_csv(
        path,
        sep="\t",
        dtype={**dict.fromkeys(_TEXT, str), "overlapping": int, **dict.fromkeys(_MEASURES, float)},
        keep_default_na=False,
        na_values={measure: [""] for measure in _MEASURES},
    )


def summarise(errors: pd.DataFrame, models: Mapping[str, ModelRecord], baseline: str) -> pd.DataFrame:
    """Average per-gene errors and compare every model with the baseline over the same targets.

    Parameters
    ----------
    errors
        The long table of `read_evaluations`.
    models
        The models by name; their order is the order of the rows.
    baseline
        Name of the model that the others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row a cohort, scaling and model, with `SUMMARY_COLUMNS`. MAE and RMSE are means over targets in
        z-scores, correlations means over the targets where they are defined; `null_mae` is the MAE of
        predicting every gene's mean; `overlapping` counts the targets left out.
        `improvement_percent` and `genes_better_percent` are NaN for the baseline.

    Raises
    ------
    UserError
        If two models were evaluated on different targets in one cohort, or the baseline is not there.
    """
    if baseline not in models:
        raise UserError(f"report: baseline: {baseline!r} is none of the models: {', '.join(models)}")
    rows = []
    for (cohort, scaling), view in _views(errors):
        tables = {model: view[view["model"] == model].set_index("gene") for model in models}
        _check_same_genes(tables, baseline, cohort, scaling)
        for model, table in tables.items():
            figures = _compare(table, tables[baseline], is_baseline=model == baseline)
            rows.append({"cohort": cohort, "scaling": scaling, "model": model, "kind": models[model].kind, **figures})
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _views(errors: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """List cohort by cohort, in the order given, the scalings that it was evaluated with."""
    groups = {(str(cohort), str(scaling)): view for (cohort, scaling), view in errors.groupby(["cohort", "scaling"])}
    keys = [(str(cohort), scaling) for cohort in errors["cohort"].unique() for scaling in SCALINGS]
    return [(key, groups[key]) for key in keys if key in groups]


def _check_same_genes(tables: Mapping[str, pd.DataFrame], baseline: str, cohort: str, scaling: str) -> None:
    expected = tables[baseline].index
    for model, table in tables.items():
        twice = table.index[table.index.duplicated()]
        if len(twice):
            raise UserError(
                f"results/evaluation/{model}.{cohort}.tsv ({scaling} scaling): gene {twice[0]} has more than "
                f"one row; remove the file and run again"
            )
        differing = expected.symmetric_difference(table.index)
        if len(differing):
            raise UserError(
                f"results/evaluation/{model}.{cohort}.tsv and {baseline}.{cohort}.tsv ({scaling} scaling) "
                f"differ in {len(differing)} genes, {differing[0]} among them; remove both and run again"
            )


def _compare(table: pd.DataFrame, reference: pd.DataFrame, *, is_baseline: bool) -> dict[str, Any]:
    """Return the figures of one model's table (index: gene) next to the baseline's."""
    counted = table[table["overlapping"] == 0]
    reference_mae = reference["mae"].reindex(counted.index)
    mae, baseline_mae = counted["mae"].mean(), reference_mae.mean()
    better = np.nan if counted.empty else 100.0 * float((counted["mae"] < reference_mae).mean())
    return {
        "targets": len(counted),
        "overlapping": len(table) - len(counted),
        "samples": int(table["n"].max()),
        **{measure: counted[measure].mean() for measure in ("mae", "rmse", "pearson", "spearman", "null_mae")},
        "baseline_mae": baseline_mae,
        "improvement_percent": np.nan if is_baseline else 100.0 * (1.0 - mae / baseline_mae),
        "genes_better_percent": np.nan if is_baseline else better,
    }


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
        for (cohort, scaling), view in _views(errors):
            for model, table in view.groupby("model", sort=False):
                column = table.set_index("gene")[measure].reindex(genes.index)
                columns[f"{measure}.{model}.{cohort}.{scaling}"] = column
    return pd.concat([genes, pd.DataFrame(columns)], axis=1).reset_index()


def best_network(models: Mapping[str, ModelRecord], baseline: str) -> str | None:
    """Name the network with the lowest MAE on the select part; the test part has no say.

    None if there is no network besides the baseline.
    """
    networks = [record for record in models.values() if record.kind == "network" and record.name != baseline]
    return min(networks, key=lambda record: record.select_mae).name if networks else None


def view_name(cohort: str, scaling: str) -> str:
    """Name a cohort and scaling for readers."""
    if cohort == TEST:
        return "Held-out test part"
    return f"{cohort}, own scaling" if scaling == "own" else f"{cohort}, training scaling"
