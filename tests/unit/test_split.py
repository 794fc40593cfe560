"""Roles: parts of samples that never cut a group, and roles of genes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landex.errors import UserError
from landex.features import dgex_features
from landex.h5ad import write_matrix
from landex.parts import assign_parts, read_own_parts, read_parts, rows_of_part, thin_parts, write_parts
from landex.roles import GeneRoles, gene_roles
from landex.vocabulary import PARTS, UNUSED

FRACTIONS = [0.8, 0.1, 0.1]


def counts(parts: np.ndarray) -> list[int]:
    return [int((parts == part).sum()) for part in PARTS]


@pytest.mark.parametrize(
    ("samples", "fractions", "expected"),
    [
        (1000, [0.8, 0.1, 0.1], [800, 50, 50, 100]),
        (975, [0.8, 0.1, 0.1], [780, 49, 49, 97]),
        (200, [0.5, 0.2, 0.3], [100, 20, 20, 60]),
        (20, [0.7, 0.2, 0.1], [14, 2, 2, 2]),
    ],
)
def test_single_samples_are_dealt_out_by_the_fractions(
    samples: int, fractions: list[float], expected: list[int]
) -> None:
    parts = assign_parts([f"s{number}" for number in range(samples)], fractions, 1)
    assert counts(parts) == pytest.approx(expected, abs=1)
    assert sum(counts(parts)) == samples


@st.composite
def group_lists(draw: st.DrawFn) -> list[str]:
    """Draw the group of every sample: 6 to 40 groups of 3 to 30 samples, in a shuffled order."""
    sizes = draw(st.lists(st.integers(3, 30), min_size=6, max_size=40))
    groups = [f"GSE{number}" for number, size in enumerate(sizes) for _ in range(size)]
    return list(np.random.default_rng(draw(st.integers(0, 100))).permutation(groups))


@given(group_lists(), st.integers(0, 50))
def test_groups_are_never_cut_and_no_part_is_empty(groups: list[str], seed: int) -> None:
    try:
        parts = assign_parts(groups, FRACTIONS, seed)
    except UserError as error:
        assert "too few to split" in str(error)
        return
    assert pd.Series(parts).groupby(np.array(groups)).nunique().max() == 1
    assert min(counts(parts)) >= 2


@given(group_lists(), st.integers(0, 50))
def test_the_order_of_samples_does_not_matter_and_the_seed_decides(groups: list[str], seed: int) -> None:
    def part_of_group(order: np.ndarray) -> dict[str, str] | str:
        shuffled = np.array(groups)[order]
        try:
            return dict(zip(shuffled, assign_parts(list(shuffled), FRACTIONS, seed), strict=True))
        except UserError as error:
            return str(error)

    natural = part_of_group(np.arange(len(groups)))
    assert part_of_group(np.arange(len(groups))) == natural
    assert part_of_group(np.random.default_rng(seed + 1).permutation(len(groups))) == natural


def test_another_seed_gives_another_split() -> None:
    samples = [f"s{number}" for number in range(100)]
    assert (assign_parts(samples, FRACTIONS, 1) != assign_parts(samples, FRACTIONS, 2)).any()


def test_many_groups_of_unequal_size_come_near_the_fractions() -> None:
    sizes = np.random.default_rng(1).integers(5, 60, 120)
    groups = np.repeat([f"GSE{number}" for number in range(120)], sizes).tolist()
    shares = np.array(counts(assign_parts(groups, FRACTIONS, 1))) / sizes.sum()
    assert shares == pytest.approx([0.8, 0.05, 0.05, 0.1], abs=0.01)


@pytest.mark.parametrize("size", [150, 400, 3000])
def test_a_series_too_large_for_the_other_parts_goes_to_training(size: int) -> None:
    """Large tumour cohorts are half of a small compendium: none may end up as the test part."""
    groups = ["large"] * size + [f"GSE{number // 10}" for number in range(200)]
    for seed in range(40):
        parts = assign_parts(groups, FRACTIONS, seed)
        assert set(parts[:size]) == {"training"}, seed
        assert (parts != "training").mean() == pytest.approx(0.2, abs=0.06) or size == 3000


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            [f"s{n}" for n in range(14)],
            r"too few to split 0\.8/0\.1/0\.1: 14 samples that make 14 undivided .* leave \d+ for \w+, which needs",
        ),
        (["GSE1"] * 90, r"90 samples that make 1 undivided .* 0 for select, which needs 2; .*split\.by"),
        ([f"GSE{n % 3}" for n in range(90)], r"90 samples that make 3 undivided .* 0 for \w+, which needs 2"),
        ([], r"0 samples that make 0 undivided .* 0 for training, which needs 10"),
    ],
)
def test_too_few_samples_or_groups_end_in_one_clear_line(groups: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        assign_parts(groups, FRACTIONS, 1)
    assert "\n" not in str(error.value)


def write_table(path: Path, rows: list[tuple[str, str]], columns: tuple[str, str] = ("sample", "part")) -> Path:
    pd.DataFrame(rows, columns=columns).to_csv(path, sep="\t", index=False)
    return path


OWN = [(f"s{number}", part) for number, part in enumerate(["training"] * 10 + ["select", "calibrate", "test"] * 2)]


def test_a_split_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write_table(tmp_path / "own.tsv", [*OWN, ("elsewhere", "test")])
    samples = [sample for sample, _ in OWN][::-1]
    assert read_own_parts(path, samples).tolist() == [part for _, part in OWN][::-1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*OWN[:-1], ("s15", "tset")], r"own\.tsv: the part 'tset' is not one of training, select, calibrate, test"),
        (OWN[:-2], r"own\.tsv: gives no part to 2 samples of the compendium \(s14\)"),
        ([*OWN[:-1], ("s15", "training")], r"own\.tsv: 1 samples for test, which needs 2"),
        ([*OWN, ("s0", "test")], r"own\.tsv: .*s0"),
    ],
)
def test_a_wrong_split_of_ones_own_is_refused(tmp_path: Path, rows: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_own_parts(write_table(tmp_path / "own.tsv", rows), [sample for sample, _ in OWN])


def test_a_split_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "own.tsv", OWN, ("name", "part"))
    with pytest.raises(UserError, match=r"own\.tsv: the column sample is missing; it has name, part"):
        read_own_parts(path, ["s0"])


@pytest.mark.parametrize("by", ["sample", "series", "file"])
def test_the_split_is_written_with_every_samples_source_and_group(tmp_path: Path, by: str) -> None:
    samples = [f"s{number}" for number in range(60)]
    groups = [f"GSE{number // 6}" for number in range(60)]
    obs = pd.DataFrame({"source": "a", "series": groups, "group": groups}, index=pd.Index(samples, name="sample"))
    write_matrix(tmp_path / "c.h5ad", obs, pd.DataFrame(index=["g"]), np.zeros((60, 1), np.float32))
    own = [(sample, PARTS[min(number % 7, 3)]) for number, sample in enumerate(samples)]
    own = [(sample, "training" if number < 12 else part) for number, (sample, part) in enumerate(own)]
    path = str(write_table(tmp_path / "own.tsv", own)) if by == "file" else by
    write_parts(tmp_path / "c.h5ad", path, [0.6, 0.2, 0.2], 3, tmp_path / "split.tsv")
    table = pd.read_csv(tmp_path / "split.tsv", sep="\t")
    assert list(table.columns) == ["sample", "source", "series", "group", "part"]
    assert table["sample"].tolist() == samples
    assert table["group"].tolist() == groups
    expected = {
        "sample": assign_parts(samples, [0.6, 0.2, 0.2], 3).tolist(),
        "series": assign_parts(groups, [0.6, 0.2, 0.2], 3).tolist(),
        "file": [part for _, part in own],
    }
    assert table["part"].tolist() == expected[by]
    rows = [rows_of_part(tmp_path / "split.tsv", part).tolist() for part in PARTS]
    assert sorted(row for of_part in rows for row in of_part) == list(range(60))
    for part, of_part in zip(PARTS, rows, strict=True):
        assert set(table["part"].iloc[of_part]) == {part}


def write_split(path: Path, groups: list[str], seed: int = 1) -> pd.DataFrame:
    """Write split.tsv of samples whose groups are given: nine in ten groups train."""
    names = sorted(set(groups))
    drawn = np.random.default_rng(seed).permutation(len(names))
    others = {names[place]: PARTS[1 + turn % 3] for turn, place in enumerate(drawn[: max(3, len(names) // 10)])}
    table = pd.DataFrame(
        {
            "sample": [f"s{number}" for number in range(len(groups))],
            "source": "NA",
            "series": groups,
            "group": groups,
            "part": [others.get(group, "training") for group in groups],
        }
    )
    table.to_csv(path, sep="\t", index=False)
    return table


def thinned(folder: Path, fraction: float, *, undivided: bool, seed: int = 1) -> pd.DataFrame:
    thin_parts(folder / "split.tsv", fraction, undivided, seed, folder / "thin.tsv")
    return read_parts(folder / "thin.tsv")


@pytest.mark.parametrize("undivided", [False, True])
def test_a_smaller_fraction_is_part_of_every_larger_one_and_other_parts_stay(tmp_path: Path, undivided: bool) -> None:
    sizes = np.random.default_rng(3).integers(1, 12, 60)
    before = write_split(tmp_path / "split.tsv", np.repeat([f"GSE{n}" for n in range(60)], sizes).tolist())
    training = before["part"] == "training"
    smaller: set[str] = set()
    for fraction in (0.1, 0.25, 0.5, 0.9):
        after = thinned(tmp_path, fraction, undivided=undivided)
        pd.testing.assert_frame_equal(after.drop(columns="part"), before.drop(columns="part"))
        assert after["part"][~training].tolist() == before["part"][~training].tolist()
        assert set(after["part"][training]) == {"training", UNUSED}
        kept = set(after["sample"][after["part"] == "training"])
        assert smaller < kept
        smaller = kept
        wanted = fraction * training.sum()
        # Groups come whole: fewer than the largest of them too many.
        assert round(wanted) <= len(kept) <= (round(wanted) if not undivided else wanted + sizes.max())
        if undivided:
            assert after[training].groupby("group")["part"].nunique().max() == 1


def test_without_groups_samples_of_one_series_are_kept_and_left_out(tmp_path: Path) -> None:
    write_split(tmp_path / "split.tsv", np.repeat([f"GSE{n}" for n in range(10)], 20).tolist())
    after = thinned(tmp_path, 0.5, undivided=False)
    assert (after[after["part"].isin(["training", UNUSED])].groupby("group")["part"].nunique() == 2).any()


@settings(max_examples=25)
@given(group_lists(), st.integers(0, 50), st.floats(0.05, 0.95))
def test_the_group_that_reaches_the_share_comes_whole_and_is_the_last(
    tmp_path_factory: pytest.TempPathFactory, groups: list[str], seed: int, fraction: float
) -> None:
    folder = tmp_path_factory.mktemp("thin")
    before = write_split(folder / "split.tsv", groups, seed)
    training = before[before["part"] == "training"]
    try:
        after = thinned(folder, fraction, undivided=True, seed=seed)
    except UserError as error:
        assert "are needed" in str(error)
        return
    sizes = after.loc[after["part"] == "training", "group"].value_counts()
    assert sizes.to_dict() == training["group"].value_counts()[sizes.index].to_dict()
    # Without the last group, whichever it is, the share was not reached.
    assert sizes.sum() - sizes.max() < round(fraction * len(training)) <= sizes.sum()


def test_another_seed_keeps_other_samples(tmp_path: Path) -> None:
    write_split(tmp_path / "split.tsv", [f"GSE{n % 30}" for n in range(200)])
    parts = [thinned(tmp_path, 0.5, undivided=True, seed=seed)["part"].tolist() for seed in (1, 1, 2)]
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]


def test_too_few_samples_to_learn_from_are_refused(tmp_path: Path) -> None:
    write_split(tmp_path / "split.tsv", [f"GSE{n}" for n in range(40)])
    with pytest.raises(UserError, match=r"learning_curve\.fractions: 0\.1 of 36 training samples leaves 4, and 10 are"):
        thinned(tmp_path, 0.1, undivided=False)
    assert not (tmp_path / "thin.tsv").exists()


# Landmarks AARS1 (16) and ABCF1 (23); of the paper's targets DPM1 (8813) and FGR (2268); 999999999 is no gene at all.
MEASURED = {"8813": "DPM1", "16": "AARS1", "2268": "FGR", "23": "ABCF1", "999999999": "NOVEL", "55732": "FIRRM"}


@pytest.fixture(scope="module")
def var() -> pd.DataFrame:
    return pd.DataFrame(
        {"symbol": list(MEASURED.values()), "ensembl": "", "mapped": True}, index=pd.Index(list(MEASURED), name="gene")
    )


@pytest.fixture(scope="module")
def lists(resources: Path) -> tuple[str, str]:
    return str(resources / "genes/landmarks.tsv"), str(resources / "genes/targets.tsv")


NONE_LOST = pd.DataFrame(columns=["gene", "symbol", "ensembl", "mapped", "missing_from"])


def roles_of(var: pd.DataFrame, lists: tuple[str, str], targets: Any, lost: pd.DataFrame = NONE_LOST) -> pd.DataFrame:
    return gene_roles(var, lost, GeneRoles(lists[0], targets, *lists)).set_index("gene")


def roles_of_features(lists: tuple[str, str], targets: Any) -> pd.DataFrame:
    """Return the roles of D-GEX's features, all of them measured."""
    features = dgex_features(*lists)
    var = features[["symbol", "ensembl"]].assign(mapped=features["entrez"] != "")
    return gene_roles(var, NONE_LOST, GeneRoles(None, targets, *lists, by_features=True)).set_index("gene")


