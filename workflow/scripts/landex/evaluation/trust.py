"""Trust: whether a target's predictions may be used, decided on samples that nothing else used."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

USABLE, CAUTION, DO_NOT_USE = "usable", "caution", "do not use"
CLASSES = (USABLE, CAUTION, DO_NOT_USE)
# Where the verdict puts what the classes were worth.
TRUST = "Trust"
# What an interval covers, and so what a class can speak of.
NEW_SERIES = "a sample of a new series"
SAME_SERIES = "a new sample of the series that calibrated"
SAMPLES = "a new sample like those of the compendium"
NOTHING = "nothing: too few calibration samples"
# With 20 calibration samples, one target in 200 that is noise passes the default bars, with 30 one in 1,000; with 40
# hardly any.
FEWEST_SAMPLES = 40


@dataclass(frozen=True)
class Bars:
    """What a target has to reach to be usable.

    Attributes
    ----------
    r_gene
        Least recall; CMap's is .95.
    r2
        Least R2 against predicting the gene's mean; .25 is a correlation of a half.
    width
        Highest width of the prediction interval, as a share of the width when every gene's mean is predicted.
    """

    r_gene: float
    r2: float
    width: float

    def reached(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Tell which targets of a table of errors reach r_gene and R2."""
        return (table["r_gene"] >= self.r_gene) & (table["r2_null"] >= self.r2)


def trust_classes(table: pd.DataFrame, bars: Bars) -> pd.DataFrame:
    """Class every target.

    Parameters
    ----------
    table
        A row a target: n, r_gene, r2_null, width_ratio (infinite where there is no interval), all on calibration
        samples, and guarantee.

    Returns
    -------
    DataFrame
        trust and the reason. `do not use`: the model is no better than the gene's mean (R2 <= 0, or an interval that
        is no narrower), or nearer to other genes than to its own on most (r_gene < .5). `usable`: all bars are reached.
        `caution`: everything between, and all that too few samples or series say.
    """
    worse = pd.DataFrame(
        {
            "no better than the gene's mean": ~(table["r2_null"] > 0),
            "tracks other genes as well": table["r_gene"] < 0.5,
            "interval no narrower than the mean's": np.isfinite(table["width_ratio"]) & (table["width_ratio"] >= 1),
        }
    )
    short = pd.DataFrame(
        {
            f"fewer than {FEWEST_SAMPLES} calibration samples": table["n"] < FEWEST_SAMPLES,
            "too few calibration samples for an interval": ~np.isfinite(table["width_ratio"]),
            "too few series to speak for new ones": table["guarantee"] == SAME_SERIES,
            f"r_gene below {bars.r_gene:g}": ~(table["r_gene"] >= bars.r_gene),
            f"R2 below {bars.r2:g}": ~(table["r2_null"] >= bars.r2),
            f"interval wider than {bars.width:g} of the mean's": table["width_ratio"] > bars.width,
        }
    )
    bad, doubtful = worse.any(axis=1), short.any(axis=1)
    unsaid = short.iloc[:, 0]
    trust = np.where(bad & ~unsaid, DO_NOT_USE, np.where(doubtful, CAUTION, USABLE))
    reasons = np.where(trust == DO_NOT_USE, _first_of(worse), np.where(trust == CAUTION, _first_of(short), ""))
    return pd.DataFrame({"trust": trust, "reason": reasons}, index=table.index)


def _first_of(reasons: pd.DataFrame) -> "pd.Series[str]":
    return reasons.idxmax(axis=1).where(reasons.any(axis=1), "")


def trust_summary(trust: pd.DataFrame, evaluation: pd.DataFrame, bars: Bars) -> list[dict[str, Any]]:
    """Measure what the classes were worth on samples that did not decide them.

    Parameters
    ----------
    trust
        Table of `calibrate`.
    evaluation
        Table of one model, cohort and scaling: a row a target.

    Returns
    -------
    list of dict
        For every class: targets, means of mae and r_gene, the median of r2_null there, confirmed_percent, the share of
        targets that reach `Bars.r_gene` and `Bars.r2` there (of `usable` that is the precision), and coverage.
    """
    classes = trust.set_index("gene")["trust"].reindex(evaluation["gene"]).to_numpy()
    reached = bars.reached(evaluation)
    rows = []
    for name in CLASSES:
        some = (classes == name) & (evaluation["overlapping"] == 0).to_numpy()
        table = evaluation[some]
        means = {key: table[key].mean() for key in ("mae", "r_gene", "coverage")}
        means["r2_null_median"] = table["r2_null"].median()
        confirmed = 100 * float(reached[some].mean()) if len(table) else np.nan
        rows.append({"trust": name, "targets": len(table), "confirmed_percent": confirmed, **means})
    return rows


def worth(classes: pd.DataFrame, model: str) -> str:
    """Say in a sentence how many targets of a model are usable, and how many of these are so wherever it was tested.

    Parameters
    ----------
    classes
        Rows of `trust_summary` of all models, with model, cohort and scaling.
    model
        The model to speak of.
    """
    own = classes[classes["model"] == model]
    usable = own[own["trust"] == USABLE]
    first = own[own["cohort"] == own["cohort"].iloc[0]]
    count, total = int(usable["targets"].iloc[0]), int(first.loc[first["scaling"] == "training", "targets"].sum())
    if not count:
        return f"No gene of {total:,} is usable by {model}: see the reasons in its table of trust."
    reached = [
        f"{_view(row['cohort'], row['scaling'])} {row['confirmed_percent']:.0f} %" for row in usable.to_dict("records")
    ]
    return (
        f"By samples that nothing else used, {model} is usable in {count:,} of {total:,} genes "
        f"({100 * count / total:.0f} %). Of these, so many reach the same bars where it was tested: "
        f"{', '.join(reached)}. A class speaks of samples like those that decided it, not of other platforms."
    )


def _view(cohort: str, scaling: str) -> str:
    return cohort if cohort == "test" else f"{cohort} ({scaling} scaling)"
