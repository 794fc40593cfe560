"""Auxiliary cohorts: which samples are learnt from, in which scaling, and what a model makes of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from landex.auxiliary import AuxiliaryCohort, in_few_sets, write_auxiliary
from landex.baselines.fit import fit_baseline
from landex.errors import UserError
from landex.examples import Examples, JoinedExamples, StoredExamples, open_training
from landex.h5ad import open_matrix, write_matrix
from landex.kinds import KINDS
from landex.model_entries import auxiliary_cohorts
from landex.models import open_model

GENES = [f"g{number}" for number in range(120)]
LANDMARKS = 4
Values = NDArray[np.float32]


def table_of_samples(name: str, count: int) -> pd.DataFrame:
    index = pd.Index([f"{name}{row}" for row in range(count)], name="sample")
    return pd.DataFrame({"source": name, "series": name, "group": name}, index=index)


def table_of_genes(genes: list[str] = GENES) -> pd.DataFrame:
    roles = ["landmark"] * LANDMARKS + ["target"] * (len(genes) - LANDMARKS)
    columns = {"symbol": genes, "ensembl": "", "mapped": True, "role": roles}
    return pd.DataFrame(columns, index=pd.Index(genes, name="gene"))


@dataclass(frozen=True)
class Files:
    """Cohorts in a folder: as they came, and normalised with a layer of their own scaling."""

    folder: Path

    def cohort(self, name: str, values: Values) -> Path:
        path = self.folder / f"{name}.h5ad"
        write_matrix(path, table_of_samples(name, len(values)), table_of_genes(), values)
        return path

    def auxiliary(
        self, name: str, values: Values, measured: NDArray[np.bool_] | None = None, own: bool = True
    ) -> AuxiliaryCohort:
        """Write a cohort; X in its normalised matrix is far from its own scaling, so that they cannot be mistaken."""
        cohort, normalised = self.cohort(name, values), self.folder / f"normalised.{name}.h5ad"
        scaled = ((values - values.mean(axis=0)) / values.std(axis=0)).astype(np.float32)
        layers = {"measured": np.ones(values.shape, bool) if measured is None else measured}
        write_matrix(
            normalised,
            table_of_samples(name, len(values)),
            table_of_genes(),
            scaled + 100,
            {**layers, **({"own": scaled} if own else {})},
        )
        return AuxiliaryCohort(name, cohort, normalised)

    def gather(
        self, auxiliary: list[AuxiliaryCohort], others: dict[str, Path], distance: float = 0.02
    ) -> tuple[Path, pd.DataFrame]:
        matrix, duplicates = self.folder / "out" / "auxiliary.h5ad", self.folder / "out" / "duplicates.tsv"
        write_auxiliary(auxiliary, others, distance, matrix, duplicates)
        return matrix, pd.read_csv(duplicates, sep="\t")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def drawn(seed: int, samples: int) -> Values:
    return np.random.default_rng(seed).normal(7, 2, (samples, len(GENES))).astype(np.float32)


def test_samples_come_in_their_cohorts_own_scaling_one_cohort_after_the_other(files: Files) -> None:
    one, two = drawn(1, 7), drawn(2, 300)
    matrix, duplicates = files.gather(
        [files.auxiliary("one", one), files.auxiliary("two", two)], {"compendium": files.cohort("c", drawn(3, 9))}
    )
    assert duplicates.empty
    with open_matrix(matrix) as gathered:
        assert gathered.obs.index.tolist() == [f"one:one{row}" for row in range(7)] + [
            f"two:two{row}" for row in range(300)
        ]
        expected = np.concatenate([(each - each.mean(axis=0)) / each.std(axis=0) for each in (one, two)])
        np.testing.assert_allclose(gathered.read(), expected, atol=1e-5)
        assert gathered.read(layer="measured").all()
        assert gathered.var["role"].tolist() == table_of_genes()["role"].tolist()


def test_what_the_compendium_or_another_cohort_holds_is_left_out_even_where_it_was_normalised_otherwise(
    files: Files,
) -> None:
    one, two, compendium, external = drawn(1, 8), drawn(2, 8), drawn(3, 9), drawn(4, 9)
    compendium[4] = one[2]
    # Other units and some noise: a correlation of .998.
    external[0] = 3 * (one[5] + np.random.default_rng(5).normal(0, 0.12, len(GENES))) + 1
    two[7] = one[6]
    matrix, duplicates = files.gather(
        [files.auxiliary("one", one), files.auxiliary("two", two)],
        {"compendium": files.cohort("c", compendium), "strangers": files.cohort("e", external)},
    )
    with open_matrix(matrix) as gathered:
        kept = gathered.obs.index.tolist()
    assert kept == [f"one:one{row}" for row in (0, 1, 3, 4, 6, 7)] + [f"two:two{row}" for row in range(7)]
    left_out = duplicates[duplicates["kept"] == 0]
    assert set(left_out["sample"]) == {"one2", "one5", "two7"}


def test_copies_that_the_config_calls_so_are_copies_here_too(files: Files) -> None:
    one, compendium = drawn(1, 8), drawn(3, 9)
    # A correlation of about .97.
    compendium[4] = one[2] + np.random.default_rng(5).normal(0, 0.5, len(GENES))
    others = {"compendium": files.cohort("c", compendium)}
    for distance, kept in ((0.02, 8), (0.4, 7)):
        matrix, _ = files.gather([files.auxiliary("one", one)], others, distance)
        with open_matrix(matrix) as gathered:
            assert len(gathered.obs) == kept


def test_a_target_with_a_gap_counts_in_no_sample_of_its_cohort(files: Files) -> None:
    measured = np.ones((8, len(GENES)), bool)
    # A landmark is filled in, and counts as an input.
    measured[3, 50] = measured[:, 2] = False
    matrix, _ = files.gather(
        [files.auxiliary("one", drawn(1, 8), measured), files.auxiliary("two", drawn(2, 6))],
        {"compendium": files.cohort("c", drawn(3, 9))},
    )
    with open_matrix(matrix) as gathered:
        counts, values = gathered.read(layer="measured").astype(bool), gathered.read()
    expected = np.ones((14, len(GENES)), bool)
    expected[:8, [2, 50]] = False
    np.testing.assert_array_equal(counts, expected)
    assert not values[:8, 50].any() and values[8:, 50].all() and values[:, 2].all()


def test_a_cohort_without_its_own_scaling_is_left_out_and_all_of_them_may_be(
    files: Files, compendium: tuple[Path, Path]
) -> None:
    small, others = files.auxiliary("small", drawn(1, 4), own=False), {"compendium": files.cohort("c", drawn(3, 9))}
    matrix, _ = files.gather([small, files.auxiliary("two", drawn(2, 6))], others)
    with open_matrix(matrix) as gathered:
        assert gathered.obs["source"].unique().tolist() == ["two"]
    matrix, duplicates = files.gather([small], others)
    assert duplicates.empty
    # A model that would learn from them learns from the compendium alone.
    with open_training(*compendium, matrix) as (training, _):
        assert training.samples == [f"s{row}" for row in range(28)]


def examples(seed: int, samples: int, targets: int = 3) -> Examples:
    random = np.random.default_rng(seed)
    inputs, values = (random.normal(size=(samples, width)).astype(np.float32) for width in (LANDMARKS, targets))
    names = [f"{seed}.{row}" for row in range(samples)]
    features = pd.DataFrame(index=[f"t{number}" for number in range(targets)])
    return Examples(inputs, values, random.random(values.shape) < 0.9, names, features)


@pytest.mark.parametrize("rows", [[0], [4], [5], [0, 4, 5, 6, 11], [6, 7], list(range(12))])
def test_joined_samples_are_those_of_the_sources_in_order(rows: list[int]) -> None:
    parts = [examples(1, 5), examples(2, 1), examples(3, 6)]
    joined = JoinedExamples(parts)
    whole = joined.load()
    np.testing.assert_array_equal(whole.inputs, np.concatenate([part.inputs for part in parts]))
    taken = joined.take(np.array(rows))
    assert taken.samples == [whole.samples[row] for row in rows]
    for name in ("inputs", "targets", "measured"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(whole, name)[rows])
        blocks = np.concatenate([getattr(block, name) for block in joined.blocks(2)])
        np.testing.assert_array_equal(blocks, getattr(whole, name))
    assert (joined.samples, joined.landmarks) == (whole.samples, LANDMARKS)


@pytest.fixture
def compendium(tmp_path: Path) -> tuple[Path, Path]:
    """Write a normalised compendium and its parts."""
    random, obs = np.random.default_rng(8), table_of_samples("s", 40)
    normalised, split = tmp_path / "normalised.h5ad", tmp_path / "split.tsv"
    values = random.normal(size=(40, len(GENES))).astype(np.float32)
    write_matrix(normalised, obs, table_of_genes(), values, {"measured": np.ones(values.shape, bool)})
    parts = np.repeat(["training", "select", "calibrate", "test"], [28, 4, 4, 4])
    obs.assign(part=parts).to_csv(split, sep="\t", index_label="sample")
    return normalised, split


def test_a_model_is_fitted_to_auxiliary_samples_where_they_measure_the_target(
    files: Files, compendium: tuple[Path, Path], tmp_path: Path
) -> None:
    measured = np.ones((30, len(GENES)), bool)
    measured[:, 20:] = False
    others, _ = files.gather([files.auxiliary("one", drawn(1, 30), measured)], {"c": files.cohort("c", drawn(3, 9))})
    weights = tmp_path / "weights.h5"
    kind = KINDS["ols"]
    outputs = (weights, tmp_path / "metrics.json", tmp_path / "targets.tsv")
    fit_baseline("ols", kind.estimator, kind.defaults, 1, *compendium, others, *outputs)
    with open_matrix(compendium[0]) as matrix, open_matrix(others) as more:
        training = StoredExamples(matrix, np.arange(28)).load()
        auxiliary = StoredExamples(more).load()
    inputs = np.concatenate([training.inputs, auxiliary.inputs])
    both = LinearRegression().fit(inputs, np.concatenate([training.targets, auxiliary.targets])[:, : 20 - LANDMARKS])
    alone = LinearRegression().fit(training.inputs, training.targets[:, 20 - LANDMARKS :])
    expected = np.concatenate([both.predict(inputs), alone.predict(inputs)], axis=1)
    with open_model(weights, kind.model) as model:
        np.testing.assert_allclose(model.predict(inputs), expected, atol=1e-4)


def test_auxiliary_samples_of_other_genes_are_refused(compendium: tuple[Path, Path], tmp_path: Path) -> None:
    path, genes = tmp_path / "others.h5ad", [*GENES[:-1], "another"]
    values = drawn(1, 6)
    obs = table_of_samples("a", 6)
    write_matrix(path, obs, table_of_genes(genes), values, {"measured": np.ones(values.shape, bool)})
    with pytest.raises(UserError, match="has other genes"), open_training(*compendium, path):
        pass


def test_cohorts_count_as_auxiliary_where_a_model_learns_from_them_and_they_are_nothing_else() -> None:
    config = {
        "compendium": {"sources": {"a": {"geo": "GSE1"}}},
        "external": {"b": {"geo": "GSE2"}},
        "auxiliary": {"a": {"geo": "GSE1"}, "b": {"geo": "GSE2"}, "c": {"geo": "GSE3"}},
        "models": {"one": {"kind": "ridge"}, "two": {"kind": "ridge", "auxiliary": True}},
    }
    assert list(auxiliary_cohorts(config)) == ["c"]
    config["models"] = {"one": {"kind": "ridge"}, "two": {"kind": "ridge", "auxiliary": False}}
    assert auxiliary_cohorts(config) == {}


def sets_of(counts: NDArray[np.bool_]) -> list[str]:
    """Return for every target the cohorts that it counts in, as digits."""
    return ["".join(str(cohort) for cohort in np.flatnonzero(column)) for column in counts.T]


def test_targets_of_rare_sets_of_cohorts_count_in_the_largest_frequent_set_within() -> None:
    wanted = ["012"] * 5 + ["01"] * 4 + ["12"] * 3 + ["2"] * 2 + ["0"] + [""] * 2
    counts = np.array([[str(cohort) in cohorts for cohorts in wanted] for cohort in range(3)])
    in_few = {most: sets_of(in_few_sets(counts, [10, 20, 40], most)) for most in (6, 5, 4, 3, 2, 1)}
    assert in_few[6] == wanted
    assert in_few[5] == [*wanted[:14], "", "", ""]
    # "2" goes with its two targets, before "" with its three.
    assert in_few[4] == [*wanted[:12], "", "", "", "", ""]
    # Of "12", three targets, nothing is left within but "".
    assert in_few[3] == [*wanted[:9], *[""] * 8]
    assert in_few[2] == [*wanted[:5], *[""] * 12]
    # Five targets less than twelve: the larger set stays.
    assert in_few[1] == [""] * 17


def test_of_the_sets_within_the_one_with_most_samples_is_taken() -> None:
    wanted = ["01"] + ["0"] * 3 + ["1"] * 2
    counts = np.array([[str(cohort) in cohorts for cohorts in wanted] for cohort in range(2)])
    assert sets_of(in_few_sets(counts, [30, 10], 2)) == ["0", "0", "0", "0", "1", "1"]
    assert sets_of(in_few_sets(counts, [10, 30], 2)) == ["1", "0", "0", "0", "1", "1"]
    # What counts nowhere is never given up.
    wanted = ["01"] * 3 + ["0"] * 2 + [""]
    counts = np.array([[str(cohort) in cohorts for cohorts in wanted] for cohort in range(2)])
    assert sets_of(in_few_sets(counts, [10, 10], 2)) == ["01", "01", "01", "", "", ""]
    assert not in_few_sets(np.zeros((0, 4), bool), []).size
