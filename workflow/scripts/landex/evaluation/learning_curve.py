"""Learning curve: what fewer training samples cost, and so whether more would help."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.sample_errors import SampleErrors

# Where the verdict puts what a learning curve says.
LEARNING = "Learning curve"
COLUMNS = (
    "model", "fraction", "training_samples", "training_series", "samples", "unit",
    "mae", "mae_low", "mae_high", "gain_percent", "gain_percent_low", "gain_percent_high",
    "gain_per_doubling_percent",
)  # fmt: skip


def learning_curve(
    samples: Mapping[str, Mapping[float, pd.DataFrame]],
    splits: Mapping[float, pd.DataFrame],
    certainty: Certainty,
) -> pd.DataFrame:
    """Tabulate the errors on the test part by the number of training samples.

    Parameters
    ----------
    samples
        By model and fraction, 1 among them, the table of samples of the test part.
    splits
        By fraction, split.tsv.
    certainty
        How sure to be.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row a model and fraction: training samples and series; mae over all values of the test part, with
        its interval; gain_percent, by how much it is below that of the next smaller fraction, with its interval (a
        bootstrap that draws the same test samples for both), and that gain per doubling of training samples.
    """
    rows: list[dict[str, Any]] = []
    for model, by_fraction in samples.items():
        fractions = sorted(by_fraction)
        errors = SampleErrors.of([by_fraction[fraction] for fraction in fractions], certainty)
        for place, fraction in enumerate(fractions):
            training = splits[fraction][splits[fraction]["part"] == "training"]
            row = {
                "model": model,
                "fraction": fraction,
                "training_samples": len(training),
                "training_series": training["series"].nunique(),
                "samples": len(by_fraction[fraction]),
                "unit": errors.unit,
                **errors.mae(place).columns("mae"),
            }
            # Where groups are taken whole, a larger fraction may hold the same samples.
            of_model = rows[len(rows) - place :]
            fewer = [step for step in range(place) if of_model[step]["training_samples"] < len(training)]
            if fewer:
                gain = errors.gain(place, fewer[-1])
                doublings = np.log2(len(training) / of_model[fewer[-1]]["training_samples"])
                row |= gain.columns("gain_percent")
                row["gain_per_doubling_percent"] = 100 * (1 - (1 - gain.value / 100) ** (1 / doublings))
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def would_more_help(curve: pd.DataFrame) -> Sequence[str]:
    """Say model by model, in a sentence, what the last step of a learning curve tells."""
    sentences = []
    for model, rows in curve.groupby("model", sort=False):
        if len(rows) < 2:
            continue
        last = rows.iloc[-1]
        fewer = rows[rows["training_samples"] < last["training_samples"]]
        if fewer.empty:
            sentences.append(
                f"There is no learning curve of {model}: every fraction holds all {last['training_samples']:,} "
                "training samples, since groups are taken whole."
            )
            continue
        before = fewer.iloc[-1]
        step = f"from {before['training_samples']:,} to {last['training_samples']:,} training samples"
        bounds = f"{last['gain_percent']:.1f} % [{last['gain_percent_low']:.1f}, {last['gain_percent_high']:.1f}]"
        if last["gain_percent_low"] > 0:
            sentences.append(
                f"More samples like these would help {model}: {step}, drawn once, its error fell by {bounds}, that is "
                f"by {last['gain_per_doubling_percent']:.1f} % a doubling."
            )
        else:
            sentences.append(
                f"More samples like these are not shown to help {model}: {step}, drawn once, its error changed by "
                f"{bounds} (falls are positive)."
            )
    return sentences
