"""Cohorts: samples x genes of one source, in log2, named by gene, with every sample's fate."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.collapse import Collapse
from landex.errors import UserError
from landex.files import atomic
from landex.h5ad import create_matrix
from landex.scale import Logged, Values, to_log2
from landex.vocabulary import QUANTILES

_logger = logging.getLogger(__name__)

# What is said of every sample of a cohort, besides its name: `superseries`, several joined with `|`, groups series.
OBS = ("series", "platform", "group", "title", "source_name", "characteristics", "superseries")
# A sample with fewer values than this is no expression profile.
_FEWEST_VALUES = 100
# Samples that are collapsed at a time: at 54,675 probes 14 MB, a few times over.
_ROWS = 32
# In fewer samples, the rest of a cohort says little about any of them.
_FEWEST_COMPARED = 5


@dataclass(frozen=True)
class Limits:
    """When a sample is no profile to learn from; fields as in the config's `quality`.

    Attributes
    ----------
    missing
        Largest share of a sample's values that may be missing or without a logarithm; what is missing below it is
        imputed when normalised, and marked in the layer `measured`.
    outlier
        How far a sample's correlation with the rest of its series may lie below the median of its series'; None for
        any.
    """

    missing: float = 0.3
    outlier: float | None = 0.2


@dataclass(frozen=True)
class Fate:
    """What became of one sample, a row of {cohort}.qc.tsv.

    Attributes
    ----------
    scale, quantiles
        The log2 decision and what it rests on; empty where a sample was rejected before.
    missing
        Share of the values in its table that are missing or have no logarithm.
    negative
        Share of the values on a linear scale that are 0 or less, and so have none.
    unplaced
        Probes that the sample has and its platform does not.
    correlation
        With the mean of the other samples of its cohort, for series.
    file, checksum
        The file that it was read from, and that file's SHA-256.
    """

    sample: str
    series: str
    platform: str
    kept: int
    reason: str = ""
    scale: str = ""
    quantiles: dict[str, float] = field(default_factory=dict)
    missing: float = np.nan
    negative: float = np.nan
    unplaced: int = 0
    correlation: float = np.nan
    file: str = ""
    checksum: str = ""


def judge(logged: Logged, obs: dict[str, str], limits: Limits | None = None) -> Fate:
    """Say whether a sample is an expression profile.

    Parameters
    ----------
    logged
        Its values in log2.
    obs
        Its sample, series and platform.
    limits
        What it may lack.
    """
    limits = limits or Limits()
    values = logged.values[~np.isnan(logged.values)]
    reason = ""
    if len(values) < _FEWEST_VALUES:
        reason = f"it has {len(values)} values only"
    elif values.min() == values.max():
        reason = "all its values are the same"
    missing = float(np.mean(np.isnan(logged.values)))
    if not reason and missing > limits.missing:
        reason = (
            f"{missing:.0%} of its values are missing or have no logarithm, more than {limits.missing:.0%} "
            "(quality.missing)"
        )
    named = (obs["sample"], obs["series"], obs["platform"])
    return Fate(*named, int(not reason), reason, logged.scale, logged.quantiles, missing, logged.negative)


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
        A dict a sample kept, see `OBS`.
    """

    name: str
    collapse: Collapse
    width: int
    limits: Limits = field(default_factory=Limits)
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    obs: list[dict[str, str]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)

    def reject(self, sample: str, series: str, platform: str, reason: str) -> None:
        """Leave a sample out and say why."""
        self.fates.append(Fate(sample, series, platform, 0, reason))

    def add(self, values: Values, scale: str, obs: dict[str, str], places: NDArray[np.intp], unplaced: int = 0) -> None:
        """Take a sample's values unless they cannot be a profile.

        Parameters
        ----------
        values
            Shape (rows of its table,): columns that the table does not have are not measured, rather than missing.
        scale, obs
            As for `to_log2`, and what is said of it.
        places
            Shape (rows of its table,): the column of each value.
        unplaced
            Values that have no column.
        """
        logged = to_log2(values, scale)
        fate = replace(judge(logged, obs, self.limits), unplaced=unplaced)
        self.fates.append(fate)
        if fate.kept:
            row = np.full(self.width, np.nan, np.float32)
            row[places] = logged.values
            self.rows.append(row)
            self.obs.append(obs)

    def write(self, matrix: str | Path, qc: str | Path, origin: tuple[str, str] = ("", "")) -> None:
        """Write {cohort}.h5ad and {cohort}.qc.tsv, see `write_cohort`."""
        self._compare()
        has_value = np.zeros(self.width, bool)
        for row in self.rows:
            has_value |= ~np.isnan(row)
        blocks = (np.stack(self.rows[start : start + _ROWS]) for start in range(0, len(self.rows), _ROWS))
        write_cohort(self.name, self.collapse.measured(has_value), self.obs, blocks, self.fates, matrix, qc, origin)

    def _compare(self) -> None:
        """Note every sample's correlation with the rest, and reject those that lie far below."""
        if len(self.rows) < _FEWEST_COMPARED:
            return
        found = _correlations(self.rows)
        lowest = -np.inf if self.limits.outlier is None else np.median(found) - self.limits.outlier
        by_name = dict(zip((obs["sample"] for obs in self.obs), found.tolist(), strict=True))
        for place, fate in enumerate(self.fates):
            if fate.kept:
                own = by_name[fate.sample]
                reason = "" if own >= lowest else (
                    f"its correlation with the rest of its series is {own:.2f}, where the median is "
                    f"{np.median(found):.2f} (quality.outlier)"
                )  # fmt: skip
                self.fates[place] = replace(fate, correlation=own, kept=int(not reason), reason=reason)
        stays = found >= lowest
        self.rows = [row for row, kept in zip(self.rows, stays, strict=True) if kept]
        self.obs = [row for row, kept in zip(self.obs, stays, strict=True) if kept]


