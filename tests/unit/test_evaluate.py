"""Metrics against scipy and scikit-learn, and evaluation through files."""

import warnings
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from landex.baselines.linear_model import LinearModel
from landex.errors import UserError
from landex.evaluate import target_metrics, write_evaluation
from landex.h5ad import write_matrix
from landex.kinds import KINDS
from landex.models import write_model
from landex.predict import write_predictions
from landex.predictions import Predictions

METRICS = ["mae", "rmse", "pearson", "spearman", "r2"]
Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


def expected_metrics(prediction: NDArray[np.floating], truth: NDArray[np.floating]) -> list[float]:
    return [
        mean_absolute_error(truth, prediction),
        root_mean_squared_error(truth, prediction),
        pearsonr(truth, prediction).statistic,
        spearmanr(truth, prediction).statistic,
        r2_score(truth, prediction),
    ]


def arrays(samples: int = 40, targets: int = 12) -> Arrays:
    random = np.random.default_rng(1)
    truth = random.normal(size=(samples, targets)).astype(np.float32)
    prediction = (0.6 * truth + random.normal(0, 0.7, truth.shape)).astype(np.float32)
    prediction[:, 1] = np.round(prediction[:, 1])  # ties
    truth[:, 1] = np.round(truth[:, 1])
    prediction[:, 2] = -prediction[:, 2]
    measured = random.random(truth.shape) < 0.7
    measured[:, :3] = True
    return prediction, truth, measured


def test_metrics_equal_those_of_scipy_and_scikit_learn_over_measured_values() -> None:
    prediction, truth, measured = arrays()
    # What stands in place of a missing value must not matter.
    table = target_metrics(np.where(measured, prediction, 1e6), np.where(measured, truth, 0), measured)
    assert table["n"].tolist() == measured.sum(axis=0).tolist()
    for target in range(truth.shape[1]):
        rows = measured[:, target]
        expected = expected_metrics(prediction[rows, target].astype(float), truth[rows, target].astype(float))
        assert table.loc[target, METRICS].tolist() == pytest.approx(expected, rel=1e-9), target


def test_targets_are_measured_the_same_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = target_metrics(*arrays())
    monkeypatch.setattr("landex.evaluate._BLOCK", 5)
    pd.testing.assert_frame_equal(target_metrics(*arrays()), whole)


def test_a_constant_truth_has_errors_but_no_correlation_and_no_r2() -> None:
    prediction = np.arange(10, dtype=np.float32)[:, None]
    row = target_metrics(prediction, np.full((10, 1), 0.1, np.float32), np.ones((10, 1), bool)).iloc[0]
    assert row["mae"] == pytest.approx(np.abs(np.arange(10) - np.float32(0.1)).mean())
    assert row["rmse"] == pytest.approx(np.sqrt(((np.arange(10) - np.float32(0.1)) ** 2).mean()))
    assert row[["pearson", "spearman", "r2"]].isna().all()


def test_a_constant_prediction_has_no_correlation() -> None:
    truth = np.arange(9, dtype=np.float32)[:, None]
    row = target_metrics(np.full((9, 1), 1 / 3, np.float32), truth, np.ones((9, 1), bool)).iloc[0]
    assert row[["pearson", "spearman"]].isna().all()
    assert row["mae"] == pytest.approx(mean_absolute_error(truth, np.full((9, 1), 1 / 3)), rel=1e-6)


def test_a_perfect_prediction_is_perfect() -> None:
    truth = np.random.default_rng(2).normal(size=(20, 3)).astype(np.float32)
    table = target_metrics(truth, truth, np.ones(truth.shape, bool))
    assert table[METRICS].to_numpy() == pytest.approx(np.array([[0, 0, 1, 1, 1]] * 3))


@pytest.mark.parametrize("measured", [0, 1])
def test_too_few_samples_leave_no_correlation_and_raise_no_warning(measured: int) -> None:
    mask = np.zeros((6, 1), bool)
    mask[:measured] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = target_metrics(np.ones((6, 1), np.float32), np.full((6, 1), 3, np.float32), mask).iloc[0]
    assert row["n"] == measured
    assert row["mae"] == 2 if measured else np.isnan(row["mae"])
    assert row[["pearson", "spearman", "r2"]].isna().all()


LANDMARKS, TARGETS, SAMPLES = 3, 4, 8


