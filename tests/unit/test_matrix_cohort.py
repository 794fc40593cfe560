"""Cohorts from matrix files: what is read, and what is refused by file, sample and gene."""

import gzip
import lzma
import re
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.typing import NDArray

from landex.errors import UserError
from landex.formats.files import create_matrix_file
from landex.genes import GeneNames, GeneTables
from landex.h5ad import open_matrix
from landex.matrix_cohort import MatrixSource, write_matrix_cohort

GENES, SAMPLES = 130, ["a", "b", "c"]
RESOURCES = Path(__file__).parents[2] / "resources/genes"
TABLES = GeneTables("ids", RESOURCES / "landmarks.tsv", RESOURCES / "targets.tsv")


@pytest.fixture(autouse=True)
def quick_names(gene_names: GeneNames, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landex.genes.GeneNames.read", lambda path: gene_names)


@pytest.fixture(scope="module")
def entrez(gene_names: GeneNames) -> list[str]:
    return gene_names.table["entrez"].iloc[:GENES].tolist()


@pytest.fixture(scope="module")
def values() -> NDArray[np.float64]:
    """Return values of shape (samples, genes) that a short text holds exactly."""
    return np.random.default_rng(1).integers(0, 64 * 14, (len(SAMPLES), GENES)) / 64


def text_of(names: list[str], values: NDArray[np.float64], separator: str = "\t", corner: str | None = "gene") -> str:
    header = SAMPLES if corner is None else [corner, *SAMPLES]
    rows = [[name, *map(str, row)] for name, row in zip(names, values.T, strict=True)]
    return "".join(separator.join(row) + "\n" for row in [header, *rows])


def cohort_of(
    path: Path, values: str = "log2", genes: str = "entrez", series: str = "mine", group: str = "mine"
) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.float32]]:
    source = MatrixSource("small", str(path), values, genes, series, group)
    folder = path.parent / "out"
    write_matrix_cohort(source, TABLES, folder / "cohort.h5ad", folder / "qc.tsv", 2)
    with open_matrix(folder / "cohort.h5ad") as matrix:
        return matrix.obs, matrix.var, matrix.read()


PACKED: dict[str, Callable[[bytes], bytes]] = {"": lambda data: data, ".gz": gzip.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize(("suffix", "separator"), [(".tsv", "\t"), (".csv", ",")])
@pytest.mark.parametrize("corner", ["gene", "", None], ids=["named", "unnamed", "R"])
def test_tables_are_read_in_every_form(
    tmp_path: Path,
    entrez: list[str],
    values: NDArray[np.float64],
    packing: str,
    suffix: str,
    separator: str,
    corner: str | None,
) -> None:
    path = tmp_path / f"matrix{suffix}{packing}"
    path.write_bytes(PACKED[packing](text_of(entrez, values, separator, corner).encode()))
    obs, var, found = cohort_of(path)
    assert obs.index.tolist() == SAMPLES
    assert var.index.tolist() == entrez
    np.testing.assert_array_equal(found, values.astype(np.float32))
    assert obs[["series", "platform", "group", "title", "source"]].values.tolist() == [
        ["mine", "", "mine", sample, "small"] for sample in SAMPLES
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: re.sub(r"^([^\t]+)", r'"\1"', text, flags=re.MULTILINE),
        lambda text: "\ufeff" + text,
    ],
    ids=["windows", "no last line end", "quoted names", "byte order mark"],
)
def test_small_differences_of_text_change_nothing(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64], change: Callable[[str], str]
) -> None:
    (tmp_path / "matrix.tsv").write_bytes(change(text_of(entrez, values, corner=None)).encode())
    obs, var, found = cohort_of(tmp_path / "matrix.tsv")
    assert obs.index.tolist() == SAMPLES
    assert var.index.tolist() == entrez
    np.testing.assert_array_equal(found, values.astype(np.float32))


@pytest.mark.parametrize("word", ["", "NA", "NaN", "null", "N/A"])
def test_missing_values_are_missing(tmp_path: Path, entrez: list[str], values: NDArray[np.float64], word: str) -> None:
    rows = text_of(entrez, values).splitlines()
    rows[5] = f"{entrez[4]}\t{word}\t1.5\t{word}"
    (tmp_path / "matrix.tsv").write_text("\n".join(rows))
    found = cohort_of(tmp_path / "matrix.tsv")[2]
    np.testing.assert_array_equal(found[:, 4], [np.nan, 1.5, np.nan])
    assert np.isnan(found).sum() == 2


