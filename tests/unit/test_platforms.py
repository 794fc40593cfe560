"""Genes of probes: from GEO's annotations, tables of one's own, and the project's lists."""

import gzip
from pathlib import Path

import pytest

from landex.errors import UserError
from landex.genes import GeneNames
from landex.platforms import genes_of_probes, read_annotation

ANNOTATION = """^Annotation
!Annotation_platform = GPL97
#ID = ID from Platform data table
!platform_table_begin
ID\tGene title\tGene symbol\tGene ID
200000_s_at\tPRP8 "homolog\tPRPF8\t10594
200001_at\tcalpain\tCAPNS1\t826
200002_at\tseveral\tA///B\t826///10594
200003_at\tnone\t\t
!platform_table_end
"""
PROBES = ["200001_at", "unknown_at", "200000_s_at", "200002_at", "200003_at"]


@pytest.fixture
def lists(resources: Path) -> tuple[Path, Path]:
    return resources / "genes/landmarks.tsv", resources / "genes/targets.tsv"


@pytest.mark.parametrize("packed", [False, True])
def test_geos_annotation_names_the_genes_of_probes_in_the_files_order(
    tmp_path: Path, lists: tuple[Path, Path], gene_names: GeneNames, packed: bool
) -> None:
    path = tmp_path / ("GPL97.annot.gz" if packed else "GPL97.annot")
    path.write_bytes(gzip.compress(ANNOTATION.encode()) if packed else ANNOTATION.encode())
    found = genes_of_probes(PROBES, path, lists, gene_names)
    assert found["own"].tolist() == PROBES
    # A probe of several genes, of none, or that the platform does not have, has no gene.
    assert found["gene"].tolist() == ["826", "", "10594", "", ""]
    assert found["symbol"].tolist() == ["CAPNS1", "", "PRPF8", "", ""]
    assert found["mapped"].tolist() == [True, False, True, False, False]


def test_a_plain_table_of_symbols_serves_too(tmp_path: Path, lists: tuple[Path, Path], gene_names: GeneNames) -> None:
    (tmp_path / "probes.tsv").write_text("ID\tsymbol\nmine1\tTP53\nmine2\tBRCA1\n")
    found = genes_of_probes(["mine2", "mine1"], tmp_path / "probes.tsv", lists, gene_names)
    assert found["gene"].tolist() == ["672", "7157"]


def test_without_a_table_the_projects_lists_know_the_probes_of_hg_u133a(
    lists: tuple[Path, Path], gene_names: GeneNames
) -> None:
    # AARS1's landmark probe, TSPAN6's as a landmark and as a target, HIST1H2BI's, which has no Entrez id.
    found = genes_of_probes(["201000_at", "209109_s_at", "209108_at", "208523_x_at"], None, lists, gene_names)
    assert found["gene"].tolist()[:3] == ["16", "7105", "7105"]
    assert found["gene"].iloc[3].startswith("ENSG")
    assert found["mapped"].tolist() == [True, True, True, False]


def test_probes_of_another_platform_are_refused_with_what_to_do(
    lists: tuple[Path, Path], gene_names: GeneNames
) -> None:
    with pytest.raises(
        UserError, match=r"0 of its 12 probes are in the project's lists of HG-U133A .*annotation: path"
    ):
        genes_of_probes([f"ILMN_{number}" for number in range(12)], None, lists, gene_names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ANNOTATION.partition("200001_at")[0], "its table of probes is cut short; fetch it again"),
        ("probe\tsymbol\np1\tTP53\n", "its table has no column ID, which names probes; it has probe, symbol"),
        ("", "not readable as a platform's table"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.annot").write_text(text)
    with pytest.raises(UserError, match=message):
        read_annotation(tmp_path / "t.annot")


def test_a_packed_table_that_is_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.annot.gz").write_bytes(gzip.compress(ANNOTATION.encode() * 40)[:-9])
    with pytest.raises(UserError, match=r"t\.annot\.gz: not readable as a platform's table"):
        read_annotation(tmp_path / "t.annot.gz")


def test_a_table_without_names_of_genes_is_refused(
    tmp_path: Path, lists: tuple[Path, Path], gene_names: GeneNames
) -> None:
    (tmp_path / "t.tsv").write_text("ID\tspot\np1\t1\n")
    with pytest.raises(UserError, match=r"t\.tsv: its table has no column of Entrez ids .*it has ID, spot"):
        genes_of_probes(["p1"], tmp_path / "t.tsv", lists, gene_names)
