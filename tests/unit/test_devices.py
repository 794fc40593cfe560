"""What a training runs on: cards where they are expected, and a clear line where they are not seen."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tensorflow as tf

from landex.errors import UserError
from landex.networks import devices
from landex.networks.devices import EXECUTIONS, Device, DeviceWishes, choose_device

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
DRIVER = """NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.14  Release Build  (dvs-builder@U16-I3-B03)
GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
"""


class Card(NamedTuple):
    """Stands in for TensorFlow's PhysicalDevice."""

    name: str
    device_type: str = "GPU"


class Machine:
    """What TensorFlow would see on a machine, and what it was told; the real one is left alone."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cards: list[Card] = []
        self.cuda = True
        self.visible: list[Card] | None = None
        self.growing: list[Card] = []
        self.threads: tuple[int, ...] = ()
        self.deterministic = False
        self.driver = folder / "driver"
        self.environment = monkeypatch
        for name in ("CUDA_VISIBLE_DEVICES", "LANDEX_GPU"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setattr(devices, "_NVIDIA_DRIVER", self.driver)
        monkeypatch.setattr(devices, "_taken", {})
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        monkeypatch.setattr("platform.system", lambda: "Linux")
        monkeypatch.setattr("platform.machine", lambda: "x86_64")
        monkeypatch.setattr(tf.config, "list_physical_devices", self.devices)
        monkeypatch.setattr(tf.config, "set_visible_devices", lambda cards, _: setattr(self, "visible", cards))
        monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda card, _: self.growing.append(card))
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda card: {"device_name": card.name[:-2]})
        monkeypatch.setattr(
            tf.config.experimental, "enable_op_determinism", lambda: setattr(self, "deterministic", True)
        )
        for kind in ("intra", "inter"):
            monkeypatch.setattr(tf.config.threading, f"set_{kind}_op_parallelism_threads", self.thread)
        monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: self.cuda)
        monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"cuda_version": "12.5.1"} if self.cuda else {})

    def devices(self, kind: str | None = None) -> list[Card]:
        return [one for one in [Card("CPU:0", "CPU"), *self.cards] if kind in (None, one.device_type)]

    def thread(self, count: int) -> None:
        self.threads += (count,)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine without card, driver and variables, whose TensorFlow is built with CUDA."""
    yield Machine(tmp_path, monkeypatch)
    for lock in devices._taken.values():
        os.close(lock)


def wishes(device: str = "auto", gpus: int = 1, allow_cpu: bool = False) -> DeviceWishes:
    return DeviceWishes(device, gpus, allow_cpu)


@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_card_that_is_seen_is_taken_and_set_up(machine: Machine, device: str) -> None:
    machine.cards = [Card("NVIDIA A100:0"), Card("NVIDIA A100:1")]
    assert choose_device(wishes(device), 3) == Device("gpu", ("NVIDIA A100",), 3, EXECUTIONS["gpu"])
    assert machine.visible == machine.growing == machine.cards[:1]
    assert machine.threads == (3, 1)
    assert machine.deterministic


def test_so_many_cards_are_taken_as_wished(machine: Machine) -> None:
    machine.cards = [Card("NVIDIA A100:0"), Card("NVIDIA A100:1"), Card("NVIDIA L4:2")]
    assert choose_device(wishes("gpu", 2), 1).names == ("NVIDIA A100", "NVIDIA A100")
    assert machine.visible == machine.growing == machine.cards[:2]


def test_cpu_hides_the_cards(machine: Machine) -> None:
    machine.cards = [Card("NVIDIA A100:0")]
    assert choose_device(wishes("cpu"), 2) == Device("cpu", ("CPU",), 2, EXECUTIONS["cpu"])
    assert machine.visible == []


