"""From landmarks to all genes: a block of profiles scored with a bundle."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landex.bundles.bundle import Bundle, Predictor
from landex.errors import UserError
from landex.evaluation.conformal import conformal_p_values
from landex.evaluation.distance import whitened_distances, whitening
from landex.evaluation.scales import SPREAD, scale_of
from landex.harmonise import Method
from landex.quantiles import Block
from landex.scores import LandmarkFiller, SideScores
from landex.spelling import nearest

Floats = NDArray[np.float64]
_Chosen = slice | NDArray[np.intp]


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes
    ----------
    units
        `quantile` (as log2, as the training samples were normalised) or `zscores`.
    targets
        Places of the targets among the bundle's; all where None.
    intervals
        Whether the ends of prediction intervals are.
    """

    units: str = "quantile"
    targets: NDArray[np.intp] | None = None
    intervals: bool = False


@dataclass(frozen=True)
class Scored:
    """A block of profiles.

    Attributes
    ----------
    values
        Landmarks, then the targets asked for, shape (rows, genes), float32, in the units asked for.
    lower, upper
        Ends of the prediction intervals, of the same shape: infinite for targets that have none, NaN for landmarks that
        were filled in, the value itself for those that were measured. None where not asked for.
    distances
        From the training samples, see `distance.distances`, shape (rows,).
    p
        Share of the calibration samples that lie as far, see `conformal_p_values`; small for an unusual profile.
    """

    values: Block
    lower: Block | None
    upper: Block | None
    distances: Floats
    p: Floats


def targets_named(bundle: Bundle, names: Sequence[str]) -> NDArray[np.intp]:
    """Return the places of targets that are named by Entrez id, symbol or Ensembl id, in the bundle's order.

    Raises
    ------
    UserError
        If a name is none of the bundle's targets.
    """
    places: dict[str, list[int]] = {}
    for of_kind in (bundle.targets.genes, bundle.targets.symbols, bundle.targets.ensembl):
        for place, name in enumerate(of_kind):
            if name and place not in places.setdefault(name, []):
                places[name].append(place)
    landmarks = {*bundle.landmarks.genes, *bundle.landmarks.symbols, *bundle.landmarks.ensembl}
    found: set[int] = set()
    for name in names:
        if name in places:
            found.update(places[name])
        elif name not in landmarks:
            hint = nearest(name, [symbol for symbol in bundle.targets.symbols if symbol[:1] == name[:1]])
            hint = hint if hint.startswith("; did") else ""
            raise UserError(f"{bundle.path}: {name} is none of its {len(bundle.targets.genes)} targets{hint}")
    return np.array(sorted(found), np.intp)


class Scorer:
    """Scores blocks of profiles of one file.

    Parameters
    ----------
    bundle
        The bundle.
    found
        Places of the landmarks that the file has, increasing.
    method
        How profiles are brought onto the reference; None where values are z-scores already.
    asked
        What is asked for.

    Raises
    ------
    UserError
        If intervals are asked for and the bundle's are of an ensemble that its model is not.
    """

    def __init__(self, bundle: Bundle, found: NDArray[np.intp], method: Method | None, asked: Asked) -> None:
        self._bundle, self._asked, self._found = bundle, asked, found
        landmarks, targets = bundle.landmarks, bundle.targets
        count = len(landmarks.genes)
        places = np.full(count, -1, np.intp)
        places[found] = np.arange(len(found))
        self._side = None
        if method is not None:
            reference = bundle.reference_of(found)
            self._side = SideScores(
                np.arange(len(found)), places, reference, landmarks.mean, landmarks.deviation, method
            )
        self._places = places
        self._filler = LandmarkFiller(bundle.correlation)
        # Distances to six digits are as good as any.
        self._whitening = self._whitened().astype(np.float32)
        chosen: _Chosen = slice(None) if asked.targets is None else asked.targets
        # What is left to take of the model's predictions.
        self._model, self._taken = _narrowed(bundle.model, chosen)
        self._mean, self._deviation = targets.mean[chosen], targets.deviation[chosen]
        self._quantiles = bundle.trust.quantiles[chosen]
        self._has_spread = getattr(bundle.model, "members", 1) > 1
        if asked.intervals and (bundle.scaled_by == SPREAD) != self._has_spread:
            raise UserError(f"{bundle.path}: its intervals are those of another model; make the bundle again")

    def _whitened(self) -> Floats:
        try:
            return whitening(self._bundle.correlation)
        except np.linalg.LinAlgError as error:
            raise UserError(f"{self._bundle.path}: inputs/correlation is no correlation; make it again") from error

    def score(self, values: Block) -> Scored:
        """Score a block.

        Parameters
        ----------
        values
            The landmarks that the file has, in log2 or z-scores, shape (rows, len(found)), NaN where missing.
        """
        bundle, asked = self._bundle, self._asked
        landmarks = bundle.landmarks
        if self._side is None:
            scores = np.full((len(values), len(self._places)), np.nan, np.float32)
            scores[:, self._found] = values
            normalised = None
        else:
            normalised = self._side.quantiles(values)
            scores = self._side.standardised(normalised)
        measured = ~np.isnan(scores)
        whole = bool(measured.all())
        inputs = scores if whole else self._filler.fill(scores)
        far = whitened_distances(inputs, self._whitening, None if whole else measured).astype(np.float64)
        predicted, spread = self._predict(inputs)
        count = len(landmarks.genes)
        out = np.empty((len(values), count + predicted.shape[1]), np.float32)
        lower = upper = None
        if asked.intervals:
            half = (self._quantiles[None, :] * scale_of(far, spread)).astype(np.float32)
            lower, upper = np.empty_like(out), np.empty_like(out)
            lower[:, count:], upper[:, count:] = predicted - half, predicted + half
        out[:, :count], out[:, count:] = inputs, predicted
        if asked.units == "quantile":
            for array in (out, lower, upper):
                if array is not None:
                    array[:, count:] *= self._deviation
                    array[:, count:] += self._mean
            out[:, :count] *= landmarks.deviation
            out[:, :count] += landmarks.mean
            if normalised is not None:
                # As they were mapped, to the bit; what was filled in comes from its z-score.
                np.copyto(out[:, :count], normalised, where=measured)
        for array in (lower, upper):
            if array is not None:
                array[:, :count] = np.where(measured, out[:, :count], np.nan)
        return Scored(out, lower, upper, far, conformal_p_values(far, bundle.distances))

    def _predict(self, inputs: Block) -> tuple[Block, Block | None]:
        if self._asked.intervals and self._has_spread:
            predicted, spread = self._model.predict_with_spread(inputs)
            return predicted[:, self._taken], spread[:, self._taken]
        return self._model.predict(inputs)[:, self._taken], None


def _narrowed(model: Predictor, targets: _Chosen) -> tuple[Any, _Chosen]:
    """Return a model cut to some targets, and all of it; where its kind cannot be cut, the model and the targets."""
    cut = getattr(model, "of_targets", None)
    return (model, targets) if cut is None or isinstance(targets, slice) else (cut(targets), slice(None))
