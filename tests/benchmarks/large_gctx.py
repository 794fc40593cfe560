"""A GCTX file of 65 GB, of which few chunks are written: what opening, reading and walking through it take.

Usage: bin/python tests/benchmarks/large_gctx.py [--quick] [--samples N]

1,319,138 samples x 12,328 genes, as GSE92742's; fewer where the disk had no room for such a file, since our own writer
asks for room first. The chunks that are not written take no room on disk, and reading them gives missing values:
memory, names and the walk over the file are those of a whole file, the disk's own time is not. `--quick` takes a tenth.
The last line is JSON.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from measure import in_own_process, print_figures
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

from landex.formats.files import create_matrix_file, open_matrix_file

SAMPLES, GENES = 1_319_138, 12_328
ROWS = 256
# Of the disk's free room, what a file may promise to fill.
SHARE_OF_ROOM = 0.9


def block_at(row: int, rows: int) -> NDArray[np.float32]:
    """Return the values of some samples, which tell their place."""
    return (np.arange(row, row + rows)[:, None] + np.arange(GENES) / GENES).astype(np.float32)


def places(samples: int) -> list[slice]:
    """Return the blocks that are written: at the beginning, in the middle and at the end."""
    starts = [0, samples // 2 // ROWS * ROWS, samples - ROWS]
    return [slice(start, start + ROWS) for start in starts]


def write(path: str, samples: int) -> Mapping[str, float]:
    """Write names of CMap's length, annotations of both kinds, and three blocks."""
    began = time.perf_counter()
    names = [f"CPC005_A375_6H_X1_B3_DUO52HI53LO:{row:07d}" for row in range(samples)]
    fields = {"pert_id": [f"BRD-K{row % 20000:08d}" for row in range(samples)]}
    genes = [str(column + 1) for column in range(GENES)]
    with create_matrix_file(path, names, genes, fields, {"pr_is_lm": ["1"] * GENES}) as out:
        for place in places(samples):
            out.write(place, block_at(place.start, ROWS))
    return {"seconds": time.perf_counter() - began}


def read(path: str) -> Mapping[str, float]:
    """Open the file, read the three blocks and one column of all blocks."""
    began = time.perf_counter()
    with open_matrix_file(path) as file:
        opened = time.perf_counter()
        samples = len(file.samples)
        for place in places(samples):
            if not np.array_equal(file.read(place), block_at(place.start, ROWS)):
                raise ValueError(f"the file holds other values at {place} than were written")
        looked = time.perf_counter()
        measured = sum(int(np.count_nonzero(~np.isnan(block[:, GENES // 2]))) for _, block in file.blocks())
        if measured != len(places(samples)) * ROWS:
            raise ValueError(f"{measured} values of a gene, not {len(places(samples)) * ROWS}")
    return {"open": opened - began, "blocks": looked - opened, "all": time.perf_counter() - looked}


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        room = int(shutil.disk_usage(folder).free * SHARE_OF_ROOM) // (4 * GENES)
        samples = min(arguments.samples // (10 if arguments.quick else 1), room)
        path = str(Path(folder, "large.gctx"))
        written = in_own_process(write, path, samples)
        found = in_own_process(read, path)
        size = Path(path).stat().st_size / 1e9
    print(
        f"GCTX of {samples:,} x {GENES:,} ({samples * GENES * 4 / 1e9:.1f} GB, {size:.2f} GB of it written): names and "
        f"three blocks written in {written['seconds']:.1f} s, {written['memory_gb']:.2f} GB; opened in "
        f"{found['open']:.1f} s, three blocks read in {found['blocks']:.2f} s, all blocks walked in "
        f"{found['all']:.1f} s, {found['memory_gb']:.2f} GB"
    )
    figures = {"write_memory_gb": written["memory_gb"], "read_memory_gb": found["memory_gb"]}
    print_figures("large_gctx", figures | {f"{name}_seconds": found[name] for name in ("open", "blocks", "all")})


if __name__ == "__main__":
    main()
