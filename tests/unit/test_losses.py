import keras
import numpy as np
import pytest
import tensorflow as tf

from landex.networks.losses import divisor, error_sum

pytestmark = pytest.mark.usefixtures("tensorflow_on_two_threads")


@pytest.mark.parametrize(
    ("loss", "expected"),
    # Differences of the measured values: 1, -2 | 3, (8); half squares up to .5, then lines: .5 * (|d| - .25).
    [
        ("mse", (1 + 4 + 9) / 3),
        ("mae", (1 + 2 + 3) / 3),
        ("summed_squares", (1 + 4 + 9) / 2),
        ("huber", (0.375 + 0.875 + 1.375) / 3),
    ],
)
def test_losses_by_hand(loss: str, expected: float) -> None:
    difference = tf.constant([[1.0, -2.0], [3.0, 0.0]])
    errors = error_sum(loss, difference, 0.5)
    assert float(errors / divisor(loss, tf.constant(2), tf.constant(3))) == pytest.approx(expected)


@pytest.mark.parametrize("delta", [0.3, 1.0, 2.5])
def test_huber_is_that_of_keras(delta: float) -> None:
    truth, prediction = np.random.default_rng(1).normal(size=(2, 5, 4)).astype(np.float32) * 2
    expected = float(keras.losses.Huber(delta)(truth, prediction))
    assert float(error_sum("huber", tf.constant(truth - prediction), delta)) / 20 == pytest.approx(expected, rel=1e-5)


def test_a_batch_without_a_measured_value_divides_by_one() -> None:
    assert float(divisor("mse", tf.constant(4), tf.constant(0))) == 1
