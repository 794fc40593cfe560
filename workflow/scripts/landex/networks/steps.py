"""Training steps, compiled: many a call, on one device or on several that share each batch.

Devices draw the same dropout masks and noise, each for its own share of the rows.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from landex.networks.losses import divisor, error_sum
from landex.networks.optimisers import Optimiser
from landex.networks.pools import Pool
from landex.networks.settings import NetworkSettings

_Compiled = Callable[..., tf.Tensor]


class Steps:
    """Takes training steps.

    Parameters
    ----------
    settings
        Loss, batch and average.
    network, optimiser
        What is trained, and how.
    averages
        Moving averages of the network's trainable variables, in their order; empty for none.
    strategy
        Of several devices, or None for one.
    xla
        Whether to compile a step with XLA; on one device only.
    """

    def __init__(
        self,
        settings: NetworkSettings,
        network: keras.Model,
        optimiser: Optimiser,
        averages: list[tf.Variable],
        strategy: tf.distribute.Strategy | None = None,
        xla: bool = False,
    ) -> None:
        self._settings, self._network, self._optimiser, self._averages = settings, network, optimiser, averages
        self._strategy, self._xla = strategy, xla
        self._compiled: dict[str, _Compiled] = {}

    def take(self, pool: Pool, first: int, rates: tf.Tensor, step: int, late: bool = False) -> float:
        """Take a step for each of some batches of a pool.

        Parameters
        ----------
        pool
            The samples and their order.
        first
            The batch of the pool's order to begin with.
        rates
            Learning rates of the steps, shape (steps,).
        step
            Steps that the training has taken before.
        late
            Whether the loss is MAE by now (`mae_from`).

        Returns
        -------
        float
            The loss before each step, times the batch's samples, summed.
        """
        loss = "mae" if late else self._settings.loss
        if loss not in self._compiled:
            # Keras' layers and the loss are traced once a loss and a shape; batches of a pool differ in nothing else.
            self._compiled[loss] = tf.function(self._loop(loss), reduce_retracing=True)
        batch = self._settings.batch
        order = tf.constant(pool.order[first * batch : (first + len(rates)) * batch])
        total = self._compiled[loss](
            pool.inputs, pool.targets, pool.measured, order, tf.constant(rates), tf.constant(float(step))
        )
        return float(total)

    def _loop(self, loss: str) -> _Compiled:
        one = self._shared(loss, self._strategy) if self._strategy else self._alone(loss)
        batch = self._settings.batch

        def loop(
            inputs: tf.Tensor,
            targets: tf.Tensor,
            measured: tf.Tensor | None,
            order: tf.Tensor,
            rates: tf.Tensor,
            before: tf.Tensor,
        ) -> tf.Tensor:
            total = tf.constant(0.0)
            for index in tf.range(tf.size(rates)):
                rows = order[index * batch : (index + 1) * batch]
                counted = None if measured is None else tf.gather(measured, rows)
                step = before + tf.cast(index, tf.float32) + 1.0
                value = one(tf.gather(inputs, rows), tf.gather(targets, rows), counted, rates[index], step)
                total += value * tf.cast(tf.size(rows), tf.float32)
            return total

        return loop

    def _alone(self, loss: str) -> _Compiled:
        def one(
            inputs: tf.Tensor, targets: tf.Tensor, measured: tf.Tensor | None, rate: tf.Tensor, step: tf.Tensor
        ) -> tf.Tensor:
            value, gradients = self._gradients(loss, inputs, targets, measured, slice(None))
            self._move(gradients, rate, step)
            return value

        return tf.function(one, jit_compile=True) if self._xla else one

    def _shared(self, loss: str, strategy: tf.distribute.Strategy) -> _Compiled:
        """Return a step in which every device takes its share of the batch, and all apply the sum of the gradients."""
        devices = strategy.num_replicas_in_sync

        def of_one_device(
            inputs: tf.Tensor, targets: tf.Tensor, measured: tf.Tensor | None, rate: tf.Tensor, step: tf.Tensor
        ) -> tf.Tensor:
            device = tf.distribute.get_replica_context()
            share = slice(device.replica_id_in_sync_group, None, devices)
            value, gradients = self._gradients(loss, inputs, targets, measured, share)
            self._move(device.all_reduce(tf.distribute.ReduceOp.SUM, gradients), rate, step)
            return value

        def one(*arguments: tf.Tensor | None) -> tf.Tensor:
            values = strategy.run(of_one_device, args=arguments)
            return strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None)

        return one

    def _gradients(
        self, loss: str, inputs: tf.Tensor, targets: tf.Tensor, measured: tf.Tensor | None, share: slice
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Return the loss of a share of a batch, divided as for the whole of it, and its gradients."""
        counted = None if measured is None else tf.cast(measured, tf.float32)
        values = tf.size(targets) if counted is None else tf.reduce_sum(counted)
        with tf.GradientTape() as tape:
            difference = targets[share] - self._network(inputs[share], training=True)
            if counted is not None:
                difference *= counted[share]
            errors = error_sum(loss, difference, self._settings.huber_delta)
            # Of the loss of the whole training: a late MAE keeps its size, for which the rates are.
            value = errors / divisor(self._settings.loss, tf.shape(targets)[0], values)
        return value, tape.gradient(value, self._network.trainable_variables)

    def _move(self, gradients: list[tf.Tensor], rate: tf.Tensor, step: tf.Tensor) -> None:
        self._optimiser.apply(gradients, rate, step)
        # Early averages would remember the weights of the start: they forget faster, as TensorFlow's own do.
        kept = tf.minimum(self._settings.ema, (1.0 + step) / (10.0 + step))
        for average, variable in zip(self._averages, self._network.trainable_variables, strict=bool(self._averages)):
            average.assign_sub((average - variable.value) * (1.0 - kept))
