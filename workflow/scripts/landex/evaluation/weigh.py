"""From a model to the tables that say which of its landmarks matter."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.ablation import Ablation, could_be_left_out
from landex.evaluation.bootstrap import Certainty
from landex.evaluation.distance import read_correlation
from landex.evaluation.heatmap import heatmap_table
from landex.evaluation.importance import effects_of, landmark_table, target_table
from landex.evaluation.targets import counted_targets
from landex.evaluation.units import Units
from landex.examples import Examples, StoredExamples
from landex.files import atomic
from landex.h5ad import Matrix, open_matrix
from landex.models import open_model
from landex.parts import read_parts

# Samples of a part: a mean over so many is sure enough, and each costs a prediction a landmark.
_MOST_SAMPLES = 256


def write_importance(
    weights: str | Path,
    kind: str,
    normalised: str | Path,
    split: str | Path,
    references: str | Path,
    certainty: Certainty,
    paths: Mapping[str, str | Path],
) -> None:
    """Weigh the landmarks of a model.

    Effects are measured on the select part, whose truth is not read; how many landmarks could be left out is decided on
    the calibrate part, and what that costs is measured on the test part. Of a part at most 256 samples, evenly spaced,
    are taken.

    Parameters
    ----------
    weights, kind
        The model and its class, `module:Class`.
    normalised, split, references
        The normalised compendium, its parts, and references.h5.
    certainty
        How sure to be.
    paths
        Results by name: `landmarks`, see `landmark_table`, with could_be_left_out, 0 or 1; `targets`, see
        `target_table`; `heatmap`, see `heatmap_table`; `ablation`, a row a part (calibrate, test) and set of landmarks
        taken away and filled in from the others: part, taken, landmarks (their number), mae, whole_mae (with all
        landmarks) and increase_percent with its interval, over all values.
    """
    correlation = read_correlation(references)
    parts = read_parts(split)
    with open_matrix(normalised) as matrix, open_model(weights, kind) as model:
        features = matrix.var[matrix.var["role"] == "landmark"]
        examples = {part: _some(matrix, parts, part) for part in ("select", "calibrate", "test")}
        targets = examples["select"].features
        counted = counted_targets(targets)
        effects = effects_of(model, examples["select"].inputs, certainty.seed)
        table = landmark_table(effects, features, counted, correlation)
        rows = []
        for part in ("calibrate", "test"):
            units = Units.of(parts.set_index("sample").loc[examples[part].samples])
            ablation = Ablation(model, examples[part], counted, correlation, units, certainty)
            rows += [{"part": part, **row} for row in ablation.removal(np.argsort(table["dispensable"].to_numpy()))]
        rows += [{"part": part, **row} for row in ablation.own_landmarks(effects)]
    ablations = pd.DataFrame(rows)
    left_out = could_be_left_out(ablations[ablations["part"] == "calibrate"])
    table["could_be_left_out"] = (table["dispensable"] <= left_out).astype(int)
    tables = {
        "landmarks": table,
        "targets": target_table(effects, features, targets),
        "ablation": ablations,
        "heatmap": heatmap_table(effects, features, targets, counted),
    }
    for name, path in paths.items():
        with atomic(path) as temporary:
            compression = {"method": "gzip", "mtime": 0} if str(path).endswith(".gz") else None
            tables[name].to_csv(temporary, sep="\t", index=False, float_format="%.6g", compression=compression)


def _some(matrix: Matrix, parts: pd.DataFrame, part: str) -> Examples:
    rows: NDArray[np.intp] = np.flatnonzero(parts["part"] == part)
    step = -(-len(rows) // _MOST_SAMPLES)
    return StoredExamples(matrix, rows[::step]).load()