def test_a_gene_called_na_keeps_its_name_and_values(tmp_path: Path, values: NDArray[np.float64]) -> None:
    names = ["null", "None", "nan", "N/A", *(f"novel{number}" for number in range(GENES - 4))]
    (tmp_path / "matrix.tsv").write_text(text_of(names, values))
    _, var, found = cohort_of(tmp_path / "matrix.tsv", genes="symbol")
    assert var.index.tolist() == names
    assert not var["mapped"].any()
    np.testing.assert_array_equal(found, values.astype(np.float32))


def test_rows_of_one_gene_are_averaged(tmp_path: Path, entrez: list[str], values: NDArray[np.float64]) -> None:
    (tmp_path / "matrix.tsv").write_text(text_of([*entrez[:-1], entrez[0]], values))
    _, var, found = cohort_of(tmp_path / "matrix.tsv")
    assert var.index.tolist() == entrez[:-1]
    np.testing.assert_allclose(found[:, 0], (values[:, 0] + values[:, -1]) / 2)
    assert var["columns"].tolist() == [2] + [1] * (GENES - 2)


def test_counts_become_log2_counts_per_million(tmp_path: Path, entrez: list[str]) -> None:
    counts = np.random.default_rng(2).integers(0, 5000, (3, GENES)).astype(float)
    (tmp_path / "matrix.tsv").write_text(text_of(entrez, counts))
    found = cohort_of(tmp_path / "matrix.tsv", "counts")[2]
    expected = np.log2(1 + counts / counts.sum(axis=1, keepdims=True) * 1e6)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


