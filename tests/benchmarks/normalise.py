"""Speed, memory and exactness of quantile normalisation against qnorm and R, from disk to disk, and of GCTX files.

Usage: bin/python tests/benchmarks/normalise.py [--quick] [--only quantiles,stage,r,gctx]

10,463 genes (the paper's), 20,000 and 40,000 simulated samples; `--quick` takes a tenth of the samples. Peers do the
same work on the same data in the same run: qnorm in memory on all cores, R's preprocessCore and limma in memory on as
many samples as they hold. The floor is what no program avoids: sorting all samples, a read and a write of the bytes.
The last line is JSON.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import qnorm
from expression import LANDMARKS, TARGETS, Expression
from measure import cores, forget, in_own_process, print_figures, seconds_of
from numpy.typing import NDArray

from landex.formats.files import create_matrix_file, open_matrix_file
from landex.h5ad import create_matrix, open_matrix
from landex.normalise import normalise_compendium
from landex.quantiles import map_onto, mean_quantiles
from landex.references import Rules, write_references
from landex.threads import mapped_in_threads

Figures = dict[str, float]
GENES = LANDMARKS + TARGETS
# A third of a sample's values are tied in every fourth sample: as zeros of RNA-seq, and as rounded values.
_R_SCRIPT = """
arguments <- commandArgs(TRUE)
genes <- as.integer(arguments[1]); samples <- as.integer(arguments[2])
values <- matrix(readBin(arguments[3], "numeric", genes * samples, size = 4), genes, samples)
took <- system.time(found <- preprocessCore::normalize.quantiles(values))[["elapsed"]]
writeBin(as.vector(found), arguments[4], size = 8)
took_limma <- NA
if (requireNamespace("limma", quietly = TRUE)) {
    took_limma <- system.time(found <- limma::normalizeQuantiles(values, ties = TRUE))[["elapsed"]]
    writeBin(as.vector(found), arguments[5], size = 8)
}
cat(took, took_limma)
"""


@dataclass(frozen=True)
class Scale:
    """How much data a run takes."""

    samples: int = 20_000
    r_samples: int = 1000
    rounds: int = 3

    @classmethod
    def quick(cls) -> "Scale":
        """Return a tenth of everything."""
        return cls(2000, 200, 1)


def log2_values(samples: int, seed: int = 1) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield blocks of expression in log2: every gene at a level of its own, with the correlations of real genes."""
    levels = np.random.default_rng(seed).normal(7, 2, GENES).astype(np.float32)
    for place, block in Expression(seed=seed).blocks(samples):
        yield place, block + levels


def write_compendium(path: Path, samples: int) -> None:
    """Write samples as the workflow's compendium.h5ad has them."""
    obs = pd.DataFrame(index=[f"s{row}" for row in range(samples)])
    with create_matrix(path, obs, pd.DataFrame(index=[f"g{column}" for column in range(GENES)])) as out:
        for place, block in log2_values(samples):
            out.write(place, block)


def write_tables(folder: Path, samples: int) -> None:
    """Write genes.tsv and split.tsv: every eighth sample does not train."""
    roles = ["landmark"] * LANDMARKS + ["target"] * TARGETS
    table = pd.DataFrame({"gene": [f"g{column}" for column in range(GENES)], "role": roles})
    table.to_csv(folder / "genes.tsv", sep="\t", index=False)
    parts = ["test" if row % 8 == 7 else "training" for row in range(samples)]
    pd.DataFrame({"sample": [f"s{row}" for row in range(samples)], "part": parts}).to_csv(
        folder / "split.tsv", sep="\t", index=False
    )


def quantiles_from_disk(path: str, result: str) -> Mapping[str, float]:
    """Learn the reference of a file and map the file onto it: what qnorm does, from disk to disk."""
    forget(path)
    began = time.perf_counter()
    with open_matrix(path) as matrix:
        reference = mean_quantiles((block for _, block in matrix.blocks()), GENES, cores())
        with create_matrix(result, matrix.obs, matrix.var) as out:
            work = mapped_in_threads(lambda item: (item[0], map_onto(item[1], reference)), matrix.blocks(), cores())
            for place, block in work:
                out.write(place, block)
    return {"seconds": time.perf_counter() - began}


def stage_from_disk(folder: str) -> Mapping[str, float]:
    """Run the workflow's two rules: both references with all statistics, then the z-scores."""
    files = Path(folder)
    forget(str(files / "compendium.h5ad"))
    references = files / "references.h5"
    began = time.perf_counter()
    write_references(files / "compendium.h5ad", files / "genes.tsv", files / "split.tsv", Rules(), cores(), references)
    learnt = time.perf_counter()
    normalise_compendium(files / "compendium.h5ad", references, files / "normalised.h5ad", cores())
    return {"references": learnt - began, "normalise": time.perf_counter() - learnt}


