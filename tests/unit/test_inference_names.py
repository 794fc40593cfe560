"""Landmarks in a file: found under whatever human genes are called, and never under another gene's name."""

from pathlib import Path

import numpy as np
import pytest
from simulated_bundle import LANDMARKS, SimulatedRun, write_profiles

from landex.bundles.bundle import Bundle, open_bundle
from landex.genes import GeneNames
from landex.inference.infer import infer_file
from landex.inference.landmarks import FoundLandmarks, check_landmarks, find_landmarks


def found_in(run: SimulatedRun, genes: list[str], kind: str = "auto", **fields: list[str]) -> FoundLandmarks:
    with open_bundle(run.bundle("linear")) as bundle:
        return find_landmarks(genes, fields, bundle.names, kind)


def names_of(run: SimulatedRun, kind: str) -> list[str]:
    table = run.landmarks
    if kind == "probe":
        return table["probe"].tolist()
    if kind.startswith("ensembl"):
        known = GeneNames.read(run.tables.ids).table.set_index("entrez")["ensembl"]
        ids = [known[gene].partition("|")[0] for gene in table["entrez"]]
        return [f"{name}.{number}" for number, name in enumerate(ids, 3)] if kind.endswith("version") else ids
    if kind == "symbol as R writes it":
        return [name.replace("-", ".") for name in table["symbol"]]
    if kind == "symbol with blanks":
        return [f" {name} " for name in table["symbol"]]
    return table[kind].tolist()


KINDS = {
    "entrez": "entrez", "symbol": "symbol", "ensembl": "ensembl", "ensembl with version": "ensembl", "probe": "probe",
    "symbol as R writes it": "symbol", "symbol with blanks": "symbol",
}  # fmt: skip


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("auto", [True, False])
def test_every_landmark_is_found_by_every_kind_of_name(simulated: SimulatedRun, how: str, auto: bool) -> None:
    genes = [*names_of(simulated, how)[::-1], "something", "NA", ""]
    found = found_in(simulated, genes, "auto" if auto else KINDS[how])
    assert found.kind == KINDS[how]
    assert found.field == ""
    assert found.places.tolist() == list(range(LANDMARKS))
    assert found.columns.tolist() == list(range(LANDMARKS))[::-1]


def test_an_ensembl_id_is_one_in_a_file_of_symbols(simulated: SimulatedRun) -> None:
    genes = simulated.landmarks["symbol"].tolist()
    genes[3] = names_of(simulated, "ensembl")[3] + ".7"
    assert len(found_in(simulated, genes).places) == LANDMARKS


def alias_of(run: SimulatedRun, place: int) -> str:
    with open_bundle(run.bundle("linear")) as bundle:
        return bundle.names[place]["alias"][0]


def place_of(run: SimulatedRun, symbol: str) -> int:
    return run.landmarks["symbol"].tolist().index(symbol)


def test_an_old_name_is_found(simulated: SimulatedRun) -> None:
    genes = simulated.landmarks["symbol"].tolist()
    place = place_of(simulated, "AARS1")
    genes[place] = alias_of(simulated, place)
    assert found_in(simulated, genes).places.tolist() == list(range(LANDMARKS))


def test_an_alias_does_not_count_beside_the_symbol(simulated: SimulatedRun) -> None:
    """They are two things then, and averaging them would spoil the landmark."""
    genes = simulated.landmarks["symbol"].tolist()
    place = place_of(simulated, "AARS1")
    found = found_in(simulated, [alias_of(simulated, place), *genes])
    assert found.columns.tolist() == list(range(1, LANDMARKS + 1))


def test_another_genes_symbol_is_no_alias(simulated: SimulatedRun) -> None:
    """KRAS is an alias of NRAS, and a gene of its own."""
    genes = simulated.landmarks["symbol"].tolist()
    place = place_of(simulated, "NRAS")
    genes[place] = "KRAS"
    assert place not in found_in(simulated, genes).places


