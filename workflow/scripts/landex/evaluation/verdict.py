"""Verdict on a run: what the comparisons support, in plain words, losses as readily as wins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from landex.summary import TEST, ModelRecord
from landex.vocabulary import NULL

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
COLUMNS = ("cohort", "scaling", "place", "model", "other", "outcome", "sentence")


@dataclass(frozen=True)
class Contenders:
    """The models that a verdict is about; all are named before the test, by the config or by the select part.

    Attributes
    ----------
    network
        The network, or blend with one, that has the lowest error on select, or None.
    baseline
        The config's `report.baseline`.
    strongest
        Of the models that hold no network, the one with the lowest error on select; blends, which are fitted to
        select, cannot be it.
    """

    network: str | None
    baseline: str
    strongest: str

    @classmethod
    def of(cls, models: Mapping[str, ModelRecord], baseline: str, network: str | None) -> "Contenders":
        """Choose them by the select part."""
        others = [record for record in models.values() if record.kind not in ("network", "blend")]
        strongest = min(others, key=lambda record: record.select_mae).name if others else baseline
        return cls(network, baseline, strongest)

    @property
    def compared(self) -> str:
        """The model that the verdict is on."""
        return self.network or self.strongest

    @property
    def others(self) -> list[str]:
        """What it is held against."""
        return [name for name in dict.fromkeys((self.baseline, self.strongest)) if name != self.compared]


def outcome(row: "pd.Series[Any]") -> str:
    """Call a comparison by its interval: better above 0, worse below 0, undecided around it."""
    if row["improvement_low"] > 0:
        return BETTER
    return WORSE if row["improvement_high"] < 0 else UNDECIDED


def verdicts(
    pairs: pd.DataFrame, contenders: Contenders, confidence: float, platforms: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Say what the comparisons support.

    Parameters
    ----------
    pairs
        Tables of pairs of all cohorts (`Comparison.pairs`) with a column `cohort`, in the order of the report.
    contenders
        The models that the verdict is about.
    confidence
        Of the intervals.
    platforms
        What the cohorts were measured on, by cohort, for those where it is known.

    Returns
    -------
    DataFrame
        `COLUMNS`: first the verdict on the run (all else is empty), then one row a cohort, scaling and model that the
        compared one is held against, every gene's mean last. `place` names cohort and scaling in words; the sentence
        goes on from there.
    """
    rows: list[dict[str, Any]] = []
    for (cohort, scaling), view in pairs.groupby(["cohort", "scaling"], sort=False):
        place = _place(str(cohort), str(scaling), (platforms or {}).get(str(cohort)))
        own = view[view["model"] == contenders.compared].set_index("other")
        for other in [*contenders.others, NULL]:
            row = own.loc[other]
            found = {"outcome": outcome(row), "sentence": _wording(contenders, other, row, confidence)}
            if not row["targets"]:
                found = {"outcome": UNDECIDED, "sentence": "No target is left once overlapping targets are set aside."}
            names = {"cohort": cohort, "scaling": scaling, "place": place, "model": contenders.compared, "other": other}
            rows.append({**names, **found})
        ahead = view.loc[(view["other"] == contenders.compared) & (view["improvement_low"] > 0), "model"]
        if len(ahead):
            rows[-1]["sentence"] += f" Better than {contenders.compared} there: {', '.join(ahead)}."
    whole = {"sentence": _on_the_run(rows, contenders)}
    return pd.DataFrame([dict.fromkeys(COLUMNS, "") | whole, *rows], columns=list(COLUMNS))


def _place(cohort: str, scaling: str, platform: str | None) -> str:
    if cohort == TEST:
        return "On the held-out test part"
    scaled = "scaled by its own statistics" if scaling == "own" else "scaled as in training"
    return f"On the external cohort {cohort}{f' ({platform})' if platform else ''}, {scaled}"


def _wording(contenders: Contenders, other: str, row: "pd.Series[Any]", confidence: float) -> str:
    """Word one comparison."""
    model = contenders.compared
    words = {NULL: "predicting every gene's mean", contenders.baseline: other}
    called = words.get(other, f"{other}, the best baseline,")
    gain, call = float(row["improvement_percent"]), outcome(row)
    bounds = [row["improvement_low"], row["improvement_high"]]
    if call == WORSE:
        gain, bounds = -gain, [-bound for bound in bounds[::-1]]
    sure = f"{100 * confidence:g} % confidence interval over {row['units']:,} {row['unit']}"
    # A series has samples that resemble each other: a warning where these count as independent.
    sure += ", which are of fewer than six series" if row["unit"] == "samples" else ""
    errors = f"MAE {row['mae']:.3f} against {row['other_mae']:.3f}"

    def written(percent: float, ends: Sequence[float]) -> str:
        return f"{percent:.1f} % [{ends[0]:.1f}, {ends[1]:.1f}] ({errors}; {sure})"

    figures = written(gain, bounds)
    genes = f"in {row['genes_better_percent']:.1f} % of {row['targets']:,} gene{'s' if row['targets'] > 1 else ''}"
    many = row["genes_better_percent"] >= 50
    if call == BETTER:
        turn = "and is better" if many else "though it is better only"
        return f"{model} lowers the error of {called} by {figures} {turn} {genes}."
    if call == WORSE:
        turn = "though it is better" if many else "and is better only"
        return f"{model} raises the error of {called} by {figures} {turn} {genes}."
    turn = "it is better" if many else "it is better only"
    lower = "lower" if gain >= 0 else "higher"
    if gain < 0:
        figures = written(-gain, [-bound for bound in bounds[::-1]])
    return (
        f"{model} is not shown to differ from {called.rstrip(',')}: its error is {lower} by {figures}; {turn} {genes}."
    )


def _on_the_run(rows: Sequence[Mapping[str, Any]], contenders: Contenders) -> str:
    """Say in one sentence where the network earned its cost: where it is better than all that it is held against."""
    model = contenders.compared
    if not contenders.network:
        lowest = f"; of the others {model} has the lowest error on validation samples" if contenders.others else ""
        return f"There is no network besides the baseline to judge{lowest}."
    calls: dict[str, list[str]] = {}
    for row in rows:
        external = f"{row['cohort']} ({row['scaling']} scaling)"
        calls.setdefault("the held-out test part" if row["cohort"] == TEST else external, []).append(row["outcome"])
    against = " and ".join([*(f"than {other}" for other in contenders.others), "than every gene's mean"])
    found: dict[str, list[str]] = {BETTER: [], WORSE: [], UNDECIDED: []}
    for place, each in calls.items():
        found[_joint(each)].append(place)
    sentences = [
        f"{model} earned its cost, being better {against}, on {', '.join(found[BETTER])}."
        if found[BETTER]
        else f"{model} did not earn its cost: nowhere is it better {against}."
    ]
    if found[WORSE]:
        sentences.append(f"It is worse than one of them on {', '.join(found[WORSE])}.")
    if found[UNDECIDED]:
        sentences.append(f"It is not shown to be better than all of them on {', '.join(found[UNDECIDED])}.")
    return " ".join(sentences)


def _joint(calls: Sequence[str]) -> str:
    """Call several comparisons together: better where all are, worse where any is."""
    if WORSE in calls:
        return WORSE
    return BETTER if set(calls) == {BETTER} else UNDECIDED
