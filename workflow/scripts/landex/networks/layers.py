"""Layers that Keras lacks."""

import keras


class Taaf(keras.layers.Layer):  # type: ignore[misc]
    """Transformative adaptive activation function, alpha f(beta x + gamma) + delta, f the logistic sigmoid.

    Every unit learns its own alpha, beta, gamma and delta (Kunc & Klema 2021, PLoS ONE 16:e0243915). They start at
    1, 1, 0 and 0, which is f alone.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the four variables, each of shape (units,)."""
        units = input_shape[-1:]
        self.alpha = self.add_weight(shape=units, initializer="ones", name="alpha")
        self.beta = self.add_weight(shape=units, initializer="ones", name="beta")
        self.gamma = self.add_weight(shape=units, initializer="zeros", name="gamma")
        self.delta = self.add_weight(shape=units, initializer="zeros", name="delta")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the activations, of the inputs' shape."""
        return self.alpha * keras.ops.sigmoid(self.beta * inputs + self.gamma) + self.delta
