"""Results of a run as rows for the page: errors, the figure of the verdict, trust, intervals, generalisation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landex.evaluation.trust import CLASSES, USABLE
from landex.evaluation.verdict import outcome
from landex.report.charts import place_name
from landex.report.lines import BASELINE_GREY, Line
from landex.report.run import Run
from landex.summary import view_name

# An axis of improvements reaches no lower than this: a model that fails there would hide what the others do.
_LOWEST = -40.0


def view_id(cohort: str, scaling: str) -> str:
    """Name a cohort and scaling in ids of the page."""
    return f"{cohort}-{scaling}"


def error_rows(summary: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """Key the rows of the summary by view id and model; `lowest` marks a view's smallest MAE."""
    results: dict[str, dict[str, dict[str, Any]]] = {}
    lowest = summary.groupby(["cohort", "scaling"])["mae"].transform("min")
    for row, best in zip(summary.to_dict("records"), lowest, strict=True):
        view = results.setdefault(view_id(row["cohort"], row["scaling"]), {})
        view[str(row["model"])] = {**row, "lowest": row["mae"] == best}
    return results


@dataclass(frozen=True)
class Mark:
    """A point with its interval on a strip from 0 to 100; ends that lie beyond the strip are at its edge."""

    model: str
    colour: str
    place: float
    low: float
    high: float
    percent: float
    bounds: tuple[float, float]
    outcome: str


@dataclass(frozen=True)
class Strip:
    """A row of the verdict's figure: where, and how far the models are from the baseline."""

    place: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Forest:
    """The verdict's figure: strips on one axis, whose zero is the baseline, with its ends in percent."""

    strips: tuple[Strip, ...]
    zero: float
    ends: tuple[float, float]


def forest(run: Run, lines: Mapping[str, Line]) -> Forest | None:
    """Lay out by how much the model of the verdict, and the strongest baseline, are better than the baseline.

    None where no model but the baseline has an error to compare.
    """
    contenders = run.contenders
    models = [name for name in dict.fromkeys((contenders.compared, contenders.strongest)) if name != run.baseline]
    rows = run.summary[run.summary["model"].isin(models) & run.summary["improvement_percent"].notna()]
    if rows.empty:
        return None
    low = max(_LOWEST, min(-2.0, float(rows["improvement_low"].min()) * 1.1))
    high = max(2.0, float(rows["improvement_high"].max()) * 1.1)

    def on_strip(percent: float) -> float:
        return round(100 * (min(max(percent, low), high) - low) / (high - low), 2)

    strips = []
    for cohort, scaling in run.views:
        here = rows[(rows["cohort"] == cohort) & (rows["scaling"] == scaling)].set_index("model")
        marks = []
        for model in models:
            if model not in here.index:
                continue
            row = here.loc[model]
            bounds = (float(row["improvement_low"]), float(row["improvement_high"]))
            colour = lines[model].colour if model == contenders.compared else BASELINE_GREY
            percent = float(row["improvement_percent"])
            place, left, right = map(on_strip, (percent, *bounds))
            marks.append(Mark(model, colour, place, left, right, percent, bounds, outcome(row)))
        strips.append(Strip(view_name(cohort, scaling), tuple(marks)))
    return Forest(tuple(strips), on_strip(0.0), (low, high))


def trust_rows(run: Run) -> list[dict[str, Any]]:
    """List by model the shares of its targets in each class, and by view what the usable ones were worth.

    `shares` are percentages of the targets, by class; `confirmed` by view id the percentage of usable targets that
    reached the bars again, None where there is none.
    """
    rows = []
    for model, table in run.classes.groupby("model", sort=False):
        counts = run.trust[str(model)]["trust"].value_counts()
        total = max(1, int(counts.sum()))
        usable = table[table["trust"] == USABLE]
        confirmed = {
            view_id(row.cohort, row.scaling): row.confirmed_percent if row.targets else float("nan")
            for row in usable.itertuples()
        }
        rows.append(
            {
                "model": model,
                "counts": {name: int(counts.get(name, 0)) for name in CLASSES},
                "shares": {name: 100 * int(counts.get(name, 0)) / total for name in CLASSES},
                "confirmed": confirmed,
            }
        )
    return rows


def interval_rows(intervals: pd.DataFrame) -> dict[str, dict[str, dict[str, Any]]]:
    """Key the rows of intervals.tsv by view id and model."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row in intervals.to_dict("records"):
        rows.setdefault(view_id(row["cohort"], row["scaling"]), {})[str(row["model"])] = row
    return rows


def generalisation_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """List the rows of generalisation.tsv with the words for their place."""
    return [{**row, "place": place_name(row)} for row in table.to_dict("records")]
