"""Verdict on a run: what its summary supports, in plain words, losses as readily as wins."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from landex.summary import TEST

# A difference that the printed figure would show as 0.0 % is no difference.
_SAME_PERCENT = 0.05


def verdict(
    summary: pd.DataFrame, baseline: str, network: str | None, platforms: Mapping[str, str] | None = None
) -> list[str]:
    """Say in plain words what the summary supports, losses as readily as wins.

    Parameters
    ----------
    summary
        The table of `summarise`.
    baseline, network
        The two models compared; `network` is `best_network`'s, or None if there is none.
    platforms
        What the cohorts were measured on, by cohort, for those where it is known.

    Returns
    -------
    list of str
        One sentence a cohort, in the summary's order.
    """
    sentences = []
    for cohort, rows in summary.groupby("cohort", sort=False):
        platform = (platforms or {}).get(str(cohort))
        place = (
            "On the held-out test part"
            if cohort == TEST
            else f"On the external cohort {cohort}{f' ({platform})' if platform else ''}"
        )
        if not rows["targets"].any():
            sentences.append(f"{place}, no target is left once overlapping targets are set aside.")
            continue
        compared = rows[rows["model"] == (network or baseline)]
        clauses = [
            f"{_scaling_words(row)}{_outcome(row, baseline)}{_models_ahead(rows, row, baseline)}"
            for _, row in compared.iterrows()
        ]
        sentences.append(f"{place}, {'; '.join(clauses)}.")
    return sentences


def _scaling_words(row: "pd.Series[Any]") -> str:
    if row["cohort"] == TEST:
        return ""
    return "scaled by its own statistics, " if row["scaling"] == "own" else "scaled as in training, "


def _outcome(row: "pd.Series[Any]", baseline: str) -> str:
    """Word one comparison; `row` is the compared model's row of the summary."""
    model = row["model"]
    if model == baseline:
        return f"the MAE of {baseline} is {row['mae']:.3f}; there is no other network to compare"
    gain, better = float(row["improvement_percent"]), float(row["genes_better_percent"])
    figures = f"(MAE {row['mae']:.3f} against {row['baseline_mae']:.3f})"
    genes = f"in {better:.1f} % of {row['targets']:,} gene{'s' if row['targets'] > 1 else ''}"
    if gain >= _SAME_PERCENT:
        turn = "and is better" if better >= 50.0 else "though it is better only"
        return f"{model} lowers the error of {baseline} by {gain:.1f} % {figures} {turn} {genes}"
    turn = "though it is better" if better > 50.0 else "and it is better only"
    error = "its error is the same to 0.1 %" if gain > -_SAME_PERCENT else f"its error is {-gain:.1f} % higher"
    return f"{model} does no better than {baseline}: {error} {figures}, {turn} {genes}"


def _models_ahead(rows: pd.DataFrame, compared: "pd.Series[Any]", baseline: str) -> str:
    """Name the models, besides the baseline, with a lower error than the one compared in the same scaling."""
    ahead = (rows["scaling"] == compared["scaling"]) & (rows["mae"] < compared["mae"]) & (rows["model"] != baseline)
    names = ", ".join(rows.loc[ahead, "model"])
    return f" (lower than {compared['model']} there: {names})" if names else ""
