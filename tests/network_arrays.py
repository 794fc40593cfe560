"""Networks with random arrays for tests, whose names and shapes are written from the description, without Keras."""

from itertools import pairwise

import numpy as np

from landex.networks.network import Network, OutputScale
from landex.networks.settings import NetworkSettings

Shapes = dict[str, tuple[int, ...]]


def shapes_of(settings: NetworkSettings, inputs: int, outputs: int) -> Shapes:
    """Return the shape of every array that a network of these settings has, by path."""
    shapes: Shapes = {}
    for number, (below, units) in enumerate(pairwise((inputs, *settings.hidden)), 1):
        shapes |= _dense(f"hidden_{number}", below, units, bias=settings.activation != "taaf")
        if settings.normalisation != "none":
            shapes |= dict.fromkeys((f"normalisation_{number}/gamma", f"normalisation_{number}/beta"), (units,))
        if settings.normalisation == "batch":
            moving = (f"normalisation_{number}/moving_mean", f"normalisation_{number}/moving_variance")
            shapes |= dict.fromkeys(moving, (units,))
        shapes |= _activation(f"activation_{number}", settings.activation, units)
    last = (inputs, *settings.hidden)[-1]
    if settings.rank is not None:
        shapes |= _dense("rank", last, settings.rank, bias=False)
        last = settings.rank
    shapes |= _dense("output", last, outputs, bias=settings.output != "taaf")
    shapes |= _activation("output_activation", settings.output, outputs)
    if settings.skip != "none":
        shapes |= _dense("skip", inputs, outputs, bias=settings.skip == "ridge")
    return shapes


def random_network(settings: NetworkSettings, inputs: int, outputs: int, seed: int = 5) -> Network:
    """Return a network whose arrays are no initial ones, with layers of about unit size."""
    random = np.random.default_rng(seed)
    arrays = {}
    for path, shape in shapes_of(settings, inputs, outputs).items():
        values = random.normal(0, 1 / np.sqrt(shape[0]), shape) if len(shape) == 2 else random.uniform(0.5, 2, shape)
        arrays[path] = values.astype(np.float32)
    centre, factor = (random.uniform(0.5, 2, outputs).astype(np.float32) for _ in range(2))
    return Network(settings, arrays, OutputScale(centre, factor))


def _dense(name: str, below: int, units: int, bias: bool) -> Shapes:
    return {f"{name}/kernel": (below, units)} | ({f"{name}/bias": (units,)} if bias else {})


def _activation(name: str, activation: str, units: int) -> Shapes:
    trained = ("alpha", "beta", "gamma", "delta") if activation == "taaf" else ()
    return {f"{name}/{array}": (units,) for array in trained}
