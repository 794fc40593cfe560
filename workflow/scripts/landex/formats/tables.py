"""TSV and CSV: genes in rows, named in the first column; samples in columns."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landex.errors import UserError
from landex.formats.matrix_file import Content, TableInMemory
from landex.formats.text import UNREADABLE, Layout, TextWriter, create_text, open_text, read_values

# Columns after the genes' names that some sources put before the samples, and that are no samples.
_ANNOTATIONS = {
    "gene_symbol", "symbol", "genesymbol", "gene_name", "genename", "description", "gene_description", "gene_type",
    "biotype", "gene_biotype", "chr", "chrom", "chromosome", "coord", "start", "end", "strand", "length", "gene_length",
    "entrez", "entrezid", "entrez_id", "entrez_gene_id", "ensembl", "ensembl_id", "gene_id",
}  # fmt: skip


@contextmanager
def open_table(path: Path, samples: str = "columns") -> Iterator[TableInMemory]:
    """Read a TSV or CSV file, also gzipped or xz.

    R writes a header without a name for the column of genes; that is understood. Columns such as Gene_Symbol, Chr
    and Coord between the genes' names and the first sample are kept as annotations.

    Parameters
    ----------
    path
        The file.
    samples
        Where they stand: `columns`, or `rows` (then genes are columns, and there are no annotations).

    Raises
    ------
    UserError
        If the file is no table of numbers, with the row, or sample and gene, that is wrong.
    """
    separator = "," if ".csv" in path.name else "\t"
    turned = samples == "rows"
    said = "sample {row}, gene {column}" if turned else "sample {column}, gene {row}"
    try:
        header, rows = _shape(path, separator)
        labels = 1
        while not turned and labels < len(header) - 1 and header[labels].strip().lower() in _ANNOTATIONS:
            labels += 1
        names = header[labels:]
        texts, values = read_values(Layout(path, 1, names, labels, rows, separator, csv.QUOTE_MINIMAL, said))
    except UNREADABLE as error:
        raise UserError(f"{path}: not readable as a table ({' '.join(str(error).split())})") from error
    if turned:
        yield TableInMemory(path, Content(texts[0], names), values.T)
        return
    fields = dict(zip(header[1:labels], texts[1:], strict=True))
    yield TableInMemory(path, Content(names, texts[0], {}, fields), values)


def _shape(path: Path, separator: str) -> tuple[list[str], int]:
    """Return the header, with a name for the column of genes, and the number of rows, all equally long.

    A short row, as a file that was cut leaves it, would be read as missing values.
    """
    with open_text(path) as stream:
        rows = csv.reader(stream, delimiter=separator)
        header, first = next(rows, []), next(rows, [])
        if len(first) < 2 or len(header) not in (len(first), len(first) - 1):
            raise ValueError(f"its header has {len(header)} cells, its first row {len(first)}; separator {separator!r}")
        count = 1
        for row in rows:
            if row and len(row) != len(first):
                raise ValueError(f"the row of {row[0]} has {len(row)} cells, not {len(first)}; is the file whole?")
            count += bool(row)
    return header if len(header) == len(first) else ["", *header], count


@contextmanager
def create_table(path: Path, content: Content) -> Iterator[TextWriter]:
    """Write a TSV or CSV file; annotations have no place in it."""
    separator = "," if ".csv" in path.name else "\t"
    with create_text(path, content, [["gene", *content.samples]], [content.genes], separator) as writer:
        yield writer
