"""Variations of a run: the same models on the same compendium, split otherwise or with fewer training samples.

A variation is named as its results are, `variations/{name}/`; the run itself has the empty name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from landex.grids import expanded
from landex.kinds import BLEND
from landex.model_entries import learns_from_auxiliary
from landex.spelling import nearest


def resplit(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variations that split otherwise, with what keeps samples together in them (`sample`, `series`)."""
    wanted = config["evaluation"]["generalisation"]
    if not wanted["models"]:
        return {}
    return {f"variations/by-{by}/": by for by in wanted["by"] if by != config["split"]["by"]}


def thinned(config: Mapping[str, Any]) -> dict[str, float]:
    """Return the variations of the learning curve, with their fractions of the training samples, the smallest first."""
    wanted = config["evaluation"]["learning_curve"]
    if not wanted["models"]:
        return {}
    return {f"variations/fraction-{fraction!r}/": fraction for fraction in sorted(wanted["fractions"])}


def variation_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a schema cannot say about the models that `evaluation` names, a line each."""
    models = expanded(config["models"])
    for section in ("importance", "learning_curve", "generalisation"):
        place = f"evaluation.{section}.models"
        for name in config["evaluation"][section]["models"]:
            if name not in models:
                yield f"{place}: there is no model {name}{nearest(name, models)}"
            elif section == "generalisation" and (pooled := _learning_from_auxiliary(name, models)):
                yield f"{place}: {pooled} learns from auxiliary cohorts, which are normalised for the run's own split"
            elif section == "importance" and models[name]["kind"] == BLEND:
                yield f"{place}: {name} is a blend; name the models that it combines"


def _learning_from_auxiliary(name: str, models: Mapping[str, Mapping[str, Any]]) -> str:
    """Name the model that learns from auxiliary cohorts: this one, or one that it combines; empty where none does."""
    fitted = [name, *models[name].get("members", [])]
    return next((one for one in fitted if learns_from_auxiliary(models.get(one, {}))), "")
