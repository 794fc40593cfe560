"""The job that trains one network, or one piece of a model of several, and writes it."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from landex.classes import load_class
from landex.errors import UserError
from landex.examples import ExampleSource, open_training
from landex.h5ad import open_matrix
from landex.job import terminal
from landex.models import settings_told, write_metrics, write_model
from landex.networks.checkpoints import Checkpoints, checkpoint_key
from landex.networks.course import Listener, write_history
from landex.networks.devices import Device, DeviceWishes, choose_device, peak_gpu_memory_mb, sgemm_gflops, strategy_of
from landex.networks.model import NetworkModel
from landex.networks.network import Network
from landex.networks.progress import bar_on, events_in, log_of
from landex.networks.settings import NetworkSettings
from landex.networks.trainer import Trained, Trainer, describe_training

_logger = logging.getLogger(__name__)


def fit_network(
    preset: str | None,
    settings: Mapping[str, Any],
    part: tuple[int, int],
    ridge: tuple[str, Mapping[str, Any]] | None,
    train: Mapping[str, Any],
    threads: int,
    normalised: str | Path,
    split: str | Path,
    auxiliary: str | Path | None,
    scratch: str | Path,
    code: str,
    weights: str | Path,
    history: str | Path,
    metrics: str | Path,
) -> None:
    """Train a network on the training part and write it; go on where an earlier call was interrupted.

    Parameters
    ----------
    preset
        Name of the preset that the settings began from, for the record.
    settings
        Completed settings of `NetworkSettings`.
    part
        (1, 1) for all targets; (j, n) for part j, from 1, of n.
    ridge
        Estimator, `module:Class`, and settings of the ridge that a network with `skip: ridge` adds to, else None. It is
        named by the caller, so that other networks do not depend on the baseline's code.
    train
        Section `train` of the config: device, gpus, allow_cpu, checkpoint_minutes, tensorboard.
    threads
        Cores to use.
    normalised, split
        The normalised compendium and its parts; test samples are not read.
    auxiliary
        Samples of auxiliary cohorts to learn from too; None for none.
    scratch
        Folder of this training alone, for checkpoints; it is gone when the training has ended.
    code
        Fingerprint of the code; a checkpoint of other code is not taken.
    weights, history, metrics
        weights.h5, history.tsv and metrics.json.

    Raises
    ------
    UserError
        If there are fewer targets than parts, a card was asked for and none is seen, batch normalisation meets several,
        the device's memory is too small, the training diverges time and again, or a signal ended it.
    """
    device = choose_device(DeviceWishes(train["device"], train["gpus"], train["allow_cpu"]), threads)
    wanted = NetworkSettings.from_mapping(settings)
    if wanted.normalisation == "batch" and len(device.names) > 1:
        # Every card would have statistics of its own share.
        raise UserError("batch normalisation goes with one card only; set train.gpus: 1 or normalisation: layer")
    inputs = [path for path in (normalised, split, auxiliary) if path is not None]
    key = _key(code, settings, part, ridge, device, inputs)
    checkpoints = Checkpoints(scratch, key, train["checkpoint_minutes"])
    began = time.perf_counter()
    targets = _targets_of(normalised, part)
    with ExitStack() as opened:
        training, select = opened.enter_context(open_training(normalised, split, auxiliary, targets))
        skip = _fitted(ridge, training, select, threads) if ridge else None
        trainer = Trainer(wanted, training, select, skip, device.execution, strategy_of(device))
        _logger.info(
            "%d samples, %d landmarks, %d targets, %s; on %s",
            len(training.samples),
            training.landmarks,
            len(training.features),
            "in memory" if trainer.in_memory else "read in blocks",
            device.description,
        )
        before = time.perf_counter() - began
        events = Path(history).parent / "tensorboard" if train["tensorboard"] else None
        if events and not checkpoints.found:
            rmtree(events, ignore_errors=True)
        with _memory_told(wanted.batch):
            trained = trainer.train(checkpoints, _listeners(opened, wanted.epochs, Path(scratch).name, events))
        model = NetworkModel([[trained.network]])
        write_model(weights, "network", model)
        write_history(history, trained.course.history, "1.1")
        shown = {
            "kind": "network",
            "preset": preset,
            "settings": settings_told(settings, training),
            "device": device.description,
        }
        cost = {"seconds": before + trained.course.wall, **_cost(trained, len(training.samples), device)}
        write_metrics(metrics, model, select, {**shown, **cost, **describe_training(trained)})
    checkpoints.clear()


def part_of(count: int, part: tuple[int, int]) -> slice:
    """Return the place of part j of n among so many targets; parts differ by one target at most."""
    number, parts = part
    return slice(count * (number - 1) // parts, count * number // parts)


def _targets_of(normalised: str | Path, part: tuple[int, int]) -> slice:
    with open_matrix(normalised) as matrix:
        count = int((matrix.var["role"] != "landmark").sum())
    if count < part[1]:
        raise UserError(f"the {count} targets cannot be split over {part[1]} jobs; lower the model's target_jobs")
    return part_of(count, part)


def _fitted(
    ridge: tuple[str, Mapping[str, Any]], training: ExampleSource, select: ExampleSource, threads: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return coefficients and intercepts of the ridge."""
    place, settings = ridge
    model = load_class(place)(**settings).fit(training, select, threads).model
    return model.coefficients, model.intercept


