"""Simulated bundles of every kind for tests: a compendium of made-up samples, taken through landex' own functions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from network_arrays import random_network
from network_settings import settings_of
from numpy.typing import NDArray

from landex.baselines.blend import fit_blend
from landex.baselines.kernel_ridge import KernelRidge
from landex.baselines.least_squares import Ridge
from landex.baselines.median_kernel import MedianKernel
from landex.baselines.sample_lasso import SampleLasso
from landex.baselines.sample_neighbours import Knn
from landex.bundles.write import Evidence, Normalised, Origin, StoredModel, write_bundle
from landex.evaluation.calibrate import write_trust
from landex.evaluation.evaluate import evaluate
from landex.evaluation.intervals import Intervals
from landex.evaluation.trust import Bars
from landex.examples import StoredExamples
from landex.genes import GeneTables
from landex.h5ad import open_matrix, write_matrix
from landex.kinds import KINDS
from landex.models import Storable, open_model, write_metrics, write_model
from landex.networks.model import NetworkModel
from landex.normalise import normalise_compendium
from landex.parts import rows_of_part
from landex.predict import write_predictions
from landex.references import References, Rules, write_references

Block = NDArray[np.float32]

RESOURCES = Path(__file__).parents[1] / "resources"
_TABLES = GeneTables(*(RESOURCES / "genes" / name for name in ("ids.tsv.gz", "landmarks.tsv", "targets.tsv")))
SAMPLES = {"training": 120, "select": 20, "calibrate": 60, "test": 40}
TARGETS = 7
COVERAGE = 0.9
# Landmarks whose names have something about them: HLA-A's cousin with a dash, one with aliases that are other genes'
# symbols (KRAS for NRAS), and others.
_WANTED = ["HLA-DRA", "NRAS", "AARS1", "ABCF1", "ABL1"]
LANDMARKS = 24
# Models by name; `blend` combines the two of `MEMBERS`.
KINDS_OF_MODELS = {
    "linear": "ridge", "kernel": "kernel_ridge", "median": "median_kernel", "knn": "knn",
    "sample_lasso": "sample_lasso", "network": "network", "ensemble": "network", "blend": "blend",
}  # fmt: skip
MEMBERS = ("linear", "network")


@dataclass(frozen=True)
class SimulatedRun:
    """What a run makes of a simulated compendium, file by file, below a folder.

    Attributes
    ----------
    folder
        Where everything lies.
    landmarks, targets
        Rows of resources/genes: entrez, symbol, ensembl and so on.
    values
        The compendium in log2, shape (samples, landmarks and targets).
    """

    folder: Path
    landmarks: pd.DataFrame
    targets: pd.DataFrame
    values: Block

    @property
    def tables(self) -> GeneTables:
        """What is known of genes: all of the landmarks and targets, and some others."""
        return GeneTables(*(self.folder / f"{name}.tsv" for name in ("ids", "known_landmarks", "known_targets")))

    @property
    def normalised(self) -> Normalised:
        return Normalised(*(self.folder / name for name in ("normalised.h5ad", "split.tsv", "references.h5")))

    @cached_property
    def references(self) -> References:
        return References.read(self.normalised.references)

    def rows(self, part: str) -> NDArray[np.intp]:
        return rows_of_part(self.normalised.split, part)

    def profiles(self, part: str = "test") -> Block:
        """Return landmarks of a part in log2, shape (samples, landmarks)."""
        return self.values[self.rows(part), :LANDMARKS]

    def examples(self, part: str) -> Any:
        with open_matrix(self.normalised.matrix) as matrix:
            return StoredExamples(matrix, self.rows(part)).load()

    def weights(self, name: str) -> Path:
        return self.folder / f"models/{name}/weights.h5"

    def bundle(self, name: str) -> Path:
        return self.folder / f"bundles/{name}.landex"


def simulate(folder: Path, *, ties: Any = "mean_rank", preprocessing: str = "landex") -> SimulatedRun:
    """Simulate a compendium, normalise it, and fit and bundle a model of every kind."""
    run = _compendium(folder)
    write_references(
        folder / "compendium.h5ad", folder / "genes.tsv", folder / "split.tsv", Rules.of(preprocessing, ties), 1,
        folder / "references.h5",
    )  # fmt: skip
    normalise_compendium(folder / "compendium.h5ad", folder / "references.h5", folder / "normalised.h5ad")
    for name, model in _models(run).items():
        add_model(run, name, KINDS_OF_MODELS[name], model)
    return run


def _compendium(folder: Path) -> SimulatedRun:
    known, targets, ids = (
        pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        for path in (_TABLES.landmarks, _TABLES.targets, _TABLES.ids)
    )
    wanted = known[known["symbol"].isin(_WANTED)]
    others = known[~known["symbol"].isin(_WANTED)].iloc[5 :: len(known) // LANDMARKS]
    landmarks = pd.concat([wanted, others]).head(LANDMARKS).sort_values("entrez").reset_index(drop=True)
    targets = targets[targets["landmark_gene"] == "0"].iloc[:TARGETS].reset_index(drop=True)
    run = SimulatedRun(folder, landmarks, targets, _values())
    _write_tables(run, ids)
    roles = pd.concat([landmarks, targets])[["entrez", "symbol", "ensembl"]].rename(columns={"entrez": "gene"})
    roles = roles.assign(cmap="", role=["landmark"] * LANDMARKS + ["target"] * TARGETS, overlapping="0")
    names = [f"s{row}" for row in range(len(run.values))]
    obs = pd.DataFrame({"series": "GSE1", "group": names}, index=pd.Index(names, name="sample"))
    write_matrix(folder / "compendium.h5ad", obs, roles.set_index("gene"), run.values)
    roles.to_csv(folder / "genes.tsv", sep="\t", index=False)
    parts = np.repeat(list(SAMPLES), list(SAMPLES.values()))
    split = pd.DataFrame({"sample": names, "source": "simulated", "series": "GSE1", "group": names, "part": parts})
    split.to_csv(folder / "split.tsv", sep="\t", index=False)
    return run


def _values() -> Block:
    random = np.random.default_rng(9)
    samples, genes = sum(SAMPLES.values()), LANDMARKS + TARGETS
    factors = random.normal(size=(samples, 4))
    values = random.uniform(5, 11, genes) + factors @ random.normal(size=(4, genes)) / 2
    return (values + random.normal(0, 0.3, (samples, genes))).astype(np.float32)


def _write_tables(run: SimulatedRun, ids: pd.DataFrame) -> None:
    """Write the tables of genes, of the genes that tests name alone: all of them take seconds."""
    own = {*run.landmarks["entrez"], *run.targets["entrez"]}
    aliases = {alias for of_one in ids.loc[ids["entrez"].isin(own), "aliases"] for alias in of_one.split("|")}
    ids[ids["entrez"].isin(own) | ids["symbol"].isin(aliases)].to_csv(run.tables.ids, sep="\t", index=False)
    run.landmarks.to_csv(run.tables.landmarks, sep="\t", index=False)
    run.targets.to_csv(run.tables.targets, sep="\t", index=False)


def _models(run: SimulatedRun) -> Mapping[str, Storable]:
    training, select = run.examples("training"), run.examples("select")

    def network(outputs: int, seed: int) -> Any:
        return random_network(settings_of("dgex", hidden=[5], skip="ridge"), LANDMARKS, outputs, seed)

    linear = Ridge(lambdas=[0.01, 0.1]).fit(training, select).model
    # Two parts of the targets, of one network each; an ensemble of three networks over two parts.
    split = NetworkModel([[network(4, 1)], [network(TARGETS - 4, 2)]])
    ensemble = NetworkModel(
        [[network(4, seed) for seed in (3, 4, 5)], [network(TARGETS - 4, seed) for seed in (6, 7, 8)]]
    )
    settings = {**KINDS["kernel_ridge"].defaults, "widths": [0.7], "lambdas": [1e-3, 1e-2]}
    return {
        "linear": linear,
        "kernel": KernelRidge(**settings).fit(training, select).model,
        "median": MedianKernel([1e-3, 1e-2], [0.7]).fit(training, select).model,
        "knn": Knn([1, 5], "distance").fit(training, select).model,
        "sample_lasso": SampleLasso([0.1, 0.05]).fit(training, select).model,
        "network": split,
        "ensemble": ensemble,
        "blend": fit_blend({"linear": linear, "network": split}, select).model,
    }


def add_model(run: SimulatedRun, name: str, kind: str, model: Any, licence: str = "made up, free") -> Path:
    """Store a model, calibrate and evaluate it, and bundle it."""
    write_model(run.weights(name), kind, model)
    folder = run.folder / f"models/{name}"
    members = [StoredModel(member, KINDS_OF_MODELS[member], run.weights(member)) for member in MEMBERS]
    members = members if kind == "blend" else []
    calibrate, test = folder / "calibrate.h5", folder / "test.h5"
    with open_matrix(run.normalised.matrix) as matrix:
        predictor = _Blended(model, run) if kind == "blend" else model
        write_metrics(
            folder / "metrics.json", predictor, StoredExamples(matrix, run.rows("select")),
            {"kind": kind, "settings": {}, "seconds": 1.0, "device": "CPU"},
        )  # fmt: skip
    place = KINDS[kind].model
    for path, part in ((calibrate, "calibrate"), (test, "test")):
        if kind == "blend":
            _write_blended(run, model, path, part)
        else:
            write_predictions(run.weights(name), place, run.normalised.matrix, path, run.rows(part))
    trust = folder / "trust.tsv"
    write_trust(
        calibrate, run.normalised.matrix, run.normalised.split, run.normalised.references, COVERAGE,
        Bars(0.95, 0.25, 0.8), trust,
    )  # fmt: skip
    tables = [folder / f"{table}.tsv" for table in ("targets", "samples", "strata")]
    intervals = Intervals.read(trust, run.normalised.references)
    evaluate(test, run.normalised.matrix, run.rows("test"), intervals).write(*tables)
    evidence = Evidence(
        folder / "metrics.json", {"test": tables[0]}, {"test": run.folder / "models/linear/strata.tsv"}, "linear"
    )
    write_bundle(
        StoredModel(name, kind, run.weights(name)), members, run.normalised, trust, run.tables, "mean", evidence,
        [Origin("simulated", "made-up samples", licence)], run.bundle(name),
    )  # fmt: skip
    return run.bundle(name)


class _Blended:
    """A blend with its members, as weights.h5 have them."""

    def __init__(self, blend: Any, run: SimulatedRun) -> None:
        self.parameters, self._blend, self._run = blend.parameters, blend, run

    def predict(self, inputs: Block) -> Block:
        return blended(self._run, self._blend, inputs)


def blended(run: SimulatedRun, blend: Any, inputs: Block) -> Block:
    """Return a blend's predictions from its members' weights.h5."""
    said = []
    for member in MEMBERS:
        with open_model(run.weights(member), KINDS[KINDS_OF_MODELS[member]].model) as model:
            said.append(model.predict(inputs))
    combined: Block = blend.combine(said)
    return combined


def _write_blended(run: SimulatedRun, blend: Any, path: Path, part: str) -> None:
    from landex.predictions import Predictions

    examples = run.examples(part)
    said = blended(run, blend, examples.inputs)
    Predictions({"training": said}, examples.samples, list(examples.features.index), {}).write(path)


def predicted_from_weights(run: SimulatedRun, name: str, inputs: Block) -> Block:
    """Return z-scores as the model's weights.h5 gives them."""
    with open_model(run.weights(name), KINDS[KINDS_OF_MODELS[name]].model) as model:
        return blended(run, model, inputs) if name == "blend" else model.predict(inputs)


def edited_bundle(source: Path, path: Path, edit: Any) -> Path:
    """Write a bundle anew, with checksums that hold, after `edit` changed its manifest and members.

    Parameters
    ----------
    edit
        Called with what the manifest says and a dict of members (text, or an array where the name has no ending).
    """
    from landex.bundles.archive import create_archive, open_archive

    with open_archive(source) as archive:
        about = json.loads(json.dumps(archive.about))
        members: dict[str, Any] = {}
        for name in archive.names:
            if name.endswith(".npy"):
                members[name.removesuffix(".npy")] = archive.array(name.removesuffix(".npy")).copy()
            elif name != "manifest.json":
                members[name] = archive.text(name)
    edit(about, members)
    with create_archive(path, about) as out:
        for name, content in members.items():
            if isinstance(content, str):
                out.add_text(name, content)
            else:
                out.add_array(name, content)
    return path


def write_profiles(path: Path, genes: list[str], samples: list[str], values: NDArray[Any], **fields: Any) -> Path:
    """Write profiles, shape (samples, genes), in the format that the ending says."""
    from landex.formats.files import create_matrix_file

    with create_matrix_file(path, samples, genes, **fields) as out:
        out.write(slice(0, len(samples)), np.asarray(values, np.float32))
    return path
