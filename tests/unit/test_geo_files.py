"""Every format of GEO: the same values from each, and what becomes of real files, odd ones among them."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from geo_files import HERE, SHARED, annotation_of_family, matrix_of_family
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from soft_text import GENES, PROBES, Sample, family, lines, probe, received, series, values, written

from landex.errors import UserError
from landex.genes import GeneNames, GeneTables
from landex.geo.layout import series_path
from landex.geo.receipts import Receipt
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


def laid(path: Path, lines: list[str]) -> Path:
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


@pytest.fixture
def sequenced(tmp_path: Path) -> Path:
    """Return the family file of a series of sequencing: no tables, titles, a supplementary file, a mouse."""
    attributes = {"type": "SRA"}
    samples = [
        Sample(f"GSM{number}", [], "GPL24676", announced=0, attributes={**attributes, "title": f"patient {number}"})
        for number in range(1, 5)
    ]
    samples[3].attributes = {**samples[3].attributes, "organism_ch1": "Mus musculus"}
    files = ["GSE1_counts.csv.gz", "GSE1_RAW.tar"]
    head = series([sample.name for sample in samples], platforms=["GPL24676"])
    head += lines([f"!Series_supplementary_file = ftp://ftp.ncbi.nlm.nih.gov/geo/series/x/{file}" for file in files])
    table = lines(["^PLATFORM = GPL24676", "!Platform_data_row_count = 0"])
    text = head + table + "".join(sample.text() for sample in samples)
    return written(tmp_path / "GSE1_family.soft.gz", text)


COUNTED = ["7157", "672", "16", *(str(number) for number in range(900, 1100))]


def counts_of(sample: int) -> list[int]:
    return [(place * 37 + sample * 11) % 500 for place in range(len(COUNTED))]


def test_sequencing_without_tables_is_refused_with_a_pointer(
    tmp_path: Path, tables: GeneTables, sequenced: Path
) -> None:
    with pytest.raises(UserError, match=r"sequencing, whose values are in other files \(file: counts for NCBI's or "):
        write(tmp_path / "x", sequenced, SeriesSource("x", "GSE1", "GPL24676"), tables)
    with pytest.raises(UserError, match=r"file: GSE1_counts\.csv\.gz\)"):
        write(tmp_path / "y", sequenced, SeriesSource("x", "GSE1", "GPL24676"), tables)


def check_counts(paths: tuple[Path, Path], samples: list[str]) -> None:
    """Check values against counts per million worked out by hand."""
    with open_matrix(paths[0]) as matrix:
        assert matrix.obs.index.tolist() == samples
        assert matrix.obs["title"].tolist() == [f"patient {name[3:]}" for name in samples]
        for row, name in enumerate(samples):
            counts = counts_of(int(name[3:]))
            expected = np.log2(1 + counts[1] / sum(counts) * 1e6)
            assert matrix.read()[row, matrix.var.index.get_loc("672")] == pytest.approx(expected, rel=1e-6)
        assert matrix.var.loc["7157", "symbol"] == "TP53"


def test_ncbis_counts_are_read_by_accession(tmp_path: Path, tables: GeneTables, sequenced: Path) -> None:
    rows = ["\t".join(["GeneID", "GSM3", "GSM1", "GSM4"])]
    for place, gene in enumerate(COUNTED):
        rows.append("\t".join([gene, *(str(counts_of(sample)[place]) for sample in (3, 1, 4))]))
    table = laid(tmp_path / "GSE1_raw_counts_GRCh38.p13_NCBI.tsv.gz", rows)
    source = SeriesSource("x", "GSE1", "GPL24676", file="counts")
    paths = write(tmp_path / "x", table, source, tables, family=sequenced)
    check_counts(paths, ["GSM1", "GSM3"])
    assert fates_of(paths[1]).set_index("sample")[["kept", "scale", "reason"]].values.tolist() == [
        [1, "counts", ""],
        [0, "", f"it has no column in {table.name}"],
        [1, "counts", ""],
        [0, "", "its organism is Mus musculus, not Homo sapiens"],
    ]


def test_supplementary_counts_are_read_by_title(tmp_path: Path, tables: GeneTables, sequenced: Path) -> None:
    ensembl = {"7157": "ENSG00000141510.18", "672": "ENSG00000012048.23", "16": "ENSG00000090861"}
    rows = [",".join(["gene", *(f"patient {sample}" for sample in (1, 2, 3))])]
    for place, gene in enumerate(COUNTED):
        name = ensembl.get(gene, f"ENSG{900000 + place:011d}")
        rows.append(",".join([name, *(str(counts_of(sample)[place]) for sample in (1, 2, 3))]))
    table = laid(tmp_path / "GSE1_counts.csv.gz", rows)
    source = SeriesSource("x", "GSE1", "GPL24676", "counts", file=table.name)
    check_counts(write(tmp_path / "x", table, source, tables, family=sequenced), ["GSM1", "GSM2", "GSM3"])


@pytest.mark.parametrize(
    ("header", "cell", "message"),
    [
        ("gene,a,b", "5", r"its columns \(a, b\) are neither accessions nor titles of the samples \(patient 1, "),
        ("gene,patient 1,GSM1", "5", "none of its 4 samples can be used .all its values are the same"),
        ("gene,patient 1,patient 2", "-5", "none of its 4 samples can be used .*negative values"),
        ("gene,patient 1,patient 2", "five", "'five' is no number"),
    ],
)
def test_a_table_of_counts_that_cannot_be_right_is_refused(
    tmp_path: Path, tables: GeneTables, sequenced: Path, header: str, cell: str, message: str
) -> None:
    table = laid(tmp_path / "GSE1_counts.csv.gz", [header, *(f"{gene},{cell},{cell}" for gene in COUNTED)])
    source = SeriesSource("x", "GSE1", "GPL24676", "counts", file=table.name)
    with pytest.raises(UserError, match=message) as error:
        write(tmp_path / "x", table, source, tables, family=sequenced)
    assert "\n" not in str(error.value)


MATRIX_FAULTS = {
    "cut": (lambda text: text[: len(text) // 2], "its table is cut short"),
    "no table": (lambda text: text.replace("!series_matrix_table_begin", ""), "not a series matrix"),
    "a cell less": (lambda text: text.replace("\t130", "", 1), "its table is no table of numbers"),
    "an unpaired quote": (lambda text: text.replace('"p3_at"', '"p3_at', 1), "its table "),
    "a word": (lambda text: text.replace("\t130", "\tmany", 1), "its table is no table of numbers .*many"),
    "a sample not described": (
        lambda text: text.replace('"ID_REF"\t"GSM1"', '"ID_REF"\t"GSM7"'),
        "the 2 columns of its table are not the 2 samples that it describes",
    ),
    "a sample more in the list": (lambda text: text.replace('"GSM1 GSM2 "', '"GSM1 GSM2 GSM3 "'), "GSM3"),
    "another series": (lambda text: text.replace('"GSE1"', '"GSE2"'), "holds the series GSE2, not GSE1"),
    "rows less than announced": (
        lambda text: "\n".join(line for line in text.split("\n") if not line.startswith('"p7_at"')),
        "none of its 2 samples can be used .its table has 179 rows, not the 180 it announces",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), MATRIX_FAULTS.values(), ids=MATRIX_FAULTS.keys())
def test_a_series_matrix_that_lost_something_is_refused(
    tmp_path: Path, tables: GeneTables, spoil: Callable[[str], str], message: str
) -> None:
    samples = [Sample("GSM1", values(100)), Sample("GSM2", values(300))]
    for sample in samples:
        sample.attributes = {"geo_accession": sample.name}
    soft = written(tmp_path / "f.gz", family(samples))
    matrix = matrix_of_family(soft, "GPL96", tmp_path / "GSE1-GPL96_series_matrix.txt.gz")
    annotation = annotation_of_family(soft, "GPL96", tmp_path / "GPL96.annot.gz")
    source = SeriesSource("x", "GSE1", "GPL96", file="matrix")
    write(tmp_path / "whole", matrix, source, tables, annotation=annotation)
    matrix.write_bytes(gzip.compress(spoil(gzip.decompress(matrix.read_bytes()).decode()).encode()))
    with pytest.raises(UserError, match=message) as error:
        write(tmp_path / "x", matrix, source, tables, annotation=annotation)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "x" / "cohort.h5ad").exists()


def test_a_series_matrix_without_its_probes_genes_says_what_to_do(tmp_path: Path, tables: GeneTables) -> None:
    sample = Sample("GSM1", values(100), attributes={"geo_accession": "GSM1"})
    matrix = matrix_of_family(written(tmp_path / "f.gz", family([sample])), "GPL96", tmp_path / "m.txt.gz")
    with pytest.raises(UserError, match="its file says nothing of the probes of GPL96; name a table"):
        write(tmp_path / "x", matrix, SeriesSource("x", "GSE1", "GPL96", file="matrix"), tables)


def dataset_text(rows: list[str], features: int | None = None, samples: int = 2) -> list[str]:
    return [
        "^DATABASE = Geo", "^DATASET = GDS1", "!dataset_platform = GPL96", "!dataset_sample_organism = Homo sapiens",
        "!dataset_channel_count = 1", "!dataset_reference_series = GSE9",
        f"!dataset_feature_count = {len(rows) if features is None else features}",
        f"!dataset_sample_count = {samples}", "^SUBSET = GDS1_1", "!subset_type = tissue", "^DATASET = GDS1",
        "#GSM1 = Value for GSM1: one; src: kidney", "!dataset_table_begin", "ID_REF\tIDENTIFIER\tGSM1\tGSM2", *rows,
        "!dataset_table_end",
    ]  # fmt: skip


DATASET = [f"{probe(place)}\t{GENES[place % 6][1]}\t{100 + place}\t{300 + place}" for place in range(PROBES)]


def test_a_data_set_is_named_by_its_own_symbols(tmp_path: Path, tables: GeneTables) -> None:
    rows = [*DATASET, "AFFX-1_at\t--Control\t5\tnull"]
    file = laid(tmp_path / "GDS1.soft.gz", dataset_text(rows))
    paths = write(tmp_path / "x", file, SeriesSource("x", "GDS1", "GPL96"), tables)
    with open_matrix(paths[0]) as matrix:
        assert matrix.var.index.tolist() == [entrez for entrez, _ in GENES]
        assert matrix.obs["title"].tolist() == ["one; src: kidney", ""]
        assert matrix.obs["superseries"].tolist() == ["GSE9"] * 2
        expected = np.mean(np.log2([300 + place for place in range(0, PROBES, 6)]))
        assert matrix.read()[1, 0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (dataset_text(DATASET, features=200), r"its table has 180 where it announces 200 \(feature_count\)"),
        (dataset_text(DATASET, samples=3), r"its table has 2 where it announces 3 \(sample_count\)"),
        (dataset_text(DATASET)[:-1], "its table is cut short"),
        (dataset_text(DATASET)[:11], "not a data set, it has 0 tables"),
        (
            dataset_text([row.replace("\t10", "\tten").replace("\t30", "\tten") for row in DATASET]),
            "none of its 2 samples can be used .its value 'ten0' is no number",
        ),
    ],
)
def test_a_data_set_that_lost_something_is_refused(
    tmp_path: Path, tables: GeneTables, text: list[str], message: str
) -> None:
    file = laid(tmp_path / "GDS1.soft.gz", text)
    with pytest.raises(UserError, match=message):
        write(tmp_path / "x", file, SeriesSource("x", "GDS1", "GPL96"), tables)


def test_a_series_that_was_left_out_is_a_cohort_without_samples(tmp_path: Path, tables: GeneTables) -> None:
    receipt = tmp_path / "GSE1_family.soft.gz.json"
    Receipt("GSE1_family.soft.gz", reason="GSE1_family.soft.gz: not to be had", again=True).write(receipt)
    paths = tmp_path / "c.h5ad", tmp_path / "c.qc.tsv"
    source = SeriesSource("x", "GSE1", "GPL96")
    with pytest.raises(UserError, match="not to be had"):
        write_series_cohort(source, SeriesFiles(receipt), tables, *paths)
    assert not paths[0].exists()
    write_series_cohort(source, SeriesFiles(receipt), tables, *paths, skip=True)
    with open_matrix(paths[0]) as matrix:
        assert matrix.shape == (0, 0)
    fates = fates_of(paths[1])
    assert fates[["sample", "series", "platform", "kept", "reason"]].values.tolist() == [
        ["", "GSE1", "GPL96", 0, "GSE1_family.soft.gz: not to be had"]
    ]


@pytest.fixture(scope="module")
def small_matrix(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return the folder and the lines of a small series matrix, beside the annotation of its platform."""
    folder = tmp_path_factory.mktemp("matrix")
    samples = [Sample(name, values(start)) for name, start in (("GSM1", 100), ("GSM2", 300))]
    for sample in samples:
        sample.attributes = {"geo_accession": sample.name}
    soft = written(folder / "f.gz", family(samples))
    annotation_of_family(soft, "GPL96", folder / "GPL96.annot.gz")
    matrix = matrix_of_family(soft, "GPL96", folder / "whole.txt.gz")
    return folder, gzip.decompress(matrix.read_bytes()).decode().splitlines()


