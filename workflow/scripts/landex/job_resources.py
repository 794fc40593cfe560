"""Memory and time that jobs are granted, from the sizes of their inputs and the number of the attempt.

Matrices between stages are float32 and not compressed: one of n samples x g genes takes 4·n·g bytes, so that the size
of an input stands for its shape. A job gets

    memory  = attempt · (mb + Σ over its inputs of per_mb[name] · size of the input)
    minutes = attempt · (minutes + minutes_per_gb · size of all inputs)

`mb` is what a stage takes however much data there is: Snakemake's own two processes in a job of a cluster, Python with
its libraries, and blocks of rows. `per_mb` is what it holds in memory of an input. Both were set above the peaks of the
default run and of one of 8,000 samples; tests/benchmarks/resources.py sets what was granted beside what was used.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landex.formats.endings import ending_of

# Text is read whole: a number of some five characters takes eight bytes, twice while it is read. Packing makes a
# quarter of it.
_TEXT, _PACKED_TEXT = 4, 16
# A training ends by itself at its time's end and goes on at the next attempt: no partition needs to allow for longer.
_MOST_TRAINING_MINUTES = 24 * 60


@dataclass(frozen=True)
class Demand:
    """What jobs of one stage take; the fields are those of the module's formula."""

    mb: int
    per_mb: Mapping[str, float] = field(default_factory=dict)
    minutes: float = 15
    minutes_per_gb: float = 30


DEMANDS = {
    # A file is stored as it comes; a slow server is what takes time.
    "retrieve": Demand(600, minutes=240),
    # The files that came, whose receipts are the inputs: packed text, of which one sample is unpacked at a time.
    "cohort_series": Demand(1000, {"downloads": 5}, minutes_per_gb=120),
    # `text` is what a matrix of text takes in memory; others are read in blocks.
    "cohort_matrix": Demand(1000, {"matrix": 0.2, "text": 1}, minutes_per_gb=60),
    "compendium": Demand(1200, {"sources": 0.3, "external": 0.3}, minutes=30, minutes_per_gb=60),
    "roles": Demand(800),
    "split": Demand(800, minutes_per_gb=5),
    "thin_split": Demand(800),
    # Blocks of rows, one a thread.
    "references": Demand(1200, {"compendium": 0.05}),
    "normalise": Demand(1200, {"compendium": 0.05}),
    "normalise_external": Demand(1200, {"cohort": 0.2}),
    # A cohort's profiles, and those of each other cohort in turn.
    "auxiliary": Demand(1200, {"cohorts": 0.3, "compendium": 0.3, "external": 0.3}, minutes=30, minutes_per_gb=60),
    # Normal equations in float64, and blocks of rows.
    "ols": Demand(1200, {"normalised": 0.1}),
    "ridge": Demand(1200, {"normalised": 0.1}, minutes=30),
    "lasso": Demand(1500, {"normalised": 0.2}, minutes=120, minutes_per_gb=120),
    "elastic_net": Demand(1500, {"normalised": 0.2}, minutes=120, minutes_per_gb=120),
    "knn_ge": Demand(1000, {"normalised": 0.2}, minutes=30),
    # Their training samples are the model.
    "knn": Demand(1000, {"normalised": 1.5}, minutes=30),
    "sample_lasso": Demand(1000, {"normalised": 1.5}, minutes=60, minutes_per_gb=240),
    # A square of the training samples, in float64, besides: some thousands, or as many centres.
    "kernel_ridge": Demand(3000, {"normalised": 3}, minutes=60, minutes_per_gb=120),
    "median_kernel": Demand(4000, {"normalised": 4}, minutes=120, minutes_per_gb=240),
    "blend": Demand(1000, {"members": 1.5, "normalised": 0.2}, minutes=30),
    "join_network": Demand(1000, {"weights": 3, "normalised": 0.2}),
    "predict": Demand(900, {"weights": 2, "normalised": 0.1}, minutes=30, minutes_per_gb=60),
    "predict_blend": Demand(900, {"weights": 2, "predictions": 0.5}),
    # Truth and its ranks are held, predictions are read in blocks.
    "calibrate": Demand(1000, {"predictions": 5}),
    "evaluate": Demand(1000, {"predictions": 5}, minutes_per_gb=60),
    "compare": Demand(1000, {"predictions": 1}, minutes=60, minutes_per_gb=120),
    "outliers": Demand(900, {"compendium": 0.05, "normalised": 0.2}),
    "judge": Demand(1000, {"samples": 4}),
    "importance": Demand(1200, {"weights": 3, "normalised": 0.1}, minutes=120, minutes_per_gb=120),
    "summarise": Demand(1000, {"targets": 4, "pairs": 4}),
    "report": Demand(2000, {"genes": 10, "predictions": 0.5, "matrices": 0.05, "normalised": 0.05}, minutes=30),
    "bundle": Demand(1000, {"weights": 2, "members": 2}),
    "infer": Demand(1500, {"bundle": 2, "profiles": 0.2, "text": 1}, minutes=60, minutes_per_gb=120),
}  # fmt: skip


def granted_mb(stage: str, sizes: Mapping[str, float], attempt: int) -> int:
    """Return the memory of a stage's job in MB, from the sizes of its inputs by name, in MB; see the module."""
    demand = DEMANDS[stage]
    held = sum(factor * sizes.get(name, 0) for name, factor in demand.per_mb.items())
    return attempt * math.ceil(demand.mb + held)


def granted_minutes(stage: str, sizes: Mapping[str, float], attempt: int) -> int:
    """Return the run time of a stage's job in minutes, from the sizes of its inputs by name, in MB; see the module."""
    demand = DEMANDS[stage]
    return attempt * math.ceil(demand.minutes + demand.minutes_per_gb * sum(sizes.values()) / 1024)


def training_minutes(operations: float, on_card: bool, attempt: int) -> int:
    """Return the run time of a training in minutes, at most a day.

    Parameters
    ----------
    operations
        Its floating-point operations.
    on_card
        Whether it asks for a card.
    attempt
        The number of the attempt, from 1.
    """
    # Operations a second: 4 cores of a node, and a card that is kept waiting by small batches.
    rate = 1e12 if on_card else 1e11
    return min(attempt * math.ceil(60 + operations / rate / 60), _MOST_TRAINING_MINUTES)


def text_mb(path: str, size: float) -> float:
    """Return what a user's matrix file takes in memory where it is text, which is read whole; 0 where it is not."""
    if ending_of(Path(path)) in (".h5ad", ".gctx"):
        return 0
    return size * (_PACKED_TEXT if path.endswith((".gz", ".xz")) else _TEXT)
