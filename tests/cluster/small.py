"""The smallest whole run: one model, its targets split over two trainings that are long enough to be disturbed."""

from pathlib import Path
from typing import Any

from workflow.project import CONFIG, Project

# The schedule's last rates are as good as nothing, so that more epochs would be the same test.
EPOCHS = 300

SMALL: dict[str, Any] = {
    **CONFIG,
    "external": {},
    "models": {
        "deep": {
            "kind": "network",
            "preset": "deep",
            "hidden": [8],
            "epochs": EPOCHS,
            "patience": None,
            "target_jobs": 2,
        }
    },
    # Each training asks for a card and does without.
    "train": {"device": "gpu", "allow_cpu": True, "checkpoint_minutes": 0},
    "evaluation": {
        "resamples": 100,
        "importance": {"models": []},
        "learning_curve": {"models": []},
        "generalisation": {"models": []},
    },
    "report": {"baseline": "deep"},
    "infer": {},
}

# Results that hold neither a time, a path nor the memory that a training took.
SAME = (
    "cohorts/gdsc.h5ad",
    "compendium/compendium.h5ad",
    "split/split.tsv",
    "normalised/references.h5",
    "normalised/compendium.h5ad",
    "models/deep/pieces/1.1/weights.h5",
    "models/deep/pieces/1.2/weights.h5",
    "models/deep/weights.h5",
    "predictions/deep.test.h5",
    "evaluation/trust/deep.tsv",
    "evaluation/deep.test.tsv",
    "evaluation/comparisons/test.tsv",
    "evaluation/outliers/test.tsv",
    "evaluation/verdict.tsv",
)


def make(root: Path) -> Project:
    """Make the project of the smallest run."""
    root.mkdir()
    project = Project.make(root)
    project.write_config(SMALL)
    return project
