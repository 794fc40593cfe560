"""Classes by name, so that a job imports those that it needs and no others."""

from importlib import import_module
from typing import Any


def load_class(place: str) -> Any:
    """Import a class named `module:Class`, as `kinds` names them."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
