"""The training loop of networks: one for every preset."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from landex.architecture import build_network
from landex.errors import UserError
from landex.examples import Examples
from landex.networks import NetworkModel, NetworkSettings, OutputScale
from landex.optimisers import build_optimiser

_logger = logging.getLogger(__name__)

# The paper's decay rule (Chen et al. 2016 and their code).
_DECAY = 0.9
_LOWEST_RATE = 1e-5
_ROWS_OF_EVALUATION = 1024


@dataclass(frozen=True)
class Epoch:
    """A row of history.tsv; errors are MAE in z-scores without dropout, the loss is what was minimised."""

    epoch: int
    learning_rate: float
    training_loss: float
    training_mae: float
    select_mae: float
    seconds: float


@dataclass
class Trained:
    """A trained network, its course, the epoch whose weights were kept, and the steps taken."""

    model: NetworkModel
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    steps: int = 0


def use_threads(threads: int) -> None:
    """Let TensorFlow use this many cores and make it deterministic; before its first operation."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def describe_device() -> str:
    """Name what TensorFlow computes on."""
    cards = tf.config.list_physical_devices("GPU")
    if not cards:
        return "CPU"
    names = [tf.config.experimental.get_device_details(card).get("device_name", "GPU") for card in cards]
    return ", ".join(map(str, names))


