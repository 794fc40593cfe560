"""Settings of a network and its training, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkSettings:
    """Everything that decides on a network and its training; the config's schema describes the fields."""

    hidden: tuple[int, ...]
    activation: str
    normalisation: str
    dropout: float
    input_noise: float
    residual: bool
    skip: str
    rank: int | None
    output: str
    target_scaling: str
    loss: str
    huber_delta: float
    mae_from: float
    optimiser: str
    learning_rate: float
    momentum: float
    weight_decay: float
    deeper_rate: float
    schedule: str
    warmup: float
    ema: float
    batch: int
    epochs: int
    patience: int | None
    initialisation: str
    keep: str
    monitored: int
    precision: str
    seed: int

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> "NetworkSettings":
        """Build settings from a completed entry of `models:`."""
        return cls(**{**settings, "hidden": tuple(settings["hidden"])})
