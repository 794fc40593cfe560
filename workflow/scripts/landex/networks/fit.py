"""The job that trains one network, or one piece of a model of several, and writes it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landex.errors import UserError
from landex.examples import ExampleSource, open_parts
from landex.files import check_room
from landex.h5ad import open_matrix
from landex.job import terminal
from landex.models import load_class, write_metrics, write_model
from landex.networks.checkpoints import Checkpoints, checkpoint_key
from landex.networks.course import Listener, write_history
from landex.networks.devices import Device, DeviceWishes, choose_device, peak_gpu_memory_mb, sgemm_gflops, strategy_of
from landex.networks.model import NetworkModel
from landex.networks.network import Network
from landex.networks.progress import bar_on, events_in, log_of
from landex.networks.settings import NetworkSettings
from landex.networks.trainer import Trained, Trainer, describe_training

# For HDF5's own structures.
_ROOM_OF_HDF5 = 1 << 20

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
    scratch
        Folder of this training alone, for checkpoints; it is gone when the training has ended.
    code
        Fingerprint of the code; a checkpoint of other code is not taken.
    weights, history, metrics
        weights.h5, history.tsv and metrics.json.

    Raises
    ------
    UserError
        If there are fewer targets than parts, a card was asked for and none is seen, the training diverges time and
        again, or a signal ended it.
    """
    device = choose_device(DeviceWishes(train["device"], train["gpus"], train["allow_cpu"]), threads)
    wanted = NetworkSettings.from_mapping(settings)
    key = checkpoint_key(code, {**settings, "part": list(part)}, [normalised, split])
    checkpoints = Checkpoints(scratch, key, train["checkpoint_minutes"])
    with open_parts(normalised, split, "training", "select", targets=_targets_of(normalised, part)) as (
        training,
        select,
    ):
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
        trained = trainer.train(checkpoints, _listeners(wanted, train, Path(scratch).name, Path(history).parent))
        model = NetworkModel([[trained.network]])
        check_room(weights, 4 * model.parameters + _ROOM_OF_HDF5)
        write_model(weights, "network", model)
        write_history(history, trained.course.history, "1.1")
        shown = {"kind": "network", "preset": preset, "settings": dict(settings), "device": device.description}
        cost = _cost(trained, len(training.samples), device)
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


def _listeners(settings: NetworkSettings, train: Mapping[str, Any], name: str, folder: Path) -> list[Listener]:
    listeners = [log_of(settings.epochs)]
    if screen := terminal():
        listeners.append(bar_on(screen, name, settings.epochs))
    if train["tensorboard"]:
        listeners.append(events_in(folder / "tensorboard"))
    return listeners


def _cost(trained: Trained, samples: int, device: Device) -> dict[str, Any]:
    """Return time, speed and memory for metrics.json."""
    course = trained.course
    speed, peak = samples * course.epoch / course.seconds_of_steps, sgemm_gflops()
    return {
        "seconds": sum(row.seconds for row in course.history),
        "samples_per_second": speed,
        "sgemm_gflops": peak,
        "fraction_of_sgemm": speed * operations(trained.network) / 1e9 / peak,
        "peak_gpu_memory_mb": peak_gpu_memory_mb(device),
    }


def operations(network: Network) -> int:
    """Return the floating point operations of a training step a sample: 6 P - 2 P1.

    P are the weights of all trained layers and P1 those on the inputs, whose gradient is not needed. Frozen weights
    count 2, forwards only.
    """
    total = 0
    for name, array in network.arrays.items():
        layer, _, kind = name.rpartition("/")
        if kind == "kernel" and array.ndim == 2:
            frozen = layer == "skip" and network.settings.skip == "ridge"
            on_inputs = layer in ("hidden_1", "skip") or not network.settings.hidden
            total += array.size * (2 if frozen else 4 if on_inputs else 6)
    return total
