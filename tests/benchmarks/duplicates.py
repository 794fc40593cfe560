"""Time and memory of the exact search for near-duplicates, and what a compendium of 130,000 samples would take.

Usage: bin/python tests/benchmarks/duplicates.py [--quick]

20,000 x 10,000 simulated samples with the correlations of real genes, of which some are copies of others with a little
noise; `--quick` takes 2,000. From the cohort's file to the groups of copies, as the rule does it. On a thousand of
the samples every distance is measured the plain way, and the pairs have to be the same. The last line is JSON.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from expression import Expression
from measure import cores, forget, in_own_process, print_figures, seconds_of

from landex.copies import Part, find_copies, profiles
from landex.duplicates import near_pairs, normal_scores
from landex.h5ad import create_matrix, open_matrix

GENES = 10_000
DISTANCE = 0.02
# Of the samples, every so manieth is a copy of an earlier one, with noise of this deviation beside genes' of 1.
EVERY, NOISE = 50, 0.01
ALL = 130_000
CHECKED = 1000


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
    """Find the copies among the samples of a file, and time what grows with samples and what with their pairs."""
    forget(path)
    part = Part.read("made", Path(path))
    began = time.perf_counter()
    found = find_copies([part], [], part.var.index, DISTANCE, Path(scratch), cores())
    whole = time.perf_counter() - began
    with profiles([part], part.var.index, Path(scratch), cores()) as scores:
        pairs = seconds_of(lambda: list(near_pairs(scores, scores, DISTANCE)))
    return {"seconds": whole, "pairs": pairs, "left_out": float((~found.kept).sum())}


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
        path = str(Path(folder, "cohort.h5ad"))
        write_samples(Path(path), samples)
        checked = in_own_process(check, path)["pairs"]
        found = in_own_process(search, path, folder)
    # Reading and ranking grow with the samples; the comparison, sketches and all, is taken to grow with their pairs, so
    # that the prediction is rather too high.
    times = ALL / samples
    predicted = (found["seconds"] - found["pairs"]) * times + found["pairs"] * times**2
    mapped = samples * GENES * 4 / 1e9
    print(
        f"{samples:,} x {GENES:,}: {found['seconds']:.1f} s, {found['pairs']:.1f} of it to compare, and "
        f"{found['memory_gb']:.2f} GB, {mapped:.2f} of it a mapped file that the system may drop; "
        f"{found['left_out']:.0f} samples left out; {ALL:,} would take {predicted:.0f} s and "
        f"{ALL * GENES * 4 / 1e9:.1f} GB on disk; the {checked:.0f} pairs among {CHECKED:,} are those of all distances"
    )
    print_figures(
        "duplicates",
        {
            f"seconds_{samples}": found["seconds"],
            f"memory_gb_{samples}": found["memory_gb"],
            "predicted_seconds_130000": predicted,
        },
    )


if __name__ == "__main__":
    main()
