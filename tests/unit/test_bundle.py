"""Bundles of every kind: they predict what the model does, say what they are, and are refused where they do not fit."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from simulated_bundle import (
    KINDS_OF_MODELS,
    LANDMARKS,
    SAMPLES,
    TARGETS,
    SimulatedRun,
    edited_bundle,
    predicted_from_weights,
)  # fmt: skip

from landex.bundles.archive import read_card
from landex.bundles.bundle import open_bundle
from landex.evaluation.scales import DISTANCE, SPREAD
from landex.inference.command import main

PACKAGE = Path(__file__).parents[2] / "workflow/scripts"
Edit = Callable[[dict[str, Any], dict[str, Any]], None]


# Predictions


@pytest.mark.parametrize("name", KINDS_OF_MODELS)
def test_a_bundle_predicts_what_its_model_does(simulated: SimulatedRun, name: str) -> None:
    inputs = simulated.examples("test").inputs
    expected = predicted_from_weights(simulated, name, inputs)
    with open_bundle(simulated.bundle(name)) as bundle:
        found = bundle.model.predict(inputs)
        alone = bundle.model.predict(inputs[7:8])
    assert found.shape == (SAMPLES["test"], TARGETS)
    assert expected.std() > 0.1
    np.testing.assert_array_equal(found, expected)
    # SampleLASSO ends at a duality gap of 1e-4, which others in its batch shift.
    np.testing.assert_allclose(alone, expected[7:8], rtol=0, atol=1e-3 if name == "sample_lasso" else 1e-5)


def test_an_ensemble_in_a_bundle_says_its_spread(simulated: SimulatedRun) -> None:
    with open_bundle(simulated.bundle("ensemble")) as bundle:
        assert bundle.scaled_by == SPREAD
        _, spread = bundle.model.predict_with_spread(simulated.examples("test").inputs)  # type: ignore[attr-defined]
        assert (spread > 0).all()
    with open_bundle(simulated.bundle("linear")) as bundle:
        assert bundle.scaled_by == DISTANCE


def test_a_bundle_holds_the_statistics_of_training(simulated: SimulatedRun) -> None:
    frozen = simulated.references
    trust = pd.read_csv(simulated.folder / "models/linear/trust.tsv", sep="\t")
    with open_bundle(simulated.bundle("linear")) as bundle:
        for side, features in ((bundle.landmarks, frozen.inputs.features), (bundle.targets, frozen.truth.features)):
            assert side.genes == features.index.tolist()
            assert side.symbols == features["symbol"].tolist()
            np.testing.assert_array_equal(side.mean, features["mean"].to_numpy(np.float32))
            np.testing.assert_array_equal(side.deviation, features["deviation"].to_numpy(np.float32))
        np.testing.assert_array_equal(bundle.reference, frozen.inputs.reference)
        np.testing.assert_array_equal(bundle.truth, frozen.truth.reference)
        np.testing.assert_array_equal(bundle.correlation, frozen.correlation)
        np.testing.assert_allclose(bundle.trust.quantiles, trust["quantile"])
        assert bundle.trust.classes == trust["trust"].tolist()
        assert len(bundle.distances) == SAMPLES["calibrate"]
        assert (np.diff(bundle.distances) >= 0).all()


def test_the_same_model_gives_the_same_bundle(simulated: SimulatedRun, tmp_path: Path) -> None:
    before = simulated.bundle("linear").read_bytes()
    again = edited_bundle(simulated.bundle("linear"), tmp_path / "again", lambda about, members: None)
    assert again.read_bytes() == before


# The card


def test_the_card_says_what_the_model_is_and_was_worth(simulated: SimulatedRun) -> None:
    card, fingerprint = read_card(simulated.bundle("linear"))
    table = pd.read_csv(simulated.folder / "models/linear/targets.tsv", sep="\t")
    assert card.startswith("# linear: ridge regression")
    assert f"| test | training | {SAMPLES['test']} x {TARGETS} | {table['mae'].mean():.3f} |" in card
    assert f"{100 * (1 - table['mae'].mean() / table['null_mae'].mean()):+.1f} %" in card
    assert f"{100 * table['coverage'].mean():.1f} %" in card
    assert f"| training samples | {SAMPLES['training']} |" in card
    assert "| simulated | made-up samples | made up, free |" in card
    assert len(fingerprint) == 64
    counts = pd.read_csv(simulated.folder / "models/linear/trust.tsv", sep="\t")["trust"].value_counts()
    for trust, count in counts.items():
        assert f"{count} {trust}" in card


@pytest.mark.parametrize("name", KINDS_OF_MODELS)
def test_the_card_says_whether_training_profiles_are_inside(simulated: SimulatedRun, name: str) -> None:
    card, _ = read_card(simulated.bundle(name))
    if name in ("kernel", "median", "knn", "sample_lasso"):
        assert f"**This file carries training profiles** ({name} {SAMPLES['training']})" in card
    else:
        assert "no training profile" in card
    if name == "blend":
        assert "It blends linear (ridge regression), network (neural network)" in card


def test_a_licence_that_nobody_stated_is_said_so(simulated: SimulatedRun, tmp_path: Path) -> None:
    """The wording of the card follows the config; here its own text is what a reader sees."""
    from landex.bundles.archive import open_archive
    from landex.bundles.card import card

    with open_archive(simulated.bundle("knn")) as archive:
        about = json.loads(json.dumps(archive.about))
    about["origins"][0]["licence"] = ""
    assert "not stated; ask whoever owns the data" in card(about)
    about["origins"][0]["name"] = "a|b\nc"
    assert "| a/b c |" in card(about)


# What does not fit together, with checksums that hold


def set_about(**changes: Any) -> Edit:
    return lambda about, members: about.update(changes)


def set_member(name: str, change: Callable[[Any], Any]) -> Edit:
    def edit(about: dict[str, Any], members: dict[str, Any]) -> None:
        members[name] = change(members[name])

    return edit


def drop_about(key: str) -> Edit:
    return lambda about, members: about.pop(key)


def drop_member(name: str) -> Edit:
    return lambda about, members: members.pop(name)


def with_value(value: float) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array.ravel()[1] = value
        return array

    return change


def in_column(name: str, value: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        rows = [line.split("\t") for line in text.splitlines()]
        rows[1][rows[0].index(name)] = value
        return "".join("\t".join(row) + "\n" for row in rows)

    return change


def in_tree(change: Callable[[dict[str, Any]], Any]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        told = json.loads(text)
        return json.dumps(change(told) or told)

    return edit


def set_attribute(model: str, **values: Any) -> Edit:
    return set_member(f"models/{model}/tree.json", in_tree(lambda told: told["attributes"][""].update(values)))


def set_settings(settings: str) -> Edit:
    def change(told: dict[str, Any]) -> None:
        told["attributes"]["part_1/member_1"]["settings"] = settings

    return set_member("models/network/tree.json", in_tree(change))


def set_members_of_blend(*names: str) -> Edit:
    return set_member("models/blend/tree.json", in_tree(lambda told: told["names"].update(names=list(names))))


def set_names(of_one: dict[str, Any]) -> Edit:
    return set_member("names.json", lambda text: json.dumps([of_one] * LANDMARKS))


def rows_dropped(array: Any) -> Any:
    return array[:-1]


BAD_BUNDLES: dict[str, tuple[str, Edit]] = {
    "an unknown kind": ("linear", set_about(kinds={"linear": "pickle"})),
    "a kind that names a class": ("linear", set_about(kinds={"linear": "os:system"})),
    "a kind that is a list": ("linear", set_about(kinds={"linear": ["ridge"]})),
    "kinds that are a list": ("linear", set_about(kinds=["ridge"])),
    "a kind that is another": ("linear", set_about(kinds={"linear": "knn"})),
    "a network that is called linear": ("network", set_about(kinds={"network": "ridge"})),
    "no model": ("linear", set_about(model="other")),
    "a model that is a list": ("linear", set_about(model=["linear"])),
    "no ties": ("linear", drop_about("ties")),
    "unknown ties": ("linear", set_about(ties="by chance")),
    "ties that are a list": ("linear", set_about(ties=["mean_rank"])),
    "no scale of intervals": ("linear", drop_about("scaled_by")),
    "an unknown scale of intervals": ("linear", set_about(scaled_by="hope")),
    "another model's intervals": ("linear", set_about(scaled_by=SPREAD)),
    "no joint": ("linear", drop_about("joint")),
    "a member's path as its name": ("blend", set_about(kinds={"blend": "blend", "../network": "network"})),
    "no card": ("linear", drop_member("card.md")),
    "no names": ("linear", drop_member("names.json")),
    "names that are no JSON": ("linear", set_member("names.json", lambda text: "{")),
    "names that are a number": ("linear", set_member("names.json", lambda text: "5")),
    "names that are nested too deep": ("linear", set_member("names.json", lambda text: "[" * 100_000)),
    "names of too few landmarks": ("linear", set_member("names.json", lambda text: json.dumps(json.loads(text)[1:]))),
    "names that are no lists": ("linear", set_names({"symbol": 5})),
    "names that are lists of lists": ("linear", set_names({"symbol": [["TP53"]]})),
    "names that are one text": ("linear", set_names({"symbol": "TP53"})),
    "targets without a column": ("linear", set_member("targets.tsv", lambda text: text.replace("deviation", "x"))),
    "targets with a short row": ("linear", set_member("targets.tsv", lambda text: text + "1\t2\n")),
    "targets that are cut": ("linear", set_member("targets.tsv", lambda text: text[:-5])),
    "no targets": ("linear", set_member("targets.tsv", lambda text: text.splitlines()[0] + "\n")),
    "a mean that is no number": ("linear", set_member("targets.tsv", in_column("mean", "x"))),
    "a mean that is NaN": ("linear", set_member("targets.tsv", in_column("mean", "nan"))),
    "a deviation of 0": ("linear", set_member("landmarks.tsv", in_column("deviation", "0"))),
    "a negative deviation": ("linear", set_member("landmarks.tsv", in_column("deviation", "-1"))),
    "an interval of NaN": ("linear", set_member("targets.tsv", in_column("quantile", "nan"))),
    "a negative interval": ("linear", set_member("targets.tsv", in_column("quantile", "-1"))),
    "a reference of NaN": ("linear", set_member("inputs/reference", with_value(np.nan))),
    "a reference that is infinite": ("linear", set_member("inputs/reference", with_value(np.inf))),
    "a reference that falls": ("linear", set_member("inputs/reference", lambda array: array[::-1])),
    "a reference of too few": ("linear", set_member("inputs/reference", rows_dropped)),
    "a reference of integers": ("linear", set_member("inputs/reference", lambda array: np.arange(LANDMARKS))),
    "bins of NaN": ("linear", set_member("inputs/values", with_value(np.nan))),
    "bins that fall": ("linear", set_member("inputs/values", lambda array: array[::-1])),
    "shares of NaN": ("linear", set_member("inputs/shares", with_value(np.nan))),
    "shares below 0": ("linear", set_member("inputs/shares", with_value(-5))),
    "shares of nothing": ("linear", set_member("inputs/shares", lambda array: array * 0)),
    "shares of too few landmarks": ("linear", set_member("inputs/shares", rows_dropped)),
    "a correlation of NaN": ("linear", set_member("inputs/correlation", with_value(np.nan))),
    "a correlation that is none": ("linear", set_member("inputs/correlation", lambda array: -array)),
    "a correlation that is singular": ("linear", set_member("inputs/correlation", np.ones_like)),
    "a correlation that is lopsided": ("linear", set_member("inputs/correlation", with_value(7))),
    "a correlation of integers": ("linear", set_member("inputs/correlation", lambda array: array.astype(int))),
    "a correlation of too few": ("linear", set_member("inputs/correlation", rows_dropped)),
    "distances of NaN": ("linear", set_member("calibration/distances", with_value(np.nan))),
    "distances that fall": ("linear", set_member("calibration/distances", lambda array: array[::-1])),
    "distances in a table": ("linear", set_member("calibration/distances", lambda array: array[None])),
    "coefficients of NaN": ("linear", set_member("models/linear/coefficients", with_value(np.nan))),
    "coefficients that are infinite": ("linear", set_member("models/linear/coefficients", with_value(np.inf))),
    "coefficients of too few landmarks": ("linear", set_member("models/linear/coefficients", rows_dropped)),
    "coefficients of too few targets": ("linear", set_member("models/linear/coefficients", lambda a: a[:, 1:].copy())),
    "an intercept of too few": ("linear", set_member("models/linear/intercept", rows_dropped)),
    "an intercept by itself": ("linear", set_member("models/linear/intercept", lambda array: array.sum())),
    "no intercept": ("linear", drop_member("models/linear/intercept")),
    "no tree": ("linear", drop_member("models/linear/tree.json")),
    "a tree that is a list": ("linear", set_member("models/linear/tree.json", lambda text: "[]")),
    "settings that are no JSON": ("network", set_settings("{'hidden'")),
    "settings that are unknown": ("network", set_settings('{"lambda": 1}')),
    "settings that are a list": ("network", set_settings("[]")),
    "an activation that is a path": (
        "network",
        set_member(
            "models/network/tree.json",
            lambda text: text.replace('\\"tanh\\"', '\\"os.system\\"').replace('\\"relu\\"', '\\"os.system\\"'),
        ),
    ),
    "a network without a layer": ("network", drop_member("models/network/part_1/member_1/arrays/output/kernel")),
    "a network without a part": (
        "network",
        lambda about, members: [members.pop(name) for name in list(members) if "/part_2/" in name],
    ),
    "a kernel with NaN": (
        "network", set_member("models/network/part_1/member_1/arrays/output/kernel", with_value(np.nan)),
    ),
    "neighbours beyond the samples": ("knn", set_attribute("knn", neighbours=10**9)),
    "neighbours below 1": ("knn", set_attribute("knn", neighbours=0)),
    "neighbours that are text": ("knn", set_attribute("knn", neighbours="many")),
    "neighbours that are infinite": ("knn", set_attribute("knn", neighbours=float("inf")),
    ),
    "a kernel of NaN": ("kernel", set_attribute("kernel", gamma=float("nan")),
    ),
    "a blend of nobody": ("blend", set_members_of_blend()),
    "a blend of itself": ("blend", set_members_of_blend("blend", "blend")),
    "a blend of strangers": ("blend", set_members_of_blend("../x", "y")),
    "a blend of one": ("blend", set_members_of_blend("linear")),
}  # fmt: skip


@pytest.mark.parametrize("which", BAD_BUNDLES)
def test_a_bundle_that_does_not_fit_together_is_one_line(
    simulated: SimulatedRun, tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, edit = BAD_BUNDLES[which]
    path = edited_bundle(simulated.bundle(name), tmp_path / "bad.landex", edit)
    profiles = simulated.folder / "profiles.tsv"
    if not profiles.exists():
        from simulated_bundle import write_profiles

        genes = simulated.landmarks["entrez"].tolist()
        write_profiles(profiles, genes, ["a", "b"], simulated.profiles()[:2])
    asked = ["infer", str(path), str(profiles), "-o", str(tmp_path / "out.tsv"), "--intervals", "--quiet"]
    assert main(asked) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"landex: {path}: ")
    assert said.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["bad.landex"]


def test_nothing_in_a_bundle_is_run(simulated: SimulatedRun, tmp_path: Path) -> None:
    """Whatever it names, no module is imported but those of its kinds, and nothing is unpickled."""

    def lure(about: dict[str, Any], members: dict[str, Any]) -> None:
        about["class"] = about["training"]["class"] = "landmine:Landmine"
        members["landmine.py"] = "raise SystemExit('was run')"
        members["models/network/landmine.py"] = "raise SystemExit('was run')"
        told = json.loads(members["models/network/tree.json"])
        told["attributes"][""] = {"class": "landmine:Landmine", "module": "landmine"}
        members["models/network/tree.json"] = json.dumps(told)

    path = edited_bundle(simulated.bundle("network"), tmp_path / "m.landex", lure)
    (tmp_path / "landmine.py").write_text("raise SystemExit('was run')")
    script = """
import sys, builtins, pickle, marshal
def forbidden(*_, **__): raise SystemExit("was run")
pickle.load = pickle.loads = pickle.Unpickler = forbidden
marshal_loads = marshal.loads
from landex.bundles.bundle import open_bundle
import numpy
with open_bundle(sys.argv[1]) as bundle:
    bundle.model.predict(numpy.zeros((1, len(bundle.landmarks.genes)), numpy.float32))
print(*(name for name in sys.modules if name.startswith("landex.") or "." not in name))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False,
        env={**os.environ, "PYTHONPATH": f"{PACKAGE}{os.pathsep}{tmp_path}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.split())
    assert "landex.networks.model" in found
    assert not found & {"landmine", "tensorflow", "keras", "h5py", "pandas"}
    assert not {name for name in found if name.startswith(("landex.baselines", "landex.report"))}