def floor_seconds(path: str, result: str, samples: int) -> float:
    """Return the seconds that sorting all samples, one read and one write of the bytes take, in turn."""
    with open_matrix(path) as matrix:
        values = matrix.read(slice(0, min(samples, 4000)))
    pieces = [values[start : start + 64] for start in range(0, len(values), 64)]
    with ThreadPoolExecutor(cores()) as pool:
        sort = seconds_of(lambda: list(pool.map(lambda piece: np.sort(piece, axis=1), pieces)), 3)
    values.tofile(result)
    forget(result)
    read = seconds_of(lambda: np.fromfile(result, np.float32))
    write = seconds_of(lambda: values.tofile(result))
    return (sort + read + write) * samples / len(values)


def quantiles(scale: Scale) -> Figures:
    """Measure quantile normalisation against qnorm, its floor, and its memory at twice the samples."""
    ours, theirs, floors, memory = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path, result = str(Path(folder, "compendium.h5ad")), str(Path(folder, "normalised"))
        write_compendium(Path(path), scale.samples)
        for _ in range(scale.rounds):
            found = in_own_process(quantiles_from_disk, path, f"{result}.h5ad")
            ours.append(found["seconds"])
            memory.append(found["memory_gb"])
            theirs.append(in_own_process(qnorm_in_memory, path)["seconds"])
            floors.append(floor_seconds(path, f"{result}.bytes", scale.samples))
        differences = in_own_process(difference_from_qnorm, path)
        write_compendium(Path(path), 2 * scale.samples)
        twice = in_own_process(quantiles_from_disk, path, f"{result}.h5ad")
    ratios = [peer / own for peer, own in zip(theirs, ours, strict=True)]
    fractions = [floor / own for floor, own in zip(floors, ours, strict=True)]
    print(
        f"{scale.samples:,} x {GENES:,} from disk to disk: {_spread(ours)} s; qnorm in memory on {cores()} cores "
        f"{_spread(theirs)} s, so {_spread(ratios)} x; floor {_spread(floors)} s, fraction {_spread(fractions)}; peak "
        f"{max(memory):.2f} GB, with twice the samples {twice['memory_gb']:.2f} GB in {twice['seconds']:.1f} s; "
        f"largest difference from qnorm, by its rule for ties, {differences['largest']:.1e} of values up to 20"
    )
    return {
        "speed_vs_qnorm": float(np.median(ratios)),
        "floor_fraction": float(np.median(fractions)),
        "memory_gb": max(*memory, twice["memory_gb"]),
        "memory_growth": twice["memory_gb"] / max(memory),
        "seconds_a_thousand": float(np.median(ours)) / scale.samples * 1000,
    }


def qnorm_in_memory(path: str) -> Mapping[str, float]:
    """Time qnorm on the values of a file, which are in memory as it likes them: genes x samples."""
    with open_matrix(path) as matrix:
        values = matrix.read().T
    return {"seconds": seconds_of(lambda: qnorm.quantile_normalize(values, ncpus=cores()))}


def difference_from_qnorm(path: str) -> Mapping[str, float]:
    """Return the largest difference from qnorm on 500 samples with many ties, by its rule."""
    values = with_ties(path, 500)
    found = map_onto(values, mean_quantiles([values], GENES), "mean_value")
    return {"largest": float(np.abs(found - qnorm.quantile_normalize(values.T.astype(np.float64)).T).max())}


def with_ties(path: str, samples: int) -> NDArray[np.float32]:
    """Return samples of a file; every fourth has a third of its values at the bottom, every other fourth is rounded."""
    with open_matrix(path) as matrix:
        values = matrix.read(slice(0, samples))
    zeros = values[::4]
    np.maximum(zeros, np.quantile(zeros, 1 / 3, axis=1, keepdims=True).astype(np.float32), out=zeros)
    values[1::4] = values[1::4].round(2)
    return values


def stage(scale: Scale) -> Figures:
    """Measure the workflow's own stage, with both references, moments, correlation and z-scores."""
    figures: Figures = {}
    memory = []
    with tempfile.TemporaryDirectory() as folder:
        for samples in (scale.samples, 2 * scale.samples):
            write_compendium(Path(folder, "compendium.h5ad"), samples)
            write_tables(Path(folder), samples)
            found = in_own_process(stage_from_disk, folder)
            memory.append(found["memory_gb"])
            print(
                f"{samples:,} x {GENES:,}, the stage: references {found['references']:.1f} s, z-scores "
                f"{found['normalise']:.1f} s, peak {found['memory_gb']:.2f} GB"
            )
            figures.setdefault("stage_seconds", found["references"] + found["normalise"])
    return figures | {"stage_memory_gb": max(memory), "stage_memory_growth": memory[1] / memory[0]}


