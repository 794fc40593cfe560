"""Time and memory of evaluating one model and its baseline on predictions of the paper's test part.

Usage: bin/python tests/benchmarks/evaluate.py [--quick]

11,101 samples in 300 series and 9,520 targets, simulated with the correlations of real genes (see expression.py); a
model and a baseline are the truth with noise of two sizes. Both are evaluated (all metrics of targets, samples and
strata, R_gene and coverage among them) and compared (bootstrap, Wilcoxon and effects of all genes), each by one call in
a process of its own, as the workflow does; `seconds` is the sum of the three, `memory_gb` the largest peak. SciPy's and
pandas' ranks are timed beside ours. `--quick` takes a tenth of samples and targets. The last line is JSON.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from expression import LANDMARKS, TARGETS, Expression
from measure import cores, in_own_process, print_figures, seconds_of, sgemm_rate
from scipy.stats import rankdata

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.compare import compare
from landex.evaluation.evaluate import evaluate
from landex.evaluation.intervals import Intervals
from landex.evaluation.ranks import average_ranks
from landex.evaluation.scales import DISTANCE
from landex.h5ad import open_matrix
from landex.predictions import Predictions

# The paper's test part.
SAMPLES, SERIES = 11_101, 300
# Noise of the predictions, as a share of the truth's deviation.
NOISE = {"model": 0.60, "baseline": 0.65}
CERTAINTY = Certainty(0.95, 1000, 1)


def write_data(place: str, samples: int, targets: int, series: int) -> Mapping[str, float]:
    """Write a normalised matrix and predictions of it."""
    folder = Path(place)
    Expression(targets=targets).write(folder / "normalised.h5ad", samples, series)
    random = np.random.default_rng(2)
    with open_matrix(folder / "normalised.h5ad") as matrix:
        truth = matrix.read()[:, LANDMARKS:]
        names, genes = list(matrix.obs.index), list(matrix.var.index[LANDMARKS:])
    for model, noise in NOISE.items():
        said = 0.8 * truth + np.float32(noise) * random.standard_normal(truth.shape, np.float32)
        Predictions({"training": said}, names, genes).write(folder / f"{model}.test.h5")
    return {}


def evaluated(folder: str, model: str) -> Mapping[str, float]:
    """Evaluate a model and write its tables."""
    place = Path(folder)
    with h5py.File(place / f"{model}.test.h5", "r") as file:
        targets = file["training"].shape[1]
    genes = [f"g{LANDMARKS + target}" for target in range(targets)]
    intervals = Intervals(genes, np.full(targets, 1.0), DISTANCE, np.eye(LANDMARKS))

    def work() -> None:
        found = evaluate(place / f"{model}.test.h5", place / "normalised.h5ad", None, intervals, cores())
        found.write(place / "targets.tsv", place / "samples.tsv", place / "strata.tsv")

    return {"seconds": seconds_of(work)}


def compared(folder: str, by_sample: bool) -> Mapping[str, float]:
    """Compare the model with its baseline and write the tables."""
    place = Path(folder)
    if by_sample:
        with h5py.File(place / "normalised.h5ad", "a") as file:
            file["obs/series"][...] = file["obs/group"][...] = "GSE1"
    predictions = {model: place / f"{model}.test.h5" for model in NOISE}

    def work() -> None:
        found = compare(predictions, place / "normalised.h5ad", "baseline", CERTAINTY, None, cores())
        found.write(place / "pairs.tsv", place / "genes.tsv.gz")

    return {"seconds": seconds_of(work)}


def speed_of_ranks(samples: int) -> Mapping[str, float]:
    """Return how many times as fast as SciPy and pandas we rank 256 targets on one core."""
    values = np.random.default_rng(3).standard_normal((256, samples), np.float32)
    frame = pd.DataFrame(values.T)
    ours = seconds_of(lambda: average_ranks(values), 3)
    return {
        "ranks_speed_vs_scipy": seconds_of(lambda: rankdata(values, axis=1), 3) / ours,
        "ranks_speed_vs_pandas": seconds_of(lambda: frame.rank(axis=0), 3) / ours,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    samples, targets, series = (SAMPLES // 10, TARGETS // 10, 30) if arguments.quick else (SAMPLES, TARGETS, SERIES)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        # A process that was started by a large one would count that one's memory as its own.
        in_own_process(write_data, folder, samples, targets, series)
        parts = {model: in_own_process(evaluated, folder, model) for model in NOISE}
        parts["comparison"] = in_own_process(compared, folder, False)
        by_sample = in_own_process(compared, folder, True)
    for name, found in {**parts, "comparison by sample": by_sample}.items():
        print(f"{name}, {samples:,} x {targets:,}: {found['seconds']:.1f} s, peak {found['memory_gb']:.2f} GB")
    products = 2 * 2 * samples * targets**2 / sgemm_rate()
    print(f"the products of R_gene alone, two models, at the rate of sgemm: {products:.1f} s")
    figures["seconds"] = sum(found["seconds"] for found in parts.values())
    figures["memory_gb"] = max(found["memory_gb"] for found in parts.values())
    figures["seconds_by_sample"] = figures["seconds"] - parts["comparison"]["seconds"] + by_sample["seconds"]
    figures["memory_gb_by_sample"] = by_sample["memory_gb"]
    figures["r_gene_products_seconds"] = products
    print_figures("evaluate", figures | speed_of_ranks(samples))


if __name__ == "__main__":
    main()