def test_trainings_at_a_time_take_different_cards_and_share_them_when_all_are_taken(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.cards = [Card("NVIDIA A100:0"), Card("NVIDIA A100:1"), Card("NVIDIA A100:2")]
    taken = []
    held: list[dict[str, int]] = []
    for gpus in (1, 1, 2):
        choose_device(wishes(gpus=gpus), 1)
        assert machine.visible is not None
        taken.append([card.name[-1] for card in machine.visible])
        held.append(devices._taken)
        monkeypatch.setattr(devices, "_taken", {})  # as in another process, while this one's locks stay
    for lock in (lock for one in held for lock in one.values()):
        os.close(lock)
    assert taken == [["0"], ["1"], ["2", "0"]]
    choose_device(wishes(), 1)
    assert machine.visible == machine.cards[:1]


def test_cards_are_told_apart_by_what_the_scheduler_calls_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.cards = [Card("NVIDIA A100:0")]
    machine.environment.setenv("CUDA_VISIBLE_DEVICES", "GPU-5a")
    choose_device(wishes(), 1)
    assert list(devices._taken) == ["GPU-5a"]
    choose_device(wishes(), 1)  # the same process may ask again
    assert machine.visible == machine.cards


@pytest.mark.parametrize(
    ("driver", "variables"),
    [
        (False, {}),
        (False, {"CUDA_VISIBLE_DEVICES": ""}),
        (True, {"CUDA_VISIBLE_DEVICES": ""}),
        (True, {"CUDA_VISIBLE_DEVICES": "-1"}),
        (True, {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}),
        (True, {"LANDEX_GPU": "0"}),
        (False, {"LANDEX_GPU": "0", "CUDA_VISIBLE_DEVICES": "0"}),
    ],
)
def test_auto_takes_the_cpu_where_no_card_is_to_be_expected(
    machine: Machine, driver: bool, variables: dict[str, str]
) -> None:
    if driver:
        machine.driver.write_text(DRIVER)
    for name, value in variables.items():
        machine.environment.setenv(name, value)
    assert choose_device(wishes(gpus=2), 1).kind == "cpu"


HINT = ", or set train.device: cpu, or train.allow_cpu: true to go on without"
WITH_CUDA = f"TensorFlow {tf.__version__} is built with CUDA 12.5.1"
WITHOUT_CUDA = f"TensorFlow {tf.__version__} is built without CUDA"
GPU_ENVIRONMENT = "remove .venv and call bin/snakemake with LANDEX_GPU=1, which makes it with CUDA"
CHECK_DRIVER = "the driver has to be 525.60 or newer and the job to be given a card; TensorFlow's messages say more"


@pytest.mark.parametrize(
    ("device", "driver", "visible", "cuda", "said"),
    [
        (
            "gpu", False, None, True,
            f"train.device is gpu, and TensorFlow sees no card (no NVIDIA driver on this machine; {WITH_CUDA}; "
            "CUDA_VISIBLE_DEVICES is not set; its devices are CPU:0): "
            "run it where there is an NVIDIA card with its driver",
        ),
        (
            "gpu", True, "-1", True,
            f"train.device is gpu, and TensorFlow sees no card (NVIDIA driver 550.54.14; {WITH_CUDA}; "
            "CUDA_VISIBLE_DEVICES is '-1'; its devices are CPU:0): "
            "unset CUDA_VISIBLE_DEVICES, which hides the cards",
        ),
        (
            "auto", True, None, False,
            "train.device is auto and there is an NVIDIA driver, and TensorFlow sees no card (NVIDIA driver 550.54.14; "
            f"{WITHOUT_CUDA}; CUDA_VISIBLE_DEVICES is not set; its devices are CPU:0): {GPU_ENVIRONMENT}",
        ),
        (
            "auto", False, "0", False,
            "train.device is auto and CUDA_VISIBLE_DEVICES names a card, and TensorFlow sees no card (no NVIDIA driver "
            f"on this machine; {WITHOUT_CUDA}; CUDA_VISIBLE_DEVICES is '0'; its devices are CPU:0): {GPU_ENVIRONMENT}",
        ),
        (
            "auto", True, "0", True,
            "train.device is auto and CUDA_VISIBLE_DEVICES names a card, and TensorFlow sees no card (NVIDIA driver "
            f"550.54.14; {WITH_CUDA}; CUDA_VISIBLE_DEVICES is '0'; its devices are CPU:0): {CHECK_DRIVER}",
        ),
    ],
)  # fmt: skip
def test_missing_card_is_explained_in_one_line(
    machine: Machine, device: str, driver: bool, visible: str | None, cuda: bool, said: str
) -> None:
    machine.cuda = cuda
    if driver:
        machine.driver.write_text(DRIVER)
    if visible is not None:
        machine.environment.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UserError) as raised:
        choose_device(wishes(device), 1)
    assert str(raised.value) == said + HINT
    assert machine.visible is None


def test_too_few_cards_are_explained_with_their_number(machine: Machine) -> None:
    machine.cards = [Card("NVIDIA A100:0"), Card("NVIDIA A100:1")]
    with pytest.raises(UserError) as raised:
        choose_device(wishes(gpus=4), 1)
    assert str(raised.value) == (
        "train.device is auto, and TensorFlow sees 2 of train.gpus: 4 cards (no NVIDIA driver on this machine; "
        f"{WITH_CUDA}; CUDA_VISIBLE_DEVICES is not set; its devices are CPU:0, GPU:0, GPU:1): set train.gpus: 2{HINT}"
    )


def test_no_cuda_is_promised_where_tensorflow_has_none(machine: Machine) -> None:
    machine.cuda = False
    machine.environment.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(UserError, match=r"\): TensorFlow has CUDA on Linux x86_64 alone, or set train.device: cpu"):
        choose_device(wishes("gpu"), 1)


