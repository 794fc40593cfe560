"""Trainings in real processes that are killed, warned, or run out of disk."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.h5ad import write_matrix

TRAIN = Path(__file__).with_name("train.py")
ROOT = TRAIN.parents[2]
EPOCHS = 12
# A loaded machine may take long to start TensorFlow.
PATIENCE = 180


def write_data(folder: Path) -> Path:
    """Write a normalised compendium and its parts."""
    folder.mkdir()
    random = np.random.default_rng(5)
    genes = [f"g{number}" for number in range(6)]
    var = pd.DataFrame({"role": ["landmark"] * 3 + ["target"] * 3}, index=pd.Index(genes, name="gene"))
    obs = pd.DataFrame(index=pd.Index([f"s{row}" for row in range(60)], name="sample"))
    values = random.normal(size=(60, 6)).astype(np.float32)
    write_matrix(folder / "normalised.h5ad", obs, var, values, {"measured": np.ones(values.shape, bool)})
    parts = np.array(["training"] * 40 + ["select"] * 10 + ["calibrate"] * 5 + ["test"] * 5)
    pd.DataFrame({"sample": obs.index, "part": parts}).to_csv(folder / "split.tsv", sep="\t", index=False)
    return folder


def start(folder: Path, pause: float = 0.0, **options: object) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(map(str, (ROOT / "workflow" / "scripts", ROOT / "tests")))
    return subprocess.Popen(
        [sys.executable, str(TRAIN), str(folder), str(EPOCHS), str(pause)],
        env={**os.environ, "PYTHONPATH": path},
        **options,  # type: ignore[call-overload]
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "the training ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def epochs_in(folder: Path) -> int:
    log = folder / "log"
    return log.read_text().count("epoch ") if log.exists() else 0


def arrays_of(folder: Path) -> dict[str, NDArray[np.float32]]:
    found = {}
    with h5py.File(folder / "weights.h5", "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a training that nothing disturbed."""
    folder = write_data(tmp_path_factory.mktemp("whole") / "run")
    assert start(folder).wait(PATIENCE) == 0
    return arrays_of(folder)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_training_that_is_ended_twice_ends_with_the_same_weights_to_the_bit(
    number: signal.Signals, undisturbed: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    folder = write_data(tmp_path / "run")
    for epoch in (3, 4):
        (folder / "log").unlink(missing_ok=True)
        process = start(folder, 0.3)
        wait_for(lambda epoch=epoch: epochs_in(folder) >= epoch, process)
        process.send_signal(number)
        assert process.wait(PATIENCE) == (-signal.SIGKILL if number == signal.SIGKILL else 1)
        if number == signal.SIGTERM:
            assert "landex: training stopped by SIGTERM in epoch" in (folder / "log").read_text()
        assert not (folder / "weights.h5").exists()
        assert list((folder / "scratch").glob("*.npz"))
    assert start(folder).wait(PATIENCE) == 0
    assert "going on after epoch" in (folder / "log").read_text()
    assert json.loads((folder / "metrics.json").read_text())["resumptions"] == 2
    assert pd.read_csv(folder / "history.tsv", sep="\t")["epoch"].tolist() == list(range(1, EPOCHS + 1))
    found = arrays_of(folder)
    assert found.keys() == undisturbed.keys()
    for name, array in undisturbed.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert not (folder / "scratch").exists()


def test_a_full_disk_ends_in_one_line_and_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "run")

    def fill() -> None:
        # The log is smaller; the weights with HDF5's structures are not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    process = start(folder, preexec_fn=fill)
    assert process.wait(PATIENCE) == 1
    log = (folder / "log").read_text()
    assert "no checkpoint after epoch 1" in log
    assert log.splitlines()[-1].startswith("landex: ")
    assert "weights.h5" in log.splitlines()[-1]
    assert "Traceback" not in log
    assert not list(folder.glob("*weights*"))


def test_a_terminal_shows_a_bar_while_the_output_goes_to_the_log(tmp_path: Path) -> None:
    folder = write_data(tmp_path / "run")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = start(folder, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            some = os.read(ours, 65536)
        except OSError:  # the other end is closed: the process has ended
            break
        shown += some
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    text = shown.decode()
    assert "scratch: 100%" in text
    assert f"{EPOCHS}/{EPOCHS}" in text
    assert "select MAE" in text
    assert "epoch 12 of 12" in (folder / "log").read_text()
