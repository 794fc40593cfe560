"""The error of a network in training on samples that do not change."""

from collections.abc import Iterator

import keras
import tensorflow as tf

from landex.examples import Examples, ExampleSource
from landex.networks.network import OutputScale
from landex.networks.pools import bytes_of
from landex.threads import prefetched

_ROWS = 1024
# Holds the select part of a compendium of some tens of thousands of samples.
_MOST_HELD = 256 << 20

_Block = tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]


class Monitor:
    """Measures the mean absolute error in z-scores, without dropout and noise.

    Parameters
    ----------
    source
        The samples; up to 256 MB are held, more is read at every measurement.
    network
        The network.
    scale
        From its output to z-scores.
    """

    def __init__(self, source: ExampleSource, network: keras.Model, scale: OutputScale) -> None:
        self._network, self._scale = network, scale
        self._source = source
        fits = bytes_of(source) <= _MOST_HELD
        self._held = [_tensors(block) for block in source.load().blocks(_ROWS)] if fits else None
        self._compiled_sums = tf.function(self._sums, reduce_retracing=True)

    def error(self) -> float:
        """Return the mean over all measured values; NaN where there is none."""
        total, count = 0.0, 0.0
        for inputs, targets, measured in self._blocks():
            part, values = self._compiled_sums(inputs, targets, measured)
            total, count = total + float(part), count + float(values)
        return total / count if count else float("nan")

    def error_of_means(self) -> float:
        """Return the error of predicting every gene's mean, 0, as a yardstick."""
        total, count = 0.0, 0.0
        for _, targets, measured in self._blocks():
            weights = tf.ones_like(targets) if measured is None else tf.cast(measured, tf.float32)
            total += float(tf.reduce_sum(tf.abs(targets) * weights))
            count += float(tf.reduce_sum(weights))
        return total / count if count else float("nan")

    def _blocks(self) -> Iterator[_Block]:
        if self._held is not None:
            return iter(self._held)
        return prefetched(_tensors(block) for block in self._source.blocks(_ROWS))

    def _sums(self, inputs: tf.Tensor, targets: tf.Tensor, measured: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        difference = self._scale.to_scores(self._network(inputs, training=False)) - targets
        if measured is None:
            return tf.reduce_sum(tf.abs(difference)), tf.cast(tf.size(difference), tf.float32)
        counted = tf.cast(measured, tf.float32)
        return tf.reduce_sum(tf.abs(difference) * counted), tf.reduce_sum(counted)


def _tensors(block: Examples) -> _Block:
    measured = None if block.complete else tf.constant(block.measured)
    return tf.constant(block.inputs), tf.constant(block.targets), measured
