"""Models: what every kind can do, how it is stored without code, what it cost and what it reached on validation."""

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

import h5py
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from landex.classes import load_class
from landex.examples import ExampleSource, JoinedExamples
from landex.files import atomic
from landex.h5ad import Block
from landex.hdf5 import create_hdf5, open_hdf5
from landex.vocabulary import AUXILIARY

_FORMAT = 2


class Predictor(Protocol):
    """What predicts: a model, or a blend with its members."""

    @property
    def parameters(self) -> int:
        """Number of fitted numbers; of models that carry training samples, the numbers carried."""

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""


class Storable(Protocol):
    """What has arrays to be kept."""

    @property
    def parameters(self) -> int:
        """Number of fitted numbers; of models that carry training samples, the numbers carried."""

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""

    @classmethod
    def read(cls, group: h5py.Group) -> Self:
        """Load what `write` stored; large arrays may stay in the file, which the caller keeps open."""


class Model(Predictor, Storable, Protocol):
    """What every kind of model can do."""


class CarryingModel(Model, Protocol):
    """A model that predicts a sample from training samples that it carries, each with a weight."""

    @property
    def carried_samples(self) -> list[str]:
        """Names of the training samples."""

    def carriers(self, inputs: Block) -> csr_matrix:
        """Return the weights of the training samples, shape (samples, training samples)."""

    def predict_from(self, inputs: Block, carriers: csr_matrix) -> Block:
        """Return `predict(inputs)` from the carriers of the same inputs."""


@runtime_checkable
class EnsembleModel(Model, Protocol):
    """A model that may be the mean of several."""

    @property
    def members(self) -> int:
        """Number of models averaged."""

    def predict_with_spread(self, inputs: Block) -> tuple[Block, Block]:
        """Return `predict(inputs)` and the standard deviation of the members' predictions, of the same shape."""


_Stored = TypeVar("_Stored", bound=Storable, covariant=True)


@dataclass(frozen=True)
class Fitted(Generic[_Stored]):
    """What fitting a baseline gives.

    Attributes
    ----------
    model
        The model; of a blend, without its members.
    targets
        A row a target, indexed by gene as the examples' features: what was chosen and reached for it.
    found
        What was chosen and reached over all, for metrics.json.
    """

    model: _Stored
    targets: pd.DataFrame
    found: Mapping[str, Any] = field(default_factory=dict)


class Estimator(Protocol):
    """A kind of baseline with its settings as attributes."""

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> "Fitted[Model]":
        """Fit to the training part; choose settings on it or on the select part.

        Parameters
        ----------
        training, select
            What is learnt from, and the part of validation that chooses.
        threads
            Cores to use; they change numbers by rounding at most.

        Raises
        ------
        UserError
            If a value is not finite, with its place.
        """


def write_model(path: str | Path, kind: str, model: Storable) -> None:
    """Write weights.h5."""
    # Models hold float32, some few of their numbers in float64.
    with create_hdf5(path, 4 * model.parameters) as file:
        file.attrs["kind"] = kind
        file.attrs["format"] = _FORMAT
        model.write(file.create_group("model"))


@contextmanager
def open_model(path: str | Path, place: str) -> Iterator[Model]:
    """Open a weights.h5 of the class named `module:Class`; what names it is never the file."""
    model: type[Model] = load_class(place)
    with open_hdf5(path) as file:
        yield model.read(file["model"])


def write_targets(path: str | Path, fitted: Fitted[Storable]) -> None:
    """Write targets.tsv: what was chosen and reached for every target."""
    with atomic(path) as temporary:
        fitted.targets.to_csv(temporary, sep="\t", index_label="gene", float_format="%.6g")


def validation_error(model: Predictor, select: ExampleSource) -> float:
    """Return the mean absolute error over all measured values of the select part, in z-scores."""
    total, count = 0.0, 0
    for block in select.blocks():
        errors = np.abs(model.predict(block.inputs) - block.targets)
        total += float(errors[block.measured].sum(dtype=np.float64))
        count += int(block.measured.sum())
    return total / count if count else float("nan")


def settings_told(settings: Mapping[str, Any], training: ExampleSource) -> dict[str, Any]:
    """Return a model's settings for metrics.json: with the number of auxiliary samples that it learnt from, if any."""
    if not isinstance(training, JoinedExamples):
        return dict(settings)
    return {**settings, AUXILIARY: sum(len(source.samples) for source in training.sources[1:])}


def write_metrics(path: str | Path, model: Predictor, select: ExampleSource, metrics: Mapping[str, Any]) -> None:
    """Write metrics.json: the settings, the cost, and the validation error."""
    # Linux counts the peak in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    absent = dict.fromkeys(("best_epoch", "epochs", "stopped"))
    written = {
        **absent,
        **metrics,
        "parameters": model.parameters,
        "select_mae": validation_error(model, select),
        # A model that was joined took what the largest of its pieces did.
        "peak_memory_mb": max(peak, metrics.get("peak_memory_mb", 0)),
    }
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n", encoding="utf-8")