def _correlations(rows: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return every row's correlation with the mean of the others, over the columns that both have."""
    total, count = np.zeros(len(rows[0])), np.zeros(len(rows[0]), np.int64)
    for row in rows:
        total += np.nan_to_num(row)
        count += ~np.isnan(row)
    found = []
    for row in rows:
        others = count - ~np.isnan(row)
        both = ~np.isnan(row) & (others > 0)
        own = row[both].astype(np.float64)
        rest = (total[both] - own) / others[both]
        own, rest = own - own.mean(), rest - rest.mean()
        size = np.sqrt((own @ own) * (rest @ rest))
        found.append(float(own @ rest / size) if size > 0 else 0.0)
    return np.array(found)


def write_cohort(
    name: str,
    collapse: Collapse,
    obs: Sequence[dict[str, str]],
    blocks: Iterable[NDArray[np.floating]],
    fates: Sequence[Fate],
    matrix: str | Path,
    qc: str | Path,
    origin: tuple[str, str] = ("", ""),
) -> None:
    """Collapse samples to features and write {cohort}.h5ad and {cohort}.qc.tsv.

    Parameters
    ----------
    name
        Name of the source.
    collapse
        The features that are measured.
    obs
        A dict a sample kept, see `OBS`; what it lacks is empty.
    blocks
        log2 values of the samples kept, in order, shape (rows, all columns of the source), NaN where missing.
    fates
        What became of every sample.
    matrix, qc
        The two files.
    origin
        The file that the samples were read from, and its checksum.

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
    table = _obs_table(name, obs)
    with create_matrix(matrix, table, collapse.var) as out:
        for place, block in _placed(blocks):
            out.write(place, collapse(block))
    write_fates([replace(fate, file=origin[0], checksum=origin[1]) for fate in fates], qc)
    unmapped = int((~collapse.var["mapped"].astype(bool)).sum())
    _logger.info(
        "%s: %d of %d samples kept, %d genes, %d without an Entrez id",
        name, len(obs), len(fates), len(collapse.var), unmapped,
    )  # fmt: skip


def write_empty_cohort(name: str, fates: Sequence[Fate], matrix: str | Path, qc: str | Path) -> None:
    """Write a cohort without samples, and why: what a compendium goes on without."""
    nothing = Collapse(np.array([], np.intp), np.array([], np.intp), _NO_GENES)
    with create_matrix(matrix, _obs_table(name, []), nothing.var):
        pass
    write_fates(fates, qc)


_NO_GENES = pd.DataFrame(
    {"symbol": [""], "ensembl": [""], "mapped": [False], "columns": [0]}, index=pd.Index([""], name="gene")
).iloc[:0]


def _obs_table(name: str, obs: Sequence[dict[str, str]]) -> pd.DataFrame:
    rows = pd.DataFrame(list(obs), columns=["sample", *OBS], dtype=object).fillna("")
    return rows.set_index("sample").assign(source=name)


def write_fates(fates: Sequence[Fate], qc: str | Path) -> None:
    """Write {cohort}.qc.tsv."""
    told = [{**asdict(fate), **dict.fromkeys(QUANTILES, np.nan), **fate.quantiles} for fate in fates]
    columns = [name.name for name in fields(Fate) if name.name != "quantiles"]
    first = columns[: columns.index("missing") + 1]
    table = pd.DataFrame(told, columns=[*first, *QUANTILES, *columns[len(first) :]])
    with atomic(qc) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def _placed(blocks: Iterable[NDArray[np.floating]]) -> Iterator[tuple[slice, NDArray[np.floating]]]:
    start = 0
    for block in blocks:
        yield slice(start, start + len(block)), block
        start += len(block)