@pytest.mark.parametrize("targets", ["dgex", "measured"])
def test_dgexs_features_are_943_landmarks_and_9520_targets_445_of_them_overlapping(
    lists: tuple[str, str], targets: str
) -> None:
    roles = roles_of_features(lists, targets)
    assert roles["role"].value_counts().to_dict() == {"target": 9520, "landmark": 943}
    assert roles.groupby("role")["overlapping"].sum().to_dict() == {"landmark": 0, "target": 445}
    # TSPAN6 is a landmark under one probe and a target under another.
    tspan6 = roles[roles["symbol"] == "TSPAN6"]
    assert tspan6["role"].tolist() == ["landmark", "target"]
    assert tspan6.index.tolist() == ["7105", "ENSG00000000003"]
    assert tspan6["cmap"].tolist() == ["landmark", "landmark"]


def test_without_dgexs_features_no_target_overlaps(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    own = var.rename(index={"999999999": "ENSG00000000003"})
    assert roles_of(own, lists, "measured")["overlapping"].sum() == 0


def targets_of(roles: pd.DataFrame) -> set[str]:
    return set(roles.index[roles["role"] == "target"])


def test_all_measured_genes_that_are_no_landmarks_are_targets(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    roles = roles_of(var, lists, "measured")
    assert roles["role"].iloc[:6].tolist() == ["target", "landmark", "target", "landmark", "target", "target"]
    assert roles["reason"].iloc[:2].tolist() == ["measured", "in the list of landmarks"]
    assert roles.loc["8813", "cmap"] == "best_inferred"
    assert (roles["overlapping"] == 0).all()


def test_landmarks_that_are_not_measured_are_listed(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    roles = roles_of(var, lists, "measured")
    assert len(roles) == 6 + 978 - 2
    absent = roles.iloc[6:]
    assert set(absent["role"]) == {"unused"}
    assert set(absent["reason"]) == {"a landmark that no source measures"}
    assert absent["symbol"].ne("").all()
    assert roles.index.is_unique


def test_the_papers_targets_leave_landmarks_landmarks(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    paper = pd.read_csv(lists[1], sep="\t", dtype=str)
    overlapping = paper.loc[paper["landmark_gene"] == "1", "entrez"].iloc[0]
    wider = pd.concat([var, pd.DataFrame({"symbol": "X", "ensembl": "", "mapped": True}, index=[overlapping])])
    roles = roles_of(wider, lists, "dgex")
    assert targets_of(roles) == {gene for gene in MEASURED if gene in set(paper["entrez"])} - {"16", "23"}
    assert roles.loc["999999999", ["role", "reason"]].tolist() == ["unused", "not asked for by genes.targets"]
    assert roles.loc[overlapping, "role"] == "landmark"
    assert "also asked for as a target" in roles.loc[overlapping, "reason"]


@pytest.mark.parametrize("column", ["entrez", "symbol"])
def test_targets_come_from_a_file_by_entrez_id_or_symbol(
    var: pd.DataFrame, lists: tuple[str, str], tmp_path: Path, column: str
) -> None:
    names = ["8813", "16", "424242"] if column == "entrez" else ["DPM1", "AARS1", "ELSEWHERE"]
    (tmp_path / "targets.tsv").write_text("\n".join([column, *names]) + "\n")
    roles = roles_of(var, lists, str(tmp_path / "targets.tsv"))
    assert targets_of(roles) == {"8813"}
    assert roles.loc["8813", "reason"] == "asked for by genes.targets"
    assert "also asked for as a target" in roles.loc["16", "reason"]
    assert roles.loc[names[2], ["role", "reason"]].tolist() == ["unused", "a target that no source measures"]


def test_genes_that_the_join_lost_are_listed_with_the_sources_that_lack_them(
    var: pd.DataFrame, lists: tuple[str, str]
) -> None:
    lost = pd.DataFrame(
        {
            "gene": ["25", "424242"],
            "symbol": ["ABL1", "X"],
            "ensembl": "",
            "mapped": [1, 0],
            "missing_from": ["one", "one, two"],
        }
    )
    roles = roles_of(var, lists, "measured", lost)
    assert roles.loc["25", ["role", "reason", "mapped"]].tolist() == ["unused", "not measured by one", 1]
    assert roles.loc["424242", ["role", "reason", "mapped"]].tolist() == ["unused", "not measured by one, two", 0]
    assert roles.index.is_unique


def test_targets_that_are_all_landmarks_are_refused(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    with pytest.raises(UserError, match="all of the targets that are measured are landmarks"):
        roles_of(var, lists, ["16", "23"])


def test_targets_come_from_a_list_in_the_config(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    assert targets_of(roles_of(var, lists, ["DPM1", "999999999"])) == {"8813", "999999999"}


@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_random_targets_are_drawn_by_the_seed_apart_from_landmarks(
    var: pd.DataFrame, lists: tuple[str, str], seed: int, number: int
) -> None:
    asked = {"random": number, "seed": seed}
    drawn = targets_of(roles_of(var, lists, asked))
    assert len(drawn) == number
    assert drawn <= {"8813", "2268", "999999999", "55732"}
    # The order of the compendium's genes does not matter.
    assert targets_of(roles_of(var.iloc[::-1], lists, asked)) == drawn


def test_every_gene_has_its_chance_to_be_drawn(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    drawn = [targets_of(roles_of(var, lists, {"random": 1, "seed": seed})) for seed in range(20)]
    assert set().union(*drawn) == {"8813", "2268", "999999999", "55732"}


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["DPM1", "DPM11"], "genes.targets: DPM11 is not measured by the compendium"),
        (["AARS1"], "genes.targets: all of the targets that are measured are landmarks"),
        ({"random": 5, "seed": 1}, "genes.targets.random: 5 of 4 possible targets"),
    ],
)
def test_targets_that_cannot_be_are_refused(
    var: pd.DataFrame, lists: tuple[str, str], targets: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        roles_of(var, lists, targets)


def test_a_file_of_targets_without_names_is_refused(var: pd.DataFrame, lists: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "targets.tsv").write_text("gene\nDPM1\n")
    with pytest.raises(UserError, match=r"targets\.tsv: has neither a column entrez nor a column symbol"):
        roles_of(var, lists, str(tmp_path / "targets.tsv"))


def test_a_compendium_without_landmarks_is_refused(var: pd.DataFrame, lists: tuple[str, str]) -> None:
    with pytest.raises(UserError, match=r"none of the compendium's 2 genes is a landmark .*begin with DPM1, FGR"):
        roles_of(var.loc[["8813", "2268"]], lists, "measured")


def test_a_list_of_landmarks_needs_entrez_ids_only(var: pd.DataFrame, lists: tuple[str, str], tmp_path: Path) -> None:
    """The config asks for a table with a column `entrez`."""
    (tmp_path / "landmarks.tsv").write_text("entrez\n16\n424242\n")
    roles = roles_of(var, (str(tmp_path / "landmarks.tsv"), lists[1]), "measured")
    assert set(roles.index[roles["role"] == "landmark"]) == {"16"}
    assert roles.loc["424242", "role"] == "unused"
