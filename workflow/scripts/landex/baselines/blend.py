"""Blends: non-negative combinations of models, with the least mean absolute error on the select part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from landex.annotations import read_names, write_names
from landex.baselines.absolute_deviations import least_absolute_weights
from landex.errors import UserError
from landex.examples import Examples, ExampleSource
from landex.h5ad import Block
from landex.models import Fitted, Model, Predictor

Floats = NDArray[np.float64]

# A handful of weights for all targets is as good from 260,000 values as from more: they vary by some .002, and with
# them the error by some millionths.
_MOST_VALUES = 1 << 18
# Values of one batch of targets with weights of their own: its work space stays in the processor's caches.
_VALUES_OF_BATCH = 1 << 18


@dataclass(frozen=True)
class BlendModel:
    """Weights of models; it does not hold the models.

    Attributes
    ----------
    names
        The members.
    weights
        Shape (members,) or (members, targets), none below 0, float32.
    """

    names: list[str]
    weights: Block

    def combine(self, predictions: Sequence[Block]) -> Block:
        """Return the weighted sum of the members' predictions, which come in the order of the members."""
        combined = np.zeros_like(predictions[0])
        for weight, prediction in zip(self.weights, predictions, strict=True):
            combined += weight * prediction
        return combined

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return self.weights.size

    def write(self, group: h5py.Group) -> None:
        """Store the model in an open HDF5 group."""
        write_names(group, "names", list(self.names))
        group["weights"] = self.weights

    @classmethod
    def read(cls, group: h5py.Group) -> "BlendModel":
        """Load what `write` stored."""
        return cls(read_names(group, "names"), group["weights"][:])


class Blended:
    """A blend with its members, which predicts.

    Parameters
    ----------
    blend
        The weights.
    members
        The models that it combines, in its order.
    """

    def __init__(self, blend: BlendModel, members: Sequence[Predictor]) -> None:
        self._blend, self._members = blend, members

    @property
    def parameters(self) -> int:
        """Number of weights; the members' numbers are their own."""
        return self._blend.parameters

    def predict(self, inputs: Block) -> Block:
        """Return targets, shape (samples, targets), of inputs of shape (samples, landmarks), in z-scores."""
        return self._blend.combine([member.predict(inputs) for member in self._members])


def fit_blend(
    members: Mapping[str, Model],
    select: ExampleSource,
    per_target: bool = False,
    least: Mapping[str, float] | None = None,
) -> Fitted[BlendModel]:
    """Combine models, with weights of at least 0, so that the mean absolute error on `select` is least.

    Stacked regression (Wolpert 1992; with non-negative weights Breiman 1996), with absolute instead of squared
    errors. Never worse on `select` than the best member alone, which takes all the weight where need be, or all that
    `least` leaves.

    Parameters
    ----------
    members
        The models by name, in the order in which their predictions will be combined.
    select
        The part that weighs; held in memory, and so is each member's prediction of it.
    per_target
        Weights for every target, or the same for all. The same for all are fitted to some 260,000 values,
        evenly spaced, where there are more; a target that is not measured takes these.
    least
        The weights that some members have at least, whatever `select` says: its samples are like those of training,
        and cannot show what a member is worth on samples that are not. They sum to 1 at most.

    Raises
    ------
    UserError
        If a member predicts a value that is not finite.
    """
    truth = select.load()
    predictions = np.empty((len(members), *truth.targets.shape), np.float32)
    for prediction, (name, model) in zip(predictions, members.items(), strict=True):
        _predict(name, model, truth, prediction)
    floors = np.array([(least or {}).get(name, 0) for name in members], np.float32)
    beyond = replace(truth, targets=truth.targets - BlendModel(list(members), floors).combine(list(predictions)))
    # The number of BLAS' threads could change the order of additions.
    with threadpool_limits(1, "blas"):
        weights = _weights_for_all(beyond, predictions)
        if per_target:
            weights = _weights_per_target(beyond, predictions, weights)
    blend = BlendModel(list(members), (weights.T + floors).T.astype(np.float32))
    return _never_worse(blend, floors, truth, predictions)


