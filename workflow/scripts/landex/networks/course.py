"""How a training goes: its epochs, what was kept, and why it ended."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from landex.files import atomic


@dataclass(frozen=True)
class Epoch:
    """A row of history.tsv.

    Attributes
    ----------
    epoch
        From 1.
    learning_rate
        Of the epoch's last step.
    training_loss
        What was minimised, averaged over the epoch's steps, with dropout and noise.
    training_mae, select_mae
        Mean absolute errors in z-scores after the epoch, without dropout and noise, on the monitored training
        samples and on the select part.
    seconds
        That its steps and their measurement took, that of waiting for samples included.
    """

    epoch: int
    learning_rate: float
    training_loss: float
    training_mae: float
    select_mae: float
    seconds: float


@dataclass
class Course:
    """A training so far; plain numbers, so that a checkpoint can hold it.

    Attributes
    ----------
    rate
        Learning rate under `decay_on_rise`, in units of the setting.
    rate_factor
        What divergences have left of all rates.
    history
        The epochs that have ended.
    best_epoch
        Epoch whose weights are kept; 0 before the first.
    step, loss, seconds
        Of the epoch under way: steps taken, sum of the loss over their samples, time, that of waiting for samples
        included.
    steps, seconds_of_steps
        Of all epochs that have ended well.
    wall
        Seconds from the start to the last checkpoint or the end, less what passed between a stop and its resumption.
    divergences
        Epochs that diverged and were tried again with lower rates.
    resumptions
        How often the training went on from a checkpoint.
    stopped
        Why it ended; empty while it goes on.
    """

    rate: float
    rate_factor: float = 1.0
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    steps: int = 0
    seconds_of_steps: float = 0.0
    wall: float = 0.0
    divergences: int = 0
    resumptions: int = 0
    stopped: str = ""

    @property
    def epoch(self) -> int:
        """Number of epochs that have ended."""
        return len(self.history)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> "Course":
        """Return what `to_mapping` gave."""
        return cls(**{**mapping, "history": [Epoch(**row) for row in mapping["history"]]})


# Is told of every epoch when it has ended.
Listener = Callable[[Epoch], None]


def write_history(path: str | Path, history: list[Epoch], piece: str) -> None:
    """Write history.tsv: a row an epoch, after the name of the piece of the model (`1.1` where there is one)."""
    table = pd.DataFrame([{"piece": piece, **asdict(row)} for row in history])
    with atomic(path) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
