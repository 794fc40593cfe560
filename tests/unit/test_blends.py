"""Blends as files, and the training samples behind predictions."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.baselines.blend import BlendModel
from landex.baselines.linear_model import LinearModel
from landex.baselines.sample_neighbours import Knn
from landex.blends import Member, write_blend, write_blended_predictions
from landex.errors import UserError
from landex.examples import Examples
from landex.h5ad import write_matrix
from landex.kinds import KINDS
from landex.models import write_model
from landex.predict import write_predictions
from landex.predictions import Predictions

MakeExamples = Callable[..., Examples]

LINEAR = KINDS["ridge"].model
TRUTH = np.array([[1.0, -2.0], [0.5, 3.0], [2.0, 1.0]], np.float32)


def constant(values: list[float]) -> LinearModel:
    """Return a model of one landmark that predicts the same for every sample."""
    return LinearModel(np.zeros((1, len(values)), np.float32), np.array(values, np.float32))


def write_compendium(folder: Path) -> None:
    """Write three select samples, and one of every other part whose values would be noticed."""
    parts = ["training", "select", "select", "calibrate", "select", "test"]
    values = np.full((6, 3), 99.0, np.float32)
    values[[1, 2, 4], 0] = TRUTH[:, 0]
    values[[1, 2, 4], 1:] = TRUTH
    obs = pd.DataFrame(index=[f"s{row}" for row in range(6)])
    var = pd.DataFrame({"role": ["landmark", "target", "target"]}, index=["l", "a", "b"])
    write_matrix(folder / "compendium.h5ad", obs, var, values, {"measured": np.ones((6, 3), bool)})
    pd.DataFrame({"sample": obs.index, "part": parts}).to_csv(folder / "split.tsv", sep="\t", index=False)


@pytest.mark.parametrize("per_target", [False, True])
def test_a_blend_is_fitted_to_select_samples_alone_and_says_what_it_reached(tmp_path: Path, per_target: bool) -> None:
    write_compendium(tmp_path)
    # The first target is the landmark itself; of the second, half the landmark and a constant are offered.
    exact = LinearModel(np.array([[1.0, 0.5]], np.float32), np.zeros(2, np.float32))
    for name, model in {"exact": exact, "high": constant([5.0, 1.0])}.items():
        write_model(tmp_path / f"{name}.h5", "ridge", model)
    members = [Member(name, LINEAR, tmp_path / f"{name}.h5") for name in ("exact", "high")]
    outputs = tmp_path / "weights.h5", tmp_path / "metrics.json", tmp_path / "targets.tsv"
    settings = {"members": ["exact", "high"], "per_target": per_target, "least": {}}
    write_blend(members, settings, tmp_path / "compendium.h5ad", tmp_path / "split.tsv", *outputs)
    with h5py.File(outputs[0]) as file:
        assert file.attrs["kind"] == "blend"
        blend = BlendModel.read(file["model"])
    table = pd.read_csv(outputs[2], sep="\t", index_col="gene")
    metrics = pd.read_json(outputs[1], typ="series")
    assert blend.names == ["exact", "high"]
    assert (table["samples"] == 3).all()
    assert (table["mae"] <= table["best_member_mae"] + 1e-6).all() or not per_target
    assert metrics["select_mae"] == pytest.approx(table["mae"].mean(), rel=1e-4)
    assert metrics["settings"] == settings
    if per_target:
        np.testing.assert_allclose(blend.weights[:, 0], [1, 0], atol=1e-3)
        assert table.loc["a", "mae"] == pytest.approx(0, abs=1e-3)


def write_member(path: Path, scores: NDArray[np.float32], samples: str = "xyz") -> Path:
    Predictions({"training": scores, "own": scores + 1}, list(samples), ["a", "b"]).write(path)
    return path


def test_a_blends_predictions_are_its_members_weighted_in_every_scaling(tmp_path: Path) -> None:
    weights = np.array([[0.25, 1.0], [0.5, 0.0]], np.float32)
    write_model(tmp_path / "weights.h5", "blend", BlendModel(["one", "two"], weights))
    files = [write_member(tmp_path / "one.h5", TRUTH), write_member(tmp_path / "two.h5", 2 * TRUTH)]
    write_blended_predictions(tmp_path / "weights.h5", files, tmp_path / "blend.h5")
    found = Predictions.read(tmp_path / "blend.h5")
    np.testing.assert_allclose(found.scores["training"], TRUTH * [1.25, 1.0])
    np.testing.assert_allclose(found.scores["own"], TRUTH * [1.25, 1.0] + [0.75, 1.0])
    assert (found.samples, found.genes) == (["x", "y", "z"], ["a", "b"])


def test_members_that_predict_other_samples_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "weights.h5", "blend", BlendModel(["one", "two"], np.ones(2, np.float32)))
    files = [write_member(tmp_path / "one.h5", TRUTH), write_member(tmp_path / "two.h5", TRUTH, "xzy")]
    with pytest.raises(UserError, match=r"two\.h5: other samples or genes than .*one\.h5"):
        write_blended_predictions(tmp_path / "weights.h5", files, tmp_path / "blend.h5")
    assert not (tmp_path / "blend.h5").exists()


def test_a_table_lists_the_training_samples_behind_every_prediction_largest_weight_first(
    tmp_path: Path, make_examples: MakeExamples
) -> None:
    training = make_examples(np.array([[0.0], [1.0], [3.0], [9.0]]), np.arange(8.0).reshape(4, 2))
    fitted = Knn([2], "distance").fit(training, training)
    write_model(tmp_path / "weights.h5", "knn", fitted.model)
    obs = pd.DataFrame(index=["p", "q"])
    var = pd.DataFrame({"role": ["landmark", "target", "target"]}, index=["l", "a", "b"])
    values = np.array([[1.5, 0, 0], [8.0, 0, 0]], np.float32)
    layers = {"measured": np.ones((2, 3), bool), "own": values + 100}
    write_matrix(tmp_path / "cohort.h5ad", obs, var, values, layers)
    outputs = tmp_path / "predictions.h5", tmp_path / "carriers.tsv.gz"
    write_predictions(
        tmp_path / "weights.h5", KINDS["knn"].model, tmp_path / "cohort.h5ad", outputs[0], carriers=outputs[1]
    )
    table = pd.read_csv(outputs[1], sep="\t")
    assert table.columns.tolist() == ["scaling", "sample", "carrier", "weight"]
    first = table[table["scaling"] == "training"]
    # 1.5 lies .5 from s1 and 1.5 from s0 and s2, of which s0 comes first; 8 lies 1 from s3 and 5 from s2.
    assert first[["sample", "carrier"]].to_numpy().tolist() == [["p", "s1"], ["p", "s0"], ["q", "s3"], ["q", "s2"]]
    np.testing.assert_allclose(first["weight"], [0.75, 0.25, 5 / 6, 1 / 6], rtol=1e-5)
    assert set(table["scaling"]) == {"training", "own"}
    # The targets of s0 to s3 are 0 and 1, 2 and 3, 4 and 5, 6 and 7.
    expected = [[1.5, 2.5], [17 / 3, 20 / 3]]
    np.testing.assert_allclose(Predictions.read(outputs[0]).scores["training"], expected, rtol=1e-5)


def test_a_prediction_that_is_not_finite_is_refused_because_it_would_count_as_no_error(tmp_path: Path) -> None:
    scores = TRUTH.copy()
    scores[1, 0] = np.nan
    with pytest.raises(UserError, match=r"m\.h5: the model predicts no finite number for sample y, target a"):
        write_member(tmp_path / "m.h5", scores)
    assert not (tmp_path / "m.h5").exists()
