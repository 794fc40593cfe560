import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from landex.errors import UserError
from landex.summary import (
    SUMMARY_COLUMNS,
    ModelRecord,
    best_network,
    read_comparisons,
    read_evaluations,
    read_models,
    read_table,
    summarise,
    view_name,
    widen,
)


def record(name: str, kind: str, select_mae: float) -> ModelRecord:
    return ModelRecord(name, kind, None, {}, 10, 1.0, 100.0, "CPU", select_mae, None, None, None)


MODELS = {
    "ridge": record("ridge", "ridge", 0.5),
    "wide": record("wide", "network", 0.45),
    "deep": record("deep", "network", 0.4),
}


def strata(mae: float, *, scaling: str = "training", targets: int = 3, overlapping: int = 1) -> pd.DataFrame:
    """Return a model's strata; all but those of targets would be noticed."""
    figures = ("rmse", "pearson", "spearman", "r2", "r2_null", "bias", "null_mae", "r_gene", "inferable_percent")
    values = {name: mae + place / 10 for place, name in enumerate(figures, 1)}
    rows = [("targets", "all", targets, mae), ("targets", "overlapping", overlapping, 0.01)]
    rows += [("cmap", "all", 2, 9.0), ("series", "all", 3, 9.0)]
    table = pd.DataFrame(rows, columns=["stratum", "name", "targets", "mae"]).assign(
        samples=10, scaling=scaling, **values
    )
    return table if overlapping else table.drop(1)


def pair(model: str, other: str, gain: float, scaling: str = "training") -> dict[str, Any]:
    return {
        "model": model, "other": other, "unit": "series", "units": 7, "improvement_percent": gain,
        "improvement_low": gain - 1, "improvement_high": gain + 1, "genes_better_percent": 60.0,
        "genes_better_low": 55.0, "genes_better_high": 65.0, "p": 0.01, "scaling": scaling,
    }  # fmt: skip


def pairs_of(*scalings: str) -> pd.DataFrame:
    rows = []
    for scaling in scalings:
        for number, model in enumerate(MODELS, 1):
            rows += [pair(model, other, 10 * number, scaling) for other in (*MODELS, "(mean)") if other != model]
    return pd.DataFrame(rows)


