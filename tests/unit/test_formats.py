"""Matrix files: every format comes back to the bit, and a bad file is one clear line."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from landex.errors import UserError
from landex.formats.endings import SUFFIXES
from landex.formats.files import create_matrix_file, open_matrix_file
from landex.formats.gctx import create_gctx
from landex.formats.matrix_file import Content, Fields, places_of_blocks

SAMPLES = ["a", "NA", "x:01 é"]
GENES = ["7157", "nan", "null", "TP53", "200814_at"]
SAMPLE_FIELDS = {"cell": ["A375", "", "VCAP, wild"], "dose": ["1", "2.50", "NaN"]}
GENE_FIELDS = {"pr_gene_symbol": ["TP53", "NA", "NULL", "a b", "µ"]}
FLOAT32 = arrays(np.float32, (3, 5), elements=st.floats(width=32))


def write(path: Path, values: NDArray[np.float32], block: int = 2) -> None:
    with create_matrix_file(path, SAMPLES, GENES, SAMPLE_FIELDS, GENE_FIELDS) as out:
        for place in places_of_blocks(len(values), block):
            out.write(place, values[place])


def read(path: Path) -> tuple[list[str], list[str], Fields, Fields, NDArray[np.floating]]:
    with open_matrix_file(path) as file:
        blocks = [block for _, block in file.blocks()]
        again = file.read(slice(0, len(file.samples)))
        np.testing.assert_array_equal(again, np.concatenate(blocks))
        return file.samples, file.genes, file.sample_fields, file.gene_fields, again


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=FLOAT32)
def test_what_is_written_comes_back_to_the_bit(tmp_path: Path, suffix: str, values: NDArray[np.float32]) -> None:
    path = tmp_path / f"m{suffix}"
    write(path, values)
    samples, genes, of_samples, of_genes, found = read(path)
    assert samples == SAMPLES
    assert genes == GENES
    if suffix.partition(".gz")[0].partition(".xz")[0] in (".gct", ".gctx", ".h5ad"):
        assert of_samples == SAMPLE_FIELDS
        assert of_genes == GENE_FIELDS
    back = found.astype(np.float32)
    np.testing.assert_array_equal(back, values)
    np.testing.assert_array_equal(np.signbit(back[~np.isnan(values)]), np.signbit(values[~np.isnan(values)]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_content_makes_the_same_bytes_and_blocks_may_come_in_any_order(tmp_path: Path, suffix: str) -> None:
    values = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    write(tmp_path / f"one{suffix}", values)
    with create_matrix_file(tmp_path / f"two{suffix}", SAMPLES, GENES, SAMPLE_FIELDS, GENE_FIELDS) as out:
        out.write(slice(2, 3), values[2:])
        out.write(slice(0, 2), values[:2])
    np.testing.assert_array_equal(read(tmp_path / f"one{suffix}")[-1], read(tmp_path / f"two{suffix}")[-1])
    if suffix not in (".gctx", ".h5ad"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_writer_that_fails_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(RuntimeError), create_matrix_file(tmp_path / f"m{suffix}", SAMPLES, GENES):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".gctx", ".gct", ".h5ad"])
def test_files_without_samples_are_files(tmp_path: Path, suffix: str) -> None:
    with create_matrix_file(tmp_path / f"m{suffix}", [], GENES, {"dose": []}):
        pass
    with open_matrix_file(tmp_path / f"m{suffix}") as file:
        assert (file.samples, file.genes, list(file.sample_fields)) == ([], GENES, ["dose"])
        assert list(file.blocks()) == []
        assert file.read(slice(0, 0)).shape == (0, 5)


GCT12 = "#1.2\n2\t3\nName\tDescription\ta\tb\tc\nTP53\ttumour\t1\t2.5\t\nXK\tNA\t-4\t1e3\tNaN\n"
GCT13 = "#1.3\n2\t2\t1\t1\nid\tsymbol\ta\tb\ndose\t-666\tlow\thigh\n200814_at\tPSME1\t1.5\t2\n7157\tTP53\t3\t4\n"


def test_gct_1_2_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.gct").write_text(GCT12)
    samples, genes, of_samples, of_genes, values = read(tmp_path / "m.gct")
    assert (samples, genes) == (["a", "b", "c"], ["TP53", "XK"])
    assert (of_samples, of_genes) == ({}, {"Description": ["tumour", "NA"]})
    np.testing.assert_array_equal(values, [[1, -4], [2.5, 1000], [np.nan, np.nan]])


@pytest.mark.parametrize("change", [str, lambda text: text.replace("\n", "\r\n"), lambda text: text.rstrip("\n")])
def test_gct_1_3_is_read_whatever_ends_its_lines(tmp_path: Path, change: Callable[[str], str]) -> None:
    (tmp_path / "m.gct").write_bytes(change(GCT13).encode())
    samples, genes, of_samples, of_genes, values = read(tmp_path / "m.gct")
    assert (samples, genes) == (["a", "b"], ["200814_at", "7157"])
    assert (of_samples, of_genes) == ({"dose": ["low", "high"]}, {"symbol": ["PSME1", "TP53"]})
    assert values.tolist() == [[1.5, 3], [2, 4]]


def test_columns_of_annotations_before_the_samples_are_no_samples(tmp_path: Path) -> None:
    text = "TargetID\tGene_Symbol\tChr\tCoord\tHG1\tHG2\nENSG00000152931.6\tENSG00000152931.6\t5\t59783540\t0.1\t0.2\n"
    (tmp_path / "GD462.GeneQuantRPKM.txt").write_text(text)
    samples, genes, _, of_genes, values = read(tmp_path / "GD462.GeneQuantRPKM.txt")
    assert (samples, genes) == (["HG1", "HG2"], ["ENSG00000152931.6"])
    assert of_genes == {"Gene_Symbol": ["ENSG00000152931.6"], "Chr": ["5"], "Coord": ["59783540"]}
    assert values.tolist() == [[0.1], [0.2]]


@pytest.mark.parametrize("chunks", [None, (2, 3), (600, 4), (1, 7)])
@pytest.mark.parametrize("kind", ["f4", "f8", "i4"])
def test_gctx_of_any_layout_is_read_in_blocks(tmp_path: Path, chunks: tuple[int, int] | None, kind: str) -> None:
    values = np.random.default_rng(1).integers(0, 99, (700, 7)).astype(kind)
    with h5py.File(tmp_path / "m.gctx", "w") as file:
        file.create_dataset("0/DATA/0/matrix", data=values, chunks=chunks)
        # As Matlab writes them: of one length, padded.
        file["0/META/COL/id"] = np.array([f"s{row}".ljust(9).encode() for row in range(700)], "S9")
        file["0/META/ROW/id"] = np.arange(7)
        file["0/META/COL/dose"] = np.arange(700.0)
        file["0/META/COL/other"] = np.arange(3)
    samples, genes, of_samples, _, found = read(tmp_path / "m.gctx")
    assert samples[699] == "s699"
    assert genes == ["0", "1", "2", "3", "4", "5", "6"]
    assert of_samples["dose"][:2] == ["0.0", "1.0"]
    assert of_samples.keys() == {"dose"}
    np.testing.assert_array_equal(found, values)


def gctx(spoil: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with create_gctx(path, Content.of(SAMPLES, GENES)) as out:
            out.write(slice(0, 3), np.zeros((3, 5), np.float32))
        with h5py.File(path, "a") as file:
            spoil(file)

    return make


def replace(name: str, data: object) -> Callable[[h5py.File], object]:
    def spoil(file: h5py.File) -> None:
        del file[name]
        file[name] = data

    return spoil


def damaged_gctx(path: Path) -> None:
    write(path, np.full((3, 5), 1.25, np.float32))
    content = path.read_bytes()
    mark = np.full(5, 1.25, np.float32).tobytes()
    assert mark in content
    path.write_bytes(content.replace(mark, bytes(len(mark)), 1))


PACKED = gzip.compress((GCT13 * 50).encode(), mtime=0)
TABLE = "gene\ta\tb\nTP53\t1\t2\nXK\t3\t4\n"
# A file's name, its content (or what makes it), and what is said about it.
REFUSED: dict[str, tuple[str, str | bytes | Callable[[Path], None], str]] = {
    "unknown ending": ("m.xlsx", "", r"not a matrix file that is known; known endings are \.h5ad, \.gctx, \.gct, "),
    "gct: no file": ("absent.gct", lambda path: None, "not readable as GCT .*No such file"),
    "gct: empty": ("m.gct", "", "not readable as GCT .it begins with '', not with #1.2 or #1.3"),
    "gct: another version": ("m.gct", GCT13.replace("#1.3", "#1.1"), "it begins with '#1.1', not with #1.2 or #1.3"),
    "gct: a table": ("m.gct", TABLE, "it begins with 'gene.ta.tb', not with #1.2"),
    "gct: counts": ("m.gct", "#1.3\n2\t2\n", "its second line does not hold 4 numbers"),
    "gct: negative counts": ("m.gct", GCT12.replace("2\t3", "2\t-3"), "its second line does not hold 2 numbers"),
    "gct: header": (
        "m.gct", GCT13.replace("2\t2\t1\t1", "2\t3\t1\t1"),
        "its header has 4 cells, where 3 samples and 1 fields of genes make 5",
    ),
    "gct: annotations": (
        "m.gct", GCT13.replace("\tlow\thigh", "\tlow"), "the annotation 'dose' has 3 cells, not 4",
    ),
    "gct: a short row": ("m.gct", GCT13.replace("\t3\t4", "\t3"), "the row of 7157 has 3 cells, not 4"),
    "gct: a long row": ("m.gct", GCT13.replace("\t3\t4", "\t3\t4\t5"), "the row of 7157 has 5 cells, not 4"),
    "gct: cut": (
        "m.gct", GCT13.rpartition("7157")[0], "it has 1 rows of genes, not the 2 that it announces; is the file whole?",
    ),
    "gct: too many rows": ("m.gct", GCT13 + "XK\tXK\t1\t2\n", "it has 3 rows of genes, not the 2 that it announces"),
    "gct: no number": ("m.gct", GCT13.replace("\t3\t4", "\t3\tlow"), "sample b, gene 7157: 'low' is no number"),
    "gct: bytes": ("m.gct", b"#1.3\n\xff\xfe\x00", "not readable as GCT"),
    "gct.gz: not packed": ("m.gct.gz", GCT13, "not readable as GCT .*[Nn]ot a gzipped file"),
    "gct.gz: cut": ("m.gct.gz", PACKED[:-15], "not readable as GCT"),
    "gct.gz: damaged": ("m.gct.gz", PACKED[:40] + b"\xff" * 9 + PACKED[49:], "not readable as GCT"),
    "gct.xz: cut": ("m.gct.xz", lzma.compress(GCT13.encode())[:-20], "not readable as GCT"),
    "gctx: no file": ("absent.gctx", lambda path: None, "not readable as GCTX .*No such file"),
    "gctx: text": ("m.gctx", GCT13, "not readable as GCTX"),
    "gctx: empty": ("m.gctx", "", "not readable as GCTX"),
    "gctx: other hdf5": (
        "m.gctx", gctx(lambda file: file.pop("0")), "not a GCTX file: it has no data set /0/DATA/0/matrix",
    ),
    "gctx: no ids": (
        "m.gctx", gctx(lambda file: file.pop("0/META/COL/id")), "not a GCTX file: it has no data set /0/META/COL/id",
    ),
    "gctx: turned": (
        "m.gctx", gctx(replace("0/DATA/0/matrix", np.zeros((5, 3)))),
        r"its matrix is 5 x 3, where 3 samples \(META/COL/id\) and 5 genes \(META/ROW/id\) are named",
    ),
    "gctx: text in cells": (
        "m.gctx", gctx(replace("0/DATA/0/matrix", np.full((3, 5), b"x"))), r"its matrix holds no numbers \(\|S1\)",
    ),
    "gctx: damaged": ("m.gctx", damaged_gctx, r"damaged .*; fetch it again"),
    "table: no file": ("absent.tsv", lambda path: None, "not readable as a table .*No such file"),
    "table: empty": ("m.csv", "", "not readable as a table .its header has 0 cells, its first row 0"),
    "table: cut": ("m.tsv", TABLE[:-3], "the row of XK has 2 cells, not 3; is the file whole"),
    "table: no number": ("m.txt", TABLE.replace("4", "four"), "sample b, gene XK: 'four' is no number"),
    "table: separator": ("m.csv", TABLE, "its header has 1 cells, its first row 1; separator ','"),
    "h5ad: no file": ("absent.h5ad", lambda path: None, r"not readable as \.h5ad"),
    "h5ad: text": ("m.h5ad", TABLE, r"not readable as \.h5ad"),
    "h5ad: other hdf5": (
        "m.h5ad", lambda path: h5py.File(path, "w").close(), "not an AnnData file: it has no obs, var and X",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_file_is_one_clear_line(
    tmp_path: Path, name: str, content: str | bytes | Callable[[Path], None], message: str
) -> None:
    path = tmp_path / name
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=message) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_an_annotation_that_would_break_a_row_is_written_as_spaces(tmp_path: Path) -> None:
    with create_matrix_file(tmp_path / "m.gct", ["a"], ["g"], {"note": ["one\ttwo\nthree"]}) as out:
        out.write(slice(0, 1), np.ones((1, 1), np.float32))
    assert read(tmp_path / "m.gct")[2] == {"note": ["one two three"]}


def test_a_field_whose_name_is_taken_in_gctx_gets_another_and_the_names_of_samples_stay(tmp_path: Path) -> None:
    fields = {"id": ["other"], "a/b": ["x"], "a_b": ["y"]}
    with create_matrix_file(tmp_path / "m.gctx", ["a"], ["g"], fields) as out:
        out.write(slice(0, 1), np.ones((1, 1), np.float32))
    samples, _, of_samples, _, _ = read(tmp_path / "m.gctx")
    assert samples == ["a"]
    assert of_samples == {"id_": ["other"], "a_b": ["x"], "a_b_": ["y"]}


def test_samples_may_stand_in_rows_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(",Length,TP53\ns1,1,2\ns2,3,\n")
    with open_matrix_file(tmp_path / "m.csv", "rows") as file:
        assert (file.samples, file.genes) == (["s1", "s2"], ["Length", "TP53"])
        np.testing.assert_array_equal(file.read(slice(0, 2)), [[1, 2], [3, np.nan]])
    (tmp_path / "m.csv").write_text(",Length,TP53\ns1,1,2\ns2,3,low\n")
    with (
        pytest.raises(UserError, match=r"m\.csv: sample s2, gene TP53: 'low' is no number"),
        open_matrix_file(tmp_path / "m.csv", "rows"),
    ):
        pass
