"""The compendium: cohorts joined on genes; what an external cohort holds too goes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.compendium import write_compendium
from landex.duplicates import near_pairs, normal_scores
from landex.errors import UserError
from landex.h5ad import open_matrix, write_matrix

GENES = [f"g{number}" for number in range(150)]


def profiles(seed: int, samples: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(8, 2, (samples, len(GENES))).astype(np.float32)


def write_cohort(
    folder: Path, name: str, samples: list[str], values: NDArray[np.float32], genes: list[str] | None = None
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
    write_matrix(folder / f"{name}.h5ad", obs, var, values)
    return folder / f"{name}.h5ad"


def joined(
    folder: Path, sources: dict[str, Path], external: dict[str, Path] | None = None, distance: float = 0.02
) -> tuple[pd.DataFrame, pd.DataFrame, NDArray[np.float32], pd.DataFrame]:
    """Return obs, var and values of the compendium, and duplicates.tsv."""
    paths = folder / "compendium.h5ad", folder / "duplicates.tsv", folder / "lost_genes.tsv"
    write_compendium(sources, external or {}, distance, *paths)
    with open_matrix(paths[0]) as matrix:
        return matrix.obs, matrix.var, matrix.read(), pd.read_csv(paths[1], sep="\t")


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
    assert list(duplicates.columns) == ["sample", "cohort", "group", "kept", "distance"]


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