HEADER = b"gene\ta\tb\tc\n"
DAMAGED_GZIP = gzip.compress(b"gene\ta\n" * 500, mtime=0)
REFUSED = {
    "no file": (None, "not readable"),
    "empty": (b"", "not readable as a table .*its header has 0 cells"),
    "header only": (HEADER, "not readable as a table"),
    "no table": (b"<html>\n<body>\n", "not readable as a table .*its header has 1 cells, its first row 1"),
    "another separator": (b"gene,a,b\n1,2,3\n", "not readable as a table .*separator"),
    "one very long line": (b"gene" + b",sample" * 50_000 + b"\n1,2\n", "not readable as a table"),
    "a longer row": (HEADER + b"1\t1\t2\t3\n2\t1\t2\t3\t4\n", "the row of 2 has 5 cells, not 4; is the file whole"),
    "a shorter row": (HEADER + b"1\t1\t2\t3\n2\t1\t2", "the row of 2 has 3 cells, not 4; is the file whole"),
    "binary": (b"\x00\xff\xfe" * 50, "not readable as a table"),
    "text in a cell": (HEADER + b"1\t1\t2\t3\nTP53\t1\tlow\t3\n", "sample b, gene TP53: 'low' is no number"),
    "a comma for a point": (HEADER + b"1\t1\t2\t3\nTP53\t1\t2\t3,5\n", "sample c, gene TP53: '3,5' is no number"),
    "yes and no": (
        HEADER + b"1\t1\tTRUE\t3\nTP53\t1\tFALSE\t2\n",
        "sample b, gene 1: .*[Tt][Rr][Uu][Ee].* is no number",
    ),
    "yes or nothing": (
        HEADER + b"1\t1\tTRUE\t3\nTP53\t1\t\t2\n",
        "sample b, gene 1: .*[Tt][Rr][Uu][Ee].* is no number",
    ),
    "a sample twice": (b"gene\ta\tb\ta\n1\t1\t2\t3\n", "names the sample a twice"),
    "packed, but not": ((".gz", HEADER), "not readable as a table"),
    "cut short": ((".gz", DAMAGED_GZIP[:-12]), "not readable as a table"),
    "damaged": ((".gz", DAMAGED_GZIP[:12] + b"\xff" * 20 + DAMAGED_GZIP[32:]), "not readable as a table"),
    "a damaged checksum": ((".gz", DAMAGED_GZIP[:-6] + b"\0" * 6), "not readable as a table"),
    "damaged xz": ((".xz", lzma.compress(b"gene\ta\n" * 500)[:40] + b"\xff" * 60), "not readable as a table"),
    "no xz": ((".xz", HEADER), "not readable as a table"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_no_matrix_of_numbers_is_refused_in_one_line(
    tmp_path: Path, content: bytes | tuple[str, bytes] | None, message: str
) -> None:
    packing, data = content if isinstance(content, tuple) else ("", content)
    path = tmp_path / f"matrix.tsv{packing}"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=rf"matrix\.tsv{packing}: .*{message}|matrix\.tsv{packing}: {message}") as error:
        cohort_of(path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out/cohort.h5ad").exists()


def test_numbers_too_large_for_an_integer_are_numbers(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64]
) -> None:
    rows = text_of(entrez, values).splitlines()
    rows[1] = f"{entrez[0]}\t{10**25}\t1\t2"
    (tmp_path / "matrix.tsv").write_text("\n".join(rows))
    assert cohort_of(tmp_path / "matrix.tsv")[2][0, 0] == np.float32(1e25)


def test_negative_counts_are_refused(tmp_path: Path, entrez: list[str], values: NDArray[np.float64]) -> None:
    (tmp_path / "matrix.tsv").write_text(text_of(entrez, values - 1))
    with pytest.raises(UserError, match=r"matrix\.tsv: has negative values, so they are no counts \(values: counts\)"):
        cohort_of(tmp_path / "matrix.tsv", "counts")


def test_samples_in_rows_are_refused_with_a_hint(tmp_path: Path) -> None:
    rows = [f"sample{number}\t" + "\t".join("123") for number in range(GENES)]
    (tmp_path / "matrix.tsv").write_text("id\tTP53\tBRCA1\tXK\n" + "\n".join(rows))
    with pytest.raises(
        UserError, match=r"matrix\.tsv: the genes are not named .*first: sample0, .*genes in a table stand in rows"
    ):
        cohort_of(tmp_path / "matrix.tsv", genes="auto")


def test_a_matrix_of_too_few_values_has_no_sample_left(tmp_path: Path) -> None:
    (tmp_path / "matrix.tsv").write_bytes(HEADER + b"1\t1\t2\t3\n")
    with pytest.raises(UserError, match=r"small: none of its 3 samples can be used \(it has 1 values only\)"):
        cohort_of(tmp_path / "matrix.tsv")


def write_anndata(path: Path, entrez: list[str], values: object, **columns: list[str]) -> Path:
    obs = pd.DataFrame(columns, index=SAMPLES)
    anndata.AnnData(values, obs, pd.DataFrame(index=entrez)).write_h5ad(path)
    return path


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32])
def test_anndata_has_samples_in_rows_and_labels_in_obs(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64], kind: type
) -> None:
    path = write_anndata(
        tmp_path / "m.h5ad", entrez, values.astype(kind), study=["s1", "s2", "s1"], patient=["p", "p", "q"]
    )
    obs, var, found = cohort_of(path, series="study", group="patient")
    assert obs.index.tolist() == SAMPLES
    assert obs["series"].tolist() == ["s1", "s2", "s1"]
    assert obs["group"].tolist() == ["p", "p", "q"]
    assert var.index.tolist() == entrez
    np.testing.assert_array_equal(found, values.astype(kind).astype(np.float32))


def test_a_label_that_is_no_column_is_one_name_for_all(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64]
) -> None:
    obs, _, _ = cohort_of(write_anndata(tmp_path / "m.h5ad", entrez, values, study=["1", "2", "3"]), series="GSE1")
    assert obs["series"].tolist() == ["GSE1"] * 3


def test_sparse_anndata_is_refused_with_what_to_do(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64]
) -> None:
    path = write_anndata(tmp_path / "m.h5ad", entrez, scipy.sparse.csr_matrix(values))
    with pytest.raises(
        UserError, match=r"m\.h5ad: its X is sparse; store it dense \(adata\.X = adata\.X\.toarray\(\)\)"
    ):
        cohort_of(path)


def test_a_file_that_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.h5ad").write_bytes(b"gene\ta\n")
    with pytest.raises(UserError, match=r"m\.h5ad: not readable as \.h5ad"):
        cohort_of(tmp_path / "m.h5ad")


