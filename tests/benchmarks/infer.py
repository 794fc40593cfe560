"""Speed, memory and start-up of scoring new profiles with bundles, on simulated data of the paper's shape.

Usage: bin/python tests/benchmarks/infer.py [--quick] [--samples 100000]

A linear bundle and one of a network (943-1000-1000-9,520, as the preset deep) score 100,000 profiles x 943 landmarks,
from GCTX to GCTX with landmarks passed through (4.2 GB), by the command as users call it: checking the bundle, reading
the file twice, mapping by ranks and all else is in the time. sgemm is NumPy's, taken before and after; the disk's rate
is that of writing as many bytes in blocks of the same size, to the disk (fdatasync) as landex does. The models' weights
are random: they cost what trained ones do. `--quick` takes 5,000 profiles and fewer targets. The last line is JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from expression import LANDMARKS, ROOT, TARGETS, Expression
from measure import cores, forget, print_figures, sgemm_rate

from landex.baselines.linear_model import LinearModel
from landex.bundles.write import Evidence, Normalised, StoredModel, write_bundle
from landex.features import dgex_features
from landex.formats.files import create_matrix_file
from landex.genes import GeneTables
from landex.h5ad import create_matrix, open_matrix
from landex.model_entries import network_settings
from landex.models import Model, write_model
from landex.networks.architecture import arrays_of, build_network
from landex.networks.model import NetworkModel
from landex.networks.network import Network, OutputScale
from landex.networks.settings import NetworkSettings
from landex.normalise import normalise_compendium
from landex.references import Rules, write_references

# Training samples: they cost an inference nothing.
_LEARNT = 600
_HIDDEN = (1000, 1000)
_GENES = ROOT / "resources" / "genes"
_ONE = 5
# Seconds: what a wall time may be too long by.
_BETWEEN_LOOKS = 0.01


def _log2(scores: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return (offsets + 1.5 * scores).astype(np.float32)


class Setting:
    """Everything that is scored and scored with, below a folder."""

    def __init__(self, folder: Path, samples: int, targets: int) -> None:
        self.folder, self.samples, self.targets = folder, samples, targets
        self.random = np.random.default_rng(1)
        features = dgex_features(_GENES / "landmarks.tsv", _GENES / "targets.tsv").iloc[: LANDMARKS + targets]
        self.genes = features.index.tolist()
        self.expression = Expression(LANDMARKS, targets)
        self.offsets = self.random.uniform(4, 12, len(self.genes))
        self._learn(features)
        self.profiles = folder / "profiles.gctx"
        names = [f"p{row}" for row in range(samples)]
        with create_matrix_file(self.profiles, names, self.genes[:LANDMARKS]) as out:
            for place, block in self.expression.blocks(samples):
                out.write(place, _log2(block[:, :LANDMARKS], self.offsets[:LANDMARKS]))
        self.one = folder / "one.tsv"
        with create_matrix_file(self.one, ["p"], self.genes[:LANDMARKS]) as out:
            out.write(slice(0, 1), _log2(next(self.expression.blocks(1))[1][:, :LANDMARKS], self.offsets[:LANDMARKS]))

    def _learn(self, features: pd.DataFrame) -> None:
        role = np.where(features["landmark"], "landmark", "target")
        known = features[["symbol", "ensembl"]].assign(cmap="", overlapping="0", role=role)
        known.reset_index(names="gene").to_csv(self.folder / "genes.tsv", sep="\t", index=False)
        parts = np.resize(["training"] * 8 + ["select", "calibrate"], _LEARNT)
        names = [f"s{row}" for row in range(_LEARNT)]
        table = {"sample": names, "source": "simulated", "series": names, "group": names, "part": parts}
        pd.DataFrame(table).to_csv(self.folder / "split.tsv", sep="\t", index=False)
        obs = pd.DataFrame({"series": names, "group": names}, index=names)
        with create_matrix(self.folder / "compendium.h5ad", obs, known) as out:
            for place, block in self.expression.blocks(_LEARNT):
                out.write(place, _log2(block, self.offsets))
        compendium, references = self.folder / "compendium.h5ad", self.folder / "references.h5"
        write_references(compendium, self.folder / "genes.tsv", self.folder / "split.tsv", Rules(), cores(), references)
        normalise_compendium(compendium, references, self.folder / "normalised.h5ad", cores())
        with open_matrix(self.folder / "normalised.h5ad") as matrix:
            assert matrix.shape == (_LEARNT, len(self.genes))

    def bundle(self, name: str, kind: str, model: Model) -> Path:
        """Write the bundle of a model."""
        weights, trust, metrics = (self.folder / f"{name}.{end}" for end in ("h5", "trust.tsv", "json"))
        write_model(weights, kind, model)
        metrics.write_text(
            json.dumps({"parameters": model.parameters, "seconds": 0.0, "device": "none", "settings": {}})
        )
        table = pd.DataFrame({"gene": self.genes[LANDMARKS:]})
        numbers = {"n": 60, "mae": 0.5, "r2_null": 0.5, "r_gene": 0.97, "quantile": 1.2, "half_width": 1.2}
        texts = {"trust": "usable", "reason": "", "guarantee": "a new sample", "scaled_by": "distance"}
        table.assign(**numbers, null_half_width=1.6, **texts).to_csv(trust, sep="\t", index=False)
        path = self.folder / f"{name}.landex"
        files = [self.folder / file for file in ("normalised.h5ad", "split.tsv", "references.h5")]
        tables = GeneTables(*(_GENES / file for file in ("ids.tsv.gz", "landmarks.tsv", "targets.tsv")))
        write_bundle(
            StoredModel(name, kind, weights), [], Normalised(*files), trust, tables, "dgex", Evidence(metrics), [], path
        )
        return path

    def linear(self) -> Path:
        """Write a linear bundle."""
        coefficients = self.random.normal(0, 0.03, (LANDMARKS, self.targets)).astype(np.float32)
        return self.bundle("linear", "ridge", LinearModel(coefficients, np.zeros(self.targets, np.float32)))

    def network(self) -> Path:
        """Write the bundle of a network that was never trained."""
        settings = NetworkSettings.from_mapping(
            {**network_settings({"kind": "network", "preset": "deep"}), "hidden": list(_HIDDEN)}
        )
        built = build_network(settings, LANDMARKS, self.targets)
        network = Network(settings, arrays_of(built), OutputScale.identity(self.targets))
        return self.bundle("network", "network", NetworkModel([[network]]))


def _called(*arguments: str | Path) -> tuple[float, float]:
    """Call the command; return its wall time and its peak memory in GB, where the system tells it."""
    began = time.perf_counter()
    process = subprocess.Popen([ROOT / "bin" / "landex", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak_of(process.pid))
        time.sleep(_BETWEEN_LOOKS)
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"landex {' '.join(map(str, arguments))}: {process.communicate()[1].decode()}")
    return seconds, peak / 1e9


def _peak_of(process: int) -> int:
    """Return the most bytes that a running process has held; what wait4 tells begins with its parent's memory."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def _disk_rate(folder: Path, size: int) -> float:
    """Return bytes a second of writing a file in blocks, to the disk."""
    block, path = np.random.default_rng(0).bytes(40 << 20), folder / "plain"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(max(1, size // len(block))):
            file.write(block)
        os.fdatasync(file.fileno())
    taken = time.perf_counter() - began
    path.unlink()
    return max(1, size // len(block)) * len(block) / taken


def _scored(setting: Setting, bundle: Path, operations: int, sgemm: Callable[[], float]) -> dict[str, float]:
    """Score all profiles and set the time against the machine's rates."""
    out = setting.folder / "out.gctx"
    before = sgemm()
    forget(str(setting.profiles))
    seconds, memory = _called("infer", bundle, setting.profiles, "-o", out, "--quiet")
    rate = (before + sgemm()) / 2
    written = out.stat().st_size
    for path in setting.folder.glob("out.*"):
        path.unlink()
    disk = _disk_rate(setting.folder, written)
    computing, writing = operations * setting.samples / rate, written / disk
    print(
        f"{bundle.stem}: {setting.samples / seconds:,.0f} profiles/s ({seconds:.1f} s), peak {memory:.2f} GB; products "
        f"alone {computing:.1f} s at {rate / 1e9:.0f} GFLOP/s, writing {written / 1e9:.1f} GB alone {writing:.1f} s at "
        f"{disk / 1e6:,.0f} MB/s"
    )
    return {
        "sgemm_fraction": computing / seconds,
        "limit_fraction": max(computing, writing) / seconds,
        "profiles_per_second": setting.samples / seconds,
        "memory_gb": memory,
    }


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--samples", type=int, default=100_000)
    asked = parser.parse_args()
    samples, targets = (5000, 2000) if asked.quick else (asked.samples, TARGETS)
    with tempfile.TemporaryDirectory(dir=ROOT / "results") as folder:
        setting = Setting(Path(folder), samples, targets)
        linear, network = setting.linear(), setting.network()
        figures: dict[str, float] = {}
        cases = (
            ("linear", linear, 2 * LANDMARKS * targets),
            ("network", network, 2 * sum(left * right for left, right in pairwise((LANDMARKS, *_HIDDEN, targets)))),
        )
        for name, bundle, operations in cases:
            found = _scored(setting, bundle, operations, sgemm_rate)
            figures["memory_gb"] = max(figures.get("memory_gb", 0), found.pop("memory_gb"))
            figures |= {f"{name}_{key}": value for key, value in found.items()}
        out = Path(folder, "one.tsv.out.tsv")
        for name, call in (
            ("card_seconds", ("card", linear)),
            ("one_sample_seconds", ("infer", linear, setting.one, "-o", out, "--quiet")),
            ("one_sample_network_seconds", ("infer", network, setting.one, "-o", out, "--quiet")),
        ):
            figures[name] = median(_called(*call)[0] for _ in range(_ONE))
            print(f"{name}: {figures[name]:.2f}, the median of {_ONE}")
    print_figures("infer", figures)


if __name__ == "__main__":
    main()