def _key(
    code: str,
    settings: Mapping[str, Any],
    part: tuple[int, int],
    ridge: tuple[str, Mapping[str, Any]] | None,
    device: Device,
    inputs: list[str | Path],
) -> str:
    # What steps are carried out on decides on the order of samples and on rounding, versions on everything.
    run_by = [device.kind, len(device.names), device.execution.pool_bytes, tf.__version__, keras.__version__]
    return checkpoint_key(code, {**settings, "part": part, "ridge": ridge, "run by": run_by}, inputs)


def _listeners(opened: ExitStack, epochs: int, name: str, events: Path | None) -> list[Listener]:
    listeners = [log_of(epochs)]
    if screen := terminal():
        listeners.append(opened.enter_context(bar_on(screen, name, epochs)))
    if events:
        listeners.append(opened.enter_context(events_in(events)))
    return listeners


@contextmanager
def _memory_told(batch: int) -> Iterator[None]:
    """Say in one line that the device has too little memory."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            f"the device has too little memory for this training; lower its batch ({batch}), split its targets over "
            f"more jobs (target_jobs), or choose precision: mixed_bfloat16 ({str(error).splitlines()[0]})"
        ) from error


def _cost(trained: Trained, samples: int, device: Device) -> dict[str, Any]:
    """Return speed and memory for metrics.json; the rate of products is that of float32, on all devices."""
    course = trained.course
    speed = samples * course.epoch / course.seconds_of_steps
    try:
        peak = sgemm_gflops() * len(device.names)
    except tf.errors.OpError as error:
        # A training that has ended is not to fail for a figure.
        _logger.warning("the rate of matrix products could not be measured: %s", error)
        peak = None
    return {
        "samples_per_second": speed,
        "sgemm_gflops": peak,
        "fraction_of_sgemm": speed * operations(trained.network) / 1e9 / peak if peak else None,
        "peak_gpu_memory_mb": peak_gpu_memory_mb(device),
    }


def operations(network: Network) -> int:
    """Return the floating point operations of a training step a sample: 6 P - 2 P1.

    P are the weights of all trained layers and P1 those on the inputs, whose gradient is not needed. Frozen weights
    count 2, forwards only.
    """
    total = 0
    lowest = next(layer for layer in ("hidden_1", "rank", "output") if f"{layer}/kernel" in network.arrays)
    for name, array in network.arrays.items():
        layer, _, kind = name.rpartition("/")
        if kind == "kernel" and array.ndim == 2:
            frozen = layer == "skip" and network.settings.skip == "ridge"
            total += array.size * (2 if frozen else 4 if layer in ("skip", lowest) else 6)
    return total
