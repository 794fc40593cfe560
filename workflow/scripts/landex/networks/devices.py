"""Which device a network is trained on, and how its steps are carried out there; nothing is chosen by timing."""

import fcntl
import logging
import os
import platform
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from landex.errors import UserError

_logger = logging.getLogger(__name__)

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
# CUDA 12's libraries run with this driver and all later ones.
_OLDEST_DRIVER = "525.60"
# What CUDA_VISIBLE_DEVICES says where it hides every card; the word is Slurm's, for jobs that asked for none.
_HIDING = ("", "-1", "NoDevFiles")
# Side of the square matrices and products in a row. One product of 2 GFLOP keeps a slow core at work for a tenth of a
# second and is large enough for its full rate; a card is so fast that starting a product has to be spread over several.
_PRODUCTS = {"cpu": (1024, 1), "gpu": (4096, 8)}
_REPEATS = 3


@dataclass(frozen=True)
class Execution:
    """How training steps are carried out.

    Parameters
    ----------
    xla
        Whether XLA compiles them.
    steps_per_call
        How many one call of TensorFlow takes.
    pool_bytes
        Most memory of a pool of training samples on the device; what two can take is held there.
    """

    xla: bool
    steps_per_call: int
    pool_bytes: int


EXECUTIONS = {
    # Measured at 943-3000-4760, batch 200, two cores: XLA takes half of the speed on a CPU (300 samples/s, 570 to 720
    # without); 8 steps a call gain a half (1,060), and 16 halve what is left of a call's own cost.
    # Pools of a quarter of a GB keep the paper's training below 4 GB.
    "cpu": Execution(xla=False, steps_per_call=16, pool_bytes=256 << 20),
    # Not measured here. A card is done with a step long before Python can start the next one, so calls are longer, and
    # XLA fuses the many small operations of normalisation and optimiser, each of which would be started by itself.
    # A file gives some 10,000 samples a second at the paper's width, which a card outruns: it holds up to 4 GB of them,
    # all of the paper's training samples with half of its targets.
    "gpu": Execution(xla=True, steps_per_call=128, pool_bytes=2 << 30),
}


@dataclass(frozen=True)
class Device:
    """What a training runs on.

    Parameters
    ----------
    kind
        "cpu" or "gpu".
    names
        Names of the cards; for the CPU ("CPU",).
    threads
        Cores that TensorFlow uses.
    execution
        How steps are carried out there.
    """

    kind: str
    names: tuple[str, ...]
    threads: int
    execution: Execution

    @property
    def description(self) -> str:
        """One line for logs and metrics.json: "CPU, 8 threads" or "2 x NVIDIA A100"."""
        if self.kind == "cpu":
            return f"CPU, {self.threads} thread{'s' if self.threads > 1 else ''}"
        counts = {name: self.names.count(name) for name in self.names}
        return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())


@dataclass(frozen=True)
class DeviceWishes:
    """What the config says: `train.device` (auto, gpu or cpu), `train.gpus` and `train.allow_cpu`."""

    device: str
    gpus: int
    allow_cpu: bool


def choose_device(wishes: DeviceWishes, threads: int) -> Device:
    """Choose the device and configure TensorFlow for it: threads, determinism, cards, their memory.

    A card is expected where `device` is gpu, and under auto where TensorFlow sees one or the machine promises one: it
    has an NVIDIA driver, or CUDA_VISIBLE_DEVICES names cards (schedulers set it). LANDEX_GPU=0 takes the promise back.

    Parameters
    ----------
    wishes
        What the config says.
    threads
        Cores to use.

    Raises
    ------
    UserError
        If fewer cards are seen than expected and the CPU is not allowed, or if TensorFlow has carried out operations in
        this process already, with other settings.
    """
    try:
        cards = _cards(wishes)
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        # Operations one after another: the same order of additions every time, and each has all threads.
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.experimental.enable_op_determinism()
        tf.config.set_visible_devices(cards, "GPU")
        for card in cards:
            # TensorFlow takes all of a card's memory at once otherwise, and its peak would say nothing.
            tf.config.experimental.set_memory_growth(card, True)
    except RuntimeError as error:
        raise UserError(
            f"TensorFlow has begun to work in this process, and its device cannot be chosen any more ({error}); "
            "choose it before the first operation, in a notebook after a restart of the kernel"
        ) from error
    if not cards:
        return Device("cpu", ("CPU",), threads, EXECUTIONS["cpu"])
    return Device("gpu", tuple(map(_name_of, cards)), threads, EXECUTIONS["gpu"])


def strategy_of(device: Device) -> tf.distribute.Strategy | None:
    """Return the strategy that shares every batch among a device's cards, or None where it has one."""
    if len(device.names) == 1:
        return None
    logical = tf.config.list_logical_devices(device.kind.upper())
    return tf.distribute.MirroredStrategy([one.name for one in logical[: len(device.names)]])


def peak_gpu_memory_mb(device: Device) -> float | None:
    """Return the most memory in MB that TensorFlow held on any of the device's cards so far; None for the CPU."""
    if device.kind == "cpu":
        return None
    return max(tf.config.experimental.get_memory_info(f"GPU:{card}")["peak"] for card in range(len(device.names))) / 1e6