LINES = st.sampled_from(
    [
        "", '"p3_at"\t1\t2', '"p999_at"\t1\t2', '"p5_at"\t7', '"p5_at\t7\t8', "!series_matrix_table_end", "x\t\t", "!",
        '"ID_REF"\t"GSM1"', '!Sample_platform_id\t"GPL96"\t"GPL97"', '!Sample_geo_accession\t"GSM1"',
        "!series_matrix_table_begin",
    ]
)  # fmt: skip


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 1000), number=st.integers(0, 5), replacement=st.lists(LINES, max_size=3))
def test_any_damage_to_a_series_matrix_is_a_cohort_or_one_line_for_the_user(
    small_matrix: tuple[Path, list[str]], tables: GeneTables, place: int, number: int, replacement: list[str]
) -> None:
    folder, text = small_matrix
    place %= len(text)
    spoilt = [*text[:place], *replacement, *text[place + number :]]
    file = laid(folder / "GSE1-GPL96_series_matrix.txt.gz", spoilt)
    paths = folder / "c.h5ad", folder / "c.qc.tsv"
    for path in paths:
        path.unlink(missing_ok=True)
    source = SeriesSource("x", "GSE1", "GPL96", file="matrix")
    files = SeriesFiles(received(file).values, None, folder / "GPL96.annot.gz")
    try:
        write_series_cohort(source, files, tables, *paths)
    except UserError as error:
        assert "\n" not in str(error)
        assert not any(path.exists() for path in paths)
    else:
        with open_matrix(paths[0]) as matrix:
            assert matrix.obs.index.isin(["GSM1", "GSM2"]).all()