def written(folder: Path, tables: dict[str, pd.DataFrame]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for name, content in tables.items():
        paths.append(folder / f"{name}.tsv")
        content.to_csv(paths[-1], sep="\t", index=False)
    return paths


@pytest.fixture
def long_strata(tmp_path: Path) -> pd.DataFrame:
    both = {"ridge": (0.8, 1.0), "wide": (0.9, 1.1), "deep": (0.7, 1.2)}
    tables = {f"{name}.test": strata(mae) for name, mae in (("ridge", 0.5), ("wide", 0.45), ("deep", 0.4))}
    for name, (own, training) in both.items():
        tables[f"{name}.rna"] = pd.concat([strata(own, scaling="own"), strata(training, overlapping=0)])
    return read_evaluations(written(tmp_path / "strata", tables))


@pytest.fixture
def long_pairs(tmp_path: Path) -> pd.DataFrame:
    return read_comparisons(
        written(tmp_path / "pairs", {"test": pairs_of("training"), "rna": pairs_of("training", "own")})
    )


def test_a_row_is_a_models_stratum_of_all_targets_and_its_comparison_with_the_baseline(
    long_strata: pd.DataFrame, long_pairs: pd.DataFrame
) -> None:
    summary = summarise(long_strata, long_pairs, MODELS, "ridge")
    assert summary.columns.tolist() == list(SUMMARY_COLUMNS)
    row = summary.set_index(["cohort", "scaling", "model"]).loc[("test", "training", "deep")]
    assert (row["mae"], row["rmse"], row["spearman"]) == (0.4, pytest.approx(0.5), pytest.approx(0.7))
    assert (row["null_mae"], row["r_gene"]) == (pytest.approx(1.1), pytest.approx(1.2))
    assert row["baseline_mae"] == 0.5
    assert (row["improvement_percent"], row["improvement_low"], row["improvement_high"]) == (30, 29, 31)
    assert (row["genes_better_percent"], row["genes_better_low"], row["genes_better_high"]) == (60, 55, 65)
    assert (row["unit"], row["units"]) == ("series", 7)
    assert (row["targets"], row["overlapping"], row["samples"], row["kind"]) == (3, 1, 10, "network")


def test_the_comparison_is_with_the_baseline_that_was_asked_for(
    long_strata: pd.DataFrame, long_pairs: pd.DataFrame
) -> None:
    long_pairs.loc[(long_pairs["model"] == "ridge") & (long_pairs["other"] == "deep"), "improvement_percent"] = -25.0
    summary = summarise(long_strata, long_pairs, MODELS, "deep").set_index(["cohort", "scaling", "model"])
    row = summary.loc[("test", "training", "ridge")]
    assert (row["improvement_percent"], row["baseline_mae"]) == (-25, 0.4)


def test_the_baseline_is_compared_with_nothing(long_strata: pd.DataFrame, long_pairs: pd.DataFrame) -> None:
    rows = summarise(long_strata, long_pairs, MODELS, "ridge").query("model == 'ridge'")
    assert len(rows) == 3
    assert rows[["improvement_percent", "improvement_low", "genes_better_percent", "units"]].isna().all(axis=None)
    assert (rows["mae"] == rows["baseline_mae"]).all()


def test_rows_come_by_cohort_then_training_scaling_then_model(
    long_strata: pd.DataFrame, long_pairs: pd.DataFrame
) -> None:
    summary = summarise(long_strata, long_pairs, MODELS, "ridge")
    views = [("test", "training"), ("rna", "training"), ("rna", "own")]
    expected = [(*view, model) for view in views for model in MODELS]
    assert list(summary[["cohort", "scaling", "model"]].itertuples(index=False, name=None)) == expected


def test_a_cohort_without_overlapping_targets_counts_none(long_strata: pd.DataFrame, long_pairs: pd.DataFrame) -> None:
    summary = summarise(long_strata, long_pairs, MODELS, "ridge")
    counts = summary.groupby(["cohort", "scaling"])["overlapping"].unique().map(list).to_dict()
    assert counts == {("test", "training"): [1], ("rna", "training"): [0], ("rna", "own"): [1]}


def test_only_overlapping_targets_leave_no_figure(tmp_path: Path) -> None:
    only = strata(0.4, targets=0).assign(mae=np.nan, null_mae=np.nan)
    table = read_evaluations(written(tmp_path / "strata", {"ridge.test": only, "deep.test": only}))
    nothing = pd.DataFrame([pair("deep", "ridge", np.nan), pair("ridge", "deep", np.nan)])
    pairs = read_comparisons(written(tmp_path / "pairs", {"test": nothing}))
    summary = summarise(table, pairs, {name: MODELS[name] for name in ("ridge", "deep")}, "ridge")
    assert summary["targets"].tolist() == [0, 0]
    assert summary["overlapping"].tolist() == [1, 1]
    assert summary[["mae", "improvement_percent"]].isna().all(axis=None)


def test_an_unknown_baseline_is_refused_with_the_models_there_are(
    long_strata: pd.DataFrame, long_pairs: pd.DataFrame
) -> None:
    with pytest.raises(UserError, match="'lasso' is none of the models: ridge, wide, deep"):
        summarise(long_strata, long_pairs, MODELS, "lasso")


def targets(maes: list[float], *, scaling: str = "training") -> pd.DataFrame:
    """Four targets with the MAE given, whose names a table may garble."""
    return pd.DataFrame(
        {
            "gene": ["7105", "NA", "ENSG3", "8"],
            "symbol": ["TSPAN6", "NA", "", "nan"],
            "ensembl": ["ENSG1", "", "ENSG3", ""],
            "cmap": ["best_inferred", "inferred", "", "landmark"],
            "overlapping": [0, 0, 0, 1],
            "scaling": scaling,
            "n": [10, 9, 10, 10],
            "mae": maes,
            "pearson": [0.5, np.nan, 0.7, 1.0],
        }
    )


@pytest.fixture
def errors(tmp_path: Path) -> pd.DataFrame:
    both = pd.concat([targets([0.9, 0.9, 0.6, 0.1], scaling="own"), targets([1.0, 1.2, 0.8, 0.1])])
    tables = {"ridge.test": targets([0.4, 0.5, 0.6, 0.05]), "deep.test": targets([0.3, 0.5, 0.55, 0.9])}
    return read_evaluations(written(tmp_path / "targets", {**tables, "ridge.rna": both, "deep.rna": both}))


def test_a_gene_has_one_row_and_a_column_each_model_cohort_and_scaling(errors: pd.DataFrame) -> None:
    genes = widen(errors)
    assert genes["gene"].tolist() == ["7105", "NA", "ENSG3", "8"]
    assert genes["symbol"].tolist() == ["TSPAN6", "NA", "", "nan"]
    assert genes["overlapping"].tolist() == [0, 0, 0, 1]
    assert genes.columns[:5].tolist() == ["gene", "symbol", "ensembl", "cmap", "overlapping"]
    assert len(genes.columns) == 5 + 2 * 6
    assert genes["mae.deep.test.training"].tolist() == [0.3, 0.5, 0.55, 0.9]
    assert genes["mae.deep.rna.own"].tolist() == [0.9, 0.9, 0.6, 0.1]
    assert np.isnan(genes.loc[1, "pearson.ridge.rna.training"])


def test_a_gene_that_a_cohort_does_not_measure_is_empty_there(tmp_path: Path) -> None:
    full = targets([0.4, 0.5, 0.6, 0.05])
    genes = widen(read_evaluations(written(tmp_path, {"ridge.test": full, "ridge.rna": full.tail(2)})))
    assert genes["mae.ridge.rna.training"].isna().tolist() == [True, True, False, False]


def test_names_are_read_as_written_and_empty_figures_as_missing(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            **{"model": ["NA"], "other": ["(mean)"], "series": ["007"], "trust": ["do not use"], "reason": [""]},
            **{"p": [np.nan], "half_width": [np.inf], "n": [3]},
        }
    )
    (path,) = written(tmp_path, {"any": table})
    row = read_table(path).iloc[0]
    assert row[["model", "other", "series", "trust", "reason"]].tolist() == ["NA", "(mean)", "007", "do not use", ""]
    assert np.isnan(row["p"])
    assert (row["half_width"], row["n"]) == (np.inf, 3)


