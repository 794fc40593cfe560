"""A simulated run for tests of the report: files as the stages before it write them, with made-up numbers."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from landex.evaluation.heatmap import heatmap_table
from landex.evaluation.importance import Effects, landmark_table, target_table
from landex.evaluation.strata import strata
from landex.evaluation.trust import Bars, trust_classes, trust_summary, worth
from landex.evaluation.verdict import COLUMNS, Contenders, verdicts
from landex.h5ad import write_matrix
from landex.occupancy import Occupancy
from landex.predictions import Predictions
from landex.references import References, Side
from landex.report.run import Run, Settings, best_model, read_run
from landex.summary import best_network, read_comparisons, read_evaluations, read_models, summarise, widen
from landex.vocabulary import NULL

# A title that a submitter could have typed.
MARKUP = '<img src=x onerror="console.error(1)"> & <b>bold</b></script>'
MODELS = {"ols": "ols", "ridge": "ridge", "relu_tanh": "network", "dgex": "network", "deep": "network"}
VIEWS = {"test": ["training"], "kidney": ["training", "own"], "geuvadis": ["training", "own"]}
# Samples of the cohorts, rejected ones among them; the compendium has one fewer, a duplicate.
SAMPLES = {"gdsc": 200, "kidney": 17, "geuvadis": 85}
# The model that learnt from an auxiliary cohort too.
POOLED, AUXILIARY_SAMPLES = "ols", 30
WEIGHED = ("ridge", "deep")
EPOCHS = 12
LANDMARKS = 20
# Networks of a model that is more than one; the last stopped early.
PIECES = {"dgex": ["1.1", "1.2", "1.10"]}
BARS = {"r_gene": 0.95, "r2": 0.25, "width": 0.9}
IDS = Path(__file__).parents[1] / "resources/genes/ids.tsv.gz"
SETTINGS = Settings(
    baseline="ridge",
    sources={"gdsc": {"matrix": "resources/demo/gdsc.h5ad", "values": "log2"}},
    external={
        "kidney": {"geo": "GSE781", "platform": "GPL96"},
        "geuvadis": {"matrix": "resources/demo/geuvadis.tsv.gz", "values": "counts"},
    },
    auxiliary={"leukaemia": {"matrix": "resources/demo/leukaemia.h5ad", "values": "log2"}},
    materials={
        "collapse": "mean", "duplicates": {"distance": 0.02}, "landmarks": "resources/genes/landmarks.tsv",
        "targets": "measured", "preprocessing": "landex", "normalise": {"fewest_landmarks": 0.5, "ties": "mean_rank"},
    },
    split={"by": "sample", "fractions": [0.8, 0.1, 0.1], "seed": 1},
    evaluation={"confidence": 0.95, "resamples": 1000, "seed": 1, "coverage": 0.9, "trust": BARS},
)  # fmt: skip


def simulated_run(
    folder: Path,
    *,
    targets: int = 120,
    models: Mapping[str, str] = MODELS,
    samples: Mapping[str, int] = SAMPLES,
    note: str = "",
) -> Run:
    """Write the inputs of the report's rules below `folder`, summarise them, and read the run.

    The first target is called NA, the second carries markup in its symbol, the last two are overlapping.
    """
    files = simulated_files(folder, targets=targets, models=models, samples=samples)
    return read_run(files, SETTINGS, note)


def simulated_files(
    folder: Path,
    *,
    targets: int = 120,
    models: Mapping[str, str] = MODELS,
    samples: Mapping[str, int] = SAMPLES,
) -> dict[str, Any]:
    """Write the inputs of the rule report and return their paths by name."""
    random = np.random.default_rng(1)
    genes = _genes(targets)
    evaluations, grouped = _write_evaluations(folder, genes, models, random)
    ranked = list(enumerate(models.items()))
    files: dict[str, Any] = {
        "metrics": [_metrics(folder, model, kind, rank) for rank, (model, kind) in ranked],
        "histories": [_history(folder, model, rank) for rank, (model, kind) in ranked if kind == "network"],
        "quality": [
            _quality(folder, "gdsc", "GDSC cell lines", "", samples["gdsc"]),
            _quality(folder, "kidney", f"GSE781 {MARKUP}", "GPL96", samples["kidney"]),
            _quality(folder, "geuvadis", "Geuvadis", "RNA-seq counts", samples["geuvadis"]),
        ],
        "duplicates": _duplicates(folder),
        "split": _split(folder, samples["gdsc"]),
        "roles": _roles(folder, genes),
        "ids": str(IDS),
    }
    records, errors = read_models(files["metrics"]), read_evaluations(evaluations)
    pairs = read_comparisons(_pairs(folder, errors, models))
    network = best_network(records, "ridge")
    contenders = Contenders.of(records, "ridge", network)
    files["trust"] = [_trust(folder, model, genes, random) for model in models]
    classes = _classes(files["trust"], errors)
    verdict = verdicts(pairs, contenders, 0.95, {"geuvadis": MARKUP})
    told = pd.DataFrame([{"place": "Trust", "sentence": worth(classes, contenders.compared)}])
    tables = {
        "summary": summarise(read_evaluations(grouped), pairs, records, "ridge"),
        "genes": widen(errors),
        "verdict": pd.concat([verdict, told]).fillna("")[list(COLUMNS)],
        "classes": classes,
        "intervals": _intervals(models, random),
        "generalisation": _generalisation(contenders),
        "learning_curve": _learning_curve(contenders),
    }
    files |= {name: _write(table, folder / f"{name}.tsv") for name, table in tables.items()}
    files["outliers"] = [_outliers(folder, cohort) for cohort in VIEWS]
    files["importance"] = [
        path for model in WEIGHED if model in models for path in _importance(folder, model, genes, random)
    ]
    shown = dict.fromkeys(("ridge", best_model(records, "ridge")))
    files |= _write_samples(folder, genes, list(shown), files["split"], files["quality"], random)
    # No sample of an auxiliary cohort is shown.
    return {**files, "quality": [*files["quality"], _quality(folder, "leukaemia", "ALL", "", AUXILIARY_SAMPLES)]}


def _write_evaluations(
    folder: Path, genes: pd.DataFrame, models: Mapping[str, str], random: np.random.Generator
) -> tuple[list[str], list[str]]:
    targets = len(genes)
    difficulty = random.gamma(9, 0.06, targets)
    evaluations, grouped = [], []
    for rank, model in enumerate(models):
        for shift, (cohort, scalings) in enumerate(VIEWS.items()):
            measured = _measured(genes, cohort)
            rows = [_errors(measured, difficulty, scaling, 0.03 * shift - 0.01 * rank, random) for scaling in scalings]
            path = folder / f"evaluation/{model}.{cohort}.tsv"
            evaluations.append(_write(pd.concat(rows), path))
            tables = [strata(table, _samples()).assign(scaling=table["scaling"].iloc[0]) for table in rows]
            grouped.append(_write(pd.concat(tables), folder / f"evaluation/strata/{model}.{cohort}.tsv"))
    return evaluations, grouped


def _measured(genes: pd.DataFrame, cohort: str) -> pd.DataFrame:
    """External cohorts lack a third of the targets."""
    return genes.iloc[: len(genes) if cohort == "test" else len(genes) * 2 // 3]


def _write(table: pd.DataFrame, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False)
    return str(path)


def _genes(targets: int) -> pd.DataFrame:
    number = np.arange(targets)
    genes = pd.DataFrame(
        {
            "gene": [str(1000 + i) for i in number],
            "symbol": [f"GENE{i}" for i in number],
            "ensembl": [f"ENSG{i:011d}" for i in number],
            "cmap": np.where(number % 2, "inferred", "best_inferred"),
            "overlapping": (number >= targets - 2).astype(int),
        }
    )
    genes.loc[0, ["gene", "symbol", "ensembl"]] = ["NA", "NA", ""]
    genes.loc[1, "symbol"] = MARKUP
    return genes


def _errors(
    genes: pd.DataFrame, difficulty: np.ndarray, scaling: str, shift: float, random: np.random.Generator
) -> pd.DataFrame:
    mae = difficulty[: len(genes)] + shift + random.normal(0, 0.02, len(genes)) + 0.2 * (scaling == "training")
    pearson = np.clip(1.1 - mae, -1, 1)
    pearson[0] = np.nan
    return genes.assign(
        scaling=scaling,
        n=85,
        mae=mae,
        rmse=1.3 * mae,
        pearson=pearson,
        spearman=0.9 * pearson,
        r2=pearson**2,
        r2_null=pearson**2,
        bias=0.01,
        null_mae=0.8,
        r_gene=0.97,
        coverage=0.9,
    )


def _samples() -> pd.DataFrame:
    figures = {"n": 100, "mae": 0.5, "rmse": 0.7, "bias": 0.01, "null_mae": 0.8}
    return pd.DataFrame({"sample": [f"s{row}" for row in range(85)], "series": "GSE1", **figures})


def _pairs(folder: Path, errors: pd.DataFrame, models: Mapping[str, str]) -> list[str]:
    """Write comparisons whose intervals reach a point to either side of the improvement."""
    paths = []
    for cohort, of_cohort in errors[errors["overlapping"] == 0].groupby("cohort", sort=False):
        rows = []
        for scaling, view in of_cohort.groupby("scaling"):
            mae = {**view.groupby("model", sort=False)["mae"].mean(), NULL: 0.8}
            of_gene = view.pivot_table(index="gene", columns="model", values="mae").assign(**{NULL: 0.8})
            for model, other in product(models, mae):
                if model == other:
                    continue
                gain, better = 100 * (1 - mae[model] / mae[other]), 100 * (of_gene[model] < of_gene[other]).mean()
                rows.append(
                    {
                        "scaling": scaling, "model": model, "other": other, "targets": len(of_gene), "samples": 85,
                        "unit": "samples", "units": 85, "mae": mae[model], "other_mae": mae[other],
                        "improvement_percent": gain, "improvement_low": gain - 1, "improvement_high": gain + 1,
                        "genes_better_percent": better, "genes_better_low": better - 2, "genes_better_high": better + 2,
                    }
                )  # fmt: skip
        paths.append(_write(pd.DataFrame(rows), folder / f"evaluation/comparisons/{cohort}.tsv"))
    return paths


def _metrics(folder: Path, model: str, kind: str, rank: int) -> str:
    network = kind == "network"
    kept = 9 if network and model not in PIECES else None
    values = {
        "kind": kind, "preset": model if network else None,
        "settings": (
            {"hidden": [512, 512], "dropout": 0.5, "loss": "mae"} if network
            else {"auxiliary": AUXILIARY_SAMPLES} if model == POOLED else {}
        ),
        "parameters": 1_000_000 + rank, "seconds": 75.2 * (rank + 1), "peak_memory_mb": 512.0 * (rank + 1),
        "device": "CPU, 2 threads", "select_mae": 0.6 - 0.01 * rank, "best_epoch": kept,
        "epochs": EPOCHS if network else None, "stopped": "no better for 3 epochs" if network else None,
    }  # fmt: skip
    path = folder / f"models/{model}/metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    return str(path)


def _history(folder: Path, model: str, rank: int) -> str:
    pieces = PIECES.get(model, ["1.1"])
    lengths = [EPOCHS - 2 * (number > 1) for number in range(len(pieces))]
    tables = [_course(piece, length, rank) for piece, length in zip(pieces, lengths, strict=True)]
    return _write(pd.concat(tables), folder / f"models/{model}/history.tsv")


def _course(piece: str, epochs: int, rank: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    training = 0.5 + 0.3 * np.exp(-epoch / 4)
    return pd.DataFrame(
        {
            "piece": piece, "epoch": epoch, "learning_rate": 1e-3, "training_loss": training,
            "training_mae": training, "select_mae": training + 0.03 - 0.01 * rank, "seconds": 1.0,
        }
    )  # fmt: skip


def _quality(folder: Path, cohort: str, series: str, platform: str, samples: int) -> str:
    rejected = np.arange(samples) < 2 * bool(platform)
    table = pd.DataFrame(
        {
            "sample": [f"{cohort}{i}" for i in range(samples)], "series": series, "platform": platform,
            "kept": (~rejected).astype(int), "reason": np.where(rejected, "more than half of the values missing", ""),
            "scale": {"": "log2", "GPL96": "linear"}.get(platform, "counts"),
            "q00": 0.1, "q25": 2.0, "q50": 5.0, "q75": 80.0, "q99": 900.0, "q100": 25000.0, "missing": 0.01,
        }
    )  # fmt: skip
    return _write(table, folder / f"cohorts/{cohort}.qc.tsv")


def _duplicates(folder: Path) -> str:
    table = pd.DataFrame(
        {
            "sample": ["gdsc3", "gdsc4"], "cohort": "gdsc", "group": "1", "kept": [1, 0], "distance": [0.0, 0.0123],
        }
    )  # fmt: skip
    return _write(table, folder / "compendium/duplicates.tsv")


def _split(folder: Path, samples: int) -> str:
    names = [f"gdsc{i}" for i in range(samples - 1)]
    few, test = -(-len(names) // 20), -(-len(names) // 10)
    parts = ["training"] * (len(names) - 2 * few - test) + ["select"] * few + ["calibrate"] * few + ["test"] * test
    table = pd.DataFrame({"sample": names, "source": "gdsc", "series": "GDSC", "group": names, "part": parts})
    return _write(table, folder / "split/split.tsv")


def _roles(folder: Path, genes: pd.DataFrame) -> str:
    targets = genes.assign(role="target", reason="", mapped=1)
    targets.loc[targets["overlapping"] == 1, "reason"] = "overlapping with a landmark"
    others = targets.head(30).assign(
        gene=[f"L{i}" for i in range(30)], symbol=[f"LANDMARK{i}" for i in range(30)], overlapping=0,
        mapped=[1] * 28 + [0] * 2, role=["landmark"] * 20 + ["unused"] * 10, reason=[""] * 20 + ["not asked for"] * 10,
    )  # fmt: skip
    return _write(pd.concat([others, targets]), folder / "split/genes.tsv")


def _trust(folder: Path, model: str, genes: pd.DataFrame, random: np.random.Generator) -> str:
    count = len(genes)
    table = genes.assign(
        n=49, mae=0.5, r2_null=random.uniform(-0.2, 0.9, count), r_gene=random.uniform(0.4, 1, count), quantile=1.4,
        scaled_by="distance", half_width=random.uniform(0.8, 1.6, count), null_half_width=1.8,
        width_ratio=random.uniform(0.4, 1.1, count), guarantee="a new sample like those of the compendium",
    )  # fmt: skip
    return _write(
        pd.concat([table, trust_classes(table, Bars(**BARS))], axis=1), folder / f"evaluation/trust/{model}.tsv"
    )


def _classes(trust: list[str], errors: pd.DataFrame) -> pd.DataFrame:
    tables = {
        Path(path).stem: pd.read_csv(path, sep="\t", dtype={"gene": str}, keep_default_na=False) for path in trust
    }
    rows = []
    for (model, cohort, scaling), view in errors.groupby(["model", "cohort", "scaling"], sort=False):
        place = {"model": model, "cohort": cohort, "scaling": scaling}
        rows += [{**place, **row} for row in trust_summary(tables[str(model)], view, Bars(**BARS))]
    return pd.DataFrame(rows)


def _views() -> list[tuple[str, str]]:
    return [(cohort, scaling) for cohort, scalings in VIEWS.items() for scaling in scalings]


def _intervals(models: Mapping[str, str], random: np.random.Generator) -> pd.DataFrame:
    rows = [
        {
            "model": model, "cohort": cohort, "scaling": scaling, "nominal_percent": 90.0,
            "coverage_percent": 90 - 4 * (cohort != "test") + random.normal(), "coverage_of_series_percent": 89.0,
            "targets_percent": 100.0, "half_width": 1.2, "null_half_width": 1.8, "scaled_by": "distance",
            "guarantee": "a new sample like those of the compendium",
        }
        for model in models
        for cohort, scaling in _views()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _generalisation(contenders: Contenders) -> pd.DataFrame:
    rows = [
        {
            "model": model,
            "tested_on": "new samples of known series" if cohort == "test" else "another cohort",
            "cohort": cohort, "scaling": scaling, "training_samples": 159, "samples": 20, "series": 1,
            "unit": "samples", "mae": 0.5 + 0.1 * place, "mae_low": 0.45 + 0.1 * place, "mae_high": 0.55 + 0.1 * place,
            "null_mae": 0.8, "gain_over_mean_percent": 30.0 - 9 * place, "gain_over_mean_percent_low": 27.0 - 9 * place,
            "gain_over_mean_percent_high": 33.0 - 9 * place, "inflation_percent": 20.0 * place if place else np.nan,
        }
        for model in dict.fromkeys((contenders.compared, contenders.baseline))
        for place, (cohort, scaling) in enumerate(_views())
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _learning_curve(contenders: Contenders) -> pd.DataFrame:
    rows = [
        {
            "model": model, "fraction": fraction, "training_samples": int(159 * fraction), "training_series": 1,
            "samples": 20, "unit": "samples", "mae": 0.6 - 0.1 * fraction, "mae_low": 0.58 - 0.1 * fraction,
            "mae_high": 0.62 - 0.1 * fraction, "gain_percent": 4.0, "gain_percent_low": 3.0, "gain_percent_high": 5.0,
            "gain_per_doubling_percent": 4.0,
        }
        for model in dict.fromkeys((contenders.compared, contenders.baseline))
        for fraction in (0.5, 1.0)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _outliers(folder: Path, cohort: str) -> str:
    rows = [
        {"sample": f"{cohort}{row}", "series": "S", "scaling": scaling, "distance": 1 + 3 * (cohort == "kidney"),
         "p": 0.02 if cohort == "kidney" else 0.5}
        for scaling in VIEWS[cohort]
        for row in range(15)
    ]  # fmt: skip
    return _write(pd.DataFrame(rows), folder / f"evaluation/outliers/{cohort}.tsv")


def _landmarks() -> pd.DataFrame:
    names = [f"L{i}" for i in range(LANDMARKS)]
    return pd.DataFrame({"symbol": names, "ensembl": ""}, index=pd.Index(names, name="gene"))


def _importance(folder: Path, model: str, genes: pd.DataFrame, random: np.random.Generator) -> list[str]:
    slope = random.normal(0, 0.1, (LANDMARKS, len(genes))).astype(np.float32)
    effects = Effects(np.abs(slope), slope)
    features = genes.set_index("gene")
    counted = (genes["overlapping"] == 0).to_numpy()
    landmarks = landmark_table(effects, _landmarks(), counted, np.eye(LANDMARKS)).assign(could_be_left_out=0)
    costs = [("the most dispensable", 1.0), ("at random", 1.5), ("the least dispensable", 3.0)]
    ablation = [
        {"part": part, "taken": taken, "landmarks": number, "mae": 0.5, "whole_mae": 0.5,
         "increase_percent": times * number, "increase_low": 0.9 * times * number,
         "increase_high": 1.1 * times * number, "unit": "samples"}
        for part in ("calibrate", "test") for taken, times in costs for number in (1, 2, 5, 10)
    ]  # fmt: skip
    tables = {
        "landmarks.tsv": landmarks,
        "targets.tsv.gz": target_table(effects, _landmarks(), features),
        "ablation.tsv": pd.DataFrame(ablation),
        "heatmap.tsv.gz": heatmap_table(effects, _landmarks(), features, counted),
    }
    return [_write(table, folder / f"evaluation/importance/{model}.{name}") for name, table in tables.items()]


def _write_samples(
    folder: Path, genes: pd.DataFrame, shown: list[str], split: str, quality: list[str], random: np.random.Generator
) -> dict[str, Any]:
    """Write the samples of all cohorts, before and after normalising, and what the models shown predict for them."""
    targets = genes.set_index("gene").assign(role="target")
    levels = {"mean": random.uniform(3, 12, len(genes)), "deviation": random.uniform(0.3, 1.5, len(genes))}
    features = pd.concat([_landmarks().assign(cmap="", role="landmark", overlapping=0), targets])
    truth = Side(list(features.index), np.linspace(2, 14, len(features)), targets.assign(**levels))
    inputs = Side(list(_landmarks().index), np.linspace(2, 14, LANDMARKS), _landmarks().assign(mean=7.0, deviation=1.0))
    occupancy = Occupancy(inputs.reference, np.full((LANDMARKS, LANDMARKS), 1 / LANDMARKS, np.float32))
    References(inputs, truth, np.eye(LANDMARKS), occupancy).write(folder / "references.h5")
    parts = pd.read_csv(split, sep="\t", dtype=str)
    cohorts = {"compendium": parts["sample"].tolist()}
    for path in quality[1:]:
        table = pd.read_csv(path, sep="\t", dtype=str)
        cohorts[Path(path).name.removesuffix(".qc.tsv")] = table.loc[table["kept"] == "1", "sample"].tolist()
    found: dict[str, Any] = {"references": str(folder / "references.h5"), "matrices": [], "normalised": []}
    predictions = []
    for cohort, names in cohorts.items():
        scores = random.normal(0, 1, (2, len(names), len(features))).astype(np.float32)
        known = np.ones(scores[0].shape, bool)
        if cohort != "compendium":
            known[:, LANDMARKS + len(_measured(genes, cohort)) :] = False
            known[:, LANDMARKS // 2 : LANDMARKS] = cohort == "kidney"
        obs = pd.DataFrame({"series": "S", "group": "S"}, index=pd.Index(names, name="sample"))
        raw = scores[0] * np.float32(1.1) + np.float32(7)
        for kind, values, layers in (
            ("matrices", raw, {}),
            ("normalised", scores[0], {"measured": known} | ({} if cohort == "compendium" else {"own": scores[1]})),
        ):
            path = folder / kind / f"{cohort}.h5ad"
            path.parent.mkdir(exist_ok=True)
            write_matrix(path, obs, features, values, layers)
            found[kind].append(str(path))
        evaluated = "test" if cohort == "compendium" else cohort
        rows = np.flatnonzero(parts["part"] == "test") if cohort == "compendium" else np.arange(len(names))
        of_cohort = {scaling: scores[side][rows, LANDMARKS:] for side, scaling in enumerate(VIEWS[evaluated])}
        said = {scaling: 0.7 * values + 0.4 * _noise(values, random) for scaling, values in of_cohort.items()}
        for model in shown:
            path = folder / f"predictions/{model}.{evaluated}.h5"
            path.parent.mkdir(exist_ok=True)
            Predictions(said, [names[row] for row in rows], list(targets.index)).write(path)
            said = {scaling: values + 0.2 * _noise(values, random) for scaling, values in said.items()}
            predictions.append(str(path))
    return {**found, "predictions": predictions}


def _noise(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.standard_normal(values.shape, np.float32)
