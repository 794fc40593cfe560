"""Tables that the page hands out: the run's own files, packed as they are."""

from dataclasses import dataclass

import pandas as pd

from landex.report.packing import Block, packed_text
from landex.report.run import Run


@dataclass(frozen=True)
class Download:
    """A table that a button saves: its file name, what it is, and its content."""

    name: str
    what: str
    block: Block


def downloads(run: Run) -> list[Download]:
    """List the tables that the page holds whole; the table of genes is made by the page from its packed numbers."""
    offered: list[tuple[str, str, pd.DataFrame]] = [
        ("summary.tsv", "errors by cohort, scaling and model", run.summary),
        ("verdict.tsv", "what the comparisons support, in words", run.verdict),
        ("intervals.tsv", "coverage of the prediction intervals", run.intervals),
        ("trust.tsv", "classes of trust and what they were worth", run.classes),
        ("generalisation.tsv", "known series, new series, other cohorts", run.generalisation),
        ("learning_curve.tsv", "error by number of training samples", run.learning_curve),
        ("duplicates.tsv", "near-duplicate samples", run.duplicates),
        *(
            (f"landmarks.{model}.tsv", f"importance of landmarks for {model}", found.landmarks)
            for model, found in run.importance.items()
        ),
        *(
            (f"samples.{cohort}.tsv", f"every sample of {cohort}, its fate and why", table)
            for cohort, table in run.quality.items()
            if len(table) <= _MOST_SAMPLES
        ),
    ]
    return [Download(name, what, packed_text(_written(table))) for name, what, table in offered if len(table)]


# A table of samples of a larger cohort stays beside the page.
_MOST_SAMPLES = 5000


def _written(table: pd.DataFrame) -> str:
    return table.to_csv(sep="\t", index=False, float_format="%.6g")
