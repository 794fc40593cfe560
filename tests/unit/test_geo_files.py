"""Every format of GEO: the same values from each, and what becomes of real files, odd ones among them."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from geo_files import HERE, SHARED, annotation_of_family, matrix_of_family
from soft_text import received

from landex.errors import UserError
from landex.genes import GeneNames, GeneTables
from landex.geo.layout import series_path
from landex.geo.series import SeriesFiles, SeriesSource, write_series_cohort
from landex.h5ad import open_matrix


@pytest.fixture(scope="module")
def tables(resources: Path) -> GeneTables:
    genes = resources / "genes"
    return GeneTables(genes / "ids.tsv.gz", genes / "landmarks.tsv", genes / "targets.tsv")


@pytest.fixture(autouse=True)
def quick_names(gene_names: GeneNames, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the names of genes once for all tests."""
    monkeypatch.setattr("landex.genes.GeneNames.read", lambda path: gene_names)


def write(
    folder: Path,
    file: Path,
    source: SeriesSource,
    tables: GeneTables,
    family: Path | None = None,
    annotation: Path | None = None,
    skip: bool = False,
) -> tuple[Path, Path]:
    """Write a cohort from a file wherever it lies, and return its two files."""
    folder.mkdir(exist_ok=True)
    receipts = []
    for path in (file, family):
        if path is not None:
            copied = folder / path.name
            copied.symlink_to(path.resolve())
            receipts.append(received(copied).values)
    files = SeriesFiles(receipts[0], receipts[1] if family else None, annotation)
    paths = folder / "cohort.h5ad", folder / "cohort.qc.tsv"
    write_series_cohort(source, files, tables, *paths, skip=skip)
    return paths


def fates_of(qc: Path) -> pd.DataFrame:
    return pd.read_csv(qc, sep="\t", keep_default_na=False)