def write_normalised(path: Path, *, own: bool) -> dict[str, NDArray[np.float32]]:
    """Write a normalised matrix; the last target was measured in no sample, the first not in sample 2."""
    random = np.random.default_rng(3)
    shape = (SAMPLES, LANDMARKS + TARGETS)
    layers = {scaling: random.normal(size=shape).astype(np.float32) for scaling in ("X", "own")}
    measured = np.ones(shape, bool)
    measured[:, -1] = measured[2, LANDMARKS] = False
    genes = [f"g{number}" for number in range(LANDMARKS + TARGETS)]
    var = pd.DataFrame(
        {
            "symbol": genes,
            "ensembl": "",
            "cmap": "",
            "role": ["landmark"] * LANDMARKS + ["target"] * TARGETS,
            "overlapping": "0",
        },
        index=pd.Index(genes, name="gene"),
    )
    obs = pd.DataFrame(index=pd.Index([f"s{row}" for row in range(SAMPLES)], name="sample"))
    stored = {"measured": measured, **({"own": layers["own"]} if own else {})}
    write_matrix(path, obs, var, layers["X"], stored)
    return layers


def linear_model(path: Path) -> LinearModel:
    random = np.random.default_rng(4)
    model = LinearModel(
        random.normal(size=(LANDMARKS, TARGETS)).astype(np.float32), random.normal(size=TARGETS).astype(np.float32)
    )
    write_model(path, "ols", model)
    return model


def test_a_cohort_is_evaluated_in_both_scalings_target_by_target(tmp_path: Path) -> None:
    layers = write_normalised(tmp_path / "cohort.h5ad", own=True)
    model = linear_model(tmp_path / "weights.h5")
    write_predictions(
        tmp_path / "weights.h5", KINDS["ols"].model, tmp_path / "cohort.h5ad", tmp_path / "predictions.h5"
    )
    write_evaluation(tmp_path / "predictions.h5", tmp_path / "cohort.h5ad", tmp_path / "evaluation.tsv")
    table = pd.read_csv(tmp_path / "evaluation.tsv", sep="\t", keep_default_na=False).set_index(["scaling", "gene"])
    assert table.index.tolist() == [(scaling, f"g{number}") for scaling in ("training", "own") for number in (3, 4, 5)]
    for scaling, layer in (("training", "X"), ("own", "own")):
        predicted = layers[layer][:, :LANDMARKS] @ model.coefficients + model.intercept
        for target in range(3):
            rows = [0, 1, 3, 4, 5, 6, 7] if target == 0 else list(range(8))
            row = table.loc[(scaling, f"g{LANDMARKS + target}")]
            expected = expected_metrics(predicted[rows, target], layers[layer][rows, LANDMARKS + target])
            assert row["n"] == len(rows)
            assert [float(row[name]) for name in METRICS] == pytest.approx(expected, rel=1e-4)


def test_only_the_rows_asked_for_are_predicted_and_evaluated(tmp_path: Path) -> None:
    layers = write_normalised(tmp_path / "compendium.h5ad", own=False)
    model, rows = linear_model(tmp_path / "weights.h5"), np.array([1, 2, 6])
    paths = (tmp_path / "compendium.h5ad", tmp_path / "predictions.h5")
    write_predictions(tmp_path / "weights.h5", KINDS["ols"].model, *paths, rows)
    found = Predictions.read(tmp_path / "predictions.h5")
    assert list(found.scores) == ["training"]
    assert (found.samples, found.genes) == (["s1", "s2", "s6"], ["g3", "g4", "g5", "g6"])
    np.testing.assert_array_equal(found.scores["training"], model.predict(layers["X"][rows, :LANDMARKS]))
    write_evaluation(tmp_path / "predictions.h5", tmp_path / "compendium.h5ad", tmp_path / "evaluation.tsv", rows)
    assert pd.read_csv(tmp_path / "evaluation.tsv", sep="\t")["n"].tolist() == [2, 3, 3]


def test_predictions_of_other_samples_are_refused(tmp_path: Path) -> None:
    write_normalised(tmp_path / "compendium.h5ad", own=False)
    linear_model(tmp_path / "weights.h5")
    paths = (tmp_path / "compendium.h5ad", tmp_path / "predictions.h5")
    write_predictions(tmp_path / "weights.h5", KINDS["ols"].model, *paths, np.array([0, 1, 2]))
    with pytest.raises(UserError, match="other samples or genes"):
        write_evaluation(
            tmp_path / "predictions.h5", tmp_path / "compendium.h5ad", tmp_path / "out.tsv", np.array([0, 1, 3])
        )
    assert not (tmp_path / "out.tsv").exists()


def test_a_value_that_is_not_finite_is_refused_by_sample_and_gene(tmp_path: Path) -> None:
    write_normalised(tmp_path / "compendium.h5ad", own=False)
    linear_model(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "compendium.h5ad", "a") as file:
        file["X"][4, 5] = np.nan
    with pytest.raises(UserError, match=r"compendium\.h5ad: sample s4, gene g5 has no finite value"):
        write_predictions(
            tmp_path / "weights.h5", KINDS["ols"].model, tmp_path / "compendium.h5ad", tmp_path / "predictions.h5"
        )
