"""Train on one logical CPU and on two, in a process of its own, which alone can have two; print how they differ.

Usage: python several_devices.py: prints a JSON object a case, the largest difference of the weights.
"""

import json

import numpy as np
import pandas as pd
import tensorflow as tf
from network_settings import settings_of

from landex.examples import Examples
from landex.networks.devices import Execution
from landex.networks.settings import NetworkSettings
from landex.networks.trainer import Trainer

# Whole batches of 20, and one that has a single sample: the second device gets none of it.
SAMPLES = 101


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    tf.config.experimental.enable_op_determinism()
    # One for all cases: those of an earlier strategy would answer a later one's collectives.
    both = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    random = np.random.default_rng(0)
    inputs = random.normal(size=(SAMPLES, 6)).astype(np.float32)
    targets = np.tanh(inputs @ random.normal(size=(6, 4))).astype(np.float32)
    names, features = [f"s{row}" for row in range(SAMPLES)], pd.DataFrame(index=list("abcd"))
    gaps = random.random(targets.shape) < 0.9
    cases = {
        "adamw with averages": ({"ema": 0.9}, gaps),
        "sgd": ({"optimiser": "sgd", "momentum": 0.5}, np.ones_like(gaps)),
        "summed squares": ({"loss": "summed_squares", "learning_rate": 1e-4}, gaps),
    }
    for case, (changes, measured) in cases.items():
        examples = Examples(inputs, targets, measured, names, features)
        settings = settings_of("deep", **{"hidden": [16, 8], "dropout": 0.0, "batch": 20, "epochs": 3, **changes})
        one, two = (trained(settings, examples, strategy) for strategy in (None, both))
        print(json.dumps({case: largest_difference(one, two)}))
    dropping = settings_of("deep", hidden=[16], batch=20, epochs=3)
    again = [trained(dropping, examples, both) for _ in range(2)]
    print(json.dumps({"dropout, twice": largest_difference(*again)}))


def trained(
    settings: NetworkSettings, examples: Examples, strategy: tf.distribute.Strategy | None
) -> dict[str, np.ndarray]:
    trainer = Trainer(settings, examples, examples, None, Execution(False, 4, 1 << 20), strategy)
    return dict(trainer.train().network.arrays)


def largest_difference(one: dict[str, np.ndarray], two: dict[str, np.ndarray]) -> float:
    return max(float(np.abs(one[path] - two[path]).max()) for path in one)


if __name__ == "__main__":
    main()
