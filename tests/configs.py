"""Configs as Snakemake and common.smk make them, for tests."""

from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import validate

from landex.config import without_dropped

ROOT = Path(__file__).parents[1]
SCHEMA_FILE = ROOT / "workflow/schemas/config.schema.yaml"
SCHEMA = yaml.safe_load(SCHEMA_FILE.read_text(encoding="utf-8"))
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))


def merged(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Lay one config over another, as Snakemake does with --configfile."""
    both = dict(one)
    for key, value in two.items():
        deeper = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if deeper else value
    return both


def completed(config: dict[str, Any]) -> dict[str, Any]:
    """Fill in defaults and leave out what is set to null."""
    config = without_dropped(config)
    validate(config, str(SCHEMA_FILE))
    return config
