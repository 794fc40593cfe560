"""Small real data: the demo's cohorts, cut to a few samples and genes, in the formats that users bring."""

import gzip
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

RESOURCES = Path(__file__).parents[2] / "resources"
SERIES = Path("series", "GSEnnn", "GSE781", "soft", "GSE781_family.soft.gz")

GDSC_SAMPLES = 120
GEUVADIS_SAMPLES = 20
LEUKAEMIA_SAMPLES = 30
# Samples of GSE781 on each of its platforms; GPL97 is there to be left alone.
SERIES_SAMPLES = {"GPL96": 6, "GPL97": 2}
LANDMARKS = 60
TARGETS = 340
_TEXT = {"dtype": str, "keep_default_na": False}


@dataclass(frozen=True)
class Entry:
    """One entry of a SOFT file: its lines before the table, and the table's, header first."""

    head: list[str]
    rows: list[str]
    tail: list[str]

    def value(self, key: str) -> str:
        """Return the first value of an attribute, such as `!Sample_platform_id`."""
        return next(line for line in self.head if line.startswith(f"{key} =")).partition("=")[2].strip()

    def cut(self, column: int, wanted: set[str]) -> "Entry":
        """Keep the rows whose cell in a column is wanted, and announce their number."""
        rows = self.rows[:1] + [row for row in self.rows[1:] if row.split("\t")[column].strip() in wanted]
        head = [
            f"{line.partition('=')[0]}= {len(rows) - 1}\n" if "_data_row_count" in line else line for line in self.head
        ]
        return Entry(head, rows, self.tail)

    @property
    def text(self) -> str:
        return "".join([*self.head, *self.rows, *self.tail])


def read_entry(lines: list[str]) -> Entry:
    begin = next((place + 1 for place, line in enumerate(lines) if "_table_begin" in line), len(lines))
    end = next((place for place, line in enumerate(lines) if "_table_end" in line), len(lines))
    return Entry(lines[:begin], lines[begin:end], lines[end:])


class Miniature:
    """The demo's data in small: 60 landmarks and 340 targets that GDSC and the platform GPL96 both measure."""

    @cached_property
    def _ids(self) -> pd.DataFrame:
        return pd.read_csv(RESOURCES / "genes" / "ids.tsv.gz", sep="\t", **_TEXT).drop_duplicates("symbol")

    @cached_property
    def _series(self) -> list[Entry]:
        """The entries of GSE781: database, series, two platforms, and the first samples."""
        entries: list[list[str]] = []
        with gzip.open(RESOURCES / "demo" / "geo" / SERIES, "rt", encoding="utf-8") as stream:
            for line in stream:
                if line.startswith("^"):
                    entries.append([])
                entries[-1].append(line)
        return [read_entry(lines) for lines in entries]

    @cached_property
    def genes(self) -> pd.DataFrame:
        """The genes chosen, landmarks first: entrez, symbol, ensembl."""
        platform = next(entry for entry in self._series if entry.head[0].strip() == "^PLATFORM = GPL96")
        column = platform.rows[0].split("\t").index("ENTREZ_GENE_ID")
        on_array = {row.split("\t")[column] for row in platform.rows[1:]}
        gdsc = anndata.read_h5ad(RESOURCES / "demo" / "gdsc.h5ad", backed="r")
        both = self._ids[self._ids["symbol"].isin(gdsc.var_names) & self._ids["entrez"].isin(on_array)]
        listed = pd.read_csv(RESOURCES / "genes" / "landmarks.tsv", sep="\t", **_TEXT)
        is_landmark = both["entrez"].isin(listed["entrez"])
        return pd.concat([both[is_landmark].head(LANDMARKS), both[~is_landmark].head(TARGETS)], ignore_index=True)

    def write_gdsc(self, path: Path) -> None:
        """Write cell lines x genes in log2; obs says of every line which of ten `batch`es it is in."""
        whole = anndata.read_h5ad(RESOURCES / "demo" / "gdsc.h5ad")
        part = whole[:GDSC_SAMPLES, self.genes["symbol"].tolist()].copy()
        part.obs["batch"] = [f"batch{number % 10}" for number in range(GDSC_SAMPLES)]
        part.write_h5ad(path)

    def write_leukaemia(self, path: Path) -> None:
        """Write leukaemias x genes in log2, of the genes that their array measures."""
        whole = anndata.read_h5ad(RESOURCES / "demo" / "leukaemia.h5ad")
        wanted = whole.var_names.isin(self.genes["symbol"])
        whole[:LEUKAEMIA_SAMPLES, wanted].copy().write_h5ad(path)

    def write_geuvadis(self, path: Path) -> None:
        """Write genes x samples of counts, of the genes that Geuvadis measures."""
        whole = pd.read_csv(RESOURCES / "demo" / "geuvadis.tsv.gz", sep="\t", index_col=0)
        wanted = set(self.genes["ensembl"].str.split("|").explode())
        part = whole.loc[whole.index.isin(wanted)].iloc[:, :GEUVADIS_SAMPLES]
        assert np.issubdtype(part.to_numpy().dtype, np.integer)
        # Without the time of writing: every project has the same file.
        part.to_csv(path, sep="\t", compression={"method": "gzip", "mtime": 0})

    def write_mirror(self, folder: Path) -> None:
        """Write GSE781 in GEO's layout below a folder: both platforms, cut to the probes of the genes."""
        genes = set(self.genes["entrez"])
        by_kind: dict[str, list[Entry]] = {"DATABASE": [], "SERIES": [], "PLATFORM": [], "SAMPLE": []}
        for entry in self._series:
            by_kind[entry.head[0][1:].partition(" ")[0]].append(entry)
        platforms, probes = [], {}
        for platform in by_kind["PLATFORM"]:
            cut = platform.cut(platform.rows[0].split("\t").index("ENTREZ_GENE_ID"), genes)
            platforms.append(cut)
            probes[platform.value("!Platform_geo_accession")] = {row.split("\t")[0] for row in cut.rows[1:]}
        samples = [
            sample.cut(0, probes[platform])
            for platform, count in SERIES_SAMPLES.items()
            for sample in islice((s for s in by_kind["SAMPLE"] if s.value("!Sample_platform_id") == platform), count)
        ]
        chosen = {sample.value("!Sample_geo_accession") for sample in samples}
        series = by_kind["SERIES"][0]
        head = [
            line
            for line in series.head
            if not line.startswith("!Series_sample_id") or line.partition("=")[2].strip() in chosen
        ]
        entries = [*by_kind["DATABASE"], Entry(head, series.rows, series.tail), *platforms, *samples]
        path = folder / SERIES
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress("".join(entry.text for entry in entries).encode(), mtime=0))
