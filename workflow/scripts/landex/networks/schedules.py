"""Learning rates over a training."""

import numpy as np
from numpy.typing import NDArray

from landex.networks.settings import NetworkSettings

# The paper's decay rule (Chen et al. 2016 and their code).
_DECAY = 0.9
_LOWEST_RATE = 1e-5


def learning_rates(
    settings: NetworkSettings, steps: int, start: int = 0, count: int | None = None
) -> NDArray[np.float32]:
    """Return learning rates of consecutive steps under the schedules constant and cosine.

    Cosine rises linearly over the share `warmup`, then falls to 0 as half a cosine (Loshchilov & Hutter
    2017, without restarts).

    Parameters
    ----------
    settings
        Of the network.
    steps
        Steps of the whole training.
    start, count
        The first step that is asked for, and how many; all from there by default.
    """
    step = np.arange(start, steps if count is None else start + count) + 1
    if settings.schedule != "cosine":
        return np.full(len(step), settings.learning_rate, np.float32)
    warmup = max(1, round(settings.warmup * steps))
    fall = 0.5 * (1 + np.cos(np.pi * np.clip((step - warmup) / max(1, steps - warmup), 0, 1)))
    return (settings.learning_rate * np.minimum(step / warmup, 1) * fall).astype(np.float32)


def decayed(rate: float, errors: list[float]) -> float:
    """Return the rate after an epoch under `decay_on_rise`: a tenth less if the monitored error has risen.

    A rate that is below the rule's floor already is not raised.

    Parameters
    ----------
    rate
        Of the epoch that has ended.
    errors
        The monitored errors of all epochs so far.
    """
    risen = len(errors) > 1 and errors[-1] > errors[-2]
    return min(rate, max(_LOWEST_RATE, rate * _DECAY)) if risen else rate
