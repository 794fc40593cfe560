"""Optimisers in TensorFlow's fused kernels, which Keras' own do not use.

Keras updates a variable in a dozen passes over memory. At a few million weights and small batches that costs
more than the network's arithmetic; a fused kernel takes one pass. Steps and rates are handed in, so that all that
an optimiser remembers is in `variables`.
"""

from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from landex.networks.settings import NetworkSettings

# Keras' defaults.
_FIRST_DECAY = 0.9
_SECOND_DECAY = 0.999
_EPSILON = 1e-7


class Optimiser(Protocol):
    """What the training loop asks of an optimiser."""

    @property
    def variables(self) -> list[tf.Variable]:
        """All that it remembers between steps."""

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor, step: tf.Tensor) -> None:
        """Take a step.

        Parameters
        ----------
        gradients
            One a variable of the constructor, in its order.
        rate
            Learning rate, a scalar.
        step
            Number of the step from 1, a float32 scalar.
        """


class Momentum:
    """SGD with momentum, not Nesterov's: v <- m v - rate g, w <- w + v (as Keras' SGD).

    Parameters
    ----------
    momentum
        m.
    factors
        A factor on the learning rate for every variable; with momentum too it is one on the gradient.
    variables
        What will be trained.
    """

    def __init__(self, momentum: float, factors: Sequence[float], variables: Sequence[keras.Variable]) -> None:
        self._momentum, self._factors, self._trained = momentum, factors, variables
        self.variables = [tf.Variable(tf.zeros(variable.shape)) for variable in variables]

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor, step: tf.Tensor) -> None:
        """Take a step; see `Optimiser`."""
        parts = zip(self._trained, self.variables, gradients, self._factors, strict=True)
        for variable, velocity, gradient, factor in parts:
            tf.raw_ops.ResourceApplyKerasMomentum(
                var=variable.value.handle,
                accum=velocity.handle,
                lr=rate * factor,
                grad=gradient,
                momentum=self._momentum,
            )


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

    def __init__(self, weight_decay: float, variables: Sequence[keras.Variable]) -> None:
        self._weight_decay, self._trained = weight_decay, variables
        self._first = [tf.Variable(tf.zeros(variable.shape)) for variable in variables]
        self._second = [tf.Variable(tf.zeros(variable.shape)) for variable in variables]

    @property
    def variables(self) -> list[tf.Variable]:
        """First moments, then second ones."""
        return [*self._first, *self._second]

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor, step: tf.Tensor) -> None:
        """Take a step; see `Optimiser`."""
        parts = zip(self._trained, self._first, self._second, gradients, strict=True)
        for variable, first, second, gradient in parts:
            if self._weight_decay and variable.name == "kernel":
                variable.value.assign_sub(variable.value * (self._weight_decay * rate))
            tf.raw_ops.ResourceApplyAdam(
                var=variable.value.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(_FIRST_DECAY, step),
                beta2_power=tf.pow(_SECOND_DECAY, step),
                lr=rate,
                beta1=_FIRST_DECAY,
                beta2=_SECOND_DECAY,
                epsilon=_EPSILON,
                grad=gradient,
            )


def build_optimiser(settings: NetworkSettings, variables: Sequence[keras.Variable]) -> Optimiser:
    """Build the optimiser of a network's settings for its variables."""
    if settings.optimiser == "sgd":
        return Momentum(settings.momentum, _rate_factors(variables, settings.deeper_rate), variables)
    return FusedAdam(settings.weight_decay if settings.optimiser == "adamw" else 0.0, variables)


def _rate_factors(variables: Sequence[keras.Variable], deeper_rate: float) -> list[float]:
    """Return a factor a variable: `deeper_rate` for weights above the first layer, else 1.

    A skip stands on the inputs, as the first layer does.
    """
    kernels = [variable for variable in variables if variable.name == "kernel" and variable.path != "skip/kernel"]
    deeper = {id(variable) for variable in kernels[1:]}
    return [deeper_rate if id(variable) in deeper else 1.0 for variable in variables]
