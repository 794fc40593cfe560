"""From columns to features: all of a gene, D-GEX's probes, and lists of one's own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landex.collapse import Collapse
from landex.errors import UserError
from landex.features import dgex_features, own_features
from landex.genes import GeneNames


@pytest.fixture(scope="module")
def dgex(resources: Path) -> pd.DataFrame:
    return dgex_features(resources / "genes/landmarks.tsv", resources / "genes/targets.tsv")


def columns_of(**gene_of_own: str) -> pd.DataFrame:
    """Return columns by their own name with their gene."""
    own, genes = list(gene_of_own), list(gene_of_own.values())
    return pd.DataFrame({"own": own, "gene": genes, "symbol": genes, "ensembl": "", "mapped": True})


def features_of(**probes: str) -> pd.DataFrame:
    """Return features by Entrez id (after an underscore), each with its probes."""
    names = [name.removeprefix("_") for name in probes]
    table = {"entrez": names, "symbol": "", "ensembl": "", "probes": list(probes.values())}
    return pd.DataFrame({**table, "landmark": False, "overlapping": False}, index=pd.Index(names, name="gene"))


def test_dgex_has_943_landmarks_of_one_probe_and_9520_targets_under_names_of_their_own(dgex: pd.DataFrame) -> None:
    assert dgex["landmark"].sum() == 943
    assert len(dgex) == 10_463
    assert dgex.index.is_unique
    assert not dgex.index.isin([""]).any()
    landmarks, overlapping = dgex[dgex["landmark"]], dgex[dgex["overlapping"]]
    assert not landmarks["probes"].str.contains(",").any()
    assert len(overlapping) == 445
    assert overlapping["entrez"].isin(landmarks["entrez"]).all()
    assert (overlapping.index == overlapping["ensembl"]).all()
    # A probe makes one feature only.
    assert dgex["probes"].str.split(",").explode().is_unique


def test_columns_of_a_gene_are_averaged_over_what_is_there() -> None:
    collapse = Collapse.by_gene(columns_of(a="7", b="9", c="7", d=""))
    assert collapse.var.index.tolist() == ["7", "9"]
    assert collapse.var["columns"].tolist() == [2, 1]
    values = np.array([[1, 5, 2, 99], [np.nan, 6, 4, 99], [np.nan, np.nan, np.nan, 99]], np.float32)
    np.testing.assert_array_equal(collapse(values), [[1.5, 5], [4, 6], [np.nan, np.nan]])


def test_features_are_the_means_of_their_probes_and_of_no_other_column() -> None:
    columns = columns_of(p1="7", p2="7", p3="7", p4="9")
    collapse = Collapse.by_features(columns, features_of(_7="p3,p1,p_gone", _9="p4", _11="p5"))
    assert collapse.var.index.tolist() == ["7", "9"]
    assert collapse(np.array([[1.0, 50, 2, 4]])).tolist() == [[1.5, 4]]


def test_where_genes_are_named_a_feature_takes_its_ensembl_id_else_its_gene_and_overlapping_ones_copy(
    dgex: pd.DataFrame, gene_names: GeneNames
) -> None:
    for names, kind in ((["ENSG00000000003.14", "ENSG00000000419"], "ensembl"), (["TSPAN6", "DPM1"], "symbol")):
        collapse = Collapse.by_features(gene_names.identify(names, kind), dgex)
        assert collapse.var.index.tolist() == ["7105", "ENSG00000000003", "8813"]
        assert collapse(np.array([[3.0, 4.0]])).tolist() == [[3, 3, 4]]


def test_a_feature_without_any_value_is_not_measured() -> None:
    collapse = Collapse.by_gene(columns_of(a="7", b="9", c="7", d="11"))
    left = collapse.measured(np.array([False, False, True, True]))
    assert left.var.index.tolist() == ["7", "11"]
    np.testing.assert_array_equal(left(np.array([[np.nan, np.nan, 3, 4]])), [[3, 4]])


def test_one_column_a_gene_is_no_arithmetic() -> None:
    values = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_array_equal(Collapse.by_gene(columns_of(a="7", b="9", c="11"))(values), values)


def test_a_list_of_ones_own_names_genes_and_probes(tmp_path: Path) -> None:
    (tmp_path / "lists.tsv").write_text("entrez\tprobes\n7\tp1,p2\n9\tp4\n")
    found = own_features(tmp_path / "lists.tsv")
    assert found.index.tolist() == ["7", "9"]
    assert found["probes"].tolist() == ["p1,p2", "p4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gene\tprobes\n7\tp1\n", "the column entrez is missing"),
        ("entrez\tprobe\n7\tp1\n", "the column probes is missing"),
        ("entrez\tprobes\n7\tp1\n7\tp2\n", "names the gene 7 twice; list all its probes in one row"),
        ("entrez\tprobes\n7\tp1\n\tp2\n", "row 3 has no entrez"),
        ("entrez\tprobes\n7\t\n", "row 2 has no probes"),
    ],
)
def test_a_list_that_says_too_little_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "lists.tsv").write_text(text)
    with pytest.raises(UserError, match=rf"lists\.tsv: {message}"):
        own_features(tmp_path / "lists.tsv")
