"""The compendium: cohorts joined on genes; what an external cohort holds too goes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.cohort import Fate, write_empty_cohort, write_fates
from landex.compendium import CompendiumFiles, Joining, write_compendium
from landex.copies import Part, find_copies
from landex.duplicates import near_pairs, normal_scores
from landex.errors import UserError
from landex.h5ad import open_matrix, write_matrix

GENES = [f"g{number}" for number in range(150)]


def profiles(seed: int, samples: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(8, 2, (samples, len(GENES))).astype(np.float32)


def write_cohort(
    folder: Path,
    name: str,
    samples: list[str],
    values: NDArray[np.float32],
    genes: list[str] | None = None,
    of: dict[str, str] | None = None,
) -> Path:
    genes = genes or GENES
    var = pd.DataFrame(
        {"symbol": [gene.upper() for gene in genes], "ensembl": "", "mapped": True, "columns": 1},
        index=pd.Index(genes, name="gene"),
    )
    obs = pd.DataFrame(
        {"series": name, "platform": "", "group": name, "title": samples, "source": name},
        index=pd.Index(samples, name="sample"),
    )
    for column in ("source_name", "characteristics", "superseries"):
        obs[column] = ""
    obs = obs.assign(**(of or {}))
    write_matrix(folder / f"{name}.h5ad", obs, var, values)
    fates = [Fate(sample, name, "GPL96", 1) for sample in samples]
    fates.append(Fate(f"bad of {name}", name, "GPL96", 0, "its table is empty"))
    write_fates([replace(fate, file=f"{name}.gz", checksum="c") for fate in fates], folder / f"{name}.qc.tsv")
    return folder / f"{name}.h5ad"


def joined(
    folder: Path,
    sources: dict[str, Path],
    external: dict[str, Path] | None = None,
    distance: float | None = 0.02,
    **how: Any,
) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.float32], pd.DataFrame]:
    """Return obs, var and values of the compendium, and duplicates.tsv."""
    names = ("compendium.h5ad", "duplicates.tsv", "lost_genes.tsv", "provenance.tsv")
    files = CompendiumFiles(*(folder / name for name in names))
    fates = {name: folder / f"{name}.qc.tsv" for name in sources}
    write_compendium(sources, external or {}, fates, Joining(distance=distance, **how), files)
    with open_matrix(files.matrix) as matrix:
        return matrix.obs, matrix.var, matrix.read(), pd.read_csv(files.duplicates, sep="\t")


def test_cohorts_are_joined_on_the_genes_that_all_measure(tmp_path: Path) -> None:
    one, two = profiles(1, 3), profiles(2, 2)
    backwards = list(reversed(range(20, 150)))
    sources = {
        "one": write_cohort(tmp_path, "one", ["a", "b", "c"], one),
        "two": write_cohort(tmp_path, "two", ["d", "e"], two[:, backwards], [GENES[place] for place in backwards]),
    }
    obs, var, values, duplicates = joined(tmp_path, sources)
    assert obs.index.tolist() == ["a", "b", "c", "d", "e"]
    assert obs["source"].astype(str).tolist() == ["one"] * 3 + ["two"] * 2
    assert var.index.tolist() == GENES[20:]
    assert var["symbol"].tolist() == [gene.upper() for gene in GENES[20:]]
    np.testing.assert_array_equal(values, np.concatenate([one, two])[:, 20:])
    lost = pd.read_csv(tmp_path / "lost_genes.tsv", sep="\t")
    assert lost["gene"].tolist() == GENES[:20]
    assert set(lost["missing_from"]) == {"two"}
    assert duplicates.empty
    assert list(duplicates.columns) == ["sample", "cohort", "group", "kept", "distance", "by"]


def test_groups_that_have_a_duplicate_in_common_become_one(tmp_path: Path) -> None:
    one, two, three = profiles(1, 3), profiles(2, 2), profiles(3, 2)
    two[0] = one[2]
    sources = {
        "one": write_cohort(tmp_path, "one", ["a", "b", "c"], one),
        "two": write_cohort(tmp_path, "two", ["c", "e"], two),
        "three": write_cohort(tmp_path, "three", ["f", "g"], three),
    }
    obs, *_ = joined(tmp_path, sources)
    # The copy of c is gone, so c is no name of two samples and keeps it.
    assert obs.index.tolist() == ["a", "b", "c", "e", "f", "g"]
    assert obs["group"].astype(str).tolist() == ["one"] * 4 + ["three"] * 2


def test_a_compendium_that_is_all_external_is_refused(tmp_path: Path) -> None:
    values = profiles(1, 3)
    one = write_cohort(tmp_path, "one", ["a", "b", "c"], values)
    other = write_cohort(tmp_path, "other", ["x", "y", "z"], values)
    with pytest.raises(UserError, match=r"all 3 samples are also in the external cohorts \(other\)"):
        joined(tmp_path, {"one": one}, {"other": other})
    assert not (tmp_path / "compendium.h5ad").exists()


def test_of_a_group_of_duplicates_the_first_in_the_order_of_sources_stays(tmp_path: Path) -> None:
    one, two = profiles(1, 3), profiles(2, 3)
    two[1] = 2 * one[2] + 5  # a copy on another scale
    two[2] = one[2]
    sources = {
        "zeta": write_cohort(tmp_path, "zeta", ["z0", "z1", "z2"], one),
        "alpha": write_cohort(tmp_path, "alpha", ["a0", "a1", "a2"], two),
    }
    obs, _, _, duplicates = joined(tmp_path, sources)
    assert obs.index.tolist() == ["z0", "z1", "z2", "a0"]
    assert duplicates[["sample", "cohort", "group", "kept"]].values.tolist() == [
        ["z2", "zeta", "z2", 1],
        ["a1", "alpha", "z2", 0],
        ["a2", "alpha", "z2", 0],
    ]
    assert (duplicates["distance"] < 1e-6).all()


def test_a_sample_that_an_external_cohort_holds_goes_with_its_whole_group(tmp_path: Path) -> None:
    one, two = profiles(1, 4), profiles(2, 3)
    one[3] = one[1]  # a duplicate inside
    two[2] = 3 * one[1] - 1  # the same sample outside
    sources = {"one": write_cohort(tmp_path, "one", ["a", "b", "c", "d"], one)}
    # The external cohort measures 120 of the genes, in another order.
    chosen = np.random.default_rng(3).permutation(150)[:120]
    outside = write_cohort(tmp_path, "out", ["x", "y", "z"], two[:, chosen], [GENES[place] for place in chosen])
    obs, _, values, duplicates = joined(tmp_path, sources, {"out": outside})
    assert obs.index.tolist() == ["a", "c"]
    np.testing.assert_array_equal(values, one[[0, 2]])
    assert sorted(map(tuple, duplicates[["sample", "cohort", "kept"]].values.tolist())) == [
        ("b", "one", 0),
        ("d", "one", 0),
        ("z", "out", 1),
    ]
    assert set(duplicates["group"]) == {"b"}


def test_a_duplicate_of_an_external_samples_copy_goes_even_if_it_is_no_copy_itself(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    one = profiles(1, 3)
    # Independent noise: a and x lie about .08 from b each, and .11 from one another.
    one[1] = one[0] + random.normal(0, 0.12, 150)
    other = one[1] + random.normal(0, 0.12, 150)
    scores = normal_scores(np.stack([one[0], one[1], other]))
    near = {(pair.first, pair.second) for pair in near_pairs(scores, scores, 0.095)}
    assert near == {(0, 1), (1, 2)}
    sources = {"one": write_cohort(tmp_path, "one", ["a", "b", "c"], one)}
    outside = write_cohort(tmp_path, "out", ["x"], other[None, :].astype(np.float32))
    obs, _, _, duplicates = joined(tmp_path, sources, {"out": outside}, distance=0.095)
    assert obs.index.tolist() == ["c"]
    assert duplicates[["sample", "kept"]].values.tolist() == [["a", 0], ["b", 0], ["x", 1]]


def test_too_few_shared_genes_say_nothing_about_copies(tmp_path: Path) -> None:
    one = profiles(1, 3)
    sources = {"one": write_cohort(tmp_path, "one", ["a", "b", "c"], one)}
    obs, _, _, _ = joined(tmp_path, sources, {"out": write_cohort(tmp_path, "out", ["x"], one[:1, :99], GENES[:99])})
    assert len(obs) == 3
    obs, _, _, _ = joined(tmp_path, sources, {"out": write_cohort(tmp_path, "out", ["x"], one[:1, :100], GENES[:100])})
    assert obs.index.tolist() == ["b", "c"]


@pytest.mark.parametrize(("distance", "kept"), [(0.0, 2), (0.02, 2), (0.1, 1)])
def test_the_distance_decides(tmp_path: Path, distance: float, kept: int) -> None:
    one = profiles(1, 2)
    one[1] = one[0] + np.random.default_rng(4).normal(0, 0.1, 150)  # .05 of the deviation
    obs, _, _, _ = joined(tmp_path, {"one": write_cohort(tmp_path, "one", ["a", "b"], one)}, distance=distance)
    assert len(obs) == kept


def test_a_name_that_two_sources_use_carries_its_source(tmp_path: Path) -> None:
    sources = {
        "one": write_cohort(tmp_path, "one", ["a", "b"], profiles(1, 2)),
        "two": write_cohort(tmp_path, "two", ["b", "c"], profiles(2, 2)),
    }
    assert joined(tmp_path, sources)[0].index.tolist() == ["a", "one:b", "two:b", "c"]


def test_sources_without_a_common_gene_are_refused_with_their_sizes(tmp_path: Path) -> None:
    sources = {
        "one": write_cohort(tmp_path, "one", ["a"], profiles(1, 1)[:, :70], GENES[:70]),
        "two": write_cohort(tmp_path, "two", ["b"], profiles(2, 1)[:, 70:], GENES[70:]),
    }
    with pytest.raises(UserError, match=r"compendium\.sources: no gene is measured by all .*one 70, two 80"):
        joined(tmp_path, sources)
    assert not (tmp_path / "compendium.h5ad").exists()
    assert not (tmp_path / "duplicates.tsv").exists()


def test_an_outer_join_keeps_genes_that_most_samples_measure_and_leaves_gaps(tmp_path: Path) -> None:
    one, two, three = profiles(1, 6), profiles(2, 2), profiles(3, 2)
    sources = {
        "one": write_cohort(tmp_path, "one", [f"a{row}" for row in range(6)], one),
        "two": write_cohort(tmp_path, "two", ["b0", "b1"], two[:, :140], GENES[:140]),
        "three": write_cohort(tmp_path, "three", ["c0", "c1"], three[:, 5:130], GENES[5:130]),
    }
    obs, var, values, _ = joined(tmp_path, sources, join="outer", missing_genes=0.2)
    # The first five genes, and those from the 130th on, lack in two of ten samples; those from the 140th on in four.
    assert var.index.tolist() == GENES[:140]
    expected = np.full((10, 140), np.nan, np.float32)
    expected[:6], expected[6:8], expected[8:, 5:130] = one[:, :140], two[:, :140], three[:, 5:130]
    np.testing.assert_array_equal(values, expected)
    assert len(obs) == 10
    lost = pd.read_csv(tmp_path / "lost_genes.tsv", sep="\t")
    assert lost["gene"].tolist() == GENES[140:]
    assert set(lost["missing_from"]) == {"two, three"}
    assert joined(tmp_path, sources, join="outer", missing_genes=0.0)[1].index.tolist() == GENES[5:130]


def test_no_gene_in_enough_samples_is_refused(tmp_path: Path) -> None:
    sources = {
        "one": write_cohort(tmp_path, "one", ["a"], profiles(1, 1)[:, :75], GENES[:75]),
        "two": write_cohort(tmp_path, "two", ["b"], profiles(2, 1)[:, 75:], GENES[75:]),
    }
    with pytest.raises(UserError, match=r"no gene is measured by all of them .*compendium\.join: outer"):
        joined(tmp_path, sources)
    with pytest.raises(UserError, match="no gene is measured in 80% of the samples"):
        joined(tmp_path, sources, join="outer")


@pytest.mark.parametrize("distance", [0.02, None])
def test_a_sample_of_several_series_is_taken_once_whatever_its_values(tmp_path: Path, distance: float | None) -> None:
    one, two = profiles(1, 3), profiles(2, 3)
    sources = {
        "one": write_cohort(tmp_path, "one", ["GSM1", "GSM2", "GSM3"], one),
        "two": write_cohort(tmp_path, "two", ["GSM4", "GSM2", "GSM5"], two),
        # Names that are no accessions say nothing.
        "three": write_cohort(tmp_path, "three", ["own", "GSM6"], profiles(3, 2)),
        "four": write_cohort(tmp_path, "four", ["own", "GSM7"], profiles(4, 2)),
    }
    obs, _, values, duplicates = joined(tmp_path, sources, distance=distance)
    assert obs.index.tolist() == ["GSM1", "GSM2", "GSM3", "GSM4", "GSM5", "three:own", "GSM6", "four:own", "GSM7"]
    np.testing.assert_array_equal(values[1], one[1])
    assert duplicates[["sample", "cohort", "group", "kept", "by"]].values.tolist() == [
        ["GSM2", "one", "GSM2", 1, "accession"],
        ["GSM2", "two", "GSM2", 0, "accession"],
    ]
    if distance is not None:
        ours, theirs = normal_scores(np.stack([one[1], two[1]]))
        assert duplicates["distance"].tolist() == pytest.approx([np.sqrt(np.mean((ours - theirs) ** 2))] * 2, rel=1e-4)
    # Series that share a sample stay together in a split.
    assert obs["group"].tolist() == ["one"] * 5 + ["three"] * 2 + ["four"] * 2


def test_a_sample_whose_accession_is_external_goes(tmp_path: Path) -> None:
    sources = {"one": write_cohort(tmp_path, "one", ["GSM1", "GSM2", "GSM3"], profiles(1, 3))}
    external = {"other": write_cohort(tmp_path, "other", ["GSM9", "GSM2"], profiles(2, 2))}
    obs, _, _, duplicates = joined(tmp_path, sources, external)
    assert obs.index.tolist() == ["GSM1", "GSM3"]
    assert duplicates[["sample", "cohort", "kept", "by"]].values.tolist() == [
        ["GSM2", "one", 0, "accession"],
        ["GSM2", "other", 1, "accession"],
    ]


def test_series_of_one_superseries_are_one_group(tmp_path: Path) -> None:
    def cohort(name: str, superseries: str, group: str | None = None) -> Path:
        samples = [f"{name}.{row}" for row in range(2)]
        of = {"superseries": superseries, "group": group or name}
        return write_cohort(tmp_path, name, samples, profiles(int(name.removeprefix("GSE")), 2), of=of)

    sources = {
        "GSE1": cohort("GSE1", ""),
        "GSE2": cohort("GSE2", "GSE9"),
        "GSE3": cohort("GSE3", "GSE8|GSE9"),
        # The superseries itself, and one that the user put elsewhere.
        "GSE8": cohort("GSE8", ""),
        "GSE4": cohort("GSE4", "", "mine"),
        "GSE5": cohort("GSE5", "GSE7"),
    }
    obs, *_ = joined(tmp_path, sources)
    groups = obs.groupby("series")["group"].first().to_dict()
    assert groups == {"GSE1": "GSE1", "GSE2": "GSE2", "GSE3": "GSE2", "GSE8": "GSE2", "GSE4": "mine", "GSE5": "GSE5"}


def test_every_sample_of_every_source_has_its_way_in_the_table_of_provenance(tmp_path: Path) -> None:
    one, two = profiles(1, 3), profiles(2, 3)
    two[1] = one[0]
    sources = {
        "one": write_cohort(tmp_path, "one", ["GSM1", "GSM2", "x"], one),
        "two": write_cohort(tmp_path, "two", ["GSM4", "GSM5", "x"], two),
    }
    external = {"other": write_cohort(tmp_path, "other", ["y"], one[1:2])}
    obs, *_ = joined(tmp_path, sources, external)
    table = pd.read_csv(tmp_path / "provenance.tsv", sep="\t", keep_default_na=False, dtype=str)
    assert table[["source", "sample", "kept", "reason", "compendium_sample", "compendium_row"]].values.tolist() == [
        ["one", "GSM1", "1", "", "GSM1", "0"],
        ["one", "GSM2", "0", "an external cohort has it too (see duplicates.tsv)", "", ""],
        ["one", "x", "1", "", "one:x", "1"],
        ["one", "bad of one", "0", "its table is empty", "", ""],
        ["two", "GSM4", "1", "", "GSM4", "2"],
        ["two", "GSM5", "0", "a copy of GSM1 (see duplicates.tsv)", "", ""],
        ["two", "x", "1", "", "two:x", "3"],
        ["two", "bad of two", "0", "its table is empty", "", ""],
    ]
    assert obs.index.tolist() == ["GSM1", "one:x", "GSM4", "two:x"]
    assert table["file"].tolist() == ["one.gz"] * 4 + ["two.gz"] * 4
    assert set(table["checksum"]) == {"c"}


def test_cohorts_without_samples_count_as_not_there(tmp_path: Path) -> None:
    empty = Fate("", "GSE2", "GPL96", 0, "not to be had")
    write_empty_cohort("gone", [empty], tmp_path / "gone.h5ad", tmp_path / "gone.qc.tsv")
    sources = {"gone": tmp_path / "gone.h5ad", "one": write_cohort(tmp_path, "one", ["a", "b", "c"], profiles(1, 3))}
    obs, var, *_ = joined(tmp_path, sources)
    assert (obs.index.tolist(), var.index.tolist()) == (["a", "b", "c"], GENES)
    table = pd.read_csv(tmp_path / "provenance.tsv", sep="\t", keep_default_na=False)
    assert table.loc[0, ["source", "series", "reason"]].tolist() == ["gone", "GSE2", "not to be had"]
    with pytest.raises(UserError, match=r"none of the sources has samples \(gone\)"):
        joined(tmp_path, {"gone": tmp_path / "gone.h5ad"})


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(tmp_path: Path, threads: int) -> None:
    values = profiles(1, 600)
    values[300:] = values[:300] + np.float32(0.001)
    cohort = write_cohort(tmp_path, "one", [f"s{row}" for row in range(600)], values)
    copies = find_copies([Part.read("one", cohort)], [], pd.Index(GENES), 0.02, tmp_path, threads)
    assert copies.leaders.tolist() == [*range(300), *range(300)]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
