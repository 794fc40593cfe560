"""Judgement: the tables that sum up a tiny run, from files written by hand."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.generalisation import COLUMNS as GENERALISATION
from landex.evaluation.judge import ANOTHER_COHORT, Findings, Settings, judge, write_judgement
from landex.evaluation.learning_curve import COLUMNS as CURVE
from landex.evaluation.learning_curve import LEARNING
from landex.evaluation.trust import CAUTION, CLASSES, DO_NOT_USE, SAMPLES, TRUST, USABLE, Bars
from landex.evaluation.verdict import COLUMNS as VERDICT
from landex.vocabulary import NULL

BY_SERIES, HALF = "variations/by-series/", "variations/fraction-0.5/"
SETTINGS = Settings(
    baseline="ridge",
    split_by={"": "sample", BY_SERIES: "series"},
    fractions={HALF: 0.5},
    coverage=0.9,
    certainty=Certainty(0.95, 200, 1),
    bars=Bars(r_gene=0.95, r2=0.25, width=0.9),
)
# MAE by model and place; predicting every gene's mean has .8.
MAES = {"ridge": 0.5, "deep": 0.4}
VIEWS = {"test": ["training"], "rna": ["training", "own"]}
GENES = ["NA", "7105", "8", "over"]


def write(path: str, table: pd.DataFrame) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False)
    return path


def pairs_of(cohort: str) -> pd.DataFrame:
    rows = []
    for scaling in VIEWS[cohort]:
        worse = cohort == "rna" and scaling == "training"
        maes = {**MAES, NULL: 0.8} | ({"deep": 0.6} if worse else {})
        for model in MAES:
            for other in maes:
                if other != model:
                    gain = 100 * (1 - maes[model] / maes[other])
                    bounds = {"improvement_low": gain - 1, "improvement_high": gain + 1}
                    row = {"model": model, "other": other, "mae": maes[model], "other_mae": maes[other]}
                    rows.append({**row, "improvement_percent": gain, **bounds, "scaling": scaling})
    shared = {"targets": 3, "samples": 4, "unit": "samples", "units": 4, "genes_better_percent": 75.0}
    return pd.DataFrame(rows).assign(**shared)


def samples_of(scalings: list[str], mae: float) -> pd.DataFrame:
    """Return four samples of two series, whose errors are the MAE plus .2 for every own scaling."""
    tables = []
    for place, scaling in enumerate(scalings):
        table = pd.DataFrame({"sample": list("wxyz"), "series": list("aaab"), "group": list("aaab"), "n": [1, 1, 2, 4]})
        tables.append(
            table.assign(mae=mae + 0.2 * place, null_mae=0.8, coverage=[1.0, 1.0, 0.5, 0.25], scaling=scaling)
        )
    return pd.concat(tables)


def targets_of(scalings: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "gene": GENES,
            "overlapping": [0, 0, 0, 1],
            "mae": [0.2, 0.4, 0.9, 0.0],
            "r_gene": [1.0, 0.9, 0.4, 1.0],
            "r2_null": [0.8, 0.6, -0.5, 1.0],
            "half_width": [0.5, 0.7, np.inf, 0.0],
            "coverage": [1.0, 0.8, np.nan, 1.0],
        }
    )
    return pd.concat([table.assign(scaling=scaling) for scaling in scalings])


def trust_of(scaled_by: str) -> pd.DataFrame:
    guarantee = [SAMPLES, SAMPLES, "nothing: too few calibration samples", SAMPLES]
    trust = [USABLE, USABLE, DO_NOT_USE, USABLE]
    table = pd.DataFrame({"gene": GENES, "trust": trust, "null_half_width": [1.0, 2.0, 3.0, 99.0]})
    return table.assign(scaled_by=scaled_by, guarantee=guarantee)


def split_of(training: int, series: int) -> pd.DataFrame:
    parts = ["training"] * training + ["unused"] * (20 - training) + ["select", "calibrate", "test"] * 2
    names = [f"GSE{row % series}" for row in range(26)]
    samples = [f"s{row}" for row in range(26)]
    return pd.DataFrame({"sample": samples, "source": "a", "series": names, "group": names, "part": parts})


@pytest.fixture
def findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Findings:
    """Write a run of two models, one external cohort, one other split and one smaller one, as its rules do."""
    monkeypatch.chdir(tmp_path)
    for model, kind, select_mae in (("ridge", "ridge", 0.5), ("deep", "network", 0.4)):
        fields: dict[str, Any] = {"kind": kind, "preset": None, "settings": {}, "parameters": 1, "seconds": 1.0}
        more = {
            "peak_memory_mb": 1.0,
            "device": "CPU",
            "select_mae": select_mae,
            "best_epoch": None,
            "epochs": None,
            "stopped": None,
        }
        path = Path(f"results/models/{model}/metrics.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({**fields, **more}))
    samples = {f"results/evaluation/samples/{m}.{c}.tsv": samples_of(VIEWS[c], MAES[m]) for m in MAES for c in VIEWS}
    for model, mae in MAES.items():
        samples[f"results/{BY_SERIES}evaluation/samples/{model}.test.tsv"] = samples_of(["training"], 1.5 * mae)
    samples[f"results/{HALF}evaluation/samples/ridge.test.tsv"] = samples_of(["training"], 0.625)
    splits = {"": split_of(20, 5), BY_SERIES: split_of(16, 5), HALF: split_of(10, 4)}
    targets = {f"results/evaluation/{m}.{c}.tsv": targets_of(VIEWS[c]) for m in MAES for c in VIEWS}
    trust = {"ridge": trust_of("distance"), "deep": trust_of("distance and spread")}
    platforms = {"gdsc": ["", ""], "rna": ["GPL96", "RNA-seq counts", "GPL96"]}
    return Findings(
        pairs=[write(f"results/evaluation/comparisons/{cohort}.tsv", pairs_of(cohort)) for cohort in VIEWS],
        metrics=[f"results/models/{model}/metrics.json" for model in MAES],
        targets=[write(path, table) for path, table in targets.items()],
        trust=[write(f"results/evaluation/trust/{model}.tsv", table) for model, table in trust.items()],
        samples=[write(path, table) for path, table in samples.items()],
        splits=[write(f"results/{variation}split/split.tsv", table) for variation, table in splits.items()],
        quality=[
            write(f"results/cohorts/{name}.qc.tsv", pd.DataFrame({"sample": range(len(each)), "platform": each}))
            for name, each in platforms.items()
        ],
    )


def test_the_verdict_is_on_the_network_that_select_chose_and_ends_with_the_learning_curve(findings: Findings) -> None:
    verdict = judge(findings, SETTINGS)["verdict"]
    assert verdict.columns.tolist() == list(VERDICT)
    assert verdict["sentence"][0] == (
        "deep earned its cost, being better than ridge and than every gene's mean, on the held-out test part, rna (own "
        "scaling). It is worse than one of them on rna (training scaling)."
    )
    rna = "On the external cohort rna (GPL96, RNA-seq counts), scaled"
    places = [
        "",
        *["On the held-out test part"] * 2,
        *[f"{rna} as in training"] * 2,
        *[f"{rna} by its own statistics"] * 2,
    ]
    assert verdict["place"].tolist() == [*places, TRUST, LEARNING]
    outcomes = ["", "better", "better", "worse", "better", "better", "better", "", ""]
    assert verdict["outcome"].tolist() == outcomes
    assert verdict["other"].tolist() == ["", *["ridge", NULL] * 3, "", ""]
    assert verdict["sentence"][1].startswith("deep lowers the error of ridge by 20.0 % [19.0, 21.0] (MAE 0.400 against")
    last = verdict.iloc[-1]
    assert (last["cohort"], last["model"]) == ("", "")
    assert last["sentence"].startswith(
        "More samples like these would help ridge: from 10 to 20 training samples, drawn"
    )


def test_intervals_are_measured_wherever_the_run_was_evaluated(findings: Findings) -> None:
    table = judge(findings, SETTINGS)["intervals"].set_index(["model", "cohort", "scaling"]).sort_index()
    views = [(cohort, scaling) for cohort, scalings in VIEWS.items() for scaling in scalings]
    assert list(table.index) == sorted((model, *view) for model in MAES for view in views)
    assert (table["nominal_percent"] == 90).all()
    # (1 + 1 + 1 + 1) of 8 values; 5 / 6 of series a, a quarter of b.
    np.testing.assert_allclose(table["coverage_percent"], 50)
    np.testing.assert_allclose(table["coverage_of_series_percent"], 100 * (5 / 6 + 0.25) / 2)
    np.testing.assert_allclose(table["targets_percent"], 200 / 3)
    np.testing.assert_allclose(table[["half_width", "null_half_width"]], [[0.6, 1.5]] * 6)
    assert table.loc["deep", "scaled_by"].unique().tolist() == ["distance and spread"]
    # Only samples like those that calibrated are promised anything, by what most targets promise.
    assert (table.loc[(slice(None), "test"), "guarantee"] == SAMPLES).all()
    assert (table.loc[(slice(None), "rna"), "guarantee"] == ANOTHER_COHORT).all()
    assert ANOTHER_COHORT == "nothing: another cohort"


def test_classes_of_trust_are_held_against_every_evaluation(findings: Findings) -> None:
    table = judge(findings, SETTINGS)["trust"]
    assert len(table) == 2 * 3 * len(CLASSES)
    view = table[(table["model"] == "deep") & (table["cohort"] == "rna") & (table["scaling"] == "own")]
    rows = view.set_index("trust")
    assert rows.index.tolist() == list(CLASSES)
    assert rows["targets"].tolist() == [2, 0, 1]
    # 7105 has an r_gene below the bar; the overlapping target, however good, is no witness.
    assert rows["confirmed_percent"].tolist() == pytest.approx([50, np.nan, 0], nan_ok=True)
    assert rows.loc[USABLE, ["mae", "r_gene", "r2_null_median", "coverage"]].tolist() == pytest.approx(
        [0.3, 0.95, 0.7, 0.9]
    )
    assert rows.loc[CAUTION, ["mae", "r2_null_median"]].isna().all()


def test_a_learning_curve_is_of_the_models_that_were_fitted_to_fewer_samples(findings: Findings) -> None:
    curve = judge(findings, SETTINGS)["learning_curve"]
    assert curve.columns.tolist() == list(CURVE)
    assert curve["model"].tolist() == ["ridge", "ridge"]
    assert curve["fraction"].tolist() == [0.5, 1]
    assert curve["training_samples"].tolist() == [10, 20]
    assert curve["training_series"].tolist() == [4, 5]
    assert curve["mae"].tolist() == pytest.approx([0.625, 0.5])
    assert curve.loc[1, ["gain_percent", "gain_per_doubling_percent"]].tolist() == pytest.approx([20, 20])


def test_generalisation_sets_new_samples_new_series_and_other_cohorts_side_by_side(findings: Findings) -> None:
    table = judge(findings, SETTINGS)["generalisation"]
    assert table.columns.tolist() == list(GENERALISATION)
    assert table["model"].tolist() == ["ridge"] * 4 + ["deep"] * 4
    one = table[table["model"] == "deep"]
    tested = ["new samples of known series", "new series", "another cohort", "another cohort"]
    assert one["tested_on"].tolist() == tested
    assert one[["cohort", "scaling"]].to_numpy().tolist() == [
        *(["test", "training"], ["test", "training"], ["rna", "training"], ["rna", "own"]),
    ]
    # Cohorts were predicted by the models of the run itself.
    assert one["training_samples"].tolist() == [20, 16, 20, 20]
    assert one["mae"].tolist() == pytest.approx([0.4, 0.6, 0.4, 0.6])
    assert one["inflation_percent"].tolist() == pytest.approx([np.nan, 50, 0, 50], nan_ok=True)
    assert one["gain_over_mean_percent"].tolist() == pytest.approx([50, 25, 50, 25])


def test_a_run_split_by_series_shows_the_variation_by_sample_first(findings: Findings) -> None:
    settings = replace(SETTINGS, split_by={"": "series", BY_SERIES: "sample"})
    table = judge(findings, settings)["generalisation"]
    one = table[(table["model"] == "ridge") & (table["cohort"] == "test")]
    assert one["mae"].tolist() == pytest.approx([0.75, 0.5])
    assert one["tested_on"].tolist() == ["new samples of known series", "new series"]


def test_a_run_without_variations_is_judged_by_what_there_is(findings: Findings) -> None:
    own = replace(
        findings,
        samples=[path for path in findings.samples if "variations" not in path],
        splits=[path for path in findings.splits if "variations" not in path],
    )
    found = judge(own, replace(SETTINGS, split_by={"": "own.tsv"}, fractions={}))
    assert found["learning_curve"].columns.tolist() == list(CURVE)
    assert found["learning_curve"].empty
    assert LEARNING not in set(found["verdict"]["place"])
    # Those that the verdict is about.
    assert found["generalisation"]["model"].unique().tolist() == ["deep", "ridge"]
    assert found["generalisation"]["tested_on"].unique().tolist() == ["the user's own split", "another cohort"]
    assert found["generalisation"]["inflation_percent"].isna().all()


def test_tables_are_written_under_the_names_given_and_read_as_they_were(findings: Findings, tmp_path: Path) -> None:
    expected = judge(findings, SETTINGS)
    assert list(expected) == ["verdict", "intervals", "trust", "learning_curve", "generalisation"]
    paths = {name: str(tmp_path / f"out/{place}.tsv") for place, name in enumerate(expected)}
    (tmp_path / "out").mkdir()
    write_judgement(findings, SETTINGS, paths)
    for name, table in expected.items():
        read, empty = pd.read_csv(paths[name], sep="\t"), table.replace("", np.nan).infer_objects()
        pd.testing.assert_frame_equal(read, empty, rtol=1e-5, check_dtype=False)
    # Nothing is left of the files that were written before they got their names.
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{place}.tsv" for place in range(5)]


def test_a_table_that_cannot_be_written_leaves_the_one_before(
    findings: Findings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {name: str(tmp_path / f"{name}.tsv") for name in judge(findings, SETTINGS)}
    Path(paths["verdict"]).write_text("before")

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match="No space"):
        write_judgement(findings, SETTINGS, paths)
    assert Path(paths["verdict"]).read_text() == "before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["verdict.tsv"]
