"""How numbers and settings are written on the page; a value that does not exist is a dash."""

import json
from collections.abc import Callable
from typing import Any

import pandas as pd

# Three decimals: the spread of a per-gene MAE between seeds is larger than .0005.
DECIMALS = 3
NO_VALUE = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"


def decimals(value: float, places: int = DECIMALS) -> str:
    """Write a number with so many decimals."""
    return NO_VALUE if pd.isna(value) else f"{value:,.{places}f}".replace("-", _MINUS)


def signed_number(value: float) -> str:
    """Write a number with its sign and one decimal."""
    return NO_VALUE if pd.isna(value) else f"{value:+.1f}".replace("-", _MINUS)


def signed(value: float) -> str:
    """Write a percentage with its sign."""
    return NO_VALUE if pd.isna(value) else f"{signed_number(value)} %"


def percent(value: float) -> str:
    """Write a percentage."""
    return NO_VALUE if pd.isna(value) else f"{value:.1f} %".replace("-", _MINUS)


def interval(low: float, high: float) -> str:
    """Write an interval of signed numbers; nothing where there is none."""
    return "" if pd.isna(low) else f"[{signed_number(low)}, {signed_number(high)}]"


def thousands(value: float) -> str:
    """Write a whole number."""
    return NO_VALUE if pd.isna(value) else f"{value:,.0f}"


def counted(number: int, noun: str) -> str:
    """Write a number of things."""
    plural = noun if noun.endswith("series") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """Write a wall time."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def memory(megabytes: float) -> str:
    """Write a size in memory."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def setting(value: Any) -> str:
    """Write one setting as in a config; a long list of numbers by its ends."""
    if isinstance(value, list | tuple):
        if len(value) > 6 and not isinstance(value[0], str):
            return f"{len(value)} values from {value[0]:g} to {value[-1]:g}"
        return ", ".join(map(setting, value))
    if isinstance(value, dict):
        return ", ".join(f"{key}: {setting(part)}" for key, part in value.items())
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def listed(names: list[str]) -> str:
    """Write names as a sentence lists them."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


FILTERS: dict[str, Callable[..., str]] = {
    "decimals": decimals,
    "signed": signed,
    "signed_number": signed_number,
    "percent": percent,
    "thousands": thousands,
    "duration": duration,
    "memory": memory,
    "setting": setting,
    "listed": listed,
}
