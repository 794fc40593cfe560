"""Make a list of the probe of highest mean of every gene, from one set of samples that is no test of anything.

Usage: bin/python resources/recipes/highest_mean.py MATRIX PLATFORM_TABLE RESULT

MATRIX has probes in rows and samples in columns (log2); PLATFORM_TABLE is GEO's annotation of the platform, or a family
SOFT file that holds its table first. RESULT is a table for `compendium.collapse`: entrez, symbol, ensembl, probes.

gpl96_highest_mean.tsv.gz was made from the 57 arrays of Bioconductor's bladderbatch (HG-U133A, RMA) and the table of
GPL96 in GSE781's family file.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from landex.formats.files import open_matrix_file  # noqa: E402
from landex.genes import GeneNames  # noqa: E402
from landex.platforms import platform_genes, read_annotation  # noqa: E402


def main(matrix: str, annotation: str, result: str) -> None:
    """Write the list."""
    columns = platform_genes(
        annotation, read_annotation(annotation), GeneNames.read(ROOT / "resources/genes/ids.tsv.gz")
    )
    with open_matrix_file(matrix) as file:
        means = np.mean([row for _, block in file.blocks() for row in block], axis=0)
        by_probe = dict(zip(file.genes, means.tolist(), strict=True))
    known = columns[columns["mapped"].astype(bool) & columns["own"].isin(list(by_probe))]
    # Of equal means the first in the order of names, so that the list is the same whatever the table's order.
    ranked = known.assign(mean=known["own"].map(by_probe)).sort_values(["mean", "own"], ascending=[False, True])
    chosen = ranked.drop_duplicates("gene").sort_values("gene", key=lambda genes: genes.astype(int))
    table = chosen.rename(columns={"gene": "entrez", "own": "probes"})[["entrez", "symbol", "ensembl", "probes"]]
    text = table.to_csv(sep="\t", index=False, lineterminator="\n")
    Path(result).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
