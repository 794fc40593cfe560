"""The two references: learnt from training samples alone, inputs from landmarks alone."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from landex.h5ad import open_matrix, write_matrix
from landex.normalise import normalise_compendium
from landex.quantiles import map_onto, mean_quantiles
from landex.references import References, fit_references, subset_of_truth

LANDMARKS, TARGETS, UNUSED = 5, 8, 2
GENES = LANDMARKS + TARGETS + UNUSED
SAMPLES, TRAINING = 14, 9

# The stated properties are checked on files, which takes some milliseconds an example.
few = settings(max_examples=12)
seeds = st.integers(0, 10_000)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def roles() -> pd.DataFrame:
    """Return genes.tsv: some targets stand before the landmarks in the compendium; one landmark is not in it."""
    genes = [*names("L", LANDMARKS), *names("T", TARGETS), *names("U", UNUSED), "absent"]
    given_roles = ["landmark"] * LANDMARKS + ["target"] * TARGETS + ["unused"] * (UNUSED + 1)
    return pd.DataFrame({"gene": genes, "symbol": genes, "role": given_roles})


def columns() -> list[str]:
    """Return the genes of the compendium in an order of its own."""
    return [*names("T", TARGETS), *names("U", UNUSED), *reversed(names("L", LANDMARKS))]


def values_of(seed: int, missing: float = 0.0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    values = random.normal(7, 2, (SAMPLES, GENES)) + random.normal(0, 1, GENES)
    values[random.random(values.shape) < missing] = np.nan
    return values.astype(np.float32)


def written(path: Path, values: NDArray[np.float32], genes: list[str] | None = None) -> Path:
    obs = pd.DataFrame(index=pd.Index(names("s", len(values)), name="sample"))
    write_matrix(path, obs, pd.DataFrame(index=pd.Index(genes or columns(), name="gene")), values)
    return path


def fitted(path: Path, values: NDArray[np.float32], training: NDArray[np.intp]) -> References:
    with open_matrix(written(path, values)) as matrix:
        return fit_references(matrix, roles(), training)


def content(path: Path) -> dict[str, object]:
    """Return every data set of an HDF5 file, by name."""
    found: dict[str, object] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def is_landmark() -> NDArray[np.bool_]:
    return np.array([gene.startswith("L") for gene in columns()])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("references")


@few
@given(seed=seeds, missing=st.sampled_from([0.0, 0.1]))
def test_inputs_do_not_change_when_the_targets_of_a_test_sample_do(folder: Path, seed: int, missing: float) -> None:
    values = values_of(seed, missing)
    fitted(folder / "one.h5ad", values, np.arange(TRAINING)).write(folder / "references.h5")
    changed = values.copy()
    other = np.random.default_rng(seed + 1).normal(50, 30, values.shape)
    changed[TRAINING:, ~is_landmark()] = other[TRAINING:, ~is_landmark()]
    scores = []
    for name, matrix in (("one", values), ("two", changed)):
        normalise_compendium(written(folder / f"{name}.h5ad", matrix), folder / "references.h5", folder / "out.h5ad")
        with open_matrix(folder / "out.h5ad") as out:
            scores.append(out.read())
    np.testing.assert_array_equal(scores[0][:, :LANDMARKS], scores[1][:, :LANDMARKS])
    assert not np.array_equal(scores[0][TRAINING:, LANDMARKS:], scores[1][TRAINING:, LANDMARKS:])


@few
@given(seed=seeds)
def test_no_training_statistic_changes_when_other_samples_change_or_go(folder: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = values_of(seed, missing=0.05)
    training = np.sort(random.permutation(SAMPLES)[:TRAINING])
    fitted(folder / "all.h5ad", values, training).write(folder / "all.h5")
    changed = values.copy()
    others = np.setdiff1d(np.arange(SAMPLES), training)
    changed[others] = random.normal(-100, 1000, (len(others), GENES))
    changed[others[0]] = np.nan
    fitted(folder / "changed.h5ad", changed, training).write(folder / "changed.h5")
    fitted(folder / "fewer.h5ad", values[training], np.arange(TRAINING)).write(folder / "fewer.h5")
    expected = content(folder / "all.h5")
    assert len(expected) > 10
    for name in ("changed", "fewer"):
        found = content(folder / f"{name}.h5")
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value, err_msg=f"{name}: {key}")


def test_every_statistic_equals_its_definition(folder: Path) -> None:
    values, training = values_of(1), np.array([0, 2, 3, 5, 6, 7, 9, 11])
    references = fitted(folder / "one.h5ad", values, training)
    chosen = values[training].astype(np.float64)
    # Landmarks come in the order of genes.tsv, so in that of L0, L1, ...
    landmarks = chosen[:, ::-1][:, :LANDMARKS]
    np.testing.assert_allclose(references.inputs.reference, np.sort(landmarks, axis=1).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(references.truth.reference, np.sort(chosen, axis=1).mean(axis=0), rtol=1e-12)
    assert references.inputs.genes == list(references.inputs.features.index) == names("L", LANDMARKS)
    assert references.truth.genes == columns()
    assert list(references.truth.features.index) == names("T", TARGETS)
    ranks = landmarks.argsort(axis=1).argsort(axis=1)
    quantiles = references.inputs.reference[ranks].astype(np.float32).astype(np.float64)
    features = references.inputs.features
    np.testing.assert_allclose(features["mean"], quantiles.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(features["deviation"], quantiles.std(axis=0), rtol=1e-10)
    scores = (quantiles - quantiles.mean(axis=0)) / quantiles.std(axis=0)
    covariance, _ = ledoit_wolf(scores)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(references.correlation, covariance / np.outer(deviation, deviation), atol=1e-5)
    np.testing.assert_allclose(np.diag(references.correlation), 1, rtol=1e-12)


def test_a_gene_that_is_constant_in_training_scores_its_distance_in_quantile_units(folder: Path) -> None:
    values = values_of(2)
    values[:, 0] = 1000 + np.arange(SAMPLES)  # the highest of every sample, so always the last quantile
    references = fitted(folder / "one.h5ad", values, np.arange(TRAINING))
    row = references.truth.features.loc["T0"]
    assert row["deviation"] == 1.0
    assert row["mean"] == pytest.approx(references.truth.reference[-1], rel=1e-6)
    references.write(folder / "references.h5")
    normalise_compendium(folder / "one.h5ad", folder / "references.h5", folder / "out.h5ad")
    with open_matrix(folder / "out.h5ad") as out:
        assert np.abs(out.read()[:, LANDMARKS]).max() < 1e-3


def test_references_are_read_back_as_they_were(folder: Path) -> None:
    references = fitted(folder / "one.h5ad", values_of(3), np.arange(TRAINING))
    references.write(folder / "references.h5")
    found = References.read(folder / "references.h5")
    np.testing.assert_array_equal(found.correlation, references.correlation)
    np.testing.assert_array_equal(found.occupancy.shares, references.occupancy.shares)
    np.testing.assert_array_equal(found.occupancy.values, references.occupancy.values)
    for side in ("inputs", "truth"):
        one, two = getattr(references, side), getattr(found, side)
        assert two.genes == one.genes
        np.testing.assert_array_equal(two.reference, one.reference)
        pd.testing.assert_frame_equal(two.features, one.features, check_names=False)


def test_the_truth_of_a_subset_is_that_of_the_normalised_training_samples_over_these_genes(folder: Path) -> None:
    values, training = values_of(5), np.arange(2, 2 + TRAINING)
    references = fitted(folder / "one.h5ad", values, training)
    truth = ["T1", "L2", "T7", "U0"]
    with open_matrix(folder / "one.h5ad") as matrix:
        found = subset_of_truth(matrix, references, training, truth)
        whole = subset_of_truth(matrix, references, training, references.truth.genes)
    side = references.truth
    over = values[training][:, [columns().index(gene) for gene in side.genes]]
    normalised = map_onto(over, side.reference)[:, [side.genes.index(gene) for gene in truth]]
    np.testing.assert_allclose(found, np.sort(normalised.astype(np.float64), axis=1).mean(axis=0), rtol=1e-7)
    np.testing.assert_array_equal(whole, side.reference)
    # It is no selection of the whole reference's values, nor the raw values' own quantiles.
    raw = mean_quantiles([values[training][:, [columns().index(gene) for gene in truth]]], len(truth))
    assert np.abs(found - raw).max() > 1e-3


def test_the_reference_of_some_landmarks_is_the_quantiles_of_their_values_in_all_training_samples(folder: Path) -> None:
    values, training = values_of(5), np.arange(2, 2 + TRAINING)
    references = fitted(folder / "one.h5ad", values, training)
    landmarks = ["L3", "L0", "L4"]
    side = references.inputs
    over = values[training][:, [columns().index(gene) for gene in side.genes]]
    normalised = map_onto(over, side.reference)[:, [side.genes.index(gene) for gene in landmarks]]
    # Each of the three takes a third of the 27 values, in order.
    by_hand = np.sort(normalised.ravel().astype(np.float64)).reshape(len(landmarks), TRAINING).mean(axis=1)
    np.testing.assert_allclose(references.reference_of_landmarks(landmarks), by_hand, rtol=1e-6)
    np.testing.assert_array_equal(references.reference_of_landmarks(side.genes), side.reference)
