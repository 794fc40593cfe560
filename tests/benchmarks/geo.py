"""Speed and memory of reading a family SOFT file against GEOparse, and of writing its whole cohort.

Usage: bin/python tests/benchmarks/geo.py [--quick]

A family of 250 samples x 54,675 probes, about 100 MB packed, is made; `--quick` makes 20 samples. The peer parses the
same file and pivots its samples' values (`get_GEO`, `pivot_samples`), which checks nothing; ours checks the file, the
entries and the rows, and both give samples x probes. Each run is a process of its own. The last line is JSON.
"""

import argparse
import gzip
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from expression import ROOT
from measure import in_own_process, print_figures
from numpy.typing import NDArray

from landex.genes import GeneTables

PROBES = 54_675
PLATFORM = "GPL570"
GENES = ROOT / "resources" / "genes"


def probe_names() -> list[str]:
    """Return names such as Affymetrix'."""
    return [f"{200_000 + number}_{('', 's_', 'x_')[number % 3]}at" for number in range(PROBES)]


def sample_names(samples: int) -> list[str]:
    """Return accessions of samples."""
    return [f"GSM{100_000 + number}" for number in range(samples)]


def write_family(path: Path, samples: int, seed: int = 1) -> None:
    """Write a family as GEO does, with values as RMA's: about 8 bytes a row, packed."""
    random = np.random.default_rng(seed)
    probes, names = probe_names(), sample_names(samples)
    genes = [line.split("\t")[0] for line in gzip.decompress((GENES / "ids.tsv.gz").read_bytes()).decode().splitlines()]
    level = random.normal(7, 2, PROBES)
    with gzip.open(path, "wt", compresslevel=6, newline="\n") as out:
        out.write("^DATABASE = GeoMiame\n!Database_name = Gene Expression Omnibus (GEO)\n^SERIES = GSE1\n")
        out.write("!Series_title = made\n!Series_geo_accession = GSE1\n")
        out.writelines(f"!Series_sample_id = {name}\n" for name in names)
        out.write(f"!Series_platform_id = {PLATFORM}\n^PLATFORM = {PLATFORM}\n!Platform_data_row_count = {PROBES}\n")
        out.write("#ID = probe\n#ENTREZ_GENE_ID = gene\n!platform_table_begin\nID\tENTREZ_GENE_ID\n")
        out.writelines(f"{probe}\t{genes[1 + place % 20_000]}\n" for place, probe in enumerate(probes))
        out.write("!platform_table_end\n")
        for name in names:
            out.write(f"^SAMPLE = {name}\n!Sample_title = {name}\n!Sample_geo_accession = {name}\n")
            out.write("!Sample_channel_count = 1\n!Sample_organism_ch1 = Homo sapiens\n")
            out.write(f"!Sample_platform_id = {PLATFORM}\n!Sample_data_row_count = {PROBES}\n")
            out.write("#ID_REF = probe\n#VALUE = log2 signal\n!sample_table_begin\nID_REF\tVALUE\n")
            values = (level + random.normal(0, 0.5, PROBES)).tolist()
            out.write("".join(f"{probe}\t{value:.7f}\n" for probe, value in zip(probes, values, strict=True)))
            out.write("!sample_table_end\n")


def read_ours(path: str, result: str) -> Mapping[str, float]:
    """Read a family into an array of samples x probes, float32."""
    began = time.perf_counter()
    from landex.geo.family import read_family
    from landex.geo.parts import Series, Submission

    values: NDArray[np.float32] | None = None
    row = 0
    for part in read_family(path, PLATFORM):
        if isinstance(part, Series):
            values = np.empty((len(part.samples), PROBES), np.float32)
        elif isinstance(part, Submission):
            assert values is not None and part.values is not None, part.reason
            values[row] = part.values
            row += 1
    taken = time.perf_counter() - began
    assert values is not None and row == len(values)
    np.save(result, values)
    return {"seconds": taken}


def read_theirs(path: str, result: str) -> Mapping[str, float]:
    """Do the same by GEOparse."""
    began = time.perf_counter()
    import GEOparse

    table = GEOparse.get_GEO(filepath=path, silent=True).pivot_samples("VALUE")
    taken = time.perf_counter() - began
    # GEOparse sorts probes and samples.
    np.save(result, table.loc[probe_names(), sample_names(table.shape[1])].to_numpy(np.float32).T)
    return {"seconds": taken}


def write_cohort(path: str, folder: str) -> Mapping[str, float]:
    """Make the whole cohort: values, log2 decisions, quality, genes, .h5ad."""
    from landex.geo.receipts import Receipt
    from landex.geo.series import SeriesFiles, SeriesSource, write_series_cohort

    began = time.perf_counter()
    receipt = Path(f"{path}.json")
    Receipt(Path(path).name).write(receipt)
    tables = GeneTables(GENES / "ids.tsv.gz", GENES / "landmarks.tsv", GENES / "targets.tsv")
    source = SeriesSource("made", "GSE1", PLATFORM)
    write_series_cohort(source, SeriesFiles(receipt), tables, Path(folder, "c.h5ad"), Path(folder, "c.qc.tsv"))
    return {"seconds": time.perf_counter() - began}


def largest_difference(ours: Path, theirs: Path) -> float:
    """Return the largest difference of the two arrays, samples x probes by name."""
    one, two = np.load(ours), np.load(theirs)
    assert one.shape == two.shape
    return float(np.abs(one - two).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    samples, rounds = (20, 1) if quick else (250, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "GSE1_family.soft.gz")
        write_family(path, samples)
        megabytes = path.stat().st_size / 1e6
        ours, memory = [], []
        for _ in range(rounds):
            found = in_own_process(read_ours, str(path), str(Path(folder, "ours.npy")))
            ours.append(found["seconds"])
            memory.append(found["memory_gb"])
        theirs = in_own_process(read_theirs, str(path), str(Path(folder, "theirs.npy")))
        difference = largest_difference(Path(folder, "ours.npy"), Path(folder, "theirs.npy"))
        cohort = in_own_process(write_cohort, str(path), folder)
    assert difference == 0, difference
    matrix = samples * PROBES * 4 / 1e9
    speed = theirs["seconds"] / float(np.median(ours))
    print(
        f"{samples} x {PROBES:,}, {megabytes:.0f} MB: {min(ours):.2f} to {max(ours):.2f} s and {max(memory):.3f} "
        f"GB, of which the matrix is {matrix:.3f}; GEOparse and pivot_samples {theirs['seconds']:.1f} s and "
        f"{theirs['memory_gb']:.2f} GB; the whole cohort {cohort['seconds']:.1f} s and {cohort['memory_gb']:.3f} GB; "
        "both matrices are the same"
    )
    print_figures(
        "geo",
        {
            "parse_speed_vs_geoparse": speed,
            "parse_memory_vs_geoparse": max(memory) / theirs["memory_gb"],
            "memory_beyond_matrix_gb": max(memory) - matrix,
            "cohort_seconds": cohort["seconds"],
            "cohort_memory_beyond_matrix_gb": cohort["memory_gb"] - matrix,
        },
    )


if __name__ == "__main__":
    main()
