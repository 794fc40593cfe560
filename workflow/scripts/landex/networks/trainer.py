"""The training of one network: one loop for every preset, through interruptions and divergences."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from landex.errors import UserError
from landex.examples import ExampleSource
from landex.networks.architecture import arrays_of, build_network
from landex.networks.checkpoints import Arrays, Checkpoints, TrainingState
from landex.networks.course import Course, Epoch, Listener
from landex.networks.devices import EXECUTIONS, Execution
from landex.networks.interruptions import Interruptions
from landex.networks.monitor import Monitor
from landex.networks.network import Network, NormalScale, OutputScale, Scale
from landex.networks.optimisers import build_optimiser
from landex.networks.pools import Pools
from landex.networks.schedules import decayed, learning_rates
from landex.networks.settings import NetworkSettings
from landex.networks.steps import Steps
from landex.normal_scores import NormalScores

_logger = logging.getLogger(__name__)

# A network whose error is ten times that of predicting every gene's mean has learnt nothing and will not recover.
_BLOW_UP = 10
# Three tries at a third of the rate each cover more than an order of magnitude.
_TRIES = 3
_RATE_OF_A_TRY = 1 / 3


class _Divergence(Exception):
    """Training went to infinity or NaN, or the error became absurd."""


@dataclass(frozen=True)
class Trained:
    """A trained network and its course."""

    network: Network
    course: Course


class Trainer:
    """Trains one network.

    Parameters
    ----------
    settings
        The network and its training.
    training, select
        What it learns from, and what chooses the epoch that is kept.
    skip
        Coefficients, shape (landmarks, targets), and intercepts, shape (targets,), of a fitted linear model that
        the network adds to, where `settings.skip` is `ridge`.
    execution
        How steps are compiled and called.
    strategy
        Of several devices, or None for one.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        training: ExampleSource,
        select: ExampleSource,
        skip: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
        execution: Execution = EXECUTIONS["cpu"],
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._began = time.perf_counter()
        keras.utils.set_random_seed(settings.seed)
        self.settings = settings
        self.scale: Scale
        if settings.target_scaling == "normal_scores":
            self.scale = NormalScale(NormalScores.of(training))
        elif settings.output == "tanh" and settings.target_scaling == "range":
            self.scale = OutputScale.around(training)
        else:
            self.scale = OutputScale.identity(len(training.features))
        with (strategy or tf.distribute.get_strategy()).scope():
            self.network = build_network(settings, training.landmarks, len(training.features), skip)
            self._optimiser = build_optimiser(settings, self.network.trainable_variables)
            averaged = self.network.trainable_variables if settings.ema else []
            self._averages = [tf.Variable(variable.value) for variable in averaged]
        self.steps = Steps(settings, self.network, self._optimiser, self._averages, strategy, execution.xla)
        self._steps_per_call = execution.steps_per_call
        self._pools = Pools(training, self.scale, settings.batch, settings.seed, execution.pool_bytes)
        chosen = np.random.default_rng(settings.seed).permutation(len(training.samples))[: settings.monitored]
        self._monitored = Monitor(training.take(np.sort(chosen)), self.network, self.scale)
        self._select = Monitor(select, self.network, self.scale)
        self._error_of_means = self._monitored.error_of_means()
        if np.isnan([self._error_of_means, self._select.error_of_means()]).any():
            raise UserError("the samples of training or select measure no target; without them no epoch can be chosen")
        initial = self._read_arrays()
        self._state = TrainingState(Course(settings.learning_rate), initial, initial, {})

    @property
    def in_memory(self) -> bool:
        """Whether all training samples are held."""
        return self._pools.in_memory

    def train(self, checkpoints: Checkpoints | None = None, listeners: Sequence[Listener] = ()) -> Trained:
        """Train to the end, from the last checkpoint where there is one, and return the network of the kept epoch.

        Parameters
        ----------
        checkpoints
            Where interrupted trainings are kept; None to keep nothing.
        listeners
            Are told of every epoch.

        Raises
        ------
        UserError
            If the training diverges time and again, or a signal ended it.
        """
        if checkpoints and (found := checkpoints.read()):
            self._resume(found)
        with Interruptions() as interruptions:
            while not self._state.course.stopped:
                try:
                    self._train_epoch(checkpoints, interruptions, listeners)
                except _Divergence as problem:
                    self._go_back(str(problem))
        course = self._state.course
        course.wall += time.perf_counter() - self._began
        return Trained(Network(self.settings, dict(self._state.kept), self.scale), course)

    def _train_epoch(
        self, checkpoints: Checkpoints | None, interruptions: Interruptions, listeners: Sequence[Listener]
    ) -> None:
        """Train to the end of the epoch under way and note it."""
        course, settings = self._state.course, self.settings
        epoch = course.epoch + 1
        late = course.epoch >= round(settings.mae_from * settings.epochs)
        if not course.step:
            course.loss = course.seconds = 0.0
        began = time.perf_counter()
        for pool in self._pools.epoch(epoch, course.step):
            batches = -(-len(pool.order) // settings.batch)
            for first in range(0, batches, self._steps_per_call):
                count = min(self._steps_per_call, batches - first)
                before = course.epoch * self._pools.steps + course.step
                rates = self._rates(before, count)
                course.loss += self.steps.take(pool, first, rates, before, late)
                course.step += count
                course.seconds += time.perf_counter() - began
                began = time.perf_counter()
                if not np.isfinite(course.loss):
                    raise _Divergence(f"in epoch {epoch} the loss became {course.loss}")
                if course.step < self._pools.steps:
                    self._keep(checkpoints, interruptions)
                    began = time.perf_counter()
        row, arrays = self._measured(epoch, float(rates[-1]), course)
        course.history.append(row)
        course.steps += course.step
        course.seconds_of_steps += course.seconds
        course.step = 0
        self._note(row, arrays)
        for listener in listeners:
            listener(row)
        self._keep(checkpoints, interruptions)

    def _rates(self, before: int, count: int) -> NDArray[np.float32]:
        course, settings = self._state.course, self.settings
        if settings.schedule == "decay_on_rise":
            rates = np.full(count, course.rate, np.float32)
        else:
            rates = learning_rates(settings, self._pools.steps * settings.epochs, before, count)
        return rates * np.float32(course.rate_factor)

    def _measured(self, epoch: int, rate: float, course: Course) -> tuple[Epoch, Mapping[str, NDArray[np.float32]]]:
        """Return the row of an epoch whose steps are done, and the network's arrays; of the averages, if there are."""
        began = time.perf_counter()
        current = [np.array(one.numpy()) for one in self.network.trainable_variables] if self._averages else []
        for variable, average in zip(self.network.trainable_variables, self._averages, strict=bool(current)):
            variable.assign(average)
        training, select = self._monitored.error(), self._select.error()
        arrays = arrays_of(self.network)
        for variable, value in zip(self.network.trainable_variables, current, strict=bool(current)):
            variable.assign(value)
        if not np.isfinite([training, select]).all() or training > _BLOW_UP * self._error_of_means:
            raise _Divergence(f"in epoch {epoch} the training MAE became {training:.4g}, the select MAE {select:.4g}")
        loss = course.loss / self._pools.samples
        row = Epoch(epoch, rate, loss, training, select, course.seconds + time.perf_counter() - began)
        return row, arrays

    def _note(self, row: Epoch, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep the epoch's network if it is to be kept, and say whether the training has ended."""
        course, settings = self._state.course, self.settings
        kept = self._state.kept
        best = course.history[course.best_epoch - 1].select_mae if course.best_epoch else np.inf
        if settings.keep == "last" or row.select_mae < best:
            kept, course.best_epoch = arrays, row.epoch
        course.rate = decayed(course.rate, [epoch.training_mae for epoch in course.history])
        lowest = min(range(len(course.history)), key=lambda number: course.history[number].select_mae) + 1
        if row.epoch == settings.epochs:
            course.stopped = f"all {settings.epochs} epochs done"
        elif settings.patience is not None and row.epoch - lowest >= settings.patience:
            course.stopped = f"no lower select MAE in the {settings.patience} epochs after epoch {lowest}"
        # Over the last good epoch's, so that there is never a third copy of everything.
        for array, variable in zip(self._state.good, self._variables(), strict=True):
            np.copyto(array, variable.numpy())
        self._state = TrainingState(course, self._state.good, self._state.good, kept)

    def _keep(self, checkpoints: Checkpoints | None, interruptions: Interruptions) -> None:
        """Write a checkpoint where one is due, and end where a signal asks for it."""
        course = self._state.course
        if checkpoints and (interruptions.pending or checkpoints.due):
            arrays = self._read_arrays() if course.step else self._state.good
            wall = course.wall + time.perf_counter() - self._began
            written = checkpoints.write(replace(self._state, course=replace(course, wall=wall), arrays=arrays))
        if interruptions.pending and not course.stopped:
            place = f"in epoch {course.epoch + 1} of {self.settings.epochs}, after {course.step} of its steps"
            kept = f"; the next run goes on from there ({checkpoints.folder})" if checkpoints and written else ""
            raise UserError(f"training stopped by {interruptions.pending} {place}{kept}")

    def _resume(self, state: TrainingState) -> None:
        shapes = [array.shape for array in self._state.good]
        if any([array.shape for array in arrays] != shapes for arrays in (state.arrays, state.good)):
            _logger.warning("the checkpoint is of another network; the training begins anew")
            return
        state.course.resumptions += 1
        self._state = state
        self._write_arrays(state.arrays)
        _logger.info("going on after epoch %d and %d steps, from a checkpoint", state.course.epoch, state.course.step)

    def _go_back(self, problem: str) -> None:
        """Return to the end of the last good epoch, with lower rates."""
        course = self._state.course
        if course.divergences == _TRIES:
            raise UserError(
                f"the training diverged {_TRIES + 1} times, the last time with {course.rate_factor:.2g} of the rate: "
                f"{problem}; lower the model's learning_rate ({self.settings.learning_rate:g})"
            )
        course.divergences += 1
        course.rate_factor *= _RATE_OF_A_TRY
        course.step = 0
        self._write_arrays(self._state.good)
        _logger.warning(
            "%s: back to epoch %d, with the learning rate times %.2g", problem, course.epoch, course.rate_factor
        )

    def _variables(self) -> list[keras.Variable | tf.Variable]:
        """Return everything that a step changes, the random layers' states included."""
        return [*self.network.variables, *self._optimiser.variables, *self._averages]

    def _read_arrays(self) -> Arrays:
        # A copy: what NumPy sees may be the variable's own memory.
        return [np.array(variable.numpy()) for variable in self._variables()]

    def _write_arrays(self, arrays: Arrays) -> None:
        for variable, array in zip(self._variables(), arrays, strict=True):
            variable.assign(array)


def describe_training(trained: Trained) -> Mapping[str, object]:
    """Summarise a training for metrics.json."""
    course = trained.course
    return {
        "best_epoch": course.best_epoch,
        "epochs": course.epoch,
        "steps": course.steps,
        "stopped": course.stopped,
        "divergences": course.divergences,
        "rate_factor": course.rate_factor,
        "resumptions": course.resumptions,
    }
