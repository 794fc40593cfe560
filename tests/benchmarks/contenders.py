"""Models of the config, each fitted as the workflow fits it, in a process of its own, and what it errs by."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from expression import ROOT
from gains import Floats, Mask
from measure import cores, in_own_process

from landex.evaluation.targets import counted_targets
from landex.examples import StoredExamples
from landex.grids import expanded
from landex.h5ad import open_matrix
from landex.kinds import BLEND, KINDS, NETWORK
from landex.model_entries import learns_from_auxiliary, model_settings, piece_part, piece_settings, pieces
from landex.parts import rows_of_cohort
from landex.predictions import open_predictions

Entry = Mapping[str, Any]

# Beside the default config's: the published network that came after D-GEX's, at the width of `dgex` there, and what
# ridge makes of the auxiliary cohorts.
BESIDE_DEFAULTS: dict[str, Entry] = {
    "taaf": {"kind": NETWORK, "preset": "taaf", "hidden": [1000]},
    "pooled_ridge": {"kind": "ridge", "auxiliary": True},
}


@dataclass(frozen=True)
class Case:
    """What models learn from and are tested on.

    Attributes
    ----------
    name
        The data set.
    normalised, split
        The normalised compendium and its parts.
    auxiliary
        Samples of auxiliary cohorts; None for none.
    cohorts
        Normalised matrices by cohort; `test`, the compendium's test part, is the compendium itself.
    """

    name: str
    normalised: Path
    split: Path
    auxiliary: Path | None
    cohorts: Mapping[str, Path]


@dataclass(frozen=True)
class Cost:
    """Seconds of fitting, with all that a blend combines, and peak memory in GB of fitting and predicting."""

    seconds: float
    memory_gb: float


def known_entries() -> dict[str, Entry]:
    """Return the models of the default config by name, cells of grids among them, and those beside them."""
    models = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["models"]
    return {**expanded(models), **BESIDE_DEFAULTS}


def with_members(methods: list[str], entries: Mapping[str, Entry]) -> list[str]:
    """Return methods, each once, blends behind what they combine."""
    needed: list[str] = []
    for method in methods:
        members = model_settings(entries[method])["members"] if entries[method]["kind"] == BLEND else []
        needed += [name for name in (*members, method) if name not in needed]
    return needed


def is_baseline(entry: Entry) -> bool:
    """Tell whether a model is neither a network nor a blend."""
    return entry["kind"] not in (NETWORK, BLEND)


class Contest:
    """Fits models to one case and remembers what each cost.

    Parameters
    ----------
    case
        The data.
    folder
        Where models and predictions are written, a folder each.
    entries
        Models by name.
    """

    def __init__(self, case: Case, folder: Path, entries: Mapping[str, Entry]) -> None:
        self.case, self._folder, self._entries = case, folder, entries
        self.costs: dict[str, Cost] = {}

    def enter(self, name: str) -> Cost:
        """Fit a model and predict all cohorts; of a blend, its members have entered before."""
        entry = dict(self._entries[name])
        members = model_settings(entry)["members"] if entry["kind"] == BLEND else []
        kinds = {member: self._entries[member]["kind"] for member in members}
        found = in_own_process(_enter, self._folder / name, entry, kinds, self.case)
        costs = [self.costs[member] for member in members]
        self.costs[name] = Cost(
            found["seconds"] + sum(cost.seconds for cost in costs),
            max(found["memory_gb"], *(cost.memory_gb for cost in costs), 0),
        )
        return self.costs[name]

    def errors(self, cohort: str, scaling: str, names: list[str]) -> tuple[list[Floats], Mask]:
        """Return absolute errors and what is measured, shape (samples, targets), overlapping targets left out."""
        with open_matrix(self.case.cohorts[cohort]) as matrix:
            rows = rows_of_cohort(self.case.split, cohort)
            truth = StoredExamples(matrix, rows, scaling).load()
        counted = counted_targets(truth.features)
        errors = []
        for name in names:
            with open_predictions(self._folder / name / f"{cohort}.h5") as stored:
                stored.check_same(truth.samples, list(truth.features.index), self.case.cohorts[cohort])
                errors.append(np.abs(stored.scores(scaling) - truth.targets)[:, counted])
        return errors, truth.measured[:, counted]

    def scalings(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield every cohort with every scaling that a model predicted."""
        for cohort in self.case.cohorts:
            with open_predictions(self._folder / name / f"{cohort}.h5") as stored:
                scalings = stored.scalings
            yield from ((cohort, scaling) for scaling in scalings)


def _enter(folder: Path, entry: dict[str, Any], members: Mapping[str, str], case: Case) -> Mapping[str, float]:
    """Fit and predict; blends as from files of their members' predictions."""
    from landex.blends import Member, write_blend, write_blended_predictions
    from landex.predict import write_predictions

    folder.mkdir(parents=True)
    weights, metrics, table = (folder / name for name in ("weights.h5", "metrics.json", "targets.tsv"))
    settings, kind = model_settings(entry), KINDS[entry["kind"]]
    began = time.perf_counter()
    if entry["kind"] == BLEND:
        combined = [Member(name, KINDS[of].model, folder.parent / name / "weights.h5") for name, of in members.items()]
        write_blend(combined, settings, case.normalised, case.split, weights, metrics, table)
    elif entry["kind"] == NETWORK:
        began = _train(folder, entry, case)
    else:
        from landex.baselines.fit import fit_baseline

        data = (case.normalised, case.split, auxiliary_of(entry, case), weights, metrics, table)
        fit_baseline(entry["kind"], kind.estimator, settings, cores(), *data)
    seconds = time.perf_counter() - began
    for cohort, matrix in case.cohorts.items():
        path = folder / f"{cohort}.h5"
        if members:
            write_blended_predictions(weights, [folder.parent / name / path.name for name in members], path)
        else:
            write_predictions(weights, kind.model, matrix, path, rows_of_cohort(case.split, cohort))
    return {"seconds": seconds}


def auxiliary_of(entry: Entry, case: Case) -> Path | None:
    """Return the samples of auxiliary cohorts that a model learns from, where it does."""
    return case.auxiliary if learns_from_auxiliary(entry) else None


def _train(folder: Path, entry: Entry, case: Case) -> float:
    """Train a network, piece after piece, and return when that began: after TensorFlow was imported."""
    from landex.networks.fit import fit_network
    from landex.networks.join import join_networks

    names = pieces(entry)
    folders = {piece: folder / "pieces" / piece if len(names) > 1 else folder for piece in names}
    train = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["train"]
    ridge = KINDS["ridge"]
    below = (ridge.estimator, ridge.defaults) if model_settings(entry)["skip"] == "ridge" else None
    began = time.perf_counter()
    for piece, place in folders.items():
        place.mkdir(parents=True, exist_ok=True)
        files = (place / "weights.h5", place / "history.tsv", place / "metrics.json")
        settings, part = piece_settings(entry, piece), piece_part(entry, piece)
        how = (entry.get("preset"), settings, part, below, train, cores())
        data = (case.normalised, case.split, auxiliary_of(entry, case))
        fit_network(*how, *data, place / "scratch", "", *files)
    if len(names) > 1:
        files = (folder / "weights.h5", folder / "history.tsv", folder / "metrics.json")
        join_networks(folders, case.normalised, case.split, *files)
    return began
