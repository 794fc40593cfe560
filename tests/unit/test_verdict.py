"""Verdicts: what is said of wins, losses and what is not decided, and who may be compared."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from landex.evaluation.compare import NULL
from landex.evaluation.verdict import BETTER, COLUMNS, UNDECIDED, WORSE, Contenders, verdicts
from landex.summary import ModelRecord

CONTENDERS = Contenders("deep", "ridge", "kernel")


def record(name: str, kind: str, select_mae: float) -> ModelRecord:
    return ModelRecord(name, kind, None, {}, 10, 1.0, 100.0, "CPU", select_mae, None, None, None)


def pair(
    cohort: str, model: str, other: str, gain: float, low: float, high: float, better: float = 93.04,
    *, scaling: str = "training", unit: str = "series", units: int = 12, targets: int = 1500, mae: float = 0.477,
) -> dict[str, Any]:  # fmt: skip
    return {
        **{"cohort": cohort, "scaling": scaling, "model": model, "other": other, "targets": targets, "samples": 100},
        **{"unit": unit, "units": units, "mae": mae, "other_mae": 0.5, "improvement_percent": gain},
        **{"improvement_low": low, "improvement_high": high, "genes_better_percent": better},
    }


def view(cohort: str, *gains: tuple[float, float, float], scaling: str = "training") -> list[dict[str, Any]]:
    """Return the rows of deep against ridge, kernel and every gene's mean."""
    names = ("ridge", "kernel", NULL)
    return [pair(cohort, "deep", name, *gain, scaling=scaling) for name, gain in zip(names, gains, strict=True)]


WIN, LOSS, OPEN = (4.6, 3.9, 5.2), (-1.2, -1.9, -0.4), (0.3, -0.2, 0.8)


def said(rows: list[dict[str, Any]], contenders: Contenders = CONTENDERS, **platforms: str) -> pd.DataFrame:
    return verdicts(pd.DataFrame(rows), contenders, 0.95, platforms)


def test_a_win_says_by_how_much_how_sure_and_in_how_many_genes() -> None:
    table = said(view("test", WIN, WIN, WIN))
    assert table.columns.tolist() == list(COLUMNS)
    assert table["sentence"].tolist()[1] == (
        "deep lowers the error of ridge by 4.6 % [3.9, 5.2] (MAE 0.477 against 0.500; 95 % confidence interval over 12 "
        "series) and is better in 93.0 % of 1,500 genes."
    )
    assert table["outcome"].tolist() == ["", BETTER, BETTER, BETTER]
    assert table["place"].tolist()[1:] == ["On the held-out test part"] * 3
    assert "the error of kernel, the best baseline, by" in table["sentence"][2]
    assert "the error of predicting every gene's mean by" in table["sentence"][3]
    assert table["sentence"][0] == (
        "deep earned its cost, being better than ridge and than kernel and than every gene's mean, on the held-out "
        "test part."
    )


def test_a_loss_is_said_as_readily_with_its_bounds_turned_around() -> None:
    table = said([*view("test", WIN, WIN, WIN), *view("rna", LOSS, WIN, WIN)], rna="RNA-seq")
    row = table[(table["cohort"] == "rna") & (table["other"] == "ridge")].iloc[0]
    assert row["outcome"] == WORSE
    assert row["place"] == "On the external cohort rna (RNA-seq), scaled as in training"
    assert row["sentence"].startswith("deep raises the error of ridge by 1.2 % [0.4, 1.9] (MAE")
    assert row["sentence"].endswith("though it is better in 93.0 % of 1,500 genes.")
    assert "It is worse than one of them on rna (training scaling)." in table["sentence"][0]


def test_what_is_not_decided_is_not_called_a_win() -> None:
    table = said(view("test", OPEN, WIN, WIN))
    assert table["outcome"].tolist()[1:] == [UNDECIDED, BETTER, BETTER]
    assert table["sentence"][1].startswith("deep is not shown to differ from ridge: its error is lower by 0.3 %")
    assert table["sentence"][0] == (
        "deep did not earn its cost: nowhere is it better than ridge and than kernel and than every gene's mean. "
        "It is not shown to be better than all of them on the held-out test part."
    )


def test_a_model_that_is_not_shown_to_differ_and_errs_more_is_not_called_lower() -> None:
    sentence = said(view("test", (-0.3, -0.8, 0.2), WIN, WIN))["sentence"][1]
    assert sentence == (
        "deep is not shown to differ from ridge: its error is higher by 0.3 % [-0.2, 0.8] (MAE 0.477 against 0.500; 95 "
        "% confidence interval over 12 series); it is better in 93.0 % of 1,500 genes."
    )


def test_a_null_model_gets_the_null_verdict() -> None:
    table = said(view("test", (-40.0, -44, -36), (-42.0, -45, -38), (-0.1, -0.6, 0.4)))
    assert table["outcome"].tolist()[1:] == [WORSE, WORSE, UNDECIDED]
    assert table["sentence"][0].startswith("deep did not earn its cost: nowhere is it better")
    assert "earned its cost, being" not in table["sentence"][0]


