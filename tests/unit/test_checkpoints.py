"""Checkpoints: an interrupted training ends with the weights of one that was not, and never with a wrong state."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network_settings import settings_of
from numpy.typing import NDArray

from landex.errors import UserError
from landex.examples import Examples
from landex.networks.checkpoints import Checkpoints, TrainingState, checkpoint_key
from landex.networks.course import Course, Epoch
from landex.networks.devices import Execution
from landex.networks.settings import NetworkSettings
from landex.networks.steps import Steps
from landex.networks.trainer import Trainer

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")

MakeExamples = Callable[..., Examples]


@pytest.fixture(scope="module")
def data(make_examples: MakeExamples) -> tuple[Examples, Examples]:
    random = np.random.default_rng(1)
    inputs = random.normal(size=(260, 6))
    targets = np.tanh(inputs @ random.normal(size=(6, 4))) * 2 + random.normal(0, 0.5, (260, 4))
    return make_examples(inputs[:200], targets[:200]), make_examples(inputs[200:], targets[200:])


def state(arrays: list[NDArray[Any]], epoch: int = 1) -> TrainingState:
    course = Course(0.1, history=[Epoch(row + 1, 0.1, 1.0, 0.5, 0.6, 2.0) for row in range(epoch)], best_epoch=epoch)
    return TrainingState(course, arrays, arrays, {"hidden_1/kernel": np.float32([[1, 2]])})


# Everything that may change the course: all random layers, moments, averages, the decay rule, a late loss.
TRAININGS = {
    "deep": settings_of(
        "deep", hidden=[16, 16], batch=20, epochs=5, monitored=50, input_noise=0.1, ema=0.9, residual=True, mae_from=0.6
    ),
    "dgex": settings_of(
        "dgex", hidden=[16], batch=20, epochs=5, monitored=50, learning_rate=0.05, normalisation="batch"
    ),
    "relu_tanh": settings_of("relu_tanh", hidden=[8], batch=20, epochs=5, monitored=50),
}


def trainer_of(settings: NetworkSettings, data: tuple[Examples, Examples], pool_bytes: int) -> Trainer:
    return Trainer(settings, *data, None, Execution(False, 2, pool_bytes))


@contextmanager
def signalled(monkeypatch: pytest.MonkeyPatch, call: int, number: signal.Signals) -> Iterator[None]:
    """Send this process a signal while the training takes its steps for the n-th time."""
    take, calls = Steps.take, iter(range(1, 10_000))

    def interrupted(self: Steps, *arguments: Any) -> float:
        found = take(self, *arguments)
        if next(calls) == call:
            os.kill(os.getpid(), number)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "take", interrupted)
        yield


# 40 bytes a sample: all in one pool, or pools of 50 that are read in pages.
@pytest.mark.parametrize("pool_bytes", [1 << 20, 2000])
@pytest.mark.parametrize("call", [1, 5, 13])
@pytest.mark.parametrize("preset", TRAININGS)
def test_a_training_that_a_signal_ended_goes_on_to_the_same_weights_to_the_bit(
    preset: str, call: int, pool_bytes: int, data: tuple[Examples, Examples], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings = TRAININGS[preset]
    whole = trainer_of(settings, data, pool_bytes).train()
    checkpoints = Checkpoints(tmp_path / "scratch", "key", 60)
    # Calls take two steps of ten an epoch, so that 5 is the end of an epoch and the others lie within.
    with (
        signalled(monkeypatch, call, signal.SIGTERM),
        pytest.raises(UserError, match=r"stopped by SIGTERM in epoch \d of 5.*goes on from there"),
    ):
        trainer_of(settings, data, pool_bytes).train(checkpoints)
    resumed = trainer_of(settings, data, pool_bytes).train(Checkpoints(tmp_path / "scratch", "key", 60))
    assert resumed.course.resumptions == 1
    assert resumed.network.arrays.keys() == whole.network.arrays.keys()
    for path, array in whole.network.arrays.items():
        np.testing.assert_array_equal(resumed.network.arrays[path], array, err_msg=path)
    for one, two in zip(whole.course.history, resumed.course.history, strict=True):
        assert (one.epoch, one.learning_rate, one.training_loss, one.training_mae, one.select_mae) == (
            two.epoch, two.learning_rate, two.training_loss, two.training_mae, two.select_mae
        )  # fmt: skip
    assert (resumed.course.best_epoch, resumed.course.steps) == (whole.course.best_epoch, whole.course.steps)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGUSR1])
def test_other_signals_end_a_training_too_and_handlers_are_put_back(
    number: signal.Signals, data: tuple[Examples, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    with signalled(monkeypatch, 2, number), pytest.raises(UserError, match=f"stopped by {number.name} in epoch 1 of 5"):
        trainer_of(TRAININGS["relu_tanh"], data, 1 << 20).train()
    assert signal.getsignal(number) is before


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    arrays = [np.float32([[1, 2], [3, 4]]), np.array(7, np.float32), np.array([5, 6], np.uint32)]
    kept = Checkpoints(tmp_path / "s", "key", 0)
    assert kept.read() is None
    assert kept.write(state(arrays))
    found = kept.read()
    assert found is not None
    assert found.course == state(arrays).course
    for one, two in zip(found.arrays, arrays, strict=True):
        np.testing.assert_array_equal(one, two)
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
    assert found.good is found.arrays
    np.testing.assert_array_equal(found.kept["hidden_1/kernel"], [[1, 2]])


def test_a_checkpoint_of_anything_else_is_not_taken_and_is_removed_by_the_next(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "old", 0).write(state([np.zeros(3)]))
    (tmp_path / ".1.partial.old.npz").write_text("left by a killed process")
    new = Checkpoints(tmp_path, "new", 0)
    assert new.read() is None
    new.write(state([np.ones(3)]))
    assert [file.name for file in tmp_path.iterdir()] == ["new.npz"]
    new.clear()
    assert not tmp_path.exists()


def test_the_key_depends_on_code_settings_and_the_content_of_inputs(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_text("one")
    key = checkpoint_key("code", {"epochs": 3}, [file])
    assert checkpoint_key("code", {"epochs": 3}, [file]) == key
    os.utime(file, (1, 1))
    assert checkpoint_key("code", {"epochs": 3}, [file]) == key
    others = [checkpoint_key("edit", {"epochs": 3}, [file]), checkpoint_key("code", {"epochs": 4}, [file])]
    file.write_text("two")
    others.append(checkpoint_key("code", {"epochs": 3}, [file]))
    assert len({key, *others}) == 4


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_a_damaged_checkpoint_is_left_aside_with_a_warning(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path, "key", 0)
    checkpoints.write(state([np.arange(5000, dtype=np.float32)]))
    path = tmp_path / "key.npz"
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        place = content.index(np.arange(100, 200, dtype=np.float32).tobytes())
        path.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        np.savez(path, x=1)
    assert checkpoints.read() is None
    assert "damaged" in caplog.text


def test_a_state_that_lacks_an_array_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = Checkpoints(tmp_path, "key", 0)
    checkpoints.write(state([np.zeros(3), np.ones(2)]))
    with np.load(tmp_path / "key.npz") as archive:
        content = {name: archive[name] for name in archive.files if name != "good/1"}
    np.savez(tmp_path / "key.npz", **content)
    assert checkpoints.read() is None
    assert "damaged" in caplog.text


def test_a_state_of_another_network_is_left_aside(
    data: tuple[Examples, Examples], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(tmp_path, "key", 0)
    trainer_of(replace(TRAININGS["dgex"], hidden=(7,)), data, 1 << 20).train(checkpoints)
    found = trainer_of(TRAININGS["dgex"], data, 1 << 20).train(checkpoints)
    assert "of another network" in caplog.text
    assert found.course.resumptions == 0


def test_what_lies_in_the_folder_beside_is_left_alone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, "key", 0)
    (tmp_path / "notes").mkdir()
    assert checkpoints.write(state([np.zeros(3)]))
    checkpoints.clear()
    assert [file.name for file in tmp_path.iterdir()] == ["notes"]


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoints = Checkpoints(tmp_path, "key", 0)
    assert checkpoints.write(state([np.zeros(10)]))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # The system refuses to write files beyond this size, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        assert not checkpoints.write(state([np.zeros(100_000)], epoch=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "no checkpoint after epoch 2" in caplog.text
    found = checkpoints.read()
    assert found is not None
    assert found.course.epoch == 1
    assert [file.name for file in tmp_path.iterdir()] == ["key.npz"]


def test_checkpoints_are_due_after_some_minutes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [100.0]
    monkeypatch.setattr("landex.networks.checkpoints.time.monotonic", lambda: now[0])
    checkpoints = Checkpoints(tmp_path, "key", 2)
    now[0] += 119
    assert not checkpoints.due
    now[0] += 1
    assert checkpoints.due
    checkpoints.write(state([np.zeros(3)]))
    assert not checkpoints.due
