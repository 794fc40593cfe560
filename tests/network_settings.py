"""Settings of networks for tests."""

from typing import Any

from landex.networks.presets import PRESETS
from landex.networks.settings import NetworkSettings

# Least squares by gradient descent: what others vary.
LINEAR: dict[str, Any] = {
    **PRESETS["dgex"], "hidden": [], "dropout": 0.0, "loss": "mse", "learning_rate": 0.05, "momentum": 0.0,
    "deeper_rate": 1.0, "schedule": "constant", "batch": 50, "epochs": 1, "initialisation": "glorot", "keep": "last",
    "monitored": 50,
}  # fmt: skip


def mapping_of(preset: dict[str, Any] | str, **changes: Any) -> dict[str, Any]:
    """Return the settings of one network: a preset's, or a mapping's, with some changed."""
    settings = {**(PRESETS[preset] if isinstance(preset, str) else preset), **changes}
    return {key: value for key, value in settings.items() if key not in ("ensemble", "target_jobs")}


def settings_of(preset: dict[str, Any] | str, **changes: Any) -> NetworkSettings:
    """Return `mapping_of` as settings."""
    return NetworkSettings.from_mapping(mapping_of(preset, **changes))
