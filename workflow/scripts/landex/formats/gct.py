"""GCT 1.2 and 1.3, the text format of the Connectivity Map and of GenePattern.

1.2: two lines (version; numbers of genes and samples), a header `Name Description samples...`, a row a gene. 1.3 counts
annotations of genes and samples too: its header is `id, genes' fields, samples`, then come a row a field of the samples
and a row a gene (Enache et al. 2019, Bioinformatics 35:1427).
"""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from landex.errors import UserError
from landex.formats.matrix_file import Content, TableInMemory
from landex.formats.text import UNREADABLE, Layout, TextWriter, create_text, open_text, read_values

# What fills places of a GCT file that mean nothing.
_FILLER = "-666"


@dataclass(frozen=True)
class _Head:
    """What stands before the values: names, annotations, and how many lines and columns of text there are."""

    samples: list[str]
    gene_fields: list[str]
    sample_fields: dict[str, list[str]]
    genes: int
    lines: int


@contextmanager
def open_gct(path: Path) -> Iterator[TableInMemory]:
    """Read a GCT file of version 1.2 or 1.3, also gzipped or xz.

    Raises
    ------
    UserError
        If it is no whole GCT file of numbers, with what is wrong and where.
    """
    try:
        head = _read_head(path)
        labels = 1 + len(head.gene_fields)
        texts, values = read_values(Layout(path, head.lines, head.samples, labels, head.genes, "\t", csv.QUOTE_NONE))
    except UNREADABLE as error:
        raise UserError(f"{path}: not readable as GCT ({' '.join(str(error).split())})") from error
    fields = dict(zip(head.gene_fields, texts[1:], strict=True))
    yield TableInMemory(path, Content(head.samples, texts[0], head.sample_fields, fields), values)


def _read_head(path: Path) -> _Head:
    """Read what stands before the values, and make sure that all rows are there and equally long."""
    with open_text(path) as stream:
        version = stream.readline().strip()
        if version not in ("#1.2", "#1.3"):
            raise ValueError(f"it begins with {version[:20]!r}, not with #1.2 or #1.3")
        counts = stream.readline().split()
        expected = 2 if version == "#1.2" else 4
        if len(counts) < expected or not all(count.isdecimal() for count in counts[:expected]):
            raise ValueError(f"its second line does not hold {expected} numbers")
        genes, samples, *fields = map(int, counts[:expected])
        of_genes, of_samples = fields or (1, 0)
        header = _cells(stream.readline())
        if len(header) != 1 + of_genes + samples:
            raise ValueError(
                f"its header has {len(header)} cells, where {samples} samples and {of_genes} fields of genes make "
                f"{1 + of_genes + samples}"
            )
        sample_fields = {}
        for _ in range(of_samples):
            cells = _cells(stream.readline())
            if len(cells) != len(header):
                raise ValueError(f"the annotation {cells[0][:30]!r} has {len(cells)} cells, not {len(header)}")
            sample_fields[cells[0]] = cells[1 + of_genes :]
        found = 0
        for line in stream:
            if not line.strip():
                continue
            if line.count("\t") != len(header) - 1:
                cells = _cells(line)
                raise ValueError(f"the row of {cells[0][:30]} has {len(cells)} cells, not {len(header)}")
            found += 1
        if found != genes:
            raise ValueError(f"it has {found} rows of genes, not the {genes} that it announces; is the file whole?")
    return _Head(header[1 + of_genes :], header[1 : 1 + of_genes], sample_fields, genes, 3 + of_samples)


def _cells(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t")


@contextmanager
def create_gct(path: Path, content: Content) -> Iterator[TextWriter]:
    """Write a GCT file of version 1.3."""
    fields, annotations = content.gene_fields, content.sample_fields
    counts = (len(content.genes), len(content.samples), len(fields), len(annotations))
    filler = [_FILLER] * len(fields)
    head = [
        ["#1.3"],
        [str(count) for count in counts],
        ["id", *fields, *content.samples],
        *([name, *filler, *values] for name, values in annotations.items()),
    ]
    with create_text(path, content, head, [content.genes, *fields.values()], "\t") as writer:
        yield writer
