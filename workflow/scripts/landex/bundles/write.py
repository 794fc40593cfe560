"""From what a run made of a model to its bundle."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import landex
from landex.bundles.archive import create_archive
from landex.bundles.card import card
from landex.bundles.columns import written
from landex.bundles.tree import add_tree
from landex.errors import UserError
from landex.evaluation.distance import distances
from landex.examples import StoredExamples
from landex.features import read_features
from landex.genes import GeneNames, GeneTables
from landex.h5ad import open_matrix
from landex.hdf5 import open_hdf5
from landex.parts import rows_of_part
from landex.platforms import listed_probes
from landex.references import References

# Libraries whose rounding predictions may depend on, and that trained the model.
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "h5py", "tensorflow", "tensorflow-cpu", "keras")
# Columns of the table of trust that a bundle takes along.
_TRUST_TEXTS = ("trust", "reason", "guarantee")
_TRUST_NUMBERS = ("n", "mae", "r2_null", "r_gene", "quantile", "half_width", "null_half_width")


@dataclass(frozen=True)
class StoredModel:
    """A model's name, its kind as in the config, and its weights.h5."""

    name: str
    kind: str
    weights: str | Path


@dataclass(frozen=True)
class Origin:
    """Where training samples come from, for the card.

    Attributes
    ----------
    name
        The source's name in the config.
    data
        Its accession and platform, or its file's name.
    licence
        Under which terms its data may be used; empty where the config does not say.
    """

    name: str
    data: str
    licence: str = ""


@dataclass(frozen=True)
class Evidence:
    """Files that say what the model was worth.

    Attributes
    ----------
    metrics
        Its metrics.json.
    evaluations
        By cohort, its table of targets.
    baseline
        By cohort, the strata of the model that the report compares with.
    baseline_name
        That model's name.
    """

    metrics: str | Path
    evaluations: Mapping[str, str | Path] = field(default_factory=dict)
    baseline: Mapping[str, str | Path] = field(default_factory=dict)
    baseline_name: str = ""


@dataclass(frozen=True)
class Normalised:
    """Files of the compendium after normalising: its matrix, the parts of its samples, and the references."""

    matrix: str | Path
    split: str | Path
    references: str | Path


def write_bundle(
    model: StoredModel,
    members: Sequence[StoredModel],
    normalised: Normalised,
    trust: str | Path,
    tables: GeneTables,
    collapse: str,
    evidence: Evidence,
    origins: Sequence[Origin],
    path: str | Path,
) -> None:
    """Write a model with all that scoring a new profile takes.

    Parameters
    ----------
    model
        The model; of a blend, its weights.
    members
        The models that a blend combines, in its order; none for other kinds.
    normalised
        What normalising learnt, and the samples that calibrated.
    trust
        The model's table of trust and intervals.
    tables, collapse
        What is known of genes, and `compendium.collapse`: which names and probes mean a landmark.
    evidence
        What the model was worth.
    origins
        The compendium's sources.
    path
        Result.
    """
    frozen = References.read(normalised.references)
    metrics = json.loads(Path(evidence.metrics).read_text(encoding="utf-8"))
    stored = {member.name: member for member in (model, *members)}
    about: dict[str, Any] = {
        "model": model.name,
        "kinds": {name: member.kind for name, member in stored.items()},
        "members": [member.name for member in members],
        "landex": landex.__version__,
        "versions": {"python": platform.python_version(), **_versions()},
        "ties": frozen.rules.ties,
        "joint": frozen.rules.joint,
        "landmarks": len(frozen.inputs.features),
        "targets": len(frozen.truth.features),
        "training": metrics,
        "origins": [asdict(origin) for origin in origins],
        "errors": _errors(evidence),
        "baseline": evidence.baseline_name,
        "profiles": {name: count for name, member in stored.items() if (count := _profiles(member.weights))},
    }
    table = pd.read_csv(trust, sep="\t", dtype={"gene": str}, keep_default_na=False, na_values=[""])
    about["scaled_by"] = str(table["scaled_by"].iloc[0])
    about["trust"] = table["trust"].value_counts().to_dict()
    about["samples"] = _counts(normalised.split)
    with create_archive(path, _finite(about)) as archive:
        archive.add_text("card.md", card(_finite(about)))
        archive.add_text("landmarks.tsv", written(_columns(frozen.inputs.features)))
        archive.add_text("names.json", json.dumps(_names(frozen.inputs.features, tables, collapse)))
        archive.add_text("targets.tsv", written(_with_trust(frozen.truth.features, table)))
        archive.add_text("truth/genes.json", json.dumps(frozen.truth.genes))
        archive.add_array("truth/reference", frozen.truth.reference)
        archive.add_array("inputs/reference", _of_landmarks(frozen))
        archive.add_array("inputs/values", frozen.occupancy.values)
        archive.add_array("inputs/shares", frozen.occupancy.shares)
        archive.add_array("inputs/correlation", frozen.correlation)
        archive.add_array("calibration/distances", _usual(normalised, frozen))
        for name, member in stored.items():
            with open_hdf5(member.weights) as file:
                add_tree(archive, f"models/{name}", file["model"])


