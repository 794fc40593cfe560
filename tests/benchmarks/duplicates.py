"""Time and memory of the exact search for near-duplicates, and what a compendium of 130,000 samples would take.

Usage: bin/python tests/benchmarks/duplicates.py [--quick]

20,000 x 10,000 simulated samples with the correlations of real genes, of which some are copies of others with a little
noise; `--quick` takes 2,000. From the cohort's file to the groups of copies, as the rule does it; at half the samples
too, so that the parts that grow with the samples and with their pairs are told apart. On a few thousand of the samples
every distance is measured the plain way, and the pairs have to be the same. The last line is JSON.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from expression import Expression
from measure import cores, forget, in_own_process, print_figures

from landex.copies import Part, find_copies
from landex.duplicates import near_pairs, normal_scores
from landex.h5ad import create_matrix, open_matrix

GENES = 10_000
DISTANCE = 0.02
# Of the samples, every so manieth is a copy of an earlier one, with noise of this deviation beside genes' of 1.
EVERY, NOISE = 50, 0.01
ALL = 130_000
CHECKED = 3000


def write_samples(path: Path, samples: int) -> None:
    """Write a cohort."""
    random = np.random.default_rng(7)
    levels = random.normal(7, 2, GENES).astype(np.float32)
    obs = pd.DataFrame(
        {"series": "s", "platform": "", "group": "s", "source": "made"}, index=[f"s{row}" for row in range(samples)]
    )
    first: np.ndarray | None = None
    with create_matrix(path, obs, pd.DataFrame(index=[f"g{column}" for column in range(GENES)])) as out:
        for place, block in Expression(943, GENES - 943).blocks(samples):
            first = block if first is None else first
            rows = np.arange(EVERY, len(block), EVERY)
            copies = first[random.integers(0, len(first), len(rows))]
            block[rows] = copies + NOISE * random.standard_normal(copies.shape, np.float32)
            out.write(place, block + levels)


def search(path: str, scratch: str) -> Mapping[str, float]:
    """Find the copies among the samples of a file."""
    forget(path)
    began = time.perf_counter()
    part = Part.read("made", Path(path))
    found = find_copies([part], [], part.var.index, DISTANCE, Path(scratch), cores())
    return {"seconds": time.perf_counter() - began, "left_out": float((~found.kept).sum())}


def check(path: str) -> Mapping[str, float]:
    """Compare the pairs among some samples with those of all their distances."""
    with open_matrix(path) as matrix:
        scores = normal_scores(matrix.read(slice(0, min(CHECKED, matrix.shape[0]))))
    found = {(pair.first, pair.second) for pair in near_pairs(scores, scores, DISTANCE)}
    plain = set()
    for row, one in enumerate(scores[:-1]):
        apart = np.sqrt(np.mean(np.square(scores[row + 1 :] - one, dtype=np.float64), axis=1))
        plain |= {(row, row + 1 + int(other)) for other in np.flatnonzero(apart <= DISTANCE)}
    assert found == plain, (len(found), len(plain))
    return {"pairs": float(len(found))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    samples = 2000 if parser.parse_args().quick else 20_000
    with tempfile.TemporaryDirectory() as folder:
        paths = {count: str(Path(folder, f"{count}.h5ad")) for count in (samples // 2, samples)}
        for count, path in paths.items():
            write_samples(Path(path), count)
        pairs = in_own_process(check, paths[samples])["pairs"]
        found = {count: in_own_process(search, path, folder) for count, path in paths.items()}
    half, whole = (found[count]["seconds"] for count in paths)
    # seconds = a n + b n²: what reads, ranks and sketches, and what compares.
    pairwise = max(0.0, (whole - 2 * half) / (samples**2 / 2))
    each = (whole - pairwise * samples**2) / samples
    predicted = each * ALL + pairwise * ALL**2
    print(
        f"{samples:,} x {GENES:,}: {whole:.1f} s and {found[samples]['memory_gb']:.2f} GB, "
        f"{found[samples]['left_out']:.0f} samples left out; half of them {half:.1f} s; so {1000 * each:.2f} s a "
        f"thousand samples and {1e9 * pairwise:.1f} s a billion of their pairs twice; {ALL:,} would take "
        f"{predicted:.0f} s; the {pairs:.0f} pairs among {CHECKED:,} are those of all distances"
    )
    print_figures(
        "duplicates",
        {
            f"seconds_{samples}": whole,
            f"memory_gb_{samples}": found[samples]["memory_gb"],
            "predicted_seconds_130000": predicted,
        },
    )


if __name__ == "__main__":
    main()
