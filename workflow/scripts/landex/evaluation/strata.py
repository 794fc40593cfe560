"""Groups of targets and of samples: CMap's classes, overlapping targets, series."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from landex.evaluation.metrics import METRICS
from landex.evaluation.recall import INFERABLE

# One gene that hardly varies may have an R2 of -1,000, which would be the mean.
_UNBOUNDED = ("r2", "r2_null")
# Classes of CMap's targets, as written in resources/genes/targets.tsv.
_UNCLASSED = "none"


def strata(targets: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Average figures over groups of targets and of samples.

    Parameters
    ----------
    targets, samples
        Tables of an `Evaluation`, of one scaling.

    Returns
    -------
    DataFrame
        Rows by `stratum` and `name`: all targets but overlapping ones (`targets`, all); `overlapping` ones, where
        there are any; CMap's classes (`cmap`, best_inferred, inferred, landmark or none), and every `series`. With
        the numbers of targets and samples; means over targets of `METRICS`, of R2 medians; r_gene's mean and
        inferable_percent, the share of targets with r_gene >= .95 (those without an r_gene are not inferable). A series
        has mae, rmse, bias and null_mae over all its values.
    """
    own = targets[targets["overlapping"] == 0]
    groups: list[tuple[str, str, pd.DataFrame]] = [("targets", "all", own)]
    if len(own) < len(targets):
        groups.append(("targets", "overlapping", targets[targets["overlapping"] == 1]))
    classes = own["cmap"].replace("", _UNCLASSED)
    groups += [("cmap", str(name), table) for name, table in own.groupby(classes.to_numpy(), sort=True)]
    rows = [{"stratum": stratum, "name": name, **_of_targets(table, len(samples))} for stratum, name, table in groups]
    return pd.DataFrame([*rows, *_of_series(samples, len(own))])


def _of_targets(table: pd.DataFrame, samples: int) -> dict[str, Any]:
    return {
        "targets": len(table),
        "samples": samples,
        **{metric: table[metric].mean() for metric in METRICS if metric not in _UNBOUNDED},
        **{f"{metric}_median": table[metric].median() for metric in _UNBOUNDED},
        "r_gene": table["r_gene"].mean(),
        "inferable_percent": 100 * float((table["r_gene"] >= INFERABLE).mean()) if len(table) else np.nan,
    }


def _of_series(samples: pd.DataFrame, targets: int) -> Iterator[dict[str, Any]]:
    for name, table in samples.groupby("series", sort=False):
        n = table["n"].to_numpy()
        total = max(int(n.sum()), 1)
        yield {
            "stratum": "series",
            "name": name,
            "targets": targets,
            "samples": len(table),
            **{metric: float((n * table[metric]).sum() / total) for metric in ("mae", "bias", "null_mae")},
            "rmse": float(np.sqrt((n * table["rmse"] ** 2).sum() / total)),
        }
