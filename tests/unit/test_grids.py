"""Grids: which models an entry stands for, and what they are called."""

from typing import Any

import pytest

from landex.grids import cells, expanded


def test_a_grid_makes_a_model_of_every_combination_in_the_order_written() -> None:
    entry = {
        "kind": "network",
        "preset": "dgex",
        "grid": {"hidden": [[3000], [3000, 3000]], "dropout": [0, 0.1, 0.25]},
    }
    found = cells("dgex", entry)
    assert list(found) == [
        "dgex-3000-0",
        "dgex-3000-0p1",
        "dgex-3000-0p25",
        "dgex-3000x3000-0",
        "dgex-3000x3000-0p1",
        "dgex-3000x3000-0p25",
    ]
    assert found["dgex-3000x3000-0p1"] == {
        "kind": "network",
        "preset": "dgex",
        "hidden": [3000, 3000],
        "dropout": 0.1,
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ([3000, 3000], "3000x3000"),
        ([500], "500"),
        ([], "none"),
        (None, "none"),
        (0.25, "0p25"),
        (1e-05, "1e-05"),
        (0.0, "0"),
        (2.0, "2"),
        (200, "200"),
        (True, "true"),
        (False, "false"),
        ("decay_on_rise", "decay_on_rise"),
    ],
)
def test_values_are_written_into_names_of_letters_digits_and_dashes(value: Any, written: str) -> None:
    assert list(cells("m", {"kind": "network", "grid": {"setting": [value]}})) == [f"m-{written}"]


def test_an_entry_without_a_grid_is_one_model() -> None:
    entry = {"kind": "ridge", "lambdas": [1]}
    assert cells("ridge", entry) == {"ridge": entry}


def test_cells_stand_in_the_place_of_their_grid_and_the_config_stays_as_it_is() -> None:
    grid = {"kind": "network", "epochs": 2, "grid": {"seed": [2, 1]}}
    models = {"ols": {"kind": "ols"}, "deep": grid, "ridge": {"kind": "ridge"}}
    found = expanded(models)
    assert list(found) == ["ols", "deep-2", "deep-1", "ridge"]
    assert found["deep-1"] == {"kind": "network", "epochs": 2, "seed": 1}
    assert grid == {"kind": "network", "epochs": 2, "grid": {"seed": [2, 1]}}
