"""Landmarks in a file: which of its columns measure which of a bundle's landmarks, under whatever names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.bundles.bundle import NAMES, Names
from landex.column_means import column_means
from landex.errors import UserError

# What a file may name all of its genes by; aliases come among symbols.
KINDS_OF_NAMES = tuple(kind for kind in NAMES if kind != "alias")
# By kind of name, the landmark that each name means.
_Tables = Mapping[str, Mapping[str, int]]

_VERSION = re.compile(r"^(ENSG\d{11})\.\d+$")
_OTHER_ENSEMBL = re.compile(r"^ENS(?!G\d)[A-Z]{3,4}G\d{11}")


@dataclass(frozen=True)
class FoundLandmarks:
    """Landmarks that a file has.

    Attributes
    ----------
    kind
        What its names are: entrez, symbol, ensembl or probe.
    field
        The annotation of its genes that holds these names; empty where they are the genes' own.
    places
        Places of the landmarks found among the bundle's, increasing.
    columns, starts
        The file's columns of the first of them, then of the second, and so on; where each begins.
    """

    kind: str
    field: str
    places: NDArray[np.intp]
    columns: NDArray[np.intp]
    starts: NDArray[np.intp]

    def values(self, block: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the landmarks' values: means over a landmark's columns that are there, NaN where none is.

        Parameters
        ----------
        block
            The file's columns in log2, shape (rows, all columns).

        Returns
        -------
        array
            Shape (rows, len(places)).
        """
        return _in_float32(column_means(block, self.columns, self.starts))


def _in_float32(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return values in float32; what is beyond it is no measurement, and would make all targets infinite or NaN."""
    if values.dtype == np.float32:
        return values.astype(np.float32, copy=False)
    with np.errstate(over="ignore"):
        found = values.astype(np.float32)
    found[np.isinf(found)] = np.nan
    return found


def find_landmarks(
    genes: Sequence[str], fields: Mapping[str, Sequence[str]], names: Sequence[Names], kind: str = "auto"
) -> FoundLandmarks:
    """Find a bundle's landmarks among a file's genes.

    Parameters
    ----------
    genes
        Names of the file's genes.
    fields
        Its annotations of genes, looked at where the names themselves give fewer than half of the landmarks.
    names
        All names of every landmark.
    kind
        `auto`, or what the names are.

    Returns
    -------
    FoundLandmarks
        By the kind of names that finds most landmarks; none may be found.
    """
    # Row numbers look like Entrez ids: of 1 to 12,328 some 600 are landmarks'.
    own = [] if kind == "auto" and _are_numbers(genes) else genes
    tables = {of_kind: _table(names, of_kind) for of_kind in NAMES}
    best = _found(own, "", tables, kind)
    if 2 * len(best.places) < len(names):
        for field, values in fields.items():
            found = _found(values, field, tables, kind)
            if len(found.places) > len(best.places):
                best = found
    return best


def _are_numbers(names: Sequence[str]) -> bool:
    """Tell whether names only count: 0, 1, 2 and so on, or from another start."""
    first = int(names[0]) if names and names[0].isdecimal() and len(names[0]) < 19 else None
    return first is not None and len(names) > 2 and all(name == str(number) for number, name in enumerate(names, first))


def _found(genes: Sequence[str], field: str, tables: _Tables, kind: str) -> FoundLandmarks:
    stripped = [match[1] if (match := _VERSION.match(gene.strip())) else gene.strip() for gene in genes]
    kinds = KINDS_OF_NAMES if kind == "auto" else (kind,)
    reached = {
        of_kind: len({tables[of_kind][gene] for gene in stripped if gene in tables[of_kind]}) for of_kind in kinds
    }
    best = max(kinds, key=lambda of_kind: reached[of_kind])
    landmark_of_column = [_landmark(gene, best, tables) for gene in stripped]
    if best == "symbol":
        # An alias counts only where the gene does not come under its own symbol too: the two are different things then.
        by_symbol = {place for place in landmark_of_column if place is not None}
        aliases = [tables["alias"].get(gene) for gene in stripped]
        landmark_of_column = [
            alias if place is None and alias not in by_symbol else place
            for place, alias in zip(landmark_of_column, aliases, strict=True)
        ]
    columns_of: dict[int, list[int]] = {}
    for column, place in enumerate(landmark_of_column):
        if place is not None:
            columns_of.setdefault(place, []).append(column)
    places = sorted(columns_of)
    columns = [column for place in places for column in columns_of[place]]
    counts = np.array([len(columns_of[place]) for place in places], np.intp)
    return FoundLandmarks(
        best, field, np.array(places, np.intp), np.array(columns, np.intp), np.cumsum(counts) - counts
    )


def _table(names: Sequence[Names], kind: str) -> dict[str, int]:
    return {name: place for place, of_one in enumerate(names) for name in of_one[kind]}


def _landmark(gene: str, kind: str, tables: _Tables) -> int | None:
    found = tables[kind].get(gene)
    if found is None and kind == "symbol":
        # R writes HLA-A as HLA.A.
        found = tables[kind].get(gene.replace(".", "-"))
    # An Ensembl id is one in any file.
    return tables["ensembl"].get(gene) if found is None and kind != "probe" else found


def check_landmarks(
    path: object, found: FoundLandmarks, genes: Sequence[str], names: Sequence[Names], fewest: float
) -> None:
    """Make sure that a file has enough of a bundle's landmarks.

    Raises
    ------
    UserError
        If it has too few, with what its names seem to be.
    """
    if len(found.places) >= max(1, fewest * len(names)):
        return
    shown = ", ".join(gene[:30] for gene in genes[:3])
    if len(found.places):
        raise UserError(
            f"{path}: has {len(found.places)} of the bundle's {len(names)} landmarks, and {fewest:.0%} are asked for "
            "(--fewest-landmarks); is it of another set of genes?"
        )
    if sum(bool(_OTHER_ENSEMBL.match(gene)) for gene in genes) * 2 > len(genes):
        raise UserError(f"{path}: its genes are of another organism (first: {shown}); name their human orthologues")
    upper = {name for of_one in names for name in of_one["symbol"]}
    if sum(gene not in upper and gene.upper() in upper for gene in genes) * 10 > min(len(genes), len(names)):
        raise UserError(
            f"{path}: its genes look like symbols of mouse or rat (first: {shown}); name their human orthologues"
        )
    raise UserError(
        f"{path}: none of the bundle's {len(names)} landmarks is among its {len(genes)} genes (first: {shown}); genes "
        "have to be human Entrez ids, symbols, Ensembl ids or probes of HG-U133A"
    )
