"""The SOFT reader: a damaged file is refused, a damaged sample is rejected with its reason, nothing is lost."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from soft_text import PROBES, Sample, family, lines, platform, received, series, values, written

from landex.errors import UserError
from landex.genes import GeneNames, GeneTables
from landex.geo.series import SeriesSource, write_series_cohort
from landex.geo.soft import Entry, RejectedSample, _values_with_reasons, read_entries, sample_values
from landex.geo.values import ValueTables
from landex.h5ad import open_matrix

TWO = [Sample("GSM1", values(100)), Sample("GSM2", values(300))]


def entries_of(path: Path, text: str | bytes) -> list[Entry]:
    return list(read_entries(written(path, text)))


def entry_of(sample: Sample) -> Entry:
    text = "^DATABASE = x\n" + sample.text()
    with NamedTemporaryFile(suffix=".gz") as file:
        return entries_of(Path(file.name), text)[1]


def read_values(entry: Entry) -> tuple[list[str], NDArray[np.float64]]:
    probes, found = sample_values(entry, ValueTables())
    return probes.names, found


def test_entries_come_in_order_with_their_metadata(tmp_path: Path) -> None:
    entries = entries_of(tmp_path / "f.gz", family(TWO))
    assert [(entry.kind, entry.name) for entry in entries] == [
        ("DATABASE", "GeoMiame"),
        ("SERIES", "GSE1"),
        ("PLATFORM", "GPL96"),
        ("SAMPLE", "GSM1"),
        ("SAMPLE", "GSM2"),
    ]
    assert entries[1].metadata["sample_id"] == ["GSM1", "GSM2"]
    assert entries[3].first("title") == "title of GSM1"
    assert entries[3].first("nothing", "default") == "default"
    probes, found = read_values(entries[4])
    assert probes == [f"p{number}_at" for number in range(PROBES)]
    assert found.tolist() == [300 + 10 * number for number in range(PROBES)]


def test_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    text = family(TWO)
    one = entries_of(tmp_path / "one.gz", text)
    two = entries_of(tmp_path / "two.gz", text.replace("\n", "\r\n"))
    assert one == two


def damaged(change: Callable[[bytearray], bytes]) -> Callable[[], bytes]:
    return lambda: change(bytearray(gzip.compress(family(TWO).encode(), mtime=0)))


def with_wrong_checksum(data: bytearray) -> bytes:
    data[-8] ^= 0xFF
    return bytes(data)


def with_broken_middle(data: bytearray) -> bytes:
    data[20:60] = b"\xff" * 40
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (damaged(with_wrong_checksum), "not a whole gzip file .*CRC"),
        (damaged(with_broken_middle), "the gzip file is cut short or damaged"),
        (damaged(lambda data: bytes(data[:-20])), "the gzip file is cut short or damaged"),
        (damaged(lambda data: bytes(data[: len(data) // 2])), "the gzip file is cut short or damaged"),
        (damaged(lambda data: bytes(data) + b"trailing"), "not a whole gzip file"),
        (lambda: b"", "the file is empty"),
        (lambda: b"<!DOCTYPE html><html><body>Not found</body></html>", "not a whole gzip file"),
        (lambda: gzip.compress(b""), "an empty SOFT file"),
        (lambda: gzip.compress(b"\n \n"), "an empty SOFT file"),
        (lambda: gzip.compress(b"<html>404</html>"), "not a SOFT file, it begins with '<html>404</html>'"),
        (lambda: gzip.compress(b"^DATABASE = x\n^DATASET = GDS1\n"), "unknown SOFT entry '\\^DATASET = GDS1'"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, content: Callable[[], bytes], message: str) -> None:
    path = tmp_path / "GSE1_family.soft.gz"
    path.write_bytes(content())
    with pytest.raises(UserError, match=rf"GSE1_family\.soft\.gz: {message}") as error:
        list(read_entries(path))
    assert "\n" not in str(error.value)


def test_bytes_outside_utf8_are_replaced_and_lose_no_row(tmp_path: Path) -> None:
    text = family(TWO).encode().replace(b"title of GSM1", b"na\xefve title").replace(b"p3_at", b"p\xb53_at")
    sample = entries_of(tmp_path / "f.gz", text)[3]
    assert sample.first("title") == "na\ufffdve title"
    assert len(read_values(sample)[0]) == PROBES


ROWS = values(100, 5)


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (Sample("GSM1", ROWS, announced=6), "its table has 5 rows, not the 6 it announces"),
        (Sample("GSM1", ROWS, announced=4), "its table has 5 rows, not the 4 it announces"),
        (Sample("GSM1", ROWS, attributes={"organism_ch1": "Mus musculus"}), "its organism is Mus musculus"),
        (Sample("GSM1", ROWS, attributes={"channel_count": "2"}), "it has two channels"),
        (Sample("GSM1", []), "its table is empty"),
        (Sample("GSM1", ["", ""], announced=0), "its table is empty"),
        (Sample("GSM1", ["", ""], header="", announced=0), "its table is "),
        (Sample("GSM1", ROWS, header="ID_REF\tSIGNAL"), "its table has no column VALUE"),
        (Sample("GSM1", ROWS, header="PROBE\tVALUE"), "its table has no column ID_REF"),
        (Sample("GSM1", [*ROWS, ROWS[2]]), "its table names p2_at twice"),
        (Sample("GSM1", [*ROWS, "p9_at\tabsent"]), "its value 'absent' is no number"),
        (Sample("GSM1", [*ROWS, "p9_at\t1,5"]), "its value '1,5' is no number"),
    ],
)
def test_a_sample_that_cannot_be_used_is_rejected_with_its_reason(sample: Sample, reason: str) -> None:
    with pytest.raises(RejectedSample, match=reason):
        read_values(entry_of(sample))


def test_a_table_without_its_end_is_cut_short() -> None:
    entry = replace(entry_of(TWO[0]), closed=False)
    with pytest.raises(RejectedSample, match="its table is cut short"):
        read_values(entry)


def test_a_sample_without_a_table_is_empty() -> None:
    with pytest.raises(RejectedSample, match="its table is empty"):
        read_values(Entry("SAMPLE", "GSM1", ["!Sample_title = nothing"]))


@pytest.mark.parametrize("word", ["", "null", "NA", "NaN", "n/a", " "])
def test_what_stands_for_a_missing_value_is_missing(word: str) -> None:
    found = read_values(entry_of(Sample("GSM1", ["a\t1.5", f"b\t{word}", "c\t-2e3"])))[1]
    np.testing.assert_array_equal(found, [1.5, np.nan, -2000])


def test_no_row_is_lost_to_the_characters_in_it() -> None:
    names = ['"unpaired', "NA", "!bang", "#hash", "it's", 'a"b"c', "null", "with space", "1007_s_at"]
    rows = [f"{name}\t{number}" for number, name in enumerate(names)]
    probes, found = read_values(entry_of(Sample("GSM1", rows)))
    assert probes == names
    assert found.tolist() == list(range(len(names)))


def test_a_lone_carriage_return_ends_no_row() -> None:
    probes, found = read_values(entry_of(Sample("GSM1", ["a\rb\t1", "c\t2"])))
    assert (len(probes), found.tolist()) == (2, [1, 2])


def test_other_columns_are_left_alone_wherever_they_stand() -> None:
    sample = Sample("GSM1", ["P\ta\t1\t.01", "A\tb\t2\t.9"], header="ABS_CALL\tID_REF\tVALUE\tP-VALUE")
    probes, found = read_values(entry_of(sample))
    assert (probes, found.tolist()) == (["a", "b"], [1, 2])


@pytest.mark.parametrize("announced", ["", "²", "many", "12a"])
def test_a_row_count_that_is_no_number_announces_nothing(announced: str) -> None:
    sample = Sample("GSM1", ROWS, attributes={"data_row_count": announced})
    assert len(read_values(entry_of(sample))[0]) == 5


SOFT_LINES = st.sampled_from(
    [
        *series(["GSM1"]).splitlines(),
        *platform(["p1\tNA\t1", "p2\tX\t///"]).splitlines(),
        *Sample("GSM1", ["p1\t1", "p2\t-2"]).text().splitlines(),
        "^SAMPLE", "^", "!", "!=", "!Sample_platform_id", "!Sample_platform_id = GPL96", "!Series_platform_id =",
        "!sample_table_begin", "!sample_table_end", "!platform_table_begin", "!platform_table_end", "ID_REF\tVALUE",
        "ID\tENTREZ_GENE_ID", "ID_REF\tVALUE\tVALUE", "VALUE\tID_REF", "p1\tinf", "p1\t1e999", "p1", "p1\t\t\t",
        '"p1\t2', "\t", "", "ENTREZ_GENE_ID\tSymbol", "!Sample_data_row_count = 99999999999999999999", "\0",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("soft")


def read_or_refuse(folder: Path, data: bytes, tables: GeneTables) -> None:
    """Write a cohort from a file's bytes: there is a cohort, or one line for the user."""
    path = folder / "any.soft.gz"
    path.write_bytes(data)
    outputs = folder / "any.h5ad", folder / "any.qc.tsv"
    for output in outputs:
        output.unlink(missing_ok=True)
    try:
        write_series_cohort(SeriesSource("any", "GSE1", "GPL96", "auto", "GSE1"), received(path), tables, *outputs)
    except UserError as error:
        assert "\n" not in str(error)
        assert not any(output.exists() for output in outputs)
    else:
        assert all(output.exists() for output in outputs)


