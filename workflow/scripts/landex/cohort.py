"""Cohorts: samples x genes of one source, in log2, named by gene, with every sample's fate."""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import atomic
from landex.genes import GeneNames
from landex.h5ad import write_matrix
from landex.scale import Logged, to_log2

_logger = logging.getLogger(__name__)

# A sample with fewer values than this is no expression profile.
_FEWEST_VALUES = 100


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


@dataclass
class Cohort:
    """Samples of one source while they are gathered.

    Attributes
    ----------
    name
        Name of the source.
    columns
        Names of the matrix's columns, from `GeneNames.identify`; probes of one gene share a name.
    rows
        log2 values of the samples kept, each of shape (len(columns),), NaN where missing.
    obs
        A dict a sample kept: sample, series, platform, group, title.
    """

    name: str
    columns: pd.DataFrame
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    obs: list[dict[str, str]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)

    def reject(self, sample: str, series: str, platform: str, reason: str) -> None:
        """Leave a sample out and say why."""
        self.fates.append(Fate(sample, series, platform, 0, reason))

    def add(self, values: NDArray[np.float64], scale: str, obs: dict[str, str]) -> None:
        """Take a sample's values, shape (len(columns),), unless they cannot be a profile."""
        logged = to_log2(values, scale)
        missing = float(np.mean(np.isnan(logged.values)))
        reason = _unusable(logged)
        fate = Fate(
            obs["sample"],
            obs["series"],
            obs["platform"],
            int(not reason),
            reason,
            logged.scale,
            logged.quantiles,
            missing,
        )
        self.fates.append(fate)
        if not reason:
            self.rows.append(logged.values.astype(np.float32))
            self.obs.append(obs)

    def write(self, matrix: str | Path, qc: str | Path) -> None:
        """Average columns of one gene and write {cohort}.h5ad and {cohort}.qc.tsv.

        Raises
        ------
        UserError
            If no sample was kept, or no column names a gene that has values.
        """
        if not self.rows:
            reasons = "; ".join(sorted({fate.reason for fate in self.fates})[:3])
            raise UserError(f"{self.name}: none of its {len(self.fates)} samples can be used ({reasons})")
        values, var = collapse_mean(np.stack(self.rows), self.columns)
        # A gene without a value in any sample is not measured.
        measured = ~np.isnan(values).all(axis=0)
        values, var = values[:, measured], var[measured]
        if not len(var):
            raise UserError(f"{self.name}: none of its columns names a gene that has values")
        obs = pd.DataFrame(self.obs).set_index("sample").assign(source=self.name)
        write_matrix(matrix, obs, var, values)
        table = pd.DataFrame([{**asdict(fate), **fate.quantiles} for fate in self.fates]).drop(columns="quantiles")
        with atomic(qc) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
        _logger.info(
            "%s: %d of %d samples kept, %d genes, %d without an Entrez id",
            self.name,
            len(self.rows),
            len(self.fates),
            len(var),
            int((~var["mapped"]).sum()),
        )


def _unusable(logged: Logged) -> str:
    values = logged.values[~np.isnan(logged.values)]
    if len(values) < _FEWEST_VALUES:
        return f"it has {len(values)} values only"
    if values.min() == values.max():
        return "all its values are the same"
    return ""


def collapse_mean(values: NDArray[np.float32], columns: pd.DataFrame) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Average the columns of one gene, leaving out missing values.

    Parameters
    ----------
    values
        Shape (samples, columns), log2.
    columns
        A row a column: gene, symbol, ensembl, mapped; columns without a gene (empty) are dropped.

    Returns
    -------
    values, var
        Shape (samples, genes), and a row a gene in order of first appearance, indexed by gene.
    """
    named = np.flatnonzero((columns["gene"] != "").to_numpy())
    codes, genes = pd.factorize(columns["gene"].to_numpy()[named])
    var = columns.iloc[named].drop_duplicates("gene").set_index("gene")
    var["columns"] = np.bincount(codes, minlength=len(genes))
    if len(genes) == len(named):
        return values[:, named], var
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(genes)))
    sorted_values = values[:, named[order]].astype(np.float64)
    present = ~np.isnan(sorted_values)
    sums = np.add.reduceat(np.where(present, sorted_values, 0), starts, axis=1)
    counts = np.add.reduceat(present, starts, axis=1, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        return (sums / np.where(counts, counts, np.nan)).astype(np.float32), var


def identify_columns(names: list[str], kind: str, genes: GeneNames) -> pd.DataFrame:
    """Name columns by gene; `kind` as in the config (`auto` looks at the names)."""
    found = genes.detect(names) if kind == "auto" else kind
    columns = genes.identify(names, found)
    _logger.info("%d names read as %s, %d of them without an Entrez id", len(names), found, (~columns["mapped"]).sum())
    return columns
