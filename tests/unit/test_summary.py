import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landex.errors import UserError
from landex.summary import ModelRecord, best_network, read_evaluations, read_models, summarise, widen
from landex.verdict import verdict


def record(name: str, kind: str, select_mae: float) -> ModelRecord:
    return ModelRecord(name, kind, None, {}, 10, 1.0, 100.0, "CPU", select_mae, None, None, None)


MODELS = {
    "ridge": record("ridge", "ridge", 0.5),
    "wide": record("wide", "network", 0.45),
    "deep": record("deep", "network", 0.4),
}


def table(maes: list[float], *, scaling: str = "training", overlapping: int = 1) -> pd.DataFrame:
    """Four targets with the MAE given; the last is overlapping unless told otherwise."""
    return pd.DataFrame(
        {
            "gene": ["7105", "NA", "ENSG3", "8"],
            "symbol": ["TSPAN6", "NA", "", "G8"],
            "ensembl": ["ENSG1", "", "ENSG3", ""],
            "cmap": ["best_inferred", "inferred", "empty", "landmark"],
            "overlapping": [0, 0, 0, overlapping],
            "scaling": scaling,
            "n": [10, 9, 10, 10],
            "mae": maes,
            "rmse": [2 * mae for mae in maes],
            "pearson": [0.5, np.nan, 0.7, 1.0],
            "spearman": [0.4, np.nan, 0.8, 1.0],
            "r2": [0.2, np.nan, 0.4, 1.0],
            "null_mae": [0.7, 0.8, 0.9, 1.0],
        }
    )


