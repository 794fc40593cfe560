"""An open bundle: everything that scoring a new profile takes, as arrays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from landex.bundles import columns
from landex.bundles.archive import Archive, open_archive
from landex.bundles.checks import check_names, check_values
from landex.bundles.tree import Tree
from landex.classes import load_class
from landex.errors import UserError
from landex.kinds import BLEND, KINDS
from landex.occupancy import Occupancy
from landex.quantiles import TIES, Block, Reference, Ties

Floats = NDArray[np.float64]

# Names of a landmark, by kind.
Names = Mapping[str, Sequence[str]]
# A blend is read without its members.
_BLENDED = "landex.baselines.blend:Blended"
NAMES = ("entrez", "symbol", "alias", "ensembl", "probe")


class Predictor(Protocol):
    """What predicts."""

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""


@dataclass(frozen=True)
class Genes:
    """Landmarks, or targets.

    Attributes
    ----------
    genes, symbols, ensembl
        Their ids.
    mean, deviation
        Of the training samples, in quantile units, float32.
    """

    genes: list[str]
    symbols: list[str]
    ensembl: list[str]
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]


@dataclass(frozen=True)
class Trust:
    """What may be said of the targets' predictions, a value a target.

    Attributes
    ----------
    classes, reasons, guarantees
        `usable`, `caution` or `do not use`; why; what intervals cover.
    r_gene, r2
        Reached on calibration samples.
    quantiles
        Conformal quantiles of |residual| / scale, infinite where there are none; see `scales.scale_of`.
    half_width
        Mean half width of the intervals on calibration samples, in z-scores.
    """

    classes: list[str]
    reasons: list[str]
    guarantees: list[str]
    r_gene: Floats
    r2: Floats
    quantiles: Floats
    half_width: Floats


@dataclass(frozen=True)
class Bundle:
    """An open bundle; made by `open_bundle`, and usable while that is open.

    Attributes
    ----------
    about
        What the manifest says: model, kinds, errors, versions, and so on.
    card
        The model card, Markdown.
    landmarks, targets
        The genes.
    names
        The names of every landmark.
    reference
        The input reference, of all landmarks, shape (landmarks,).
    occupancy
        What gives the reference of some landmarks.
    truth, truth_genes
        The truth reference and its genes.
    correlation
        Of the landmarks' z-scores, shape (landmarks, landmarks).
    distances
        Distances of the calibration samples from the training samples, increasing.
    trust
        Of the targets.
    ties
        What tied values take.
    model
        Predicts.
    """

    path: Path
    fingerprint: str
    size: int
    about: Mapping[str, Any]
    card: str
    landmarks: Genes
    targets: Genes
    names: list[Names]
    reference: Reference
    occupancy: Occupancy
    truth: Reference
    truth_genes: list[str]
    correlation: Floats
    distances: Floats
    trust: Trust
    ties: Ties
    model: Predictor

    @property
    def scaled_by(self) -> str:
        """What intervals are scaled by, see `scales`."""
        return str(self.about["scaled_by"])

    def reference_of(self, landmarks: NDArray[np.intp]) -> Reference:
        """Return the reference of some landmarks, by their places, ranked among themselves alone."""
        return self.reference if len(landmarks) == len(self.reference) else self.occupancy.reference_of(landmarks)


@contextmanager
def open_bundle(path: str | Path) -> Iterator[Bundle]:
    """Open a bundle, after all of it was compared with its checksums; nothing in it is run.

    Raises
    ------
    UserError
        If it is damaged, was changed, is of a newer landex, or does not fit together.
    """
    with open_archive(path) as archive:
        yield _read(archive)


def _read(archive: Archive) -> Bundle:
    try:
        bundle = _assembled(archive)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError) as error:
        told = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"{archive.path}: does not fit together ({told}); make the bundle again") from error
    _check_shapes(bundle)
    check_values(bundle)
    return bundle


def _assembled(archive: Archive) -> Bundle:
    about = archive.about
    if about["ties"] not in TIES:
        raise ValueError(f"ties: {about['ties']!r}")
    table = columns.read(
        archive.text("targets.tsv"),
        ("gene", "symbol", "ensembl", "trust", "reason", "guarantee"),
        ("mean", "deviation", "r_gene", "r2_null", "quantile", "half_width"),
    )
    text, number = cast(dict[str, list[str]], table), cast(dict[str, Floats], table)
    return Bundle(
        path=archive.path,
        fingerprint=archive.fingerprint,
        size=archive.size,
        about=about,
        card=archive.text("card.md"),
        landmarks=_genes(
            columns.read(archive.text("landmarks.tsv"), ("gene", "symbol", "ensembl"), ("mean", "deviation"))
        ),
        targets=_genes(table),
        names=_names(archive.text("names.json")),
        reference=archive.array("inputs/reference"),
        occupancy=Occupancy(archive.array("inputs/values"), archive.array("inputs/shares")),
        truth=archive.array("truth/reference"),
        truth_genes=json.loads(archive.text("truth/genes.json")),
        correlation=archive.array("inputs/correlation"),
        distances=archive.array("calibration/distances"),
        trust=Trust(
            classes=text["trust"],
            reasons=text["reason"],
            guarantees=text["guarantee"],
            r_gene=number["r_gene"],
            r2=number["r2_null"],
            quantiles=number["quantile"],
            half_width=number["half_width"],
        ),
        ties=about["ties"],
        model=_model(archive, about),
    )


def _names(text: str) -> list[Names]:
    found: list[Names] = [{kind: of_one.get(kind, []) for kind in NAMES} for of_one in json.loads(text)]
    check_names(found)
    return found


def _genes(table: Mapping[str, Any]) -> Genes:
    mean, deviation = (table[name].astype(np.float32) for name in ("mean", "deviation"))
    if not (np.isfinite(mean).all() and (deviation > 0).all() and np.isfinite(deviation).all()):
        raise ValueError("a mean or a deviation is no finite number")
    return Genes(table["gene"], table["symbol"], table["ensembl"], mean, deviation)


def _model(archive: Archive, about: Mapping[str, Any]) -> Predictor:
    kinds = about["kinds"]
    unknown = [kind for kind in kinds.values() if kind not in KINDS]
    if unknown:
        raise ValueError(f"the kind of model {unknown[0]!r} is not known")

    def read(name: str) -> Any:
        # What names the class is this version's table, never the file.
        return load_class(KINDS[kinds[name]].model).read(Tree(archive, f"models/{name}"))

    model = read(about["model"])
    if kinds[about["model"]] != BLEND:
        return cast(Predictor, model)
    blended = load_class(_BLENDED)(model, [read(name) for name in model.names])
    return cast(Predictor, blended)


def _check_shapes(bundle: Bundle) -> None:
    """Make sure that all parts are of the same landmarks and targets, the model too."""
    landmarks, targets = len(bundle.landmarks.genes), len(bundle.targets.genes)
    bins = len(bundle.occupancy.values)
    expected = {
        "names.json": (len(bundle.names), landmarks),
        "inputs/reference": (bundle.reference.shape, (landmarks,)),
        "inputs/shares": (bundle.occupancy.shares.shape, (landmarks, bins)),
        "inputs/correlation": (bundle.correlation.shape, (landmarks, landmarks)),
        "truth/reference": (bundle.truth.shape, (len(bundle.truth_genes),)),
        "calibration/distances": (bundle.distances.ndim, 1),
    }
    for name, (found, wanted) in expected.items():
        if found != wanted or not landmarks or not targets:
            raise UserError(f"{bundle.path}: {name} has the shape {found}, not {wanted}; make the bundle again")
    try:
        with np.errstate(all="ignore"):
            said = bundle.model.predict(np.zeros((1, landmarks), np.float32))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise UserError(f"{bundle.path}: its model does not predict ({error}); make the bundle again") from error
    if said.shape != (1, targets) or not np.isfinite(said).all():
        raise UserError(f"{bundle.path}: its model predicts {said.shape} and not (1, {targets}); make the bundle again")