def test_anndata_without_samples_is_refused(tmp_path: Path, entrez: list[str]) -> None:
    anndata.AnnData(np.zeros((0, GENES)), None, pd.DataFrame(index=entrez)).write_h5ad(tmp_path / "m.h5ad")
    for values in ("log2", "counts"):
        with pytest.raises(UserError, match="small: none of its 0 samples"):
            cohort_of(tmp_path / "m.h5ad", values)


def cohort_from(
    path: Path, source: MatrixSource, threads: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.float32]]:
    folder = path.parent / "out"
    write_matrix_cohort(source, TABLES, folder / "cohort.h5ad", folder / "qc.tsv", threads)
    with open_matrix(folder / "cohort.h5ad") as matrix:
        return matrix.obs, matrix.var, matrix.read()


def test_gct_and_gctx_have_labels_among_the_annotations_of_samples(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64]
) -> None:
    for suffix in (".gct", ".gctx"):
        path = tmp_path / f"plate{suffix}"
        fields = {"study": ["s1", "s2", "s1"], "patient": ["p", "p", "q"]}
        with create_matrix_file(path, SAMPLES, entrez, fields) as out:
            out.write(slice(0, 3), values.astype(np.float32))
        obs, var, found = cohort_of(path, series="study", group="patient")
        assert obs["series"].tolist() == ["s1", "s2", "s1"]
        assert obs["group"].tolist() == ["p", "p", "q"]
        assert var.index.tolist() == entrez
        np.testing.assert_array_equal(found, values.astype(np.float32))


def test_a_label_that_a_sample_lacks_is_refused(tmp_path: Path, entrez: list[str], values: NDArray[np.float64]) -> None:
    with create_matrix_file(tmp_path / "plate.gct", SAMPLES, entrez, {"study": ["s1", "", "s1"]}) as out:
        out.write(slice(0, 3), values.astype(np.float32))
    with pytest.raises(UserError, match=r"plate\.gct: the samples' field study \(series\) has no value for b"):
        cohort_of(tmp_path / "plate.gct", series="study")


def test_probes_are_found_out_and_named_by_the_projects_lists(tmp_path: Path, values: NDArray[np.float64]) -> None:
    landmarks = pd.read_csv(RESOURCES / "landmarks.tsv", sep="\t", dtype=str)
    probes = [*landmarks["probe"][: GENES - 2], "209108_at", "AFFX-BioB-5_at"]
    (tmp_path / "matrix.tsv").write_text(text_of(probes, values))
    _, var, found = cohort_of(tmp_path / "matrix.tsv", genes="auto")
    # 209108_at measures TSPAN6, which is no landmark here, or one with its landmark's probe.
    expected = landmarks["entrez"][: GENES - 2].tolist()
    assert set(var.index) == {*expected, "7105"}
    assert var["mapped"].all()
    np.testing.assert_array_equal(found[:, 0], values[:, 0].astype(np.float32))


def test_zeros_of_tpm_stay_and_those_of_linear_values_go_missing(tmp_path: Path, entrez: list[str]) -> None:
    tpm = np.random.default_rng(3).gamma(0.6, 30, (3, GENES)).round(3)
    tpm[:, ::5] = 0
    (tmp_path / "matrix.tsv").write_text(text_of(entrez, tpm))
    np.testing.assert_allclose(cohort_of(tmp_path / "matrix.tsv", "tpm")[2], np.log2(1 + tpm), rtol=1e-6)
    found = cohort_of(tmp_path / "matrix.tsv", "linear")
    assert len(found[1]) == np.count_nonzero(tpm.any(axis=0))
    assert not np.isin(np.array(entrez)[~tpm.any(axis=0)], found[1].index).any()