def test_groups_are_names_too(tmp_path: Path) -> None:
    """The user may call them what they like: 1 and 1.0 are two."""
    (path,) = written(tmp_path, {"any": pd.DataFrame({"sample": ["a", "b", "c"], "group": ["1", "1.0", "02"]})})
    assert read_table(path)["group"].tolist() == ["1", "1.0", "02"]


def test_comparisons_are_named_for_their_cohort(long_pairs: pd.DataFrame) -> None:
    assert long_pairs.columns[0] == "cohort"
    assert long_pairs["cohort"].unique().tolist() == ["test", "rna"]
    assert set(long_pairs["other"]) == {*MODELS, "(mean)"}


def test_only_the_cohort_test_is_the_held_out_part() -> None:
    assert view_name("test", "training") == "Held-out test part"
    assert view_name("latest", "own") == "latest, own scaling"
    assert view_name("test-2", "training") == "test-2, training scaling"


def test_the_network_is_chosen_by_validation_not_by_the_test_part() -> None:
    assert best_network(MODELS, "ridge") == "deep"
    assert best_network(MODELS, "deep") == "wide"
    assert best_network({"ridge": MODELS["ridge"]}, "ridge") is None


def test_a_blend_counts_as_a_network_if_one_takes_part_and_its_weights_are_few() -> None:
    def blend(*members: str, per_target: bool = False) -> dict[str, ModelRecord]:
        settings = {"members": list(members), "per_target": per_target}
        return {**MODELS, "both": replace(record("both", "blend", 0.3), settings=settings)}

    assert best_network(blend("ridge", "deep"), "ridge") == "both"
    assert best_network(blend("ridge", "ols"), "ridge") == "deep"
    assert best_network(blend("ridge", "deep", per_target=True), "ridge") == "deep"


def test_a_record_is_named_for_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep/metrics.json"
    path.parent.mkdir()
    values = {**vars(MODELS["deep"]), "penalties": {"median": 1.0}}
    del values["name"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert read_models([path]) == {"deep": MODELS["deep"]}
