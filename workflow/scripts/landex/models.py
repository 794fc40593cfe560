"""Models as files: stored without code, with what they cost and what they reached on validation."""

import json
import resource
import sys
from pathlib import Path
from typing import Any, Protocol

import h5py

from landex.examples import Examples, mean_absolute_error
from landex.files import atomic
from landex.h5ad import Block

_FORMAT = 1


class Model(Protocol):
    """What every kind of model can do."""

    @property
    def parameters(self) -> int:
        """Number of fitted numbers."""

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""


def write_model(path: str | Path, kind: str, model: Model) -> None:
    """Write weights.h5."""
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["kind"] = kind
        file.attrs["format"] = _FORMAT
        model.write(file.create_group("model"))


def write_metrics(path: str | Path, model: Model, select: Examples, metrics: dict[str, Any]) -> None:
    """Write metrics.json: the settings, the cost, and the validation error."""
    # Linux counts the peak in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    metrics = {
        **metrics,
        "parameters": model.parameters,
        "select_mae": mean_absolute_error(model.predict(select.inputs), select),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6,
    }
    for key in ("best_epoch", "epochs", "stopped"):
        metrics.setdefault(key, None)
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(metrics, indent=2, sort_keys=True) + "\n", encoding="utf-8")
