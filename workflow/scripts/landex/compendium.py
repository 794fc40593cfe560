"""The compendium: the cohorts that models learn from, joined on genes, without near-duplicates."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.duplicates import Pair, groups_of, near_pairs, normal_scores
from landex.errors import UserError
from landex.files import atomic
from landex.h5ad import Block, create_matrix, open_matrix

_logger = logging.getLogger(__name__)

# On fewer shared genes the distance between two profiles says little about whether they are one.
_FEWEST_SHARED_GENES = 100


@dataclass(frozen=True)
class _Part:
    """One cohort: its tables in memory, its values (samples, genes) in its file."""

    name: str
    path: Path
    obs: pd.DataFrame
    var: pd.DataFrame

    def on(self, genes: pd.Index) -> Block:
        """Read the values of some genes."""
        return np.concatenate(list(self.blocks(genes, np.arange(len(self.obs)))))

    def blocks(self, genes: pd.Index, rows: NDArray[np.intp]) -> Iterator[Block]:
        """Yield some samples' values of some genes in blocks."""
        places = self.var.index.get_indexer(genes)
        with open_matrix(self.path) as matrix:
            for _, block in matrix.blocks(rows):
                yield block[:, places]


def write_compendium(
    sources: Mapping[str, Path],
    external: Mapping[str, Path],
    distance: float | None,
    matrix: str | Path,
    duplicates: str | Path,
    lost: str | Path,
) -> None:
    """Join cohorts on the genes that all of them measure and leave near-duplicates out.

    Of a group of duplicates the first sample in the order of the sources stays. A sample that an external
    cohort holds too goes: what is tested on is never learnt from. Groups of samples that have duplicates in
    common become one, since their other samples may be kin as well.

    Parameters
    ----------
    sources
        The .h5ad of every cohort to learn from, by name.
    external
        The .h5ad of every external cohort, by name.
    distance
        Root mean square difference of normal scores up to which two samples are duplicates; None looks for none.
    matrix, duplicates, lost
        compendium.h5ad; duplicates.tsv (columns sample, cohort, group, kept, distance); lost_genes.tsv (genes
        that some sources do not measure: gene, symbol, ensembl, mapped, missing_from).

    Raises
    ------
    UserError
        If the cohorts share no gene, or no sample is left.
    """
    parts = [_read(name, path) for name, path in sources.items()]
    var = _shared_genes(parts)
    obs = pd.concat([part.obs for part in parts])
    if distance is None:
        found = _no_duplicates(len(obs))
    else:
        values = np.concatenate([part.on(var.index) for part in parts])
        others = [_read(name, path) for name, path in external.items()]
        found = _find_duplicates(values, obs, var.index, others, distance)
        del values
    rows = np.flatnonzero(found.kept)
    if not len(rows):
        raise UserError(
            f"compendium: all {len(obs)} samples are also in the external cohorts ({', '.join(external)}); "
            "nothing is left to learn from"
        )
    _logger.info("%d of %d samples kept, %d shared genes", len(rows), len(obs), len(var))
    with atomic(lost) as temporary:
        _lost_genes(parts, var).to_csv(temporary, sep="\t", index=False)
    with atomic(duplicates) as temporary:
        found.table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    obs["group"] = _joined_groups(obs["group"].astype(str).tolist(), found.leaders)
    with create_matrix(matrix, _unique_names(obs.iloc[rows]), var) as out:
        written = 0
        for part, kept in zip(parts, _by_part(found.kept, parts), strict=True):
            for block in part.blocks(var.index, np.flatnonzero(kept)):
                out.write(slice(written, written + len(block)), block)
                written += len(block)


def _read(name: str, path: Path) -> _Part:
    with open_matrix(path) as matrix:
        return _Part(name, path, matrix.obs, matrix.var)


def _by_part(kept: NDArray[np.bool_], parts: Sequence[_Part]) -> list[NDArray[np.bool_]]:
    return np.split(kept, np.cumsum([len(part.obs) for part in parts])[:-1])


