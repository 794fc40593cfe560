"""Names of human genes: from whatever a file calls them to Entrez ids."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from landex.errors import UserError
from landex.tsv import read_tsv

_ENSEMBL = re.compile(r"^(ENSG\d{11})(\.\d+)?$")
# Affymetrix' probe sets; other makers' cannot be told from other names.
_PROBE = re.compile(r"^(AFFX-.+|\d+_([a-z]_)?([a-z]_)?at)$")


@dataclass(frozen=True)
class GeneTables:
    """Paths of what resources/genes says of human genes: ids.tsv.gz, landmarks.tsv and targets.tsv."""

    ids: str | Path
    landmarks: str | Path
    targets: str | Path


@dataclass(frozen=True)
class GeneNames:
    """Ids of all human genes: columns entrez, symbol, aliases and ensembl, several joined with `|`.

    Parameters
    ----------
    table
        All columns text; empty where there is none.
    """

    table: pd.DataFrame

    @classmethod
    def read(cls, path: str | Path) -> "GeneNames":
        """Read resources/genes/ids.tsv.gz; a symbol such as NA stays text."""
        return cls(read_tsv(path, ["entrez", "symbol", "aliases", "ensembl"]))

    @cached_property
    def _rows(self) -> pd.DataFrame:
        first = [ids.partition("|")[0] for ids in self.table["ensembl"]]
        return self.table.set_index("entrez")[["symbol"]].assign(ensembl=first)

    def _cells(self, *columns: str) -> Iterator[tuple[str, ...]]:
        """Yield rows of some columns. Plain loops over them take a fraction of the time of pandas' lists in cells."""
        return zip(*(self.table[column].tolist() for column in columns), strict=True)

    @cached_property
    def _by_symbol(self) -> dict[str, str]:
        """Map symbols to Entrez ids; where genes share one, the first that has an Ensembl id takes it."""
        found: dict[str, str] = {}
        without: dict[str, str] = {}
        for entrez, symbol, ensembl in self._cells("entrez", "symbol", "ensembl"):
            (found if ensembl else without).setdefault(symbol, entrez)
        return without | found

    @cached_property
    def _by_alias(self) -> dict[str, str]:
        """Map aliases that belong to one gene only to Entrez ids; `NA`, an alias of XK, is mostly no name."""
        found: dict[str, str] = {}
        shared = {"", "NA"}
        for entrez, aliases in self._cells("entrez", "aliases"):
            for alias in aliases.split("|"):
                if found.setdefault(alias, entrez) != entrez:
                    shared.add(alias)
        return {alias: entrez for alias, entrez in found.items() if alias not in shared}

    @cached_property
    def _by_ensembl(self) -> dict[str, str]:
        """Map Ensembl ids to Entrez ids; where several genes share one, the lowest Entrez id takes it."""
        found: dict[str, str] = {}
        for entrez, ids in self._cells("entrez", "ensembl"):
            for ensembl in filter(None, ids.split("|")):
                found.setdefault(ensembl, entrez)
        return found

    def detect(self, names: Sequence[str]) -> str:
        """Say what most of the names are: `entrez`, `symbol`, `ensembl` or `probe` (Affymetrix').

        Raises
        ------
        UserError
            If fewer than a tenth of the names are known in any of the four.
        """
        shares = {
            "entrez": sum(name in self._rows.index for name in names),
            "symbol": sum(name in self._by_symbol or name in self._by_alias for name in names),
            "ensembl": sum(bool(_ENSEMBL.match(name)) for name in names),
            "probe": sum(bool(_PROBE.match(name)) for name in names),
        }
        best = max(shares, key=lambda kind: shares[kind])
        if shares[best] * 10 < len(names):
            raise UserError(
                f"the genes are not named by human Entrez ids, symbols or Ensembl ids (first: "
                f"{', '.join(names[:3])}); genes in a table stand in rows, samples in columns"
            )
        return best

    def identify(self, names: Sequence[str], kind: str) -> pd.DataFrame:
        """Name genes by Entrez id where there is one, else by Ensembl id, else by their own name.

        Parameters
        ----------
        names
            Names as a file has them.
        kind
            `entrez`, `symbol` or `ensembl`.

        Returns
        -------
        DataFrame
            A row a name, in order: gene, symbol, ensembl, mapped (whether there is an Entrez id), own (the name,
            without an Ensembl id's version).
        """
        names = [name.strip() for name in names]
        # An Ensembl id is one in any file; its version says nothing about the gene.
        stripped = [match[1] if (match := _ENSEMBL.match(name)) else name for name in names]
        if kind == "symbol":
            found = self._entrez_of_symbols(stripped)
        elif kind == "entrez":
            found = [name if name in self._rows.index else "" for name in stripped]
        else:
            found = [""] * len(names)
        found = [entrez or self._by_ensembl.get(name, "") for entrez, name in zip(found, stripped, strict=True)]
        genes = [entrez or name for entrez, name in zip(found, stripped, strict=True)]
        known = self._rows.reindex(genes)
        symbol = known["symbol"].fillna("").to_numpy()
        ensembl = known["ensembl"].fillna("").to_numpy()
        own = pd.Series(stripped)
        is_ensembl = own.str.match(_ENSEMBL.pattern).to_numpy()
        return pd.DataFrame(
            {
                "gene": genes,
                "symbol": [s or ("" if e else n) for s, e, n in zip(symbol, is_ensembl, own, strict=True)],
                "ensembl": [s or (n if e else "") for s, e, n in zip(ensembl, is_ensembl, own, strict=True)],
                "mapped": [bool(entrez) for entrez in found],
                "own": stripped,
            }
        )

    def names_of(self, genes: Sequence[str]) -> list[dict[str, list[str]]]:
        """Return all names that `identify` takes for each of some genes.

        Parameters
        ----------
        genes
            Entrez ids; another name has no names here.

        Returns
        -------
        list
            For every gene its `entrez` id, `symbol`, `alias` and `ensembl` ids, each a list.
        """
        found: dict[str, dict[str, list[str]]] = {
            gene: {"entrez": [gene] if gene in self._rows.index else [], "symbol": [], "alias": [], "ensembl": []}
            for gene in genes
        }
        tables = {"symbol": self._by_symbol, "alias": self._by_alias, "ensembl": self._by_ensembl}
        for kind, table in tables.items():
            for name, gene in table.items():
                # An alias that is another gene's symbol means that gene: KRAS, not NRAS.
                if gene in found and (kind != "alias" or name not in self._by_symbol):
                    found[gene][kind].append(name)
        return [found[gene] for gene in genes]

    def _entrez_of_symbols(self, names: Sequence[str]) -> list[str]:
        """Return Entrez ids, empty where there is none: by symbol, else by alias.

        An alias counts only where the gene does not come under its own symbol too: the two columns measure
        different things then (C2orf48 beside RRM2). R writes HLA-A as HLA.A.
        """
        found = [self._by_symbol.get(name) or self._by_symbol.get(name.replace(".", "-"), "") for name in names]
        taken = set(found)
        aliases = [self._by_alias.get(name, "") for name in names]
        return [entrez or ("" if alias in taken else alias) for entrez, alias in zip(found, aliases, strict=True)]
