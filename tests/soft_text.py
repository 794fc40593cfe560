"""Small family SOFT files for tests, written as GEO writes them."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from landex.geo.receipts import Receipt
from landex.geo.series import SeriesFiles

PROBES = 180
# Entrez ids and symbols of real genes, one a probe, used again where there are more probes than genes.
GENES = (("16", "AARS1"), ("23", "ABCF1"), ("8813", "DPM1"), ("2268", "FGR"), ("7157", "TP53"), ("672", "BRCA1"))


def probe(number: int) -> str:
    return f"p{number}_at"


@dataclass
class Sample:
    """One sample's entry; `attributes` come on top of the usual ones, `announced` is its data_row_count."""

    name: str
    rows: Sequence[str]
    platform: str = "GPL96"
    header: str = "ID_REF\tVALUE"
    announced: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        attributes = {
            "title": f"title of {self.name}",
            "channel_count": "1",
            "organism_ch1": "Homo sapiens",
            "platform_id": self.platform,
            "data_row_count": str(len(self.rows) if self.announced is None else self.announced),
            **self.attributes,
        }
        head = [f"^SAMPLE = {self.name}", *(f"!Sample_{key} = {value}" for key, value in attributes.items())]
        return lines([*head, "#ID_REF = ", "!sample_table_begin", self.header, *self.rows, "!sample_table_end"])


def lines(parts: Sequence[str]) -> str:
    return "".join(f"{part}\n" for part in parts)


def values(start: float, probes: int = PROBES) -> list[str]:
    """Return rows of a linear sample: start, start + 10, ..."""
    return [f"{probe(number)}\t{start + 10 * number:g}" for number in range(probes)]


def series(samples: Sequence[str], name: str = "GSE1", platforms: Sequence[str] = ("GPL96",)) -> str:
    head = ["^DATABASE = GeoMiame", "!Database_name = GEO", f"^SERIES = {name}", f"!Series_geo_accession = {name}"]
    listed = [f"!Series_sample_id = {sample}" for sample in samples]
    return lines([*head, *listed, *(f"!Series_platform_id = {platform}" for platform in platforms)])


def platform(
    rows: Sequence[str] | None = None,
    header: str = "ID\tGene Symbol\tENTREZ_GENE_ID",
    name: str = "GPL96",
    announced: int | None = None,
) -> str:
    if rows is None:
        genes = [GENES[number % len(GENES)] for number in range(PROBES)]
        rows = [f"{probe(number)}\t{symbol}\t{entrez}" for number, (entrez, symbol) in enumerate(genes)]
    count = len(rows) if announced is None else announced
    head = [f"^PLATFORM = {name}", "!Platform_organism = Homo sapiens", f"!Platform_data_row_count = {count}"]
    return lines([*head, "#ID = ", "!platform_table_begin", header, *rows, "!platform_table_end"])


def family(samples: Sequence[Sample], **changes: str) -> str:
    """Join the entries of a family file; `series` and `platform` replace the usual text."""
    head = changes.get("series", series([sample.name for sample in samples]))
    return head + changes.get("platform", platform()) + "".join(sample.text() for sample in samples)


def written(path: Path, text: str | bytes) -> Path:
    """Write a text gzipped."""
    path.write_bytes(gzip.compress(text if isinstance(text, bytes) else text.encode()))
    return path


def received(path: Path) -> SeriesFiles:
    """Write the receipt of a file beside it, as retrieving does."""
    receipt = path.with_name(f"{path.name}.json")
    Receipt(path.name, sha256="sum of " + path.name).write(receipt)
    return SeriesFiles(receipt)