def test_gse781_as_soft_and_as_series_matrix_gives_the_same_matrix_to_the_bit(
    tmp_path: Path, resources: Path, tables: GeneTables
) -> None:
    soft = resources / "demo/geo" / series_path("GSE781")
    matrix = matrix_of_family(soft, "GPL96", tmp_path / "GSE781-GPL96_series_matrix.txt.gz")
    annotation = annotation_of_family(soft, "GPL96", tmp_path / "GPL96.annot.gz")
    one = write(tmp_path / "soft", soft, SeriesSource("kidney", "GSE781", "GPL96"), tables)
    source = SeriesSource("kidney", "GSE781", "GPL96", file="matrix")
    two = write(tmp_path / "matrix", matrix, source, tables, annotation=annotation)
    with open_matrix(one[0]) as first, open_matrix(two[0]) as second:
        assert first.shape == second.shape == (17, 12_633)
        assert first.read().tobytes() == second.read().tobytes()
        pd.testing.assert_frame_equal(first.obs, second.obs)
        pd.testing.assert_frame_equal(first.var, second.var)
    fates = [fates_of(paths[1]).drop(columns=["file", "checksum"]) for paths in (one, two)]
    pd.testing.assert_frame_equal(*fates)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a real file: samples kept, and the reasons of the others, or one line."""

    file: str
    geo: str
    platform: str
    kept: int = 0
    reasons: tuple[str, ...] = ()
    refused: str = ""
    kind: str = "soft"
    annotation: str = ""

    def __str__(self) -> str:
        return f"{self.geo} {self.platform} {self.kind}"


def cut(file: str, geo: str, *platforms: tuple[str, int, int]) -> list[Outcome]:
    """Return the outcomes of a file whose tables were cut by those who took it for their tests."""
    text = "platform {}: its table has {} rows, not the {} it announces; fetch the series again"
    return [Outcome(file, geo, name, refused=text.format(name, *counts)) for name, *counts in platforms]


OUTCOMES = [
    Outcome("GSE781_family.soft.gz", "GSE781", "GPL96", kept=17),
    Outcome("GSE781_family.soft.gz", "GSE781", "GPL97", kept=17),
    Outcome("GSE781_family.soft.gz", "GSE781", "GPL570", refused="GSE781: has no platform GPL570; it has GPL96, GPL97"),
    Outcome("GDS507.soft.gz", "GDS507", "GPL97", kept=17),
    Outcome("GDS507.soft.gz", "GDS507", "GPL97", kept=17, annotation="GPL97.annot.gz"),
    Outcome("GDS507.soft.gz", "GDS507", "GPL96", refused="GDS507: has no platform GPL96; it has GPL97"),
    *cut(
        "GSE1299_family.soft.gz", "GSE1299",
        ("GPL91", 16, 12651), ("GPL96", 14, 22283), ("GPL97", 86, 22645), ("GPL875", 17, 18564),
    ),
    *cut("GSE14613.soft.gz", "GSE14613", ("GPL96", 20, 22283)),
    *cut("GSE14615.soft.gz", "GSE14615", ("GPL570", 20, 54675)),
    *cut("GSE14618.soft.gz", "GSE14618", ("GPL96", 20, 22283), ("GPL570", 40, 54675)),
    *cut("GSE30521.soft.gz", "GSE30521", ("GPL9793", 10, 337421)),
    # Mixed species.
    *cut(
        "GSE3791_family.soft.gz", "GSE3791",
        ("GPL96", 100, 22283), ("GPL97", 180, 22645), ("GPL339", 100, 22690), ("GPL340", 200, 22575),
    ),
    *cut(
        "GSE465_family.soft.gz", "GSE465",
        ("GPL91", 10, 12651), ("GPL92", 10, 12620), ("GPL93", 10, 12646), ("GPL94", 10, 12644), ("GPL95", 10, 12639),
        ("GPL246", 13, 4653),
    ),
    # Two channels.
    *cut("GSE59_family.soft.gz", "GSE59", ("GPL167", 10, 9984), ("GPL169", 20, 9984)),
    *cut("GSE6344.soft.gz", "GSE6344", ("GPL96", 1000, 22283), ("GPL97", 1100, 22645)),
    *cut("GSE7775_family.soft.gz", "GSE7775", ("GPL339", 100, 22690), ("GPL340", 200, 22575), ("GPL1261", 300, 45101)),
    # Sequencing: no tables, and three platforms.
    *(
        Outcome(
            "GSE235534_family.soft.gz", "GSE235534", platform,
            refused=f"none of its {samples} samples can be used (its table is empty: sequencing, whose values are in "
            "other files (file: counts for NCBI's or file: GSE235534_",
        )
        for platform, samples in (("GPL24676", 30), ("GPL20301", 6), ("GPL18573", 5))
    ),
    # Mice, with and without values.
    Outcome(
        "GSE285754_series_matrix.txt.gz", "GSE285754", "GPL30083", kind="matrix",
        refused="none of its 18 samples can be used (its organism is Mus musculus, not Homo sapiens)",
    ),
    Outcome(
        "GSE99709_series_matrix.txt.gz", "GSE99709", "GPL17021", kind="matrix",
        refused="none of its 12 samples can be used (its organism is Mus musculus, not Homo sapiens)",
    ),
    # What is no series at all.
    Outcome("GPL97.annot.gz", "GSE1", "GPL97", refused="unknown SOFT entry '^Annotation'"),
    Outcome("GSM11805.txt.gz", "GSE1", "GPL96", refused="names no series before its samples; fetch it again"),
    Outcome("GDS507.soft.gz", "GSE781", "GPL97", refused="unknown SOFT entry '^DATASET = GDS507'"),
    Outcome("GSE781_family.soft.gz", "GSE781", "GPL96", kind="matrix", refused="not a series matrix"),
    Outcome("GSE781_family.soft.gz", "GDS507", "GPL96", refused="unknown SOFT entry '^SERIES = GSE781'"),
]  # fmt: skip


@HERE
def test_every_real_file_stands_in_the_table() -> None:
    assert {path.name for path in SHARED.glob("*.gz")} == {outcome.file for outcome in OUTCOMES}


# What the cut files hold is read too, where their tables announce what is left of them.
UNCUT = [
    # Of 42 samples of one platform, 20 probes each: too few for a profile.
    ("GSE14613.soft.gz", "GSE14613", "GPL96", {"it has 20 values only": 42}),
    ("GSE1299_family.soft.gz", "GSE1299", "GPL875", "no column of Entrez ids or symbols"),
    ("GSE1299_family.soft.gz", "GSE1299", "GPL97", {"it has 86 values only": 6}),
    ("GSE30521.soft.gz", "GSE30521", "GPL9793", {"its table is empty": 23}),
    ("GSE3791_family.soft.gz", "GSE3791", "GPL339", {"its organism is Mus musculus, not Homo sapiens": 3}),
    ("GSE7775_family.soft.gz", "GSE7775", "GPL1261", {"its organism is Mus musculus, not Homo sapiens": 4}),
    ("GSE6344.soft.gz", "GSE6344", "GPL96", {"": 20}),
    ("GSE6344.soft.gz", "GSE6344", "GPL97", {"": 20}),
]


@HERE
@pytest.mark.parametrize(("name", "geo", "platform", "expected"), UNCUT, ids=lambda value: str(value)[:20])
def test_what_is_left_of_cut_files_has_its_outcome(
    tmp_path: Path, tables: GeneTables, name: str, geo: str, platform: str, expected: dict[str, int] | str
) -> None:
    lines = gzip.decompress((SHARED / name).read_bytes()).split(b"\n")
    text = b"\n".join(line for line in lines if b"_data_row_count" not in line)
    path = tmp_path / name
    path.write_bytes(gzip.compress(text, 1))
    source = SeriesSource("x", geo, platform)
    if isinstance(expected, str):
        with pytest.raises(UserError, match=expected):
            write(tmp_path / "x", path, source, tables)
        return
    _, qc = write(tmp_path / "x", path, source, tables, skip=True)
    fates = fates_of(qc)
    assert fates.loc[fates["sample"] != "", "reason"].value_counts().to_dict() == expected


@HERE
@pytest.mark.parametrize("outcome", OUTCOMES, ids=str)
def test_a_real_file_has_its_outcome(tmp_path: Path, tables: GeneTables, outcome: Outcome) -> None:
    source = SeriesSource("x", outcome.geo, outcome.platform, file=outcome.kind)
    annotation = SHARED / outcome.annotation if outcome.annotation else None
    folder = tmp_path / "x"
    if outcome.refused:
        with pytest.raises(UserError) as error:
            write(folder, SHARED / outcome.file, source, tables, annotation=annotation)
        assert outcome.refused in str(error.value)
        assert "\n" not in str(error.value)
        assert not (folder / "cohort.h5ad").exists()
        return
    matrix, qc = write(folder, SHARED / outcome.file, source, tables, annotation=annotation)
    fates = fates_of(qc)
    with open_matrix(matrix) as found:
        assert found.shape[0] == outcome.kept == fates["kept"].sum()
        assert np.isfinite(found.read()).all()
    assert set(fates.loc[fates["kept"] == 0, "reason"]) == set(outcome.reasons)
