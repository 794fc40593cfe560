"""From a file's columns (genes under any name, or probes) to features: means of their columns."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.column_means import column_means

_VAR = ["symbol", "ensembl", "mapped", "columns"]


@dataclass(frozen=True)
class Collapse:
    """Which columns make which feature.

    Attributes
    ----------
    columns
        Columns of the first feature, then of the second, and so on.
    starts
        Shape (features,): where each feature's columns begin in `columns`.
    var
        A row a feature, indexed by `gene`: symbol, ensembl, mapped, columns (how many there are).
    """

    columns: NDArray[np.intp]
    starts: NDArray[np.intp]
    var: pd.DataFrame

    @classmethod
    def by_gene(cls, columns: pd.DataFrame) -> "Collapse":
        """Average all columns of a gene.

        Parameters
        ----------
        columns
            A row a column: gene, symbol, ensembl, mapped; columns without a gene (empty) are dropped.
        """
        named = np.flatnonzero((columns["gene"] != "").to_numpy())
        codes, genes = pd.factorize(columns["gene"].to_numpy()[named])
        var = columns.iloc[named].drop_duplicates("gene").set_index("gene")
        counts = np.bincount(codes, minlength=len(genes))
        order = np.argsort(codes, kind="stable")
        return cls(named[order], np.cumsum(counts) - counts, var.assign(columns=counts)[_VAR])

    @classmethod
    def by_features(cls, columns: pd.DataFrame, features: pd.DataFrame) -> "Collapse":
        """Average the columns that a list of features names.

        They are its probes, where the file has any of the list's probes. Else it names genes, or probes of another
        platform: then they are the feature's Ensembl id, or else its gene.

        Parameters
        ----------
        columns
            A row a column: own (the file's own name of it), gene.
        features
            See `features.dgex_features`. Those that the file does not have are left out.
        """
        by_own = pd.Series(np.arange(len(columns))).groupby(columns["own"].to_numpy()).indices
        by_gene = pd.Series(np.arange(len(columns))).groupby(columns["gene"].to_numpy()).indices
        probes = [[by_own[probe] for probe in of_one.split(",") if probe in by_own] for of_one in features["probes"]]
        nothing = np.array([], np.intp)
        if any(probes):
            found = [np.concatenate(some) if some else nothing for some in probes]
        else:
            names = zip(features["ensembl"], features["entrez"], strict=True)
            # Features without an id have an empty one, as columns without a gene do.
            found = [by_own.get(ensembl or None, by_gene.get(entrez or None, nothing)) for ensembl, entrez in names]
        counts = np.array([len(some) for some in found])
        kept = counts > 0
        var = features.loc[kept, ["symbol", "ensembl"]]
        var = var.assign(mapped=(features["entrez"] != "").to_numpy()[kept], columns=counts[kept])
        joined = np.concatenate([some for some in found if len(some)]) if kept.any() else np.array([], np.intp)
        return cls(joined, np.cumsum(counts[kept]) - counts[kept], var[_VAR])

    def measured(self, has_value: NDArray[np.bool_]) -> "Collapse":
        """Leave features out of which no column has any value; `has_value` has shape (all columns,)."""
        if not len(self.starts):
            return self
        counts = self.var["columns"].to_numpy()
        kept = np.logical_or.reduceat(has_value[self.columns], self.starts)
        columns = self.columns[np.repeat(kept, counts)]
        return Collapse(columns, np.cumsum(counts[kept]) - counts[kept], self.var[kept])

    def __call__(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the features of samples, means over the values that are there.

        Parameters
        ----------
        values
            Shape (samples, all columns), log2, NaN where missing.

        Returns
        -------
        array
            Shape (samples, features), NaN where no column has a value.
        """
        return column_means(values, self.columns, self.starts).astype(np.float32, copy=False)
