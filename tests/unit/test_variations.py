"""Variations of a run: their names, and what cannot be asked for."""

from typing import Any

import pytest

from landex.variations import resplit, thinned, variation_problems


def config_of(by: str = "sample", **evaluation: Any) -> dict[str, Any]:
    asked = {section: {"models": []} for section in ("importance", "learning_curve", "generalisation")}
    asked["learning_curve"]["fractions"] = [0.5, 0.25, 0.125]  # type: ignore[assignment]
    asked["generalisation"]["by"] = ["sample", "series"]
    models = {
        "ridge": {"kind": "ridge"},
        "mixed": {"kind": "blend", "members": ["ridge"]},
        "deep": {"kind": "network", "grid": {"hidden": [[10], [20]]}},
    }
    for section, changes in evaluation.items():
        asked[section].update(changes)
    return {"split": {"by": by}, "models": models, "evaluation": asked}


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("sample", {"variations/by-series/": "series"}),
        ("series", {"variations/by-sample/": "sample"}),
        ("own.tsv", {"variations/by-sample/": "sample", "variations/by-series/": "series"}),
    ],
)
def test_a_run_is_split_again_in_the_ways_that_it_is_not_split(by: str, expected: dict[str, str]) -> None:
    assert resplit(config_of(by, generalisation={"models": ["ridge"]})) == expected


def test_fractions_come_smallest_first() -> None:
    found = thinned(config_of(learning_curve={"models": ["ridge"]}))
    assert list(found.items()) == [
        *(("variations/fraction-0.125/", 0.125), ("variations/fraction-0.25/", 0.25)),
        ("variations/fraction-0.5/", 0.5),
    ]


def test_without_models_there_is_no_variation() -> None:
    assert resplit(config_of()) == {}
    assert thinned(config_of()) == {}


def test_models_that_are_not_there_are_named_with_what_may_have_been_meant() -> None:
    problems = list(variation_problems(config_of(learning_curve={"models": ["rigde"]})))
    assert len(problems) == 1
    assert problems[0].startswith("evaluation.learning_curve.models: there is no model rigde")
    assert "ridge" in problems[0]


def test_a_blend_may_be_fitted_again_but_has_no_landmarks_of_its_own() -> None:
    asked = {section: {"models": ["mixed", "ridge"]} for section in ("importance", "learning_curve", "generalisation")}
    assert list(variation_problems(config_of(**asked))) == [
        "evaluation.importance.models: mixed is a blend; name the models that it combines"
    ]


def test_a_grid_is_named_by_its_cells() -> None:
    problems = list(variation_problems(config_of(importance={"models": ["deep"]})))
    assert len(problems) == 1
    assert "there is no model deep" in problems[0]
