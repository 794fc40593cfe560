"""Entries of models: the settings of one network, and the pieces that make a model."""

import dataclasses
from typing import Any

import pytest

from landex.model_entries import network_settings, piece_part, piece_settings, pieces
from landex.networks.presets import PRESETS
from landex.networks.settings import NetworkSettings


def network(**settings: Any) -> dict[str, Any]:
    return {"kind": "network", "preset": "dgex", **settings}


def test_one_networks_settings_are_those_that_a_network_is_built_from() -> None:
    settings = network_settings(network(hidden=[8], ensemble=3, target_jobs=2))
    assert settings.keys() == {field.name for field in dataclasses.fields(NetworkSettings)}
    assert NetworkSettings.from_mapping(settings).hidden == (8,)
    assert settings == network_settings(network(hidden=[8]))


def test_a_model_has_a_piece_for_every_member_of_every_part_of_the_targets() -> None:
    assert pieces(network()) == ["1.1"]
    assert pieces(network(ensemble=3)) == ["1.1", "2.1", "3.1"]
    assert pieces(network(target_jobs=2)) == ["1.1", "1.2"]
    assert pieces(network(ensemble=2.0, target_jobs=2)) == ["1.1", "1.2", "2.1", "2.2"]


def test_members_differ_by_their_seeds_and_by_nothing_else() -> None:
    entry = network(ensemble=3, target_jobs=2, seed=7)
    found = {piece: piece_settings(entry, piece) for piece in pieces(entry)}
    assert [settings.pop("seed") for settings in found.values()] == [7, 7, 8, 8, 9, 9]
    one, *others = found.values()
    assert others == [one] * 5
    assert one.keys() == PRESETS["dgex"].keys() - {"ensemble", "target_jobs", "seed"}


def test_parts_of_the_targets_are_counted_from_one() -> None:
    entry = network(ensemble=2, target_jobs=12)
    assert [piece_part(entry, piece) for piece in ("1.1", "2.10", "2.12")] == [(1, 12), (10, 12), (12, 12)]
    assert piece_part(network(), "1.1") == (1, 1)


@pytest.mark.parametrize("change", [{"ensemble": 5}, {"seed": 1}])
def test_more_members_leave_those_that_are_there_as_they_are(change: dict[str, Any]) -> None:
    before, after = network(ensemble=3), network(**{"ensemble": 3, **change})
    for piece in pieces(before):
        assert piece_settings(after, piece) == piece_settings(before, piece)
        assert piece_part(after, piece) == piece_part(before, piece)