@pytest.mark.parametrize(("code", "kind"), [(0, "gpu"), (9, "cpu")])
def test_driver_that_only_its_tool_shows_is_known(machine: Machine, tmp_path: Path, code: int, kind: str) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\necho 555.85\nexit {code}\n")
    tool.chmod(0o755)
    if kind == "cpu":
        assert choose_device(wishes(), 1).kind == "cpu"
    else:
        with pytest.raises(UserError, match=r"there is an NVIDIA driver, .*NVIDIA driver 555\.85;"):
            choose_device(wishes(), 1)


@pytest.mark.parametrize("gpus", [1, 2])
def test_allowed_cpu_is_taken_with_a_warning_that_says_why(
    machine: Machine, caplog: pytest.LogCaptureFixture, gpus: int
) -> None:
    machine.cards = [Card("NVIDIA A100:0")][: gpus - 1]
    with caplog.at_level(logging.WARNING):
        assert choose_device(wishes("gpu", gpus, allow_cpu=True), 2).kind == "cpu"
    assert machine.visible == []
    seen = "no card" if gpus == 1 else "1 of train.gpus: 2 cards"
    (line,) = caplog.messages
    assert line.startswith(
        f"training on the CPU, as train.allow_cpu says: train.device is gpu, and TensorFlow sees {seen} (no NVIDIA"
    )


@pytest.mark.parametrize(
    ("device", "said"),
    [
        (Device("cpu", ("CPU",), 1, EXECUTIONS["cpu"]), "CPU, 1 thread"),
        (Device("cpu", ("CPU",), 8, EXECUTIONS["cpu"]), "CPU, 8 threads"),
        (Device("gpu", ("NVIDIA L4",), 8, EXECUTIONS["gpu"]), "NVIDIA L4"),
        (Device("gpu", ("A", "B", "A"), 8, EXECUTIONS["gpu"]), "2 x A, B"),
    ],
)
def test_device_is_described_in_a_line(device: Device, said: str) -> None:
    assert device.description == said


def test_peak_memory_is_that_of_the_fullest_card(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks = {"GPU:0": 3_000_000, "GPU:1": 5_500_000, "GPU:2": 9_000_000}
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda card: {"current": 1, "peak": peaks[card]})
    assert devices.peak_gpu_memory_mb(Device("gpu", ("A", "A"), 1, EXECUTIONS["gpu"])) == 5.5
    assert devices.peak_gpu_memory_mb(Device("cpu", ("CPU",), 1, EXECUTIONS["cpu"])) is None


def test_rate_of_products_is_from_the_median_time_after_a_warm_up(
    tensorflow_on_two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 100.0, 100.0, 101.0, 101.0, 104.0, 104.0, 106.0])
    monkeypatch.setattr(devices.time, "perf_counter", lambda: next(clock))
    assert devices.sgemm_gflops() == 2 * 1024**3 / 2.0 / 1e9
    assert next(clock, None) is None


def run(body: str) -> Any:
    """Run code in a process of its own, because TensorFlow is set up once a process; return its `result`."""
    imports = "import json\nimport tensorflow as tf\nfrom landex.networks.devices import *\n"
    program = f"{imports}{body}\nprint(json.dumps(result))"
    hidden = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(SCRIPTS)}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **hidden}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_tensorflow_gets_threads_and_determinism_and_cannot_be_set_up_otherwise_later() -> None:
    result = run("""
from landex.errors import UserError
device = choose_device(DeviceWishes("cpu", 1, False), 1)
result = {
    "device": device.description,
    "threads": [tf.config.threading.get_intra_op_parallelism_threads(),
                tf.config.threading.get_inter_op_parallelism_threads()],
    "alone": strategy_of(device) is None,
}
try:
    tf.random.normal([1])  # needs a seed where operations are deterministic
except RuntimeError:
    result["deterministic"] = True
tf.constant(1.0) + 1.0
result["again"] = choose_device(DeviceWishes("cpu", 1, False), 1) == device
try:
    choose_device(DeviceWishes("cpu", 1, False), 2)
except UserError as error:
    result["late"] = str(error)
""")
    late = result.pop("late")
    assert result == {
        "device": "CPU, 1 thread",
        "threads": [1, 1],
        "alone": True,
        "deterministic": True,
        "again": True,
    }
    assert late.startswith("TensorFlow has begun to work in this process, and its device cannot be chosen any more (")
    assert late.endswith("choose it before the first operation, in a notebook after a restart of the kernel")
    assert "\n" not in late


def test_several_devices_share_a_batch() -> None:
    result = run("""
halves = [tf.config.LogicalDeviceConfiguration()] * 3
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], halves)
strategy = strategy_of(Device("cpu", ("CPU", "CPU"), 1, EXECUTIONS["cpu"]))
numbers = strategy.run(lambda: tf.distribute.get_replica_context().replica_id_in_sync_group + 1)
result = {
    "devices": strategy.num_replicas_in_sync,
    "sum": int(strategy.reduce(tf.distribute.ReduceOp.SUM, numbers, axis=None)),
}
""")
    assert result == {"devices": 2, "sum": 3}
