"""Losses of networks: a sum over values and what it is divided by, so that several devices can share a batch."""

import tensorflow as tf


def error_sum(loss: str, difference: tf.Tensor, huber_delta: float) -> tf.Tensor:
    """Return the sum of errors over all values.

    Parameters
    ----------
    loss
        `mse` and `summed_squares` (squares), `mae` (absolute values), or `huber`: squares halved up to
        `huber_delta`, beyond it a straight line of that slope (Huber 1964).
    difference
        Truth less prediction, shape (samples, targets); 0 where not measured.
    huber_delta
        Where the square becomes a line, in units of the output.

    Returns
    -------
    tf.Tensor
        A scalar.
    """
    if loss == "mae":
        return tf.reduce_sum(tf.abs(difference))
    if loss == "huber":
        size = tf.abs(difference)
        square = tf.minimum(size, huber_delta)
        return tf.reduce_sum(square * (size - square / 2))
    return tf.reduce_sum(tf.square(difference))


def divisor(loss: str, samples: tf.Tensor, measured: tf.Tensor) -> tf.Tensor:
    """Return what a batch's sum of errors is divided by.

    `summed_squares` is summed over the targets and averaged over the samples (Chen et al. 2016); all other losses
    are means over measured values.

    Parameters
    ----------
    loss
        The loss.
    samples, measured
        Numbers of samples and of measured values in the whole batch, scalars.
    """
    if loss == "summed_squares":
        return tf.cast(samples, tf.float32)
    return tf.maximum(tf.cast(measured, tf.float32), 1.0)
