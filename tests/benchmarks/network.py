"""Speed and memory of training networks against plain Keras, on simulated data of the paper's shape.

Usage: bin/python tests/benchmarks/network.py [--quick] [--only speed,disk,resume,single_gene]

The peer is `model.fit` with defaults on arrays in memory: the same network, loss, optimiser, batch and data, in a
process of its own with the same threads. Both sides take turns, and figures are medians over the rounds. A step counts
6 P - 2 P1 floating point operations a sample (P weights, P1 of them on the inputs); sgemm is NumPy's, taken before and
after. On a machine with a card TensorFlow uses it on both sides, and sgemm is TensorFlow's there. `--quick` takes fewer
samples, targets and rounds. The last line is JSON.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from expression import LANDMARKS, SAMPLES, TARGETS, Expression
from measure import cores, forget, in_own_process, print_figures, sgemm_rate
from numpy.typing import NDArray

from landex.examples import Examples, StoredExamples
from landex.h5ad import open_matrix
from landex.model_entries import network_settings

Figures = dict[str, float]

# Samples of the Keras demo, of which it tests on a tenth.
_DEMO_SAMPLES, _DEMO_TEST = 111_009, 11_101
_EPOCHS_OF_DEMO = 20


@dataclass(frozen=True)
class Case:
    """A network and its training."""

    hidden: tuple[int, ...]
    targets: int
    batch: int
    optimiser: str

    @property
    def name(self) -> str:
        """Name it for the table."""
        layers = "-".join(map(str, (LANDMARKS, *self.hidden, self.targets)))
        return f"{layers}, batch {self.batch}, {self.optimiser}"

    @property
    def operations(self) -> int:
        """Count the floating point operations a sample of a training step."""
        widths = (LANDMARKS, *self.hidden, self.targets)
        weights = [left * right for left, right in pairwise(widths)]
        return 6 * sum(weights) - 2 * weights[0]

    @property
    def settings(self) -> dict[str, Any]:
        """Return landex's settings."""
        return {
            **network_settings({"kind": "network", "preset": "dgex"}),
            "hidden": list(self.hidden),
            "loss": "mse",
            "optimiser": self.optimiser,
            "learning_rate": 1e-4,
            "deeper_rate": 1.0,
            "weight_decay": 0.01 if self.optimiser == "adamw" else 0.0,
            "schedule": "constant",
            "batch": self.batch,
            "initialisation": "glorot",
        }


CASES = {
    "b200_sgd": Case((3000,), 4760, 200, "sgd"),
    "b200_adamw": Case((3000,), 4760, 200, "adamw"),
    "b1024": Case((3000,), 4760, 1024, "sgd"),
    "b1024_adamw": Case((3000,), 4760, 1024, "adamw"),
    "deep_b200": Case((1000, 1000), 5000, 200, "adamw"),
    "deep_b1024": Case((1000, 1000), 5000, 1024, "adamw"),
}
# The paper's largest network: a card's work.
LARGE = {"large_b200": Case((9000, 9000, 9000), 4760, 200, "sgd")}