@pytest.fixture
def quick_names(resources: Path, gene_names: GeneNames, monkeypatch: pytest.MonkeyPatch) -> GeneTables:
    """Return the tables of genes, names read once for all examples."""
    monkeypatch.setattr("landex.genes.GeneNames.read", lambda path: gene_names)
    genes = resources / "genes"
    return GeneTables(genes / "ids.tsv.gz", genes / "landmarks.tsv", genes / "targets.tsv")


anything = settings(max_examples=150, suppress_health_check=["function_scoped_fixture"])


@anything
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_cohort_or_one_line_for_the_user(folder: Path, quick_names: GeneTables, data: bytes) -> None:
    read_or_refuse(folder, data, quick_names)
    read_or_refuse(folder, gzip.compress(data), quick_names)


@anything
@given(parts=st.lists(SOFT_LINES, max_size=40))
def test_any_lines_of_soft_are_a_cohort_or_one_line_for_the_user(
    folder: Path, quick_names: GeneTables, parts: list[str]
) -> None:
    read_or_refuse(folder, gzip.compress(lines(parts).encode()), quick_names)


@anything
@given(place=st.integers(0, 10_000), number=st.integers(0, 30), replacement=st.lists(SOFT_LINES, max_size=3))
def test_any_damage_to_a_file_is_a_cohort_or_one_line_for_the_user(
    folder: Path, quick_names: GeneTables, place: int, number: int, replacement: list[str]
) -> None:
    text = family(TWO).splitlines()
    place %= len(text)
    text[place : place + number] = replacement
    read_or_refuse(folder, gzip.compress(lines(text).encode()), quick_names)