def _predict(name: str, model: Model, truth: Examples, out: Block) -> None:
    start = 0
    for block in truth.blocks():
        out[start : start + len(block.samples)] = model.predict(block.inputs)
        start += len(block.samples)
    wrong = ~np.isfinite(out)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise UserError(
            f"model {name}, sample {truth.samples[row]}, target {truth.features.index[column]}: its prediction is not "
            "a finite number; take the model out of the blend or fit it again"
        )


def _weights_for_all(truth: Examples, predictions: Block) -> Floats:
    """Return the weights that suit all targets together, shape (members,)."""
    rows, columns = truth.targets.shape
    step = max(1, -(-rows * columns // _MOST_VALUES))
    # Where row + column is a multiple of the step, so that every sample and every target has its share.
    chosen = truth.measured & (-np.arange(rows)[:, None] % step == np.arange(columns) % step)
    return least_absolute_weights(truth.targets[chosen][None], predictions[:, chosen][None])[0]


def _weights_per_target(truth: Examples, predictions: Block, weights_for_all: Floats) -> Floats:
    """Return the weights that suit each target, shape (members, targets)."""
    members, rows, columns = predictions.shape
    weights = np.empty((members, columns))
    batch = max(1, _VALUES_OF_BATCH // (members * rows))
    for start in range(0, columns, batch):
        place = slice(start, start + batch)
        # What is not measured becomes 0 that is predicted as 0: it weighs nothing.
        measured = truth.measured[:, place].T
        values = np.where(measured, truth.targets[:, place].T, 0)
        offered = np.where(measured[:, None], predictions[:, :, place].transpose(2, 0, 1), 0)
        own = least_absolute_weights(values, offered).T
        weights[:, place] = np.where(measured.any(axis=1), own, weights_for_all[:, None])
    return weights


def _never_worse(blend: BlendModel, floors: Block, truth: Examples, predictions: Block) -> Fitted[BlendModel]:
    """Give all the weight above the floors to one member where that is better, and say what was reached."""
    together = _summed_errors(blend.combine(list(predictions)), truth)
    alone = np.stack([_summed_errors(prediction, truth) for prediction in predictions])
    # Row m: all the weight that the floors leave is member m's.
    nearly_alone = floors + (1 - floors.sum()) * np.eye(len(floors), dtype=np.float32)
    of_one = alone
    if floors.any():
        combined = (BlendModel(blend.names, row).combine(list(predictions)) for row in nearly_alone)
        of_one = np.stack([_summed_errors(prediction, truth) for prediction in combined])
    # One decision a target, or one for all.
    weights = blend.weights.reshape(len(alone), -1)
    shared = blend.weights.ndim == 1
    of_blend = together.sum(keepdims=True) if shared else together
    of_members = of_one.sum(axis=1, keepdims=True) if shared else of_one
    best = of_members.argmin(axis=0)
    worse = of_blend > of_members.min(axis=0)
    weights = np.where(worse, nearly_alone.T[:, best], weights).astype(np.float32)
    reached = np.where(worse, of_one[best, np.arange(len(together))], together)

    samples = truth.measured.sum(axis=0)
    counted = np.where(samples > 0, samples, np.nan)
    names = blend.names
    shown = np.broadcast_to(weights, alone.shape)
    table = {
        "samples": samples,
        **{f"weight_{name}": row for name, row in zip(names, shown, strict=True)},
        "mae": reached / counted,
        "best_member": np.array(names, object)[alone.argmin(axis=0)],
        "best_member_mae": alone.min(axis=0) / counted,
    }
    found = {
        "weights": dict(zip(names, weights.mean(axis=1).tolist(), strict=True)),
        "member_mae": dict(zip(names, (alone.sum(axis=1) / max(1, samples.sum())).tolist(), strict=True)),
        "single_member": float(worse.mean()),
    }
    model = BlendModel(names, weights.reshape(blend.weights.shape))
    return Fitted(model, pd.DataFrame(table, index=truth.features.index), found)


def _summed_errors(prediction: Block, truth: Examples) -> Floats:
    """Return every target's sum of absolute errors, shape (targets,)."""
    missed = np.where(truth.measured, np.abs(prediction - truth.targets), 0)
    return missed.sum(axis=0, dtype=np.float64)
