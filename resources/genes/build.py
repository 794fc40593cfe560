"""Makes ids.tsv.gz again from Debian's r-bioc-org.hs.eg.db: `bin/python resources/genes/build.py`.

What the columns mean and where they come from stands in the README.md beside this file.
"""

import csv
import io
import sqlite3
import sys
from collections import defaultdict
from contextlib import closing
from pathlib import Path

# How packages are fetched is written once, beside the demo data.
sys.path.insert(0, str(Path(__file__).parents[1] / "demo"))
from packages import BuildError, fetch_from_debian, report, write_gzip

TABLE = Path(__file__).parent / "ids.tsv.gz"
COLUMNS = ("entrez", "symbol", "aliases", "ensembl", "name")

# NCBI's "biological regions" (enhancers, breakpoints, …) have Entrez ids, but are no genes.
GENES = """
    SELECT genes._id, gene_id, symbol, gene_name
    FROM genes JOIN gene_info USING (_id) JOIN genetype USING (_id)
    WHERE gene_type <> 'biological-region'
    ORDER BY CAST(gene_id AS INTEGER)
"""


def read_genes(database: sqlite3.Connection) -> list[tuple[str, ...]]:
    """Read one row a gene, in the order of `COLUMNS`, sorted by Entrez id as a number."""
    aliases: dict[int, set[str]] = defaultdict(set)
    for gene, alias in database.execute("SELECT _id, alias_symbol FROM alias"):
        aliases[gene].add(alias)
    ensembl: dict[int, set[str]] = defaultdict(set)
    for gene, identifier in database.execute("SELECT _id, ensembl_id FROM ensembl"):
        ensembl[gene].add(identifier)
    return [
        (entrez, symbol, "|".join(sorted(aliases[gene] - {symbol})), "|".join(sorted(ensembl[gene])), name)
        for gene, entrez, symbol, name in database.execute(GENES)
    ]


def main() -> int:
    """Write ids.tsv.gz; return the exit status."""
    try:
        with (
            fetch_from_debian(
                "r-bioc-org.hs.eg.db",
                "usr/lib/R/site-library/org.Hs.eg.db/extdata/org.Hs.eg.sqlite",
                "bba36057dd3100a099e8054511b34d831349761971829a72b84859d2efe34605",
            ) as source,
            closing(sqlite3.connect(source)) as database,
        ):
            genes = read_genes(database)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1
    text = io.StringIO()
    # Nothing is quoted, so that a line splits at its tabs; a tab or newline inside a value would raise here.
    table = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    table.writerow(COLUMNS)
    table.writerows(genes)
    write_gzip(TABLE, text.getvalue())
    report(TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
