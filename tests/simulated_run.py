"""A simulated run for tests of the report: files as the stages before it write them, with made-up numbers."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from landex.page import Run, read_run

from landex.evaluation.strata import strata
from landex.evaluation.verdict import Contenders, verdicts
from landex.summary import read_comparisons, read_evaluations, read_models, summarise, widen
from landex.vocabulary import NULL

# A title that a submitter could have typed.
MARKUP = '<img src=x onerror="console.error(1)"> & <b>bold</b></script>'
MODELS = {"ols": "ols", "ridge": "ridge", "relu_tanh": "network", "dgex": "network", "deep": "network"}
VIEWS = {"test": ["training"], "kidney": ["training", "own"], "geuvadis": ["training", "own"]}
EPOCHS = 12
# Networks of a model that is more than one; the last stopped early.
PIECES = {"dgex": ["1.1", "1.2", "1.10"]}


def simulated_run(folder: Path, *, targets: int = 120) -> Run:
    """Write the inputs of the report's rules below `folder`, summarise them, and read the run.

    The first target is called NA, the second carries markup in its symbol, the last two are overlapping.
    """
    inputs = _write_inputs(folder, targets)
    models, errors = read_models(inputs["metrics"]), read_evaluations(inputs.pop("evaluations"))
    grouped, pairs = read_evaluations(inputs.pop("strata")), read_comparisons(_pairs(folder, errors))
    tables = {
        "summary": summarise(grouped, pairs, models, "ridge"),
        "genes": widen(errors),
        "verdict": verdicts(pairs, Contenders.of(models, "ridge", "deep"), 0.95, {"geuvadis": MARKUP}),
    }
    written = {name: _write(table, folder / f"{name}.tsv") for name, table in tables.items()}
    return read_run(
        **inputs, **written, baseline="ridge", external=["kidney", "geuvadis"],
        split_by="sample", fractions=[0.8, 0.1, 0.1], seed=1,
    )  # fmt: skip


def _write_inputs(folder: Path, targets: int) -> dict[str, Any]:
    random = np.random.default_rng(1)
    genes = _genes(targets)
    difficulty = random.gamma(9, 0.06, targets)
    evaluations, grouped = [], []
    for rank, model in enumerate(MODELS):
        for shift, (cohort, scalings) in enumerate(VIEWS.items()):
            measured = genes.iloc[: targets if cohort == "test" else targets * 2 // 3]
            rows = [_errors(measured, difficulty, scaling, 0.03 * shift - 0.01 * rank, random) for scaling in scalings]
            path = folder / f"evaluation/{model}.{cohort}.tsv"
            evaluations.append(_write(pd.concat(rows), path))
            tables = [strata(table, _samples()).assign(scaling=table["scaling"].iloc[0]) for table in rows]
            grouped.append(_write(pd.concat(tables), folder / f"evaluation/strata/{model}.{cohort}.tsv"))
    return {
        "evaluations": evaluations,
        "strata": grouped,
        "metrics": [_metrics(folder, model, kind, rank) for rank, (model, kind) in enumerate(MODELS.items())],
        "histories": [
            _history(folder, model, rank) for rank, (model, kind) in enumerate(MODELS.items()) if kind == "network"
        ],
        "quality": [
            _quality(folder, "gdsc", "GDSC cell lines", "", 200),
            _quality(folder, "kidney", f"GSE781 {MARKUP}", "GPL96", 17),
            _quality(folder, "geuvadis", "Geuvadis", "RNA-seq counts", 85),
        ],
        "duplicates": _duplicates(folder),
        "split": _split(folder),
        "roles": _roles(folder, genes),
    }


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
    )


def _samples() -> pd.DataFrame:
    figures = {"n": 100, "mae": 0.5, "rmse": 0.7, "bias": 0.01, "null_mae": 0.8}
    return pd.DataFrame({"sample": [f"s{row}" for row in range(85)], "series": "GSE1", **figures})


def _pairs(folder: Path, errors: pd.DataFrame) -> list[str]:
    """Write comparisons whose intervals reach a point to either side of the improvement."""
    paths = []
    for cohort, of_cohort in errors[errors["overlapping"] == 0].groupby("cohort", sort=False):
        rows = []
        for scaling, view in of_cohort.groupby("scaling"):
            mae = {**view.groupby("model", sort=False)["mae"].mean(), NULL: 0.8}
            of_gene = view.pivot_table(index="gene", columns="model", values="mae").assign(**{NULL: 0.8})
            for model, other in product(MODELS, mae):
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
        "settings": {"hidden": [512, 512], "dropout": 0.5, "loss": "mae"} if network else {},
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


def _split(folder: Path) -> str:
    names = [f"gdsc{i}" for i in range(199)]
    parts = ["training"] * 159 + ["select"] * 10 + ["calibrate"] * 10 + ["test"] * 20
    table = pd.DataFrame({"sample": names, "source": "gdsc", "series": "GDSC", "group": names, "part": parts})
    return _write(table, folder / "split/split.tsv")


def _roles(folder: Path, genes: pd.DataFrame) -> str:
    targets = genes.assign(role="target", reason="", mapped=1)
    targets.loc[targets["overlapping"] == 1, "reason"] = "overlapping with a landmark"
    others = targets.head(30).assign(
        gene=[f"L{i}" for i in range(30)], overlapping=0,
        mapped=[1] * 28 + [0] * 2, role=["landmark"] * 20 + ["unused"] * 10, reason=[""] * 20 + ["not asked for"] * 10,
    )  # fmt: skip
    return _write(pd.concat([others, targets]), folder / "split/genes.tsv")
