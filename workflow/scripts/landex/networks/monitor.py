"""The error of a network in training on samples that do not change."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from landex.examples import Examples, ExampleSource, Mask
from landex.h5ad import Block
from landex.networks.network import Scale
from landex.networks.pools import bytes_of
from landex.threads import prefetched

_ROWS = 1024
# Holds the select part of a compendium of some tens of thousands of samples.
_MOST_HELD = 256 << 20

_Block = tuple[tf.Tensor, Block, Mask | None]


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

    def __init__(self, source: ExampleSource, network: keras.Model, scale: Scale) -> None:
        self._source, self._scale = source, scale
        fits = bytes_of(source) <= _MOST_HELD
        self._held = [_tensors(block) for block in source.load().blocks(_ROWS)] if fits else None
        self._output = tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)

    def error(self) -> float:
        """Return the mean over all measured values; NaN where there is none."""
        total, count = 0.0, 0.0
        for inputs, targets, measured in self._blocks():
            difference = np.abs(self._scale.to_scores(self._output(inputs).numpy()) - targets)
            counted = True if measured is None else measured
            total += float(difference.sum(where=counted, dtype=np.float64))
            count += difference.size if measured is None else int(measured.sum())
        return total / count if count else float("nan")

    def error_of_means(self) -> float:
        """Return the error of predicting every gene's mean, 0, as a yardstick."""
        total, count = 0.0, 0.0
        for _, targets, measured in self._blocks():
            counted = True if measured is None else measured
            total += float(np.abs(targets).sum(where=counted, dtype=np.float64))
            count += targets.size if measured is None else int(measured.sum())
        return total / count if count else float("nan")

    def _blocks(self) -> Iterator[_Block]:
        if self._held is not None:
            return iter(self._held)
        return prefetched(_tensors(block) for block in self._source.blocks(_ROWS))


def _tensors(block: Examples) -> _Block:
    return tf.constant(block.inputs), block.targets, None if block.complete else block.measured