def _shared_genes(parts: Sequence[_Part]) -> pd.DataFrame:
    shared = parts[0].var.index
    for part in parts[1:]:
        shared = shared[shared.isin(part.var.index)]
    if not len(shared):
        sizes = ", ".join(f"{part.name} {len(part.var)}" for part in parts)
        raise UserError(f"compendium.sources: no gene is measured by all of them (genes: {sizes})")
    return parts[0].var.loc[shared, ["symbol", "ensembl", "mapped"]]


def _lost_genes(parts: Sequence[_Part], shared: pd.DataFrame) -> pd.DataFrame:
    """List the genes that some but not all cohorts measure, with the names of those that do not."""
    union = pd.concat([part.var[["symbol", "ensembl", "mapped"]] for part in parts])
    lost = union[~union.index.duplicated() & ~union.index.isin(shared.index)]
    missing = [", ".join(part.name for part in parts if gene not in part.var.index) for gene in lost.index]
    return lost.astype({"mapped": int}).assign(missing_from=missing).reset_index(names="gene")


def _joined_groups(groups: list[str], leaders: NDArray[np.intp]) -> list[str]:
    """Give groups that have a duplicate in common the name of the first of them."""
    codes, names = pd.factorize(np.array(groups))
    tied = {(int(codes[leader]), int(codes[row]), 0.0) for row, leader in enumerate(leaders)}
    joined = groups_of([Pair(*tie) for tie in sorted(tied)], len(names))
    return [str(names[joined[code]]) for code in codes]


def _unique_names(obs: pd.DataFrame) -> pd.DataFrame:
    """Put the source before the names of samples that several sources use."""
    own = obs.index.astype(str)
    names = np.where(own.duplicated(keep=False), obs["source"].astype(str) + ":" + own, own)
    return obs.set_axis(pd.Index(names, name="sample"), axis=0)


_COLUMNS = ["sample", "cohort", "group", "kept", "distance"]


@dataclass(frozen=True)
class _Duplicates:
    """Which samples stay, the first sample of every sample's group, and the table of duplicates.tsv."""

    kept: NDArray[np.bool_]
    leaders: NDArray[np.intp]
    table: pd.DataFrame


def _no_duplicates(samples: int) -> _Duplicates:
    return _Duplicates(np.ones(samples, bool), np.arange(samples), pd.DataFrame(columns=_COLUMNS))


def _find_duplicates(
    values: Block, obs: pd.DataFrame, genes: pd.Index, external: Sequence[_Part], distance: float
) -> _Duplicates:
    """Compare all samples with each other and with those of the external cohorts."""
    scores = normal_scores(values)
    pairs = list(near_pairs(scores, scores, distance))
    leaders = groups_of(pairs, len(values))
    kept = leaders == np.arange(len(values))
    nearest = np.full(len(values), np.inf)
    for pair in pairs:
        for row in (pair.first, pair.second):
            nearest[row] = min(nearest[row], pair.distance)
    found: list[dict[str, object]] = []
    for part in external:
        shared = genes[genes.isin(part.var.index)]
        if len(shared) < _FEWEST_SHARED_GENES:
            continue
        ours = normal_scores(values[:, genes.get_indexer(shared)])
        for pair in near_pairs(ours, normal_scores(part.on(shared)), distance):
            kept[leaders == leaders[pair.first]] = False
            nearest[pair.first] = min(nearest[pair.first], pair.distance)
            found.append(
                {
                    "sample": part.obs.index[pair.second],
                    "cohort": part.name,
                    "group": obs.index[leaders[pair.first]],
                    "kept": 1,
                    "distance": pair.distance,
                }
            )
    rows = np.flatnonzero(np.isfinite(nearest))
    ours_found = [
        {
            "sample": obs.index[row],
            "cohort": obs["source"].iloc[row],
            "group": obs.index[leaders[row]],
            "kept": int(kept[row]),
            "distance": nearest[row],
        }
        for row in rows
    ]
    table = pd.DataFrame(ours_found + found, columns=_COLUMNS).sort_values("group", kind="stable")
    return _Duplicates(kept, leaders, table)