@dataclass(frozen=True)
class Scale:
    """How much a run takes."""

    samples: int = 8192
    disk_samples: int = SAMPLES
    disk_targets: int = TARGETS
    disk_steps: int = 200
    demo_samples: int = _DEMO_SAMPLES
    rounds: int = 3
    narrower: int = 1

    @classmethod
    def quick(cls) -> "Scale":
        """Return a run of a minute."""
        return cls(2048, SAMPLES // 20, TARGETS // 10, 20, _DEMO_SAMPLES // 20, 1, 10)


def load(folder: str, targets: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the samples that `main` has written, as they lie in memory."""
    values = np.load(Path(folder, "values.npy"))
    return values[:, :LANDMARKS].copy(), values[:, LANDMARKS : LANDMARKS + targets].copy()


def as_examples(inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Examples:
    """Return samples of which every target is measured."""
    import pandas as pd

    features = pd.DataFrame(index=[f"t{column}" for column in range(targets.shape[1])])
    names = [f"s{row}" for row in range(len(inputs))]
    return Examples(inputs, targets, np.broadcast_to(np.True_, targets.shape), names, features)


def our_speed(folder: str, case: Case) -> Mapping[str, float]:
    """Return samples a second of landex's loop, after a warm-up."""
    from landex.networks.devices import DeviceWishes, choose_device
    from landex.networks.settings import NetworkSettings
    from landex.networks.trainer import Trainer

    device = choose_device(DeviceWishes("auto", 1, False), cores())
    inputs, targets = load(folder, case.targets)
    examples = as_examples(inputs, targets)
    settings = NetworkSettings.from_mapping({**case.settings, "epochs": 2, "monitored": 8})
    trainer = Trainer(settings, examples, examples.take(slice(8)), None, device.execution)
    # The first epoch compiles.
    seconds = trainer.train().course.history[-1].seconds
    return {"speed": len(inputs) / seconds, "gflops": device_sgemm()}


def plain_speed(folder: str, case: Case) -> Mapping[str, float]:
    """Return samples a second of `model.fit`, after a warm-up."""
    import keras

    inputs, targets = load(folder, case.targets)
    model = plain_network(case.hidden, case.targets, "tanh", case.settings["dropout"])
    optimiser = (
        keras.optimizers.SGD(1e-4, momentum=case.settings["momentum"])
        if case.optimiser == "sgd"
        else keras.optimizers.AdamW(1e-4, weight_decay=0.01)
    )
    model.compile(optimizer=optimiser, loss="mse")
    # The first epoch compiles, here too.
    model.fit(inputs, targets, batch_size=case.batch, verbose=0)
    began = time.perf_counter()
    model.fit(inputs, targets, batch_size=case.batch, verbose=0)
    return {"speed": len(inputs) / (time.perf_counter() - began), "gflops": device_sgemm()}


def plain_network(
    hidden: tuple[int, ...], targets: int, activation: str, dropout: float, output: str = "linear", seed: int = 1
) -> Any:
    """Build a network as anybody would in Keras."""
    import keras

    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.Input((LANDMARKS,))]
    for units in hidden:
        layers += [keras.layers.Dense(units, activation=activation), keras.layers.Dropout(dropout)]
    return keras.Sequential([*layers, keras.layers.Dense(targets, activation=output)])


def device_sgemm() -> float:
    """Return the rate of float32 products in GFLOP/s: NumPy's, or TensorFlow's where it computes on a card."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        from landex.networks.devices import sgemm_gflops

        return sgemm_gflops()
    return sgemm_rate() / 1e9


def speeds(folder: str, scale: Scale, cases: Mapping[str, Case]) -> Figures:
    """Measure every case against plain Keras."""
    figures: Figures = {}
    for name, case in cases.items():
        narrow = Case(tuple(units // scale.narrower for units in case.hidden), case.targets // scale.narrower,
                      case.batch, case.optimiser)  # fmt: skip
        rates, ours, theirs = [sgemm_rate() / 1e9], [], []
        for _ in range(scale.rounds):
            theirs.append(in_own_process(plain_speed, folder, narrow))
            ours.append(in_own_process(our_speed, folder, narrow))
            rates += [theirs[-1]["gflops"], ours[-1]["gflops"]]
        pairs = [mine["speed"] / other["speed"] for mine, other in zip(ours, theirs, strict=True)]
        own, plain = (median(found["speed"] for found in side) for side in (ours, theirs))
        fraction = own * narrow.operations / 1e9 / median(rates)
        print(
            f"{narrow.name}: {own:,.0f} samples/s, {fraction:.2f} of sgemm ({median(rates):.0f} GFLOP/s); plain fit "
            f"{plain:,.0f}; ratio {own / plain:.2f} ({min(pairs):.2f}-{max(pairs):.2f})",
            flush=True,
        )
        figures[f"speed_vs_fit_{name}"] = own / plain
        figures[f"sgemm_fraction_{name}"] = fraction
        figures[f"plain_sgemm_fraction_{name}"] = plain * narrow.operations / 1e9 / median(rates)
        figures[f"samples_per_second_{name}"] = own
    return figures


def train_from_disk(path: str, case: Case, steps: int) -> Mapping[str, float]:
    """Train some steps on half of a file's targets and measure the select part; return the speed of the steps."""
    from landex.networks.devices import DeviceWishes, choose_device
    from landex.networks.settings import NetworkSettings
    from landex.networks.trainer import Trainer

    device = choose_device(DeviceWishes("auto", 1, False), cores())
    forget(path)
    with open_matrix(path) as matrix:
        training = StoredExamples(matrix, targets=slice(0, case.targets))
        select = StoredExamples(matrix, np.arange(0, len(training.samples), 16), targets=slice(0, case.targets))
        settings = NetworkSettings.from_mapping({**case.settings, "epochs": 1, "monitored": 5000})
        trainer = Trainer(settings, training, select, None, device.execution)
        began, taken = time.perf_counter(), 0
        for pool in trainer._pools.epoch(1):
            batches = min(-(-len(pool.order) // case.batch), steps - taken)
            for first in range(0, batches, device.execution.steps_per_call):
                count = min(device.execution.steps_per_call, batches - first)
                trainer.steps.take(pool, first, np.full(count, 1e-4, np.float32), taken)
                taken += count
            if taken >= steps:
                break
        trained = time.perf_counter() - began
        return {"speed": taken * case.batch / trained, "select_error": trainer._select.error()}


def read_from_disk(path: str, case: Case) -> Mapping[str, float]:
    """Return the samples a second that an epoch's pools give when nothing is trained on them."""
    from landex.networks.devices import EXECUTIONS
    from landex.networks.network import OutputScale
    from landex.networks.pools import Pools

    forget(path)
    with open_matrix(path) as matrix:
        training = StoredExamples(matrix, targets=slice(0, case.targets))
        pools = Pools(training, OutputScale.identity(case.targets), case.batch, 1, EXECUTIONS["cpu"].pool_bytes)
        began = time.perf_counter()
        read = sum(len(pool.order) for pool in pools.epoch(1))
        return {"speed": read / (time.perf_counter() - began)}


def from_disk(scale: Scale) -> Figures:
    """Measure the memory of training the paper's network, on half of the targets, from a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "compendium.h5ad")
        Expression(targets=scale.disk_targets).write(path, scale.disk_samples)
        case = Case((3000 // scale.narrower,), scale.disk_targets // 2, 200, "sgd")
        found = in_own_process(train_from_disk, str(path), case, scale.disk_steps)
        reading = in_own_process(read_from_disk, str(path), case)["speed"]
    print(
        f"{case.name}, {scale.disk_steps} steps on {scale.disk_samples:,} samples from disk: {found['speed']:,.0f} "
        f"samples/s (reading alone {reading:,.0f}), peak {found['memory_gb']:.2f} GB",
        flush=True,
    )
    return {
        "memory_gb_paper_shape": found["memory_gb"],
        "samples_per_second_from_disk": found["speed"],
        "samples_per_second_reading": reading,
    }


def resume(folder: str, case: Case) -> Mapping[str, float]:
    """Return the seconds of a checkpoint and of going on from it."""
    from landex.networks.checkpoints import Checkpoints
    from landex.networks.devices import DeviceWishes, choose_device
    from landex.networks.settings import NetworkSettings
    from landex.networks.trainer import Trainer

    device = choose_device(DeviceWishes("auto", 1, False), cores())
    inputs, targets = load(folder, case.targets)
    examples = as_examples(inputs, targets).take(slice(1000))
    settings = NetworkSettings.from_mapping({**case.settings, "epochs": 1, "monitored": 8})

    def trainer() -> Trainer:
        return Trainer(settings, examples, examples.take(slice(8)), None, device.execution)

    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = Checkpoints(scratch, "key", 0.0)
        first = trainer()
        first.train(checkpoints)
        began = time.perf_counter()
        checkpoints.write(first._state)
        written = time.perf_counter() - began
        size = sum(file.stat().st_size for file in Path(scratch).iterdir())
        second = trainer()
        began = time.perf_counter()
        second.train(checkpoints)
        return {"write": written, "resume": time.perf_counter() - began, "gigabytes": size / 1e9}


def resuming(folder: str, scale: Scale) -> Figures:
    """Measure what a checkpoint of the paper's network costs."""
    case = Case((3000 // scale.narrower,), 4760 // scale.narrower, 200, "adamw")
    found = in_own_process(resume, folder, case)
    print(
        f"{case.name}: a checkpoint of {found['gigabytes']:.2f} GB is written in {found['write']:.2f} s, and a "
        f"training goes on from it in {found['resume']:.2f} s",
        flush=True,
    )
    return {"checkpoint_seconds": found["write"], "resume_seconds": found["resume"]}


def our_demo(folder: str, seed: int) -> Mapping[str, float]:
    """Train the Keras demo's network on one gene with landex; return seconds and validation MAE."""
    from landex.networks.devices import DeviceWishes, choose_device
    from landex.networks.settings import NetworkSettings
    from landex.networks.trainer import Trainer

    device = choose_device(DeviceWishes("auto", 1, False), cores())
    training, select = (as_examples(*part) for part in demo_parts(folder))
    settings = network_settings({"kind": "network", "preset": "relu_tanh", "seed": seed})
    began = time.perf_counter()
    trainer = Trainer(NetworkSettings.from_mapping(settings), training, select, None, device.execution)
    trained = trainer.train()
    return {"seconds": time.perf_counter() - began, "error": trained.course.history[-1].select_mae}


def plain_demo(folder: str, seed: int) -> Mapping[str, float]:
    """Train it with plain Keras, the target put into TanH's range as landex does; return seconds and MAE."""
    training, select = demo_parts(folder)
    low, high = training[1].min(), training[1].max()
    centre, factor = (low + high) / 2, (high - low) / 2 / 0.9
    began = time.perf_counter()
    model = plain_network((512, 512), 1, "relu", 0.2, "tanh", seed)
    model.compile(optimizer="adam", loss="mse")
    scaled = [(inputs, (targets - centre) / factor) for inputs, targets in (training, select)]
    model.fit(*scaled[0], batch_size=1024, epochs=_EPOCHS_OF_DEMO, validation_data=scaled[1], verbose=0)
    seconds = time.perf_counter() - began
    predicted = centre + factor * model.predict(select[0], batch_size=1024, verbose=0)
    return {"seconds": seconds, "error": float(np.abs(predicted - select[1]).mean())}


def demo_parts(folder: str) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return training and select of the demo, nine tenths and one."""
    values = np.load(Path(folder, "demo.npy"))
    held_out = len(values) * _DEMO_TEST // _DEMO_SAMPLES
    parts = values[held_out:], values[:held_out]
    return [(part[:, :LANDMARKS].copy(), part[:, LANDMARKS:].copy()) for part in parts]


def single_gene(folder: str, scale: Scale) -> Figures:
    """Measure the demo's training as a whole: time, and error on the held-out tenth."""
    expression = Expression(targets=1)
    values = np.concatenate([block for _, block in expression.blocks(scale.demo_samples)])
    np.save(Path(folder, "demo.npy"), values)
    theirs, ours = [], []
    # With some seeds Adam's first steps drive the TanH into saturation, for good: the demo's weakness on both sides.
    for seed in range(1, scale.rounds + 1):
        theirs.append(in_own_process(plain_demo, folder, seed))
        ours.append(in_own_process(our_demo, folder, seed))
    seconds, plain = (median(found["seconds"] for found in side) for side in (ours, theirs))
    error, other = (median(found["error"] for found in side) for side in (ours, theirs))
    print(
        f"single gene, {scale.demo_samples:,} x {LANDMARKS}, {_EPOCHS_OF_DEMO} epochs: {seconds:.1f} s, MAE "
        f"{error:.4f} ({listed(ours)}); plain fit {plain:.1f} s, MAE {other:.4f} ({listed(theirs)})",
        flush=True,
    )
    return {"single_gene_speed_vs_fit": plain / seconds, "single_gene_error_ratio": error / other}


def listed(found: list[dict[str, Any]]) -> str:
    """Write the errors of all rounds."""
    return ", ".join(f"{one['error']:.3f}" for one in found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true", help="the paper's 3 x 9000 network too: a card's work")
    parser.add_argument("--only", default="speed,disk,resume,single_gene")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    scale = Scale.quick() if arguments.quick else Scale()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        expression = Expression(targets=5000)
        np.save(Path(folder, "values.npy"), np.concatenate([block for _, block in expression.blocks(scale.samples)]))
        parts: dict[str, Callable[[], Figures]] = {
            "speed": lambda: speeds(folder, scale, {**CASES, **(LARGE if arguments.large else {})}),
            "disk": lambda: from_disk(scale),
            "resume": lambda: resuming(folder, scale),
            "single_gene": lambda: single_gene(folder, scale),
        }
        for name in arguments.only.split(","):
            figures |= parts[name]()
    print_figures("network", figures)


if __name__ == "__main__":
    main()