@pytest.fixture(scope="module")
def whole() -> bytes:
    return gzip.compress(family(TWO).encode(), mtime=0)


@anything
@given(place=st.integers(0, 10_000), bits=st.integers(1, 255), cut=st.one_of(st.none(), st.integers(0, 10_000)))
def test_a_file_with_a_flipped_byte_or_a_lost_end_is_never_another_matrix(
    folder: Path, quick_names: GeneTables, whole: bytes, place: int, bits: int, cut: int | None
) -> None:
    data = bytearray(whole)
    if cut is None:
        data[place % len(data)] ^= bits
    else:
        data = data[: cut % len(data)]
    read_or_refuse(folder, whole, quick_names)
    with open_matrix(folder / "any.h5ad") as matrix:
        expected = matrix.read()
    read_or_refuse(folder, bytes(data), quick_names)
    if (folder / "any.h5ad").exists():
        # Only what a gzip file's head says of its time, system and name may differ unseen.
        with open_matrix(folder / "any.h5ad") as matrix:
            np.testing.assert_array_equal(matrix.read(), expected)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=30))
def test_numbers_are_read_as_python_reads_them(numbers: list[float]) -> None:
    rows = "".join(f"p{place}\t{number!r}\n" for place, number in enumerate(numbers))
    found = ValueTables().read(f"ID_REF\tVALUE\n{rows}".encode())
    assert found is not None
    assert found[1].tolist() == numbers


CELLS = st.one_of(
    st.floats(width=64).map(repr),
    st.sampled_from(["", "null", "NA", "1,5", "1_0", "0x10", "1e999", "- 3", "+3", ".5", "5.", "1d5", "inf", " 7 "]),
    st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=4),
)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12))
def test_the_quick_reader_and_the_careful_one_agree(cells: list[tuple[str, str]]) -> None:
    """What Arrow takes for a number, pandas does too, and the same; what it refuses is judged by pandas alone."""
    sample = Sample("GSM1", [f"p{place}{name}\t{value}" for place, (name, value) in enumerate(cells)])
    entry = entry_of(sample)
    quick = ValueTables().read(entry.body or b"")
    if quick is None:
        return
    probes, found = _values_with_reasons(entry, ValueTables())
    assert probes.names == quick[0].names
    np.testing.assert_allclose(found, quick[1], rtol=1e-15)
