"""Prediction intervals of a model: wider where a profile is far from the training samples, or an ensemble disagrees."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.evaluation.distance import read_correlation
from landex.evaluation.scales import SPREAD, scale_of
from landex.h5ad import Block

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Intervals:
    """Half widths of symmetric intervals around predictions.

    Attributes
    ----------
    genes
        Names of the targets.
    quantiles
        Shape (targets,): conformal quantile of |residual| / scale.
    scaled_by
        `distance`, or `distance and spread` for ensembles; see `scale_of`.
    correlation
        Of the landmarks in the training samples, which distances go by, shape (landmarks, landmarks).
    """

    genes: list[str]
    quantiles: Floats
    scaled_by: str
    correlation: Floats

    @classmethod
    def read(cls, trust: str | Path, references: str | Path) -> "Intervals":
        """Read the intervals of a table of `calibrate`, and the correlation of references.h5."""
        table = pd.read_csv(trust, sep="\t", dtype={"gene": str, "scaled_by": str}, keep_default_na=False)
        quantiles = table["quantile"].to_numpy(float)
        scaled_by = str(table["scaled_by"].iloc[0])
        return cls(table["gene"].tolist(), quantiles, scaled_by, read_correlation(references))

    def check_same(self, genes: list[str], truth: str | Path) -> None:
        """Raise a UserError if the intervals are of other targets than a normalised matrix."""
        if self.genes != genes:
            raise UserError(f"the model's table of trust has other targets than {truth}; delete it and run again")

    def half_widths(self, targets: slice, distances: Floats, spread: Block | None) -> Floats:
        """Return half widths, shape (samples, targets), in z-scores; infinite where nothing can be said.

        Raises
        ------
        UserError
            If the intervals are an ensemble's and the predictions are not, or the other way round.
        """
        if (self.scaled_by == SPREAD) != (spread is not None):
            raise UserError(
                f"the intervals are scaled by {self.scaled_by}, and the predictions have "
                f"{'no' if spread is None else 'a'} spread of members; delete both and run again"
            )
        return self.quantiles[targets][None, :] * scale_of(distances, spread)


def coverage_figures(trust: pd.DataFrame, samples: pd.DataFrame, targets: pd.DataFrame) -> dict[str, float | str]:
    """Measure what intervals cover on samples that did not calibrate them.

    Parameters
    ----------
    trust
        Table of `calibrate`.
    samples, targets
        Tables of one model, cohort and scaling (`Evaluation`).

    Returns
    -------
    dict
        coverage_percent, the mean over samples, weighted by the values measured; coverage_of_series_percent, the mean
        over series of the mean over their samples (one sample a series, drawn at random); targets_percent, the share of
        targets that have an interval; half_width and null_half_width, means over these targets (the second when the
        gene's mean is predicted); and scaled_by. Overlapping targets are left out.
    """
    own = targets[targets["overlapping"] == 0]
    finite = own[np.isfinite(own["half_width"])]
    covered = samples[samples["coverage"].notna()]
    return {
        "coverage_percent": 100 * float(np.average(covered["coverage"], weights=covered["n"]))
        if len(covered)
        else np.nan,
        "coverage_of_series_percent": 100 * float(covered.groupby("series")["coverage"].mean().mean()),
        "targets_percent": 100 * len(finite) / max(len(own), 1),
        "half_width": finite["half_width"].mean(),
        "null_half_width": trust.set_index("gene")["null_half_width"].reindex(finite["gene"]).mean(),
        "scaled_by": str(trust["scaled_by"].iloc[0]),
    }