def loss_function(loss: str) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return a loss of (truth, prediction, measured), each of shape (samples, targets).

    `mse` and `mae` are means over the measured values; `summed_squares` is the squared error summed over
    the targets and averaged over the samples (the paper's).
    """

    def error(truth: tf.Tensor, prediction: tf.Tensor, measured: tf.Tensor) -> tf.Tensor:
        difference = (truth - prediction) * measured
        total = tf.reduce_sum(tf.abs(difference) if loss == "mae" else tf.square(difference))
        if loss == "summed_squares":
            return total / tf.cast(tf.shape(truth)[0], tf.float32)
        return total / tf.maximum(tf.reduce_sum(measured), 1.0)

    return error


def learning_rates(settings: NetworkSettings, steps: int) -> NDArray[np.float32]:
    """Return the learning rate of each of `steps` steps under the schedules constant and cosine.

    Cosine rises linearly over the share `warmup`, then falls to 0 as half a cosine (Loshchilov & Hutter
    2017, without restarts).
    """
    if settings.schedule != "cosine":
        return np.full(steps, settings.learning_rate, np.float32)
    step = np.arange(steps) + 1
    warmup = max(1, round(settings.warmup * steps))
    fall = 0.5 * (1 + np.cos(np.pi * np.clip((step - warmup) / max(1, steps - warmup), 0, 1)))
    return (settings.learning_rate * np.minimum(step / warmup, 1) * fall).astype(np.float32)


class Trainer:
    """Trains one network on samples in memory.

    Parameters
    ----------
    settings
        The network and its training.
    training, select
        What it learns from, and what chooses the epoch that is kept.
    """

    def __init__(self, settings: NetworkSettings, training: Examples, select: Examples) -> None:
        keras.utils.set_random_seed(settings.seed)
        self.settings = settings
        if settings.output == "tanh":
            self.scale = OutputScale.around(training.targets, training.measured)
        else:
            self.scale = OutputScale.identity(training.targets.shape[1])
        self.network = build_network(settings, training.inputs.shape[1], training.targets.shape[1])
        self.optimiser = build_optimiser(settings, self.network.trainable_variables)
        self._factors = _gradient_factors(self.network, settings.deeper_rate)
        self._loss = loss_function(settings.loss)
        self._inputs = tf.constant(training.inputs)
        self._targets = tf.constant(self.scale.to_output(training.targets))
        self._measured = tf.constant(training.measured)
        self._order = np.random.default_rng(settings.seed)
        monitored = np.random.default_rng(settings.seed).permutation(len(training.inputs))[: settings.monitored]
        self._monitored = _Monitor(self, training, np.sort(monitored))
        self._select = _Monitor(self, select, np.arange(len(select.inputs)))

    def train(self) -> Trained:
        """Train for all epochs and return the network of the kept one.

        Raises
        ------
        UserError
            If the loss or an error becomes infinite or NaN.
        """
        samples, settings = len(self._inputs), self.settings
        steps = -(-samples // settings.batch)
        rates = learning_rates(settings, steps * settings.epochs).reshape(settings.epochs, steps)
        decayed = settings.learning_rate
        trained = Trained(self._model())
        best = np.inf
        for epoch in range(settings.epochs):
            began = time.perf_counter()
            of_epoch = np.full(steps, decayed, np.float32) if settings.schedule == "decay_on_rise" else rates[epoch]
            order = self._order.permutation(samples)
            loss = float(self._epoch(tf.constant(order), tf.constant(of_epoch)))
            row = Epoch(
                epoch + 1,
                float(of_epoch[-1]),
                loss,
                self._monitored.error(),
                self._select.error(),
                time.perf_counter() - began,
            )
            # The loss of the epoch was taken before its last step; the errors tell what that step did.
            if not np.isfinite([row.training_loss, row.training_mae, row.select_mae]).all():
                raise UserError(
                    f"the training diverged in epoch {epoch + 1} (loss {loss}, training MAE {row.training_mae}); lower "
                    f"the model's learning_rate ({settings.learning_rate:g})"
                )
            if trained.history and row.training_mae > trained.history[-1].training_mae:
                decayed = min(decayed, max(_LOWEST_RATE, decayed * _DECAY))
            trained.history.append(row)
            trained.steps += steps
            if settings.keep == "last" or row.select_mae < best:
                best = row.select_mae
                trained.model, trained.best_epoch = self._model(), epoch + 1
            _logger.info(
                "epoch %d of %d: loss %.5g, training MAE %.4f, select MAE %.4f, %.2f s",
                row.epoch,
                settings.epochs,
                row.training_loss,
                row.training_mae,
                row.select_mae,
                row.seconds,
            )
        return trained

    def _model(self) -> NetworkModel:
        return NetworkModel(self.settings, self.network.get_weights(), self.scale)

    @tf.function  # type: ignore[untyped-decorator]
    def _epoch(self, order: tf.Tensor, rates: tf.Tensor) -> tf.Tensor:
        """Take a step for every batch of an order of the samples; return the mean loss over samples."""
        batch, total = self.settings.batch, 0.0
        for step in tf.range(tf.size(rates)):
            rows = order[step * batch : (step + 1) * batch]
            total += self.step(rows, rates[step]) * tf.cast(tf.size(rows), tf.float32)
        return total / tf.cast(tf.size(order), tf.float32)

    def step(self, rows: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        """Take one step on some training samples and return its loss."""
        measured = tf.cast(tf.gather(self._measured, rows), tf.float32)
        with tf.GradientTape() as tape:
            output = self.network(tf.gather(self._inputs, rows), training=True)
            loss = self._loss(tf.gather(self._targets, rows), output, measured)
        variables = self.network.trainable_variables
        gradients = tape.gradient(loss, variables)
        scaled = [
            gradient if factor == 1 else gradient * factor
            for gradient, factor in zip(gradients, self._factors, strict=True)
        ]
        self.optimiser.learning_rate.assign(rate)
        self.optimiser.apply(scaled, variables)
        return loss


class _Monitor:
    """Measures the MAE in z-scores on fixed samples, without dropout."""

    def __init__(self, trainer: Trainer, examples: Examples, rows: NDArray[np.intp]) -> None:
        self._trainer = trainer
        self._inputs = tf.constant(examples.inputs[rows])
        self._targets = tf.constant(examples.targets[rows])
        self._measured = tf.constant(examples.measured[rows])

    def error(self) -> float:
        total, count = 0.0, 0.0
        for start in range(0, len(self._inputs), _ROWS_OF_EVALUATION):
            rows = slice(start, start + _ROWS_OF_EVALUATION)
            part, measured = self._sums(self._inputs[rows], self._targets[rows], self._measured[rows])
            total, count = total + float(part), count + float(measured)
        return total / max(count, 1.0)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _sums(self, inputs: tf.Tensor, targets: tf.Tensor, measured: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores = self._trainer.scale.to_scores(self._trainer.network(inputs, training=False))
        counted = tf.cast(measured, tf.float32)
        return tf.reduce_sum(tf.abs(scores - targets) * counted), tf.reduce_sum(counted)


def _gradient_factors(network: keras.Model, deeper_rate: float) -> list[float]:
    """Return a factor a trainable variable: `deeper_rate` for weights above the first layer, else 1.

    With SGD, a gradient times f is a learning rate times f, with momentum too.
    """
    kernels = [variable for variable in network.trainable_variables if variable.name == "kernel"]
    deeper = {id(variable) for variable in kernels[1:]}
    return [deeper_rate if id(variable) in deeper else 1.0 for variable in network.trainable_variables]


def describe_training(trained: Trained, settings: NetworkSettings) -> dict[str, Any]:
    """Summarise a training for metrics.json."""
    return {
        "best_epoch": trained.best_epoch,
        "epochs": len(trained.history),
        "steps": trained.steps,
        "stopped": f"all {settings.epochs} epochs done",
        "device": describe_device(),
    }