def test_counts_with_lengths_become_tpm_of_the_genes_that_have_one(tmp_path: Path, entrez: list[str]) -> None:
    counts = np.random.default_rng(4).integers(0, 5000, (3, GENES)).astype(float)
    lengths = np.random.default_rng(5).integers(200, 9000, GENES).astype(float)
    (tmp_path / "matrix.tsv").write_text(text_of(entrez, counts))
    rows = [f"{gene}\t{length:.0f}" for gene, length in zip(entrez, lengths, strict=True)]
    (tmp_path / "lengths.tsv").write_text("gene\tlength\n" + "\n".join(reversed(rows[:-3])) + "\n")
    source = MatrixSource("small", str(tmp_path / "matrix.tsv"), "counts", lengths=str(tmp_path / "lengths.tsv"))
    _, var, found = cohort_from(tmp_path / "matrix.tsv", source)
    rates = counts[:, :-3] / lengths[:-3]
    assert var.index.tolist() == entrez[:-3]
    np.testing.assert_allclose(found, np.log2(1 + 1e6 * rates / rates.sum(axis=1, keepdims=True)), rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene\tsize\n1\t2\n", "the column length is missing"),
        ("gene\tlength\n1\tlong\n", "the length of 1 is 'long', not a number above 0"),
        ("gene\tlength\n1\t0\n", "the length of 1 is '0', not a number above 0"),
        ("gene\tlength\nx1\t5\nx2\t6\n", "the genes are not named by human Entrez ids"),
        ("gene\tlength\nTP53\t2591\n", r"has a length for none of the genes of .*matrix\.tsv"),
    ],
)
def test_lengths_that_say_nothing_are_refused(tmp_path: Path, entrez: list[str], text: str, message: str) -> None:
    counts = np.ones((3, GENES)) + np.arange(GENES)
    (tmp_path / "matrix.tsv").write_text(text_of(entrez, counts))
    (tmp_path / "lengths.tsv").write_text(text)
    source = MatrixSource("small", str(tmp_path / "matrix.tsv"), "counts", lengths=str(tmp_path / "lengths.tsv"))
    with pytest.raises(UserError, match=rf"lengths\.tsv: {message}"):
        cohort_from(tmp_path / "matrix.tsv", source)


def test_many_samples_come_in_blocks_the_same_with_any_number_of_threads(tmp_path: Path, entrez: list[str]) -> None:
    values = np.random.default_rng(6).normal(7, 2, (700, GENES)).astype(np.float32)
    # Samples that cannot be used stand at the edges of blocks.
    values[[0, 255, 256, 511, 699]] = 5
    names = [f"s{row}" for row in range(700)]
    with create_matrix_file(tmp_path / "m.gctx", names, entrez) as out:
        out.write(slice(0, 700), values)
    results = [
        cohort_from(tmp_path / "m.gctx", MatrixSource("small", str(tmp_path / "m.gctx"), "log2"), threads)
        for threads in (1, 3)
    ]
    for obs, _, found in results:
        kept = np.setdiff1d(np.arange(700), [0, 255, 256, 511, 699])
        assert obs.index.tolist() == [names[row] for row in kept]
        np.testing.assert_array_equal(found, values[kept])
    qc = pd.read_csv(tmp_path / "out/qc.tsv", sep="\t")
    assert qc["sample"].tolist() == names
    assert qc["reason"][255] == "all its values are the same"


def test_a_csv_with_samples_in_rows_is_a_cohort(tmp_path: Path, entrez: list[str], values: NDArray[np.float64]) -> None:
    rows = [[name, *map(str, row)] for name, row in zip(SAMPLES, values, strict=True)]
    (tmp_path / "gene.csv").write_text("\n".join(",".join(row) for row in [["", *entrez], *rows]) + "\n")
    source = MatrixSource("small", str(tmp_path / "gene.csv"), "log2", samples="rows")
    obs, var, found = cohort_from(tmp_path / "gene.csv", source)
    assert obs.index.tolist() == SAMPLES
    assert var.index.tolist() == entrez
    np.testing.assert_array_equal(found, values.astype(np.float32))


def test_with_a_platforms_table_names_are_probes_whatever_they_look_like(
    tmp_path: Path, entrez: list[str], values: NDArray[np.float64]
) -> None:
    probes = [f"ILMN_{number}" for number in range(GENES)]
    (tmp_path / "matrix.tsv").write_text(text_of(probes, values))
    rows = [f"{probe}\t{gene}" for probe, gene in zip(probes, entrez, strict=True)]
    (tmp_path / "GPL1.tsv").write_text("ID\tentrez\n" + "\n".join(rows) + "\n")
    source = MatrixSource("small", str(tmp_path / "matrix.tsv"), "log2", annotation=str(tmp_path / "GPL1.tsv"))
    assert cohort_from(tmp_path / "matrix.tsv", source)[1].index.tolist() == entrez
