"""Optimisers: Keras' SGD, and Adam in TensorFlow's fused kernel, which Keras' own does not use.

Keras updates a variable in a dozen passes over memory. At a few million weights and small batches that costs
more than the network's arithmetic; the fused kernel takes one pass.
"""

from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from landex.networks import NetworkSettings

# Keras' defaults.
_FIRST_DECAY = 0.9
_SECOND_DECAY = 0.999
_EPSILON = 1e-7


class Optimiser(Protocol):
    """What the training loop asks of an optimiser; its learning rate can be assigned to."""

    learning_rate: tf.Variable

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]) -> None:
        """Take one step."""


class FusedAdam:
    """Adam (Kingma & Ba 2015), with decoupled weight decay (Loshchilov & Hutter 2019) on weights only.

    Biases and the gains of layer normalisation have no reason to be small: they do not decay.

    Parameters
    ----------
    weight_decay
        Share of a weight, times the learning rate, that a step takes off.
    variables
        What will be trained.
    """

    def __init__(self, learning_rate: float, weight_decay: float, variables: Sequence[keras.Variable]) -> None:
        self.learning_rate = tf.Variable(learning_rate, dtype=tf.float32)
        self._weight_decay = weight_decay
        self._steps = tf.Variable(0.0)
        self._moments = [(tf.Variable(tf.zeros(v.shape)), tf.Variable(tf.zeros(v.shape))) for v in variables]

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[keras.Variable]) -> None:
        """Take one step; `variables` are those of the constructor, in its order."""
        self._steps.assign_add(1.0)
        for gradient, variable, (first, second) in zip(gradients, variables, self._moments, strict=True):
            if self._weight_decay and variable.name == "kernel":
                variable.value.assign_sub(variable.value * (self._weight_decay * self.learning_rate))
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(_FIRST_DECAY, self._steps),
                beta2_power=tf.pow(_SECOND_DECAY, self._steps),
                lr=self.learning_rate,
                beta1=_FIRST_DECAY,
                beta2=_SECOND_DECAY,
                epsilon=_EPSILON,
                grad=gradient,
            )


def build_optimiser(settings: NetworkSettings, variables: Sequence[keras.Variable]) -> Optimiser:
    """Build the optimiser of a network's settings for its variables."""
    if settings.optimiser == "sgd":
        sgd = keras.optimizers.SGD(settings.learning_rate, momentum=settings.momentum)
        sgd.build(variables)
        return sgd
    weight_decay = settings.weight_decay if settings.optimiser == "adamw" else 0.0
    return FusedAdam(settings.learning_rate, weight_decay, variables)
