"""From a model and a normalised cohort to predictions, and to the training samples that carried them."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.examples import StoredExamples
from landex.files import atomic
from landex.h5ad import Block, open_matrix
from landex.models import CarryingModel, EnsembleModel, open_model
from landex.predictions import Predictions
from landex.vocabulary import SCALINGS


def write_predictions(
    weights: str | Path,
    kind: str,
    normalised: str | Path,
    path: str | Path,
    rows: NDArray[np.intp] | None = None,
    carriers: str | Path | None = None,
) -> None:
    """Predict the targets of a cohort in every scaling that it has.

    Parameters
    ----------
    weights, kind
        The model and its class, `module:Class`.
    normalised
        A normalised matrix.
    path
        Result, see `Predictions`.
    rows
        Rows to predict; all by default.
    carriers
        Table of the training samples that carried each prediction, of a model that can say so: scaling, sample,
        carrier and weight, the largest weight of a sample first.
    """
    tables: list[pd.DataFrame] = []
    scores: dict[str, Block] = {}
    spreads: dict[str, Block] = {}
    with open_model(weights, kind) as model, open_matrix(normalised) as matrix:
        for scaling in SCALINGS:
            if scaling != "training" and not matrix.has_layer(scaling):
                continue
            asked = StoredExamples(matrix, rows, scaling)
            if carriers is not None:
                blocks = []
                for block, table in _carried(cast(CarryingModel, model), asked):
                    blocks.append(block)
                    tables.append(table.assign(scaling=scaling))
                scores[scaling] = np.concatenate(blocks)
            elif isinstance(model, EnsembleModel) and model.members > 1:
                pairs = [model.predict_with_spread(block.inputs) for block in asked.blocks()]
                scores[scaling], spreads[scaling] = (np.concatenate(blocks) for blocks in zip(*pairs, strict=True))
            else:
                scores[scaling] = np.concatenate([model.predict(block.inputs) for block in asked.blocks()])
    Predictions(scores, asked.samples, list(asked.features.index), spreads).write(path)
    if carriers is not None:
        columns = ["scaling", "sample", "carrier", "weight"]
        with atomic(carriers) as temporary:
            # Without the time of writing: the same run gives the same file.
            compression = {"method": "gzip", "mtime": 0}
            table = pd.concat(tables)[columns]
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g", compression=compression)


def _carried(model: CarryingModel, asked: StoredExamples) -> Iterator[tuple[Block, pd.DataFrame]]:
    """Yield predictions block by block, with the training samples that carried them."""
    names = np.array(model.carried_samples)
    for block in asked.blocks():
        weights = model.carriers(block.inputs)
        found = weights.tocoo()
        order = np.lexsort((-np.abs(found.data), found.row))
        table = pd.DataFrame(
            {
                "sample": np.array(block.samples)[found.row[order]],
                "carrier": names[found.col[order]],
                "weight": found.data[order],
            }
        )
        yield model.predict_from(block.inputs, weights), table