def sgemm_gflops() -> float:
    """Measure the rate of TensorFlow's own float32 matrix product in GFLOP/s, on one card or on all threads.

    It is a record for metrics.json, beside the rate of the training; nothing is chosen by it. Median of a few, after a
    warm-up; some tenths of a second on a slow CPU. Cards that have TF32 use it, as they do in the training.
    """
    size, products = _PRODUCTS["gpu" if tf.config.get_visible_devices("GPU") else "cpu"]
    # Of this spread, products keep the size of what is multiplied.
    first, second = (tf.random.stateless_normal((size, size), (seed, 0), stddev=size**-0.5) for seed in (1, 2))

    @tf.function  # type: ignore[untyped-decorator]
    def multiplied(start: tf.Tensor) -> tf.Tensor:
        for _ in range(products):
            start = tf.matmul(start, second)
        return start[0, 0]

    seconds = []
    for _ in range(1 + _REPEATS):
        began = time.perf_counter()
        multiplied(first).numpy()
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 * products / statistics.median(seconds[1:]) / 1e9


def _cards(wishes: DeviceWishes) -> list[Any]:
    """Return the cards to train on; none for the CPU."""
    if wishes.device == "cpu":
        return []
    seen = tf.config.list_physical_devices("GPU")
    promise = None if wishes.device == "gpu" or seen else _promise()
    if len(seen) >= wishes.gpus:
        return _free_first(seen, wishes.gpus)
    if wishes.device == "auto" and not seen and promise is None:
        return []
    reason = _reason(wishes, len(seen), promise)
    if wishes.allow_cpu:
        _logger.warning("training on the CPU, as train.allow_cpu says: %s", reason)
        return []
    raise UserError(
        f"{reason}: {_remedy(wishes, len(seen))}, or set train.device: cpu, or train.allow_cpu: true to go on without"
    )


def _promise() -> str | None:
    """Say why a card is to be expected on this machine, where one is."""
    if os.environ.get("LANDEX_GPU") == "0":
        return None
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return None if visible.strip() in _HIDING else "CUDA_VISIBLE_DEVICES names a card"
    return "there is an NVIDIA driver" if _driver() else None


def _driver() -> str | None:
    """Return the version of the NVIDIA driver, or None without one."""
    if _NVIDIA_DRIVER.exists():
        text = _NVIDIA_DRIVER.read_text()
    elif tool := shutil.which("nvidia-smi"):  # Linux inside Windows has no such file
        asked = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            return None
        text = done.stdout
    else:
        return None
    version = re.search(r"\b\d{3,}\.\d+(\.\d+)*", text)
    return version.group() if version else "of an unknown version"


def _reason(wishes: DeviceWishes, seen: int, promise: str | None) -> str:
    """Say in one line what is expected, what is seen, and all that can explain the difference."""
    expected = f"train.device is {wishes.device}" + (f" and {promise}" if promise else "")
    found = "no card" if not seen else f"{seen} of train.gpus: {wishes.gpus} cards"
    driver = _driver()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    facts = [
        f"NVIDIA driver {driver}" if driver else "no NVIDIA driver on this machine",
        f"TensorFlow {tf.__version__} is built {_cuda()}",
        "CUDA_VISIBLE_DEVICES is not set" if visible is None else f"CUDA_VISIBLE_DEVICES is '{visible}'",
        "its devices are "
        + ", ".join(f"{one.device_type}:{one.name[-1]}" for one in tf.config.list_physical_devices()),
    ]
    return f"{expected}, and TensorFlow sees {found} ({'; '.join(facts)})"


def _cuda() -> str:
    if not tf.test.is_built_with_cuda():
        return "without CUDA"
    return f"with CUDA {tf.sysconfig.get_build_info().get('cuda_version', '')}".rstrip()


def _remedy(wishes: DeviceWishes, seen: int) -> str:
    """Say what to do about cards that are not seen."""
    if seen:
        return f"set train.gpus: {seen}"
    if not tf.test.is_built_with_cuda():
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            return "TensorFlow has CUDA on Linux x86_64 alone"
        return "remove .venv and call bin/snakemake with LANDEX_GPU=1, which makes it with CUDA"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in _HIDING:
        return "unset CUDA_VISIBLE_DEVICES, which hides the cards"
    if _driver() is None:
        return "run it where there is an NVIDIA card with its driver"
    return (
        f"the driver has to be {_OLDEST_DRIVER} or newer and the job to be given a card; TensorFlow's messages say more"
    )


def _free_first(seen: list[Any], count: int) -> list[Any]:
    """Return so many of the cards, those first that no other training of this user on this machine has taken.

    Snakemake counts cards and hands out none: of two trainings at a time, both would take the first. Where too few are
    free, cards are shared.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = named if len(named) == len(seen) and all(named) else [str(number) for number in range(len(seen))]
    free: list[Any] = []
    for card, name in zip(seen, names, strict=True):
        if len(free) < count and _take(name.strip()):
            free.append(card)
    return [*free, *(card for card in seen if card not in free)][:count]


# The locks that this process holds. The kernel lets go of them when it has ended, in whatever way.
_taken: dict[str, int] = {}


def _take(card: str) -> bool:
    """Take a card for this process, if no other has it."""
    if card in _taken:
        return True
    lock = os.open(Path(tempfile.gettempdir(), f"landex-{os.getuid()}-card-{card}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return False
    _taken[card] = lock
    return True


def _name_of(card: Any) -> str:
    return str(tf.config.experimental.get_device_details(card).get("device_name", "GPU"))
