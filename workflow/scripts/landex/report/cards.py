"""Cards of genes: names to search by, errors by model and cohort, trust, top landmarks, observed against predicted.

All of it is packed gene by gene, in the order of the gene table; the page draws a card from it when a reader asks.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.evaluation.trust import CLASSES
from landex.report.packing import Block, names_text, packed, packed_text, whole_numbers
from landex.report.results import view_id
from landex.report.run import Importance, Run
from landex.report.wording import DECIMALS

# Columns of the block of names.
NAMES = ("gene", "symbol", "ensembl", "cmap", "overlapping", "aliases", "name")


def card_blocks(run: Run) -> dict[str, Block]:
    """Pack all that cards and the gene table show.

    Returns
    -------
    dict
        `names`: `NAMES`, a line a target. `mae` and `pearson`: shape (views, models, targets), in thousandths.
        `gain`: see `gains`.
        `trust`: shape (models, targets), 0 where there is no class, else its place in `CLASSES` plus 1. `width`: half
        width of the intervals likewise, in thousandths. `levels`: mean and deviation in training, shape (2, targets).
        By weighed model `landmarks-…`, shape (targets, places), places in its list of landmarks, and `slopes-…`. By
        view `steps-…`, shape (targets,), in thousandths, and in these steps `truth-…`, `baseline-…` (predictions of the
        baseline) and `best-…` (of the best model, less the baseline's, modulo 256), shape (targets, samples).
    """
    blocks = {
        "names": packed_text(names_text(_names(run))),
        "mae": packed(measures(run, "mae")),
        "pearson": packed(measures(run, "pearson")),
        "gain": packed(gains(run)),
        "trust": packed(_classes(run)),
        "width": packed(np.stack([_by_gene(run, model, "half_width") for model in run.models])),
        "levels": packed(whole_numbers(run.levels[["mean", "deviation"]].to_numpy().T, DECIMALS)),
    }
    for model, found in run.importance.items():
        blocks |= _landmarks(run, model, found)
    for view in run.observed:
        name = view_id(view.cohort, view.scaling)
        baseline = view.predicted[run.baseline]
        blocks[f"steps-{name}"] = packed(view.steps)
        blocks[f"truth-{name}"] = packed(view.truth)
        blocks[f"baseline-{name}"] = packed(baseline)
        # Two models say nearly the same: their difference takes half the room.
        blocks[f"best-{name}"] = packed(view.predicted[run.best] - baseline)
    return blocks


def card_facts(run: Run) -> dict[str, Any]:
    """Say what the page has to know to read the blocks."""
    return {
        "names": list(NAMES),
        "classes": list(CLASSES),
        "digits": DECIMALS,
        # Whoever looks one up should hear why it has no card.
        "landmarks": landmarks_of(run),
        "weighed": {model: landmark_names(found) for model, found in run.importance.items()},
        "observed": {
            view_id(view.cohort, view.scaling): {"samples": list(view.samples), "of": view.of} for view in run.observed
        },
    }


def landmarks_of(run: Run) -> list[str]:
    """Return the landmarks' symbols, and the id of one without a symbol."""
    roles = run.roles[run.roles["role"] == "landmark"]
    return [str(symbol) or str(gene) for symbol, gene in zip(roles["symbol"], roles["gene"], strict=True)]


def measures(run: Run, measure: str) -> NDArray[np.int32]:
    """Return a measure of all targets, shape (views, models, targets), in thousandths, as text would be rounded."""
    columns = [[f"{measure}.{model}.{cohort}.{scaling}" for model in run.models] for cohort, scaling in run.views]
    return np.stack([whole_numbers(run.genes[names].to_numpy(np.float64).T, DECIMALS) for names in columns])


def gains(run: Run) -> NDArray[np.int32]:
    """Return by how much the model of the verdict lowers the baseline's MAE of each target, in tenths of a percent.

    Shape (views, targets). From the errors in full: those that are shown are rounded.
    """
    model = compared(run)
    columns = []
    for cohort, scaling in run.views:
        own, other = (run.genes[f"mae.{name}.{cohort}.{scaling}"].to_numpy() for name in (model, run.baseline))
        with np.errstate(divide="ignore", invalid="ignore"):
            columns.append(whole_numbers(100 * (1 - own / other), 1))
    return np.stack(columns)


def compared(run: Run) -> str:
    """Name the model that the gene table sets against the baseline: the verdict's network, else the best model."""
    return run.network or run.best


def _names(run: Run) -> pd.DataFrame:
    genes = run.genes[["gene", "symbol", "ensembl", "cmap", "overlapping"]]
    known = run.names.reindex(genes["gene"]).fillna("").reset_index(drop=True)
    return pd.concat([genes, known], axis=1)[list(NAMES)]


def _classes(run: Run) -> NDArray[np.uint8]:
    codes = {name: place for place, name in enumerate(CLASSES, 1)}
    found = np.zeros((len(run.models), len(run.genes)), np.uint8)
    for row, model in enumerate(run.models):
        table = run.trust[model].set_index("gene")["trust"].map(codes)
        found[row] = table.reindex(run.genes["gene"]).fillna(0).to_numpy()
    return found


def _by_gene(run: Run, model: str, column: str) -> NDArray[np.int32]:
    table = run.trust[model].set_index("gene")[column]
    return whole_numbers(table.reindex(run.genes["gene"]).to_numpy(np.float64), DECIMALS)


def landmark_names(found: Importance) -> list[str]:
    """List the symbols (ids where there is none) of a model's landmarks, in the order of its table."""
    table = found.landmarks
    return table["symbol"].where(table["symbol"] != "", table["landmark"]).tolist()


def _landmarks(run: Run, model: str, found: Importance) -> Mapping[str, Block]:
    """Pack the landmarks of every target by place; 65535 where a target has none."""
    # Elsewhere a place is where a verdict speaks of, and so read as text.
    targets = found.targets.astype({"place": int})
    places = int(targets["place"].max()) if len(targets) else 0
    rows = pd.Index(run.genes["gene"]).get_indexer(targets["gene"])
    which = pd.Index(found.landmarks["landmark"]).get_indexer(targets["landmark"])
    column = targets["place"].to_numpy() - 1
    landmarks = np.full((len(run.genes), places), 65535, np.uint16)
    slopes = np.zeros((len(run.genes), places), np.int32)
    known = rows >= 0
    landmarks[rows[known], column[known]] = which[known]
    slopes[rows[known], column[known]] = whole_numbers(targets["slope"].to_numpy(np.float64), DECIMALS)[known]
    return {f"landmarks-{model}": packed(landmarks), f"slopes-{model}": packed(slopes)}
