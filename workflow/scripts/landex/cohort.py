"""Cohorts: samples x genes of one source, in log2, named by gene, with every sample's fate."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.collapse import Collapse
from landex.errors import UserError
from landex.files import atomic
from landex.h5ad import create_matrix
from landex.scale import Logged, Values, to_log2

_logger = logging.getLogger(__name__)

# A sample with fewer values than this is no expression profile.
_FEWEST_VALUES = 100
# Samples that are collapsed at a time.
_ROWS = 256


@dataclass(frozen=True)
class Fate:
    """What became of one sample, a row of {cohort}.qc.tsv.

    Attributes
    ----------
    scale, quantiles
        The log2 decision and what it rests on; empty where a sample was rejected before.
    missing
        Share of values that are missing or have no logarithm.
    """

    sample: str
    series: str
    platform: str
    kept: int
    reason: str = ""
    scale: str = ""
    quantiles: dict[str, float] = field(default_factory=dict)
    missing: float = np.nan


def judge(logged: Logged, obs: dict[str, str]) -> Fate:
    """Say whether a sample is an expression profile.

    Parameters
    ----------
    logged
        Its values in log2.
    obs
        Its sample, series and platform.
    """
    values = logged.values[~np.isnan(logged.values)]
    reason = ""
    if len(values) < _FEWEST_VALUES:
        reason = f"it has {len(values)} values only"
    elif values.min() == values.max():
        reason = "all its values are the same"
    missing = float(np.mean(np.isnan(logged.values)))
    named = (obs["sample"], obs["series"], obs["platform"])
    return Fate(*named, int(not reason), reason, logged.scale, logged.quantiles, missing)


@dataclass
class Cohort:
    """Samples of one source while they are gathered in memory.

    Attributes
    ----------
    name
        Name of the source.
    collapse
        Which of the source's columns make which feature.
    width
        Number of the source's columns.
    rows
        log2 values of the samples kept, each of shape (width,), NaN where missing.
    obs
        A dict a sample kept: sample, series, platform, group, title.
    """

    name: str
    collapse: Collapse
    width: int
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    obs: list[dict[str, str]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)

    def reject(self, sample: str, series: str, platform: str, reason: str) -> None:
        """Leave a sample out and say why."""
        self.fates.append(Fate(sample, series, platform, 0, reason))

    def add(self, values: Values, scale: str, obs: dict[str, str]) -> None:
        """Take a sample's values, shape (width,), unless they cannot be a profile."""
        logged = to_log2(values, scale)
        fate = judge(logged, obs)
        self.fates.append(fate)
        if fate.kept:
            self.rows.append(logged.values.astype(np.float32))
            self.obs.append(obs)

    def write(self, matrix: str | Path, qc: str | Path) -> None:
        """Write {cohort}.h5ad and {cohort}.qc.tsv, see `write_cohort`."""
        has_value = np.zeros(self.width, bool)
        for row in self.rows:
            has_value |= ~np.isnan(row)
        blocks = (np.stack(self.rows[start : start + _ROWS]) for start in range(0, len(self.rows), _ROWS))
        write_cohort(self.name, self.collapse.measured(has_value), self.obs, blocks, self.fates, matrix, qc)


def write_cohort(
    name: str,
    collapse: Collapse,
    obs: Sequence[dict[str, str]],
    blocks: Iterable[NDArray[np.floating]],
    fates: Sequence[Fate],
    matrix: str | Path,
    qc: str | Path,
) -> None:
    """Collapse samples to features and write {cohort}.h5ad and {cohort}.qc.tsv.

    Parameters
    ----------
    name
        Name of the source.
    collapse
        The features that are measured.
    obs
        A dict a sample kept: sample, series, platform, group, title.
    blocks
        log2 values of the samples kept, in order, shape (rows, all columns of the source), NaN where missing.
    fates
        What became of every sample.
    matrix, qc
        The two files.

    Raises
    ------
    UserError
        If no sample was kept, or no column names a gene that has values.
    """
    if not obs:
        reasons = "; ".join(sorted({fate.reason for fate in fates})[:3])
        raise UserError(f"{name}: none of its {len(fates)} samples can be used ({reasons})")
    if not len(collapse.var):
        raise UserError(f"{name}: none of its columns names a gene that has values")
    table = pd.DataFrame(list(obs)).set_index("sample").assign(source=name)
    with create_matrix(matrix, table, collapse.var) as out:
        for place, block in _placed(blocks):
            out.write(place, collapse(block))
    told = pd.DataFrame([{**asdict(fate), **fate.quantiles} for fate in fates]).drop(columns="quantiles")
    with atomic(qc) as temporary:
        told.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    unmapped = int((~collapse.var["mapped"].astype(bool)).sum())
    _logger.info(
        "%s: %d of %d samples kept, %d genes, %d without an Entrez id",
        name, len(obs), len(fates), len(collapse.var), unmapped,
    )  # fmt: skip


def _placed(blocks: Iterable[NDArray[np.floating]]) -> Iterator[tuple[slice, NDArray[np.floating]]]:
    start = 0
    for block in blocks:
        yield slice(start, start + len(block)), block
        start += len(block)
