"""Pieces of a model, trained one by one, as one model with one history and one account."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.h5ad import write_matrix
from landex.kinds import KINDS
from landex.model_entries import network_settings, piece_settings
from landex.models import EnsembleModel, open_model, write_model
from landex.networks.join import join_networks
from landex.networks.model import NetworkModel
from landex.networks.network import Network, OutputScale
from landex.networks.settings import NetworkSettings
from landex.predict import write_predictions
from landex.predictions import Predictions

ENTRY = {"kind": "network", "preset": "dgex", "hidden": [], "ensemble": 2, "target_jobs": 2}
# Two landmarks; the first part of the targets is one, the second two.
KERNELS = {
    "1.1": [[1.0], [0.0]],
    "1.2": [[0.0, 2.0], [1.0, 0.0]],
    "2.1": [[0.0], [3.0]],
    "2.2": [[4.0, 0.0], [0.0, 1.0]],
}
SELECT = np.array([[1.0, 2.0], [-1.0, 0.5], [3.0, 0.0]], np.float32)
TRUTH = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, -1.0], [5.0, 1.0, 1.0]], np.float32)
MEASURED = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)


def write_compendium(folder: Path) -> None:
    """Write three select samples between others whose values would be noticed; one value is not measured."""
    values, measured = np.full((6, 5), 99.0, np.float32), np.ones((6, 5), bool)
    rows = [1, 2, 4]
    values[rows], measured[rows, 2:] = np.hstack([SELECT, TRUTH]), MEASURED
    obs = pd.DataFrame(index=[f"s{row}" for row in range(6)])
    var = pd.DataFrame({"role": ["landmark"] * 2 + ["target"] * 3}, index=list("lmabc"))
    write_matrix(folder / "compendium.h5ad", obs, var, values, {"measured": measured})
    parts = ["training", "select", "select", "calibrate", "select", "test"]
    pd.DataFrame({"sample": obs.index, "part": parts}).to_csv(folder / "split.tsv", sep="\t", index=False)


def write_piece(folder: Path, piece: str, kernel: NDArray[np.float32], **metrics: Any) -> None:
    """Write what the job of one piece leaves."""
    folder.mkdir()
    settings = piece_settings(ENTRY, piece)
    arrays = {"output/kernel": kernel, "output/bias": np.zeros(kernel.shape[1], np.float32)}
    network = Network(NetworkSettings.from_mapping(settings), arrays, OutputScale.identity(kernel.shape[1]))
    write_model(folder / "weights.h5", "network", NetworkModel([[network]]))
    rate = 0.1 * float(piece)
    # A piece is named 1.1 by the job that trains it.
    (folder / "history.tsv").write_text(f"piece\tepoch\tlearning_rate\n1.1\t1\t{rate:.6g}\n1.1\t2\t0.000123457\n")
    shared = {"kind": "network", "preset": "dgex", "settings": settings, "device": "CPU, 2 threads", "epochs": 2}
    reached = {"best_epoch": 2, "stopped": "all 2 epochs done", "select_mae": 0.5}
    written = {**reached, "seconds": 10.0, "peak_memory_mb": 1e6, **shared, **metrics}
    (folder / "metrics.json").write_text(json.dumps(written))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_compendium(tmp_path)
    for number, (piece, kernel) in enumerate(KERNELS.items()):
        write_piece(
            tmp_path / piece, piece, np.array(kernel, np.float32), seconds=10.0 + number, peak_memory_mb=1e6 + number
        )
    return tmp_path


def join(folder: Path) -> dict[str, Any]:
    """Join the pieces and return metrics.json."""
    outputs = [folder / name for name in ("weights.h5", "history.tsv", "metrics.json")]
    pieces = {piece: folder / piece for piece in KERNELS}
    join_networks(pieces, folder / "compendium.h5ad", folder / "split.tsv", *outputs)
    return json.loads(outputs[2].read_text())


def test_the_joined_model_predicts_the_mean_of_the_members_of_every_part(folder: Path) -> None:
    join(folder)
    with open_model(folder / "weights.h5", KINDS["network"].model) as model:
        found = model.predict(SELECT)
        assert model.parameters == 2 * (3 + 6)
    first, second = SELECT.T
    expected = [(first + 3 * second) / 2, (second + 4 * first) / 2, (2 * first + second) / 2]
    np.testing.assert_allclose(found, np.transpose(expected), rtol=1e-6)


def test_the_spread_is_the_deviation_of_the_members_of_every_part_and_the_mean_is_unchanged(folder: Path) -> None:
    join(folder)
    with open_model(folder / "weights.h5", KINDS["network"].model) as model:
        assert isinstance(model, EnsembleModel)
        assert model.members == 2
        mean, spread = model.predict_with_spread(SELECT)
        np.testing.assert_array_equal(mean, model.predict(SELECT))
    first, second = SELECT.T
    members = [[first, 3 * second], [second, 4 * first], [2 * first, second]]
    # Of two numbers the deviation is their distance by the root of 2.
    expected = [np.abs(one - other) / np.sqrt(2) for one, other in members]
    np.testing.assert_allclose(spread, np.transpose(expected), rtol=1e-6)
    assert spread.dtype == np.float32


def test_an_ensembles_spread_reaches_the_file_of_predictions_and_a_single_networks_does_not(folder: Path) -> None:
    join(folder)
    inputs = folder / "weights.h5", KINDS["network"].model, folder / "compendium.h5ad"
    rows = np.array([1, 2, 4])
    write_predictions(*inputs, folder / "predictions.h5", rows)
    with open_model(*inputs[:2]) as model:
        assert isinstance(model, EnsembleModel)
        mean, spread = model.predict_with_spread(SELECT)
        assert isinstance(model, NetworkModel)
        write_model(folder / "single.h5", "network", NetworkModel([members[:1] for members in model.parts]))
    found = Predictions.read(folder / "predictions.h5")
    np.testing.assert_array_equal(found.scores["training"], mean)
    np.testing.assert_array_equal(found.spreads["training"], spread)
    write_predictions(folder / "single.h5", *inputs[1:], folder / "predictions.h5", rows)
    assert Predictions.read(folder / "predictions.h5").spreads == {}


def test_its_validation_error_is_that_of_the_joined_predictions(folder: Path) -> None:
    # Predictions by hand, from the means above: 3.5 3 2 | .25 -1.75 -.75 | 1.5 6 3.
    errors = [2.5, 1, 1, 0.25, 0.25, 3.5, 5, 2]
    assert join(folder)["select_mae"] == pytest.approx(np.mean(errors), rel=1e-6)


def test_its_history_is_the_pieces_histories_under_their_own_names(folder: Path) -> None:
    join(folder)
    found = pd.read_csv(folder / "history.tsv", sep="\t", dtype=str)
    assert found.columns.tolist() == ["piece", "epoch", "learning_rate"]
    assert found["piece"].tolist() == ["1.1", "1.1", "1.2", "1.2", "2.1", "2.1", "2.2", "2.2"]
    assert found["learning_rate"].tolist()[::2] == ["0.11", "0.12", "0.21", "0.22"]
    assert set(found["learning_rate"][1::2]) == {"0.000123457"}


def test_its_metrics_sum_up_the_pieces_and_list_them(folder: Path) -> None:
    metrics = join(folder)
    assert metrics["settings"] == {**network_settings(ENTRY), "ensemble": 2, "target_jobs": 2}
    assert (metrics["kind"], metrics["preset"], metrics["device"]) == ("network", "dgex", "CPU, 2 threads")
    assert (metrics["seconds"], metrics["epochs"], metrics["best_epoch"]) == (46.0, 2, None)
    # More than this process has taken: the largest piece's.
    assert metrics["peak_memory_mb"] == 1e6 + 3
    assert metrics["stopped"] == "all 2 epochs done"
    assert [(piece["piece"], piece["seed"], piece["seconds"]) for piece in metrics["pieces"]] == [
        ("1.1", 1, 10.0),
        ("1.2", 1, 11.0),
        ("2.1", 2, 12.0),
        ("2.2", 2, 13.0),
    ]
    assert {(piece["best_epoch"], piece["select_mae"]) for piece in metrics["pieces"]} == {(2, 0.5)}
    assert not [key for piece in metrics["pieces"] for key in ("kind", "preset", "settings") if key in piece]


def test_where_pieces_stopped_for_different_reasons_the_model_gives_none(folder: Path) -> None:
    path = folder / "2.1" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"epochs": 1, "stopped": "patience", "device": "GPU"}))
    metrics = join(folder)
    assert (metrics["epochs"], metrics["stopped"]) == (2, None)
    assert metrics["device"] == "CPU, 2 threads; GPU"
    assert metrics["pieces"][2]["stopped"] == "patience"
