"""Names of genes: Entrez ids from symbols, aliases and Ensembl ids, and what has none."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from landex.errors import UserError
from landex.genes import GeneNames
from landex.tsv import read_tsv


@pytest.fixture(scope="module")
def names() -> GeneNames:
    rows = [
        # Two genes share an Ensembl id and an alias; one is called NA; two share a symbol.
        ("10", "AAA", "OLD1|SHARED", "ENSG00000000010|ENSG00000000011"),
        ("20", "BBB", "SHARED|AAA2", "ENSG00000000011"),
        ("30", "NA", "", ""),
        ("40", "DUP", "", ""),
        ("50", "DUP", "DUPALIAS", "ENSG00000000050"),
        ("60", "HLA-A", "BBBOLD", "ENSG00000000060"),
    ]
    return GeneNames(pd.DataFrame(rows, columns=["entrez", "symbol", "aliases", "ensembl"]))


def identified(names: GeneNames, asked: list[str], kind: str) -> list[tuple[str, str, str, bool]]:
    table = names.identify(asked, kind)
    assert list(table.columns) == ["gene", "symbol", "ensembl", "mapped", "own"]
    assert table["own"].tolist() == [name.partition(".")[0] if name.startswith("ENSG") else name for name in asked]
    return list(table[["gene", "symbol", "ensembl", "mapped"]].itertuples(index=False, name=None))


def test_symbols_are_named_by_entrez_id_and_unknown_ones_by_themselves(names: GeneNames) -> None:
    assert identified(names, ["BBB", "NA", "NOVEL", "HLA.A"], "symbol") == [
        ("20", "BBB", "ENSG00000000011", True),
        ("30", "NA", "", True),
        ("NOVEL", "NOVEL", "", False),
        ("60", "HLA-A", "ENSG00000000060", True),
    ]


def test_of_genes_with_one_symbol_that_with_an_ensembl_id_takes_it(names: GeneNames) -> None:
    assert identified(names, ["DUP"], "symbol")[0][0] == "50"


def test_an_alias_counts_if_it_is_one_genes_only(names: GeneNames) -> None:
    assert [row[0] for row in identified(names, ["OLD1", "SHARED", "DUPALIAS"], "symbol")] == ["10", "SHARED", "50"]


def test_an_alias_does_not_count_where_its_gene_comes_by_its_own_symbol(names: GeneNames) -> None:
    assert [row[0] for row in identified(names, ["OLD1", "AAA"], "symbol")] == ["OLD1", "10"]


def test_ensembl_ids_lose_their_version_and_the_lowest_entrez_id_takes_a_shared_one(names: GeneNames) -> None:
    asked = ["ENSG00000000010.7", "ENSG00000000011", "ENSG00000099999.1", "LRG_1"]
    assert identified(names, asked, "ensembl") == [
        ("10", "AAA", "ENSG00000000010", True),
        ("10", "AAA", "ENSG00000000010", True),
        ("ENSG00000099999", "", "ENSG00000099999", False),
        ("LRG_1", "LRG_1", "", False),
    ]


def test_entrez_ids_are_kept_and_those_that_are_none_are_unmapped(names: GeneNames) -> None:
    assert identified(names, ["20", "990099", "NOVEL"], "entrez") == [
        ("20", "BBB", "ENSG00000000011", True),
        ("990099", "990099", "", False),
        ("NOVEL", "NOVEL", "", False),
    ]


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (["AAA", "BBB", "10"], "symbol"),
        (["10", "20", "AAA"], "entrez"),
        (["ENSG00000000010.3", "ENSG00000012345", "AAA"], "ensembl"),
        (["OLD1", *["unknown"] * 9], "symbol"),
        (["200814_at", "204326_x_at", "219053_s_at", "AFFX-BioB-5_at", "1007_s_at", "39318_at", "AAA"], "probe"),
    ],
)
def test_the_kind_of_names_is_that_of_most_of_them(names: GeneNames, asked: list[str], kind: str) -> None:
    assert names.detect(asked) == kind


def test_names_that_are_none_of_the_kinds_are_refused(names: GeneNames) -> None:
    with pytest.raises(UserError, match=r"not named by human Entrez ids, symbols or Ensembl ids .*first: p1, p2, p3"):
        names.detect(["p1", "p2", "p3", "AAA", *["p4"] * 8])


@pytest.mark.parametrize(
    ("symbol", "entrez"),
    [("TP53", "7157"), ("HLA.A", "3105"), ("SEPT9", "10801"), ("MARCH3", "115123"), ("AARS", "16")],
)
def test_names_of_the_demo_data_that_have_changed_since_are_known(
    gene_names: GeneNames, symbol: str, entrez: str
) -> None:
    assert identified(gene_names, [symbol], "symbol")[0][0] == entrez


def test_every_landmark_and_target_is_known_by_entrez_symbol_and_ensembl(
    gene_names: GeneNames, resources: Path
) -> None:
    for name in ("landmarks", "targets"):
        table = read_tsv(resources / f"genes/{name}.tsv", ["entrez", "symbol", "ensembl"])
        known = gene_names.identify(table["entrez"].tolist(), "entrez")
        own = known["symbol"].eq(table["symbol"])
        assert own.mean() > 0.98, name


def test_genes_called_na_stay_text(tmp_path: Path) -> None:
    (tmp_path / "ids.tsv").write_text("entrez\tsymbol\n1\tNA\n2\t\n3\tnull\n")
    assert read_tsv(tmp_path / "ids.tsv", ["entrez"])["symbol"].tolist() == ["NA", "", "null"]


PACKED = gzip.compress(b"entrez\tsymbol\n" * 500, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", b"gene\tsymbol\n1\tA\n", "the column entrez is missing; it has gene, symbol"),
        ("t.tsv", b"", "not readable as a tab-separated table"),
        ("t.tsv", b"entrez\n1\n2\t3\t4\n", "not readable as a tab-separated table"),
        ("t.tsv", b"entrez\n\xff\n", "not readable as a tab-separated table"),
        ("t.tsv.gz", b"entrez\n1\n", "not readable as a tab-separated table"),
        ("t.tsv.gz", PACKED[:-9], "not readable as a tab-separated table"),
        ("t.tsv.gz", PACKED[:12] + b"\xff" * 20 + PACKED[32:], "not readable as a tab-separated table"),
    ],
    ids=["column", "empty", "ragged", "bytes", "not packed", "cut", "damaged"],
)
def test_a_table_that_cannot_be_read_is_one_clear_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: {message}") as error:
        read_tsv(tmp_path / name, ["entrez"])
    assert "\n" not in str(error.value)


def test_a_table_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.tsv: not readable"):
        read_tsv(tmp_path / "absent.tsv", [])