def _of_landmarks(frozen: References) -> NDArray[np.float64]:
    """Return the reference of all landmarks, ranked among themselves alone."""
    return (
        frozen.occupancy.reference_of(np.arange(len(frozen.inputs.features)))
        if frozen.rules.joint
        else frozen.inputs.reference
    )


def _versions() -> dict[str, str]:
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _profiles(weights: str | Path) -> int:
    """Return how many training profiles a model carries with it."""
    with open_hdf5(weights) as file:
        group = file["model"]
        carried = [group[name] for name in ("points", "values/points", "inputs", "carried/inputs") if name in group]
        return len(carried[0]) if carried else 0


def _errors(evidence: Evidence) -> list[dict[str, Any]]:
    """Return mean errors by cohort and scaling, over all but overlapping targets."""
    rows = []
    for cohort, path in evidence.evaluations.items():
        table = pd.read_csv(path, sep="\t", dtype={"gene": str}, keep_default_na=False, na_values=[""])
        beside = pd.read_csv(
            evidence.baseline[cohort], sep="\t", dtype={"name": str}, keep_default_na=False, na_values=[""]
        )
        beside = beside[(beside["stratum"] == "targets") & (beside["name"] == "all")].set_index("scaling")
        for scaling, own in table[table["overlapping"] == 0].groupby("scaling", sort=False):
            covered = own[own["coverage"].notna()] if "coverage" in own else own.iloc[:0]
            rows.append(
                {
                    "cohort": cohort,
                    "scaling": scaling,
                    "targets": len(own),
                    "samples": int(beside.loc[scaling, "samples"]),
                    "mae": float(own["mae"].mean()),
                    "null_mae": float(own["null_mae"].mean()),
                    "baseline_mae": float(beside.loc[scaling, "mae"]),
                    "pearson": float(own["pearson"].mean()),
                    "coverage": float(np.average(covered["coverage"], weights=covered["n"])) if len(covered) else None,
                }
            )
    return rows


def _counts(split: str | Path) -> dict[str, int]:
    parts = pd.read_csv(split, sep="\t", dtype=str, keep_default_na=False)["part"]
    return {str(part): int(count) for part, count in parts.value_counts().items()}


def _finite(value: Any) -> Any:
    """Return JSON's values with what is no finite number as None."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _columns(features: pd.DataFrame) -> dict[str, Any]:
    return {
        "gene": features.index.tolist(),
        **{name: features[name].astype(str).tolist() for name in ("symbol", "ensembl")},
        # What scoring divides by: the same float32 here and there.
        **{name: features[name].to_numpy(np.float32) for name in ("mean", "deviation")},
    }


def _with_trust(features: pd.DataFrame, trust: pd.DataFrame) -> dict[str, Any]:
    if trust["gene"].tolist() != features.index.tolist():
        raise UserError("the model's table of trust has other targets than references.h5; delete it and run again")
    return {
        **_columns(features),
        "cmap": features["cmap"].astype(str).tolist(),
        "overlapping": features["overlapping"].astype(int).astype(str).tolist(),
        **{name: trust[name].fillna("").astype(str).tolist() for name in _TRUST_TEXTS},
        **{name: trust[name].to_numpy(np.float64) for name in _TRUST_NUMBERS},
    }


def _names(features: pd.DataFrame, tables: GeneTables, collapse: str) -> list[dict[str, list[str]]]:
    """Return all names under which a file may have each landmark: `entrez`, `symbol`, `alias`, `ensembl`, `probe`."""
    names = GeneNames.read(tables.ids)
    found = names.names_of(features.index.tolist())
    for of_one, (gene, row) in zip(found, features.iterrows(), strict=True):
        # A gene without an Entrez id goes by its own name.
        if not of_one["entrez"]:
            of_one["symbol"] = [str(gene)]
            of_one["ensembl"] += [str(row["ensembl"])] * bool(row["ensembl"])
    listed = read_features(collapse, tables.landmarks, tables.targets)
    if listed is None:
        probes: dict[str, list[str]] = {}
        rows = listed_probes(tables.landmarks, tables.targets, names)
        for gene, probe in zip(rows["gene"], rows["own"], strict=True):
            probes.setdefault(gene, []).append(probe)
    else:
        probes = listed["probes"].str.split(",").to_dict()
    for of_one, gene in zip(found, features.index, strict=True):
        of_one["probe"] = list(dict.fromkeys(probes.get(gene, [])))
    return found


def _usual(normalised: Normalised, frozen: References) -> NDArray[np.float64]:
    """Return the distances of the calibration samples from the training samples, in increasing order."""
    rows = rows_of_part(normalised.split, "calibrate")
    with open_matrix(normalised.matrix) as matrix:
        stored = StoredExamples(matrix, rows)
        inputs = np.concatenate([block.inputs for block in stored.blocks()])
        return np.sort(distances(inputs, frozen.correlation, stored.measured_landmarks()))