@pytest.mark.parametrize("kind", ["symbol", "entrez", "ensembl"])
def test_names_mean_what_they_mean_to_the_compendium(simulated: SimulatedRun, kind: str) -> None:
    """Every name of the simulated tables of genes, one at a time, as `GeneNames.identify` takes it."""
    known = GeneNames.read(simulated.tables.ids)
    names = {*known.table["symbol"], *known.table["entrez"]}
    for column in ("aliases", "ensembl"):
        names |= {name for joined in known.table[column] for name in joined.split("|") if name}
    landmarks = simulated.landmarks["entrez"].tolist()
    with open_bundle(simulated.bundle("linear")) as bundle:
        for name in sorted(names):
            # A name that is not known stays its own.
            identified = known.identify([name], kind).iloc[0]
            expected = [landmarks.index(identified["gene"])] if identified["gene"] in landmarks else []
            found = find_landmarks([name], {}, bundle.names, kind).places.tolist()
            assert found == (expected if identified["mapped"] else []), name


def test_ids_are_found_in_an_annotation_of_genes(simulated: SimulatedRun) -> None:
    symbols = simulated.landmarks["symbol"].tolist()
    found = found_in(simulated, [f"row{number}" for number in range(LANDMARKS)], other=["x"] * LANDMARKS, pr=symbols)
    assert (found.kind, found.field, len(found.places)) == ("symbol", "pr", LANDMARKS)


def test_row_numbers_are_not_taken_for_entrez_ids_beside_an_annotation(simulated: SimulatedRun) -> None:
    """Some Entrez ids are small: 16 is AARS1, 23 ABCF1, 25 ABL1."""
    symbols = [*simulated.landmarks["symbol"], *(f"x{number}" for number in range(20))]
    found = found_in(simulated, [str(number) for number in range(len(symbols))], pr=symbols)
    assert (found.field, len(found.places)) == ("pr", LANDMARKS)


@pytest.mark.parametrize("start", [0, 1, 14])
def test_row_numbers_alone_are_no_names(simulated: SimulatedRun, start: int) -> None:
    genes = [str(number) for number in range(start, 12_328)]
    assert not len(found_in(simulated, genes).places)
    assert len(found_in(simulated, genes, "entrez").places) > 10
    assert len(found_in(simulated, genes[::-1]).places) > 10


def test_names_win_over_an_annotation_that_says_the_same(simulated: SimulatedRun) -> None:
    found = found_in(simulated, simulated.landmarks["entrez"].tolist(), symbol=simulated.landmarks["symbol"].tolist())
    assert (found.kind, found.field) == ("entrez", "")


def test_columns_of_one_landmark_are_averaged_where_they_are_there() -> None:
    names = [{kind: [f"{kind}{n}"] for kind in ("entrez", "symbol", "ensembl", "probe", "alias")} for n in range(3)]
    found = find_landmarks(["symbol2", "symbol0", "x", "symbol2", "symbol0", "symbol0"], {}, names)
    block = np.array([[1.0, 2, 9, 4, np.nan, 5], [np.nan, 2, 9, np.nan, 2, 2]])
    assert found.places.tolist() == [0, 2]
    np.testing.assert_array_equal(found.values(block), np.array([[3.5, 2.5], [2, np.nan]], np.float32))


def test_a_landmark_on_two_rows_is_scored_as_their_mean(simulated: SimulatedRun, tmp_path: Path) -> None:
    from landex.formats.files import open_matrix_file

    genes, values = simulated.landmarks["entrez"].tolist(), simulated.profiles()[:3]
    apart = np.concatenate([values, values[:, :1] + 1], axis=1)
    apart[:, 0] -= 1
    results = []
    for name, (columns, given) in {"one": (genes, values), "two": ([*genes, genes[0]], apart)}.items():
        path = write_profiles(tmp_path / f"{name}.gctx", columns, ["a", "b", "c"], given)
        infer_file(simulated.bundle("linear"), path, tmp_path / f"{name}.out.gctx")
        with open_matrix_file(tmp_path / f"{name}.out.gctx") as file:
            results.append(file.read(slice(0, 3)))
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("genes", "said"),
    [
        (["Aars1", "Abcf1", "Abl1", "Nras"], "mouse or rat"),
        (["ENSMUSG00000031960", "ENSMUSG00000038762", "ENSRNOG00000001"], "another organism"),
        (["WBGene00000001", "x"], "none of the bundle's"),
        (["AARS1", "x", "y"], "1 of the bundle's"),
    ],
)
def test_what_names_seem_to_be_is_said(simulated: SimulatedRun, genes: list[str], said: str) -> None:
    from landex.errors import UserError

    with open_bundle(simulated.bundle("linear")) as bundle:
        names: Bundle = bundle
        with pytest.raises(UserError, match=f"^file: .*{said}"):
            check_landmarks("file", find_landmarks(genes, {}, names.names), genes, names.names, 0.5)