def written(folder: Path, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    paths = []
    for name, content in tables.items():
        paths.append(folder / f"{name}.tsv")
        content.to_csv(paths[-1], sep="\t", index=False)
    return read_evaluations(paths)


@pytest.fixture
def errors(tmp_path: Path) -> pd.DataFrame:
    both = [table([0.9, 0.9, 0.6, 0.1], scaling="own"), table([1.0, 1.2, 0.8, 0.1])]
    return written(
        tmp_path,
        {
            "ridge.test": table([0.4, 0.5, 0.6, 0.05]),
            "ridge.rna": pd.concat([table([0.8, 0.8, 0.8, 0.1], scaling="own"), table([1.0, 1.0, 1.0, 0.1])]),
            "wide.test": table([0.4, 0.5, 0.6, 0.9]),
            "wide.rna": pd.concat(both),
            "deep.test": table([0.3, 0.5, 0.55, 0.9]),
            "deep.rna": pd.concat(both),
        },
    )


def test_figures_equal_those_worked_out_by_hand(errors: pd.DataFrame) -> None:
    summary = summarise(errors, MODELS, "ridge").set_index(["cohort", "scaling", "model"])
    row = summary.loc[("test", "training", "deep")]
    assert row["mae"] == pytest.approx(1.35 / 3)
    assert row["rmse"] == pytest.approx(2 * 1.35 / 3)
    assert row["baseline_mae"] == pytest.approx(0.5)
    assert row["null_mae"] == pytest.approx(0.8)
    # 1 - .45 / .5; two of three genes are better, the tie is not.
    assert row["improvement_percent"] == pytest.approx(10.0)
    assert row["genes_better_percent"] == pytest.approx(200 / 3)
    assert row["pearson"] == pytest.approx(0.6)
    assert row["spearman"] == pytest.approx(0.6)
    assert (row["targets"], row["overlapping"], row["samples"], row["kind"]) == (3, 1, 10, "network")


def test_a_loss_is_negative(errors: pd.DataFrame) -> None:
    summary = summarise(errors, MODELS, "ridge").set_index(["cohort", "scaling", "model"])
    own = summary.loc[("rna", "own", "deep")]
    # Mean .8 on both sides; one gene of three is better.
    assert own["improvement_percent"] == pytest.approx(0.0)
    assert own["genes_better_percent"] == pytest.approx(100 / 3)
    assert summary.loc[("rna", "training", "deep"), "improvement_percent"] == pytest.approx(0.0)
    swapped = summarise(errors, MODELS, "deep").set_index(["cohort", "scaling", "model"])
    assert swapped.loc[("test", "training", "ridge"), "improvement_percent"] == pytest.approx(-100 * 0.05 / 0.45)


def test_the_baseline_is_compared_with_nothing(errors: pd.DataFrame) -> None:
    rows = summarise(errors, MODELS, "ridge").query("model == 'ridge'")
    assert rows[["improvement_percent", "genes_better_percent"]].isna().all(axis=None)
    assert (rows["mae"] == rows["baseline_mae"]).all()


def test_rows_come_by_cohort_then_training_scaling_then_model(errors: pd.DataFrame) -> None:
    summary = summarise(errors, MODELS, "ridge")
    views = [("test", "training"), ("rna", "training"), ("rna", "own")]
    expected = [(*view, model) for view in views for model in MODELS]
    assert list(summary[["cohort", "scaling", "model"]].itertuples(index=False, name=None)) == expected


def test_only_overlapping_targets_leave_no_figure(tmp_path: Path) -> None:
    only = table([0.1, 0.1, 0.1, 0.1]).tail(1)
    summary = summarise(
        written(tmp_path, {"ridge.test": only, "deep.test": only}), {k: MODELS[k] for k in ("ridge", "deep")}, "ridge"
    )
    assert summary["targets"].tolist() == [0, 0]
    assert summary["overlapping"].tolist() == [1, 1]
    assert summary[["mae", "genes_better_percent"]].isna().all(axis=None)
    assert verdict(summary, "ridge", "deep") == [
        "On the held-out test part, no target is left once overlapping targets are set aside."
    ]


def test_models_evaluated_on_different_genes_are_refused_by_name(tmp_path: Path) -> None:
    full = table([0.4, 0.5, 0.6, 0.05])
    errors = written(tmp_path, {"ridge.test": full, "wide.test": full, "deep.test": full.head(3)})
    with pytest.raises(UserError, match=r"deep\.test\.tsv and ridge\.test\.tsv .* differ in 1 genes, 8 among"):
        summarise(errors, MODELS, "ridge")


def test_a_gene_in_two_rows_is_refused_by_name(tmp_path: Path) -> None:
    full = table([0.4, 0.5, 0.6, 0.05])
    tables = {"ridge.test": full, "wide.test": full, "deep.test": pd.concat([full, full.head(1)])}
    with pytest.raises(UserError, match=r"deep\.test\.tsv .* gene 7105 has more than one row"):
        summarise(written(tmp_path, tables), MODELS, "ridge")


def test_an_unknown_baseline_is_refused_with_the_models_there_are(errors: pd.DataFrame) -> None:
    with pytest.raises(UserError, match="'lasso' is none of the models: ridge, wide, deep"):
        summarise(errors, MODELS, "lasso")


def test_a_gene_has_one_row_and_a_column_each_model_cohort_and_scaling(errors: pd.DataFrame) -> None:
    genes = widen(errors)
    assert genes["gene"].tolist() == ["7105", "NA", "ENSG3", "8"]
    assert genes["symbol"].tolist() == ["TSPAN6", "NA", "", "G8"]
    assert genes["overlapping"].tolist() == [0, 0, 0, 1]
    assert genes.columns[:5].tolist() == ["gene", "symbol", "ensembl", "cmap", "overlapping"]
    assert len(genes.columns) == 5 + 2 * 9
    assert genes["mae.deep.test.training"].tolist() == [0.3, 0.5, 0.55, 0.9]
    assert genes["mae.deep.rna.own"].tolist() == [0.9, 0.9, 0.6, 0.1]
    assert np.isnan(genes.loc[1, "pearson.ridge.rna.training"])


def test_a_gene_that_a_cohort_does_not_measure_is_empty_there(tmp_path: Path) -> None:
    full = table([0.4, 0.5, 0.6, 0.05])
    genes = widen(written(tmp_path, {"ridge.test": full, "ridge.rna": full.tail(2)}))
    assert genes["mae.ridge.rna.training"].isna().tolist() == [True, True, False, False]


def test_the_network_is_chosen_by_validation_not_by_the_test_part() -> None:
    assert best_network(MODELS, "ridge") == "deep"
    assert best_network(MODELS, "deep") == "wide"
    assert best_network({"ridge": MODELS["ridge"]}, "ridge") is None


def test_a_record_is_named_for_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep/metrics.json"
    path.parent.mkdir()
    values = {**vars(MODELS["deep"]), "penalties": {"median": 1.0}}
    del values["name"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert read_models([path]) == {"deep": MODELS["deep"]}


def row(cohort: str, scaling: str, model: str, mae: float, gain: float, better: float) -> dict[str, object]:
    return {
        "cohort": cohort, "scaling": scaling, "model": model, "targets": 1500, "mae": mae, "baseline_mae": 0.5,
        "improvement_percent": gain, "genes_better_percent": better,
    }  # fmt: skip


def test_the_verdict_reports_wins_losses_and_ties_with_their_numbers() -> None:
    summary = pd.DataFrame(
        [
            row("test", "training", "ridge", 0.5, np.nan, np.nan),
            row("test", "training", "deep", 0.477, 4.6, 93.04),
            row("rna", "training", "ridge", 0.5, np.nan, np.nan),
            row("rna", "training", "deep", 0.506, -1.2, 41.0),
            row("rna", "own", "ridge", 0.5, np.nan, np.nan),
            row("rna", "own", "deep", 0.5001, -0.02, 52.0),
            row("chip", "training", "ridge", 0.5, np.nan, np.nan),
            row("chip", "training", "deep", 0.495, 1.0, 45.0),
        ]
    )
    assert verdict(summary, "ridge", "deep", {"rna": "RNA-seq", "chip": ""}) == [
        "On the held-out test part, deep lowers the error of ridge by 4.6 % (MAE 0.477 against 0.500) and is better "
        "in 93.0 % of 1,500 genes.",
        "On the external cohort rna (RNA-seq), scaled as in training, deep does no better than ridge: its error is "
        "1.2 % higher (MAE 0.506 against 0.500), and it is better only in 41.0 % of 1,500 genes; scaled by its own "
        "statistics, deep does no better than ridge: its error is the same to 0.1 % (MAE 0.500 against 0.500), "
        "though it is better in 52.0 % of 1,500 genes.",
        "On the external cohort chip, scaled as in training, deep lowers the error of ridge by 1.0 % (MAE 0.495 "
        "against 0.500) though it is better only in 45.0 % of 1,500 genes.",
    ]


def test_the_verdict_names_models_ahead_of_the_chosen_network() -> None:
    summary = pd.DataFrame(
        [
            row("test", "training", "ridge", 0.5, np.nan, np.nan),
            row("test", "training", "wide", 0.46, 8.0, 99.0),
            row("test", "training", "deep", 0.47, 6.0, 95.0),
        ]
    )
    assert verdict(summary, "ridge", "deep")[0].endswith("genes (lower than deep there: wide).")


def test_without_a_network_the_verdict_tells_the_baseline() -> None:
    summary = pd.DataFrame([row("test", "training", "ridge", 0.5, np.nan, np.nan)])
    assert verdict(summary, "ridge", None) == [
        "On the held-out test part, the MAE of ridge is 0.500; there is no other network to compare."
    ]