def r_packages(scale: Scale) -> Figures:
    """Measure preprocessCore and limma on samples with many ties, and how far ours is from both."""
    if not shutil.which("Rscript"):
        print("R is not here: preprocessCore and limma were not compared (apt install r-bioc-preprocesscore)")
        return {}
    samples = scale.r_samples
    with tempfile.TemporaryDirectory() as folder:
        files = [
            str(Path(folder, name)) for name in ("values", "preprocesscore", "limma", "compendium.h5ad", "out.h5ad")
        ]
        write_compendium(Path(files[3]), samples)
        values = with_ties(files[3], samples)
        values.tofile(files[0])
        with open_matrix(files[3]) as matrix:
            obs, var = matrix.obs, matrix.var
        with create_matrix(files[3], obs, var) as out:
            out.write(slice(0, samples), values)
        command = ["Rscript", "-e", _R_SCRIPT, str(GENES), str(samples), *files[:3]]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if ended.returncode:
            print(f"R could not run: {ended.stderr.strip().splitlines()[-1:]}")
            return {}
        theirs, limma = map(float, ended.stdout.split())
        ours = float(np.median([in_own_process(quantiles_from_disk, *files[3:])["seconds"] for _ in range(3)]))
        with open_matrix(files[4]) as matrix:
            found = matrix.read()
        apart = {
            name: float(np.abs(found - np.fromfile(files[number]).reshape(found.shape)).max())
            for number, name in ((1, "preprocessCore"), (2, "limma"))
            if Path(files[number]).exists()
        }
    said = ", ".join(f"{difference:.1e} from {name}" for name, difference in apart.items())
    print(
        f"{samples:,} x {GENES:,} with ties: ours {ours:.2f} s from disk to disk, preprocessCore {theirs:.1f} s, limma "
        f"{limma:.1f} s in memory; largest difference {said} (float32 rounds values of 8 to 16 by 5e-7)"
    )
    return {"speed_vs_preprocesscore": theirs / ours, "difference_from_r": max(apart.values())}


def write_gctx(path: str, samples: int) -> Mapping[str, float]:
    """Write simulated samples as GCTX, block by block; what drawing them takes is measured too and left out."""
    drawing = 0.0
    began = time.perf_counter()
    names = [f"s{row}" for row in range(samples)], [f"g{column}" for column in range(GENES)]
    with create_matrix_file(path, *names) as out:
        asked = time.perf_counter()
        for place, block in _drawn(samples):
            drawing += time.perf_counter() - asked
            out.write(place, block)
            asked = time.perf_counter()
    return {"seconds": time.perf_counter() - began - drawing}


def _drawn(samples: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield blocks of cheap values: what is drawn like real expression takes more memory than the file's writer."""
    random = np.random.default_rng(1)
    for start in range(0, samples, 250):
        rows = min(250, samples - start)
        yield slice(start, start + rows), random.standard_normal((rows, GENES), np.float32)


def read_gctx(path: str) -> Mapping[str, float]:
    """Read a GCTX file block by block."""
    forget(path)
    total = 0.0
    began = time.perf_counter()
    with open_matrix_file(path) as file:
        for _, block in file.blocks():
            total += float(block[:, 0].sum())
    return {"seconds": time.perf_counter() - began, "sum": total}


def gctx(scale: Scale) -> Figures:
    """Measure what writing and reading a GCTX file takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "profiles.gctx"))
        written = in_own_process(write_gctx, path, scale.samples)
        found = in_own_process(read_gctx, path)
        size = Path(path).stat().st_size / 1e9
        expected = sum(float(block[:, 0].sum()) for _, block in _drawn(scale.samples))
    if not np.isclose(found["sum"], expected, rtol=1e-4, atol=1e-2):
        raise ValueError(f"the file holds other values than were written: {found['sum']} for {expected}")
    memory = max(written["memory_gb"], found["memory_gb"])
    print(
        f"GCTX of {scale.samples:,} x {GENES:,} ({size:.2f} GB): written in {written['seconds']:.1f} s, read in "
        f"{found['seconds']:.1f} s, peak {memory:.2f} GB"
    )
    return {"gctx_memory_gb": memory, "gctx_write_seconds": written["seconds"], "gctx_read_seconds": found["seconds"]}


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.3g} ({min(values):.3g}-{max(values):.3g})"


PARTS: dict[str, Callable[[Scale], Figures]] = {"quantiles": quantiles, "stage": stage, "r": r_packages, "gctx": gctx}


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, separated by commas")
    arguments = parser.parse_args()
    scale = Scale.quick() if arguments.quick else Scale()
    figures: Figures = {}
    for name in arguments.only.split(","):
        figures |= PARTS[name](scale)
    print_figures("normalise", figures)


if __name__ == "__main__":
    main()