def test_few_series_and_few_genes_are_said() -> None:
    row = pair("test", "deep", "ridge", *WIN, 20.0, unit="samples", units=97, targets=1)
    sentence = said([row, *view("test", WIN, WIN, WIN)[1:]])["sentence"][1]
    assert "95 % confidence interval over 97 samples, which are of fewer than six series" in sentence
    assert sentence.endswith("though it is better only in 20.0 % of 1 gene.")


def test_models_ahead_of_the_chosen_network_are_named() -> None:
    rows = [
        *view("test", WIN, WIN, WIN),
        pair("test", "wide", "deep", 2, 1, 3),
        pair("test", "kernel", "deep", 2, -1, 3),
    ]
    sentences = said(rows)["sentence"]
    assert sentences[3].endswith(" Better than deep there: wide.")
    assert "kernel" not in sentences[3]


def test_cohorts_and_scalings_come_in_the_order_given_and_a_name_with_test_in_it_is_no_test_part() -> None:
    rows = [
        *view("test", WIN, WIN, WIN),
        *view("latest", WIN, WIN, WIN),
        *view("latest", LOSS, OPEN, WIN, scaling="own"),
    ]
    table = said(rows)
    places = ["On the held-out test part", *(f"On the external cohort latest, {words}" for words in (
        "scaled as in training", "scaled by its own statistics"
    ))]  # fmt: skip
    assert table["place"].tolist() == ["", *np.repeat(places, 3).tolist()]
    assert "on the held-out test part, latest (training scaling)." in table["sentence"][0]
    assert "It is worse than one of them on latest (own scaling)." in table["sentence"][0]


def test_no_targets_are_no_verdict() -> None:
    rows = [{**row, "targets": 0, "mae": np.nan, "improvement_low": np.nan} for row in view("test", WIN, WIN, WIN)]
    table = said(rows)
    assert set(table["outcome"][1:]) == {UNDECIDED}
    assert set(table["sentence"][1:]) == {"No target is left once overlapping targets are set aside."}


MODELS = {
    "ridge": record("ridge", "ridge", 0.5),
    "kernel": record("kernel", "kernel_ridge", 0.45),
    "mixed": record("mixed", "blend", 0.3),
    "deep": record("deep", "network", 0.4),
}


def test_neither_a_blend_nor_a_network_is_the_strongest_baseline() -> None:
    found = Contenders.of(MODELS, "ridge", "deep")
    assert found == CONTENDERS
    assert (found.compared, found.others) == ("deep", ["ridge", "kernel"])


def test_the_strongest_baseline_is_named_once_where_it_is_the_baseline() -> None:
    assert Contenders.of(MODELS, "kernel", "deep").others == ["kernel"]


def test_without_a_network_the_best_baseline_is_held_against_the_baseline_and_nothing_is_earned() -> None:
    models = {name: each for name, each in MODELS.items() if name != "deep"}
    found = Contenders.of(models, "ridge", None)
    assert (found.compared, found.others) == ("kernel", ["ridge"])
    table = said([pair("test", "kernel", "ridge", *WIN), pair("test", "kernel", NULL, *WIN)], found)
    assert table["sentence"][0] == (
        "There is no network besides the baseline to judge; of the others kernel has the lowest error on validation "
        "samples."
    )
    assert table["other"].tolist() == ["", "ridge", NULL]


def test_a_single_model_is_held_against_every_genes_mean() -> None:
    found = Contenders.of({"ridge": MODELS["ridge"]}, "ridge", None)
    assert (found.compared, found.others) == ("ridge", [])
    table = said([pair("test", "ridge", NULL, *WIN)], found)
    assert table["outcome"].tolist() == ["", BETTER]
    assert table["sentence"][1].startswith("ridge lowers the error of predicting every gene's mean by 4.6 %")


def test_where_the_only_network_is_the_baseline_there_is_none_besides_it() -> None:
    found = Contenders.of({"deep": MODELS["deep"]}, "deep", None)
    sentence = said([pair("test", "deep", NULL, *WIN)], found)["sentence"][0]
    assert sentence == "There is no network besides the baseline to judge."


def test_a_network_that_is_the_baseline_is_what_the_best_of_the_others_is_held_against() -> None:
    found = Contenders.of({name: MODELS[name] for name in ("ridge", "kernel", "deep")}, "deep", None)
    assert (found.compared, found.others) == ("kernel", ["deep"])
    table = said([pair("test", "kernel", "deep", *LOSS), pair("test", "kernel", NULL, *WIN)], found)
    assert table["sentence"][0].endswith("of the others kernel has the lowest error on validation samples.")
    assert table["outcome"].tolist() == ["", WORSE, BETTER]


@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_the_confidence_is_the_one_asked_for(confidence: float) -> None:
    sentence = verdicts(pd.DataFrame(view("test", WIN, WIN, WIN)), CONTENDERS, confidence)["sentence"][1]
    assert f"{100 * confidence:g} % confidence interval" in sentence
