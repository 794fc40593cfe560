"""The compendium: the cohorts that models learn from, joined on genes, every sample once."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.copies import FEWEST_SHARED_GENES, Copies, Part, find_copies
from landex.errors import UserError
from landex.files import atomic
from landex.h5ad import create_matrix
from landex.kinship import joined_groups
from landex.provenance import write_provenance

_logger = logging.getLogger(__name__)
_VAR = ["symbol", "ensembl", "mapped"]


@dataclass(frozen=True)
class Joining:
    """How cohorts become one; fields as in the config's `compendium`.

    Attributes
    ----------
    join
        `inner` keeps the genes that all cohorts measure; `outer` those that most samples do.
    missing_genes
        With `outer`, the largest share of the samples that may lack a gene.
    distance
        Root mean square difference of normal scores up to which two samples are duplicates; None looks for none.
    """

    join: str = "inner"
    missing_genes: float = 0.2
    distance: float | None = 0.02


@dataclass(frozen=True)
class CompendiumFiles:
    """Where the compendium goes.

    Attributes
    ----------
    matrix, duplicates, lost, provenance
        compendium.h5ad; duplicates.tsv (see `copies.COLUMNS`); lost_genes.tsv (genes that some cohorts measure and the
        compendium does not have: gene, symbol, ensembl, mapped, missing_from); provenance.tsv (see `provenance`).
    """

    matrix: Path
    duplicates: Path
    lost: Path
    provenance: Path


def write_compendium(
    sources: Mapping[str, Path],
    external: Mapping[str, Path],
    fates: Mapping[str, Path],
    joining: Joining,
    files: CompendiumFiles,
    threads: int = 1,
) -> None:
    """Join cohorts on genes and leave copies of samples out.

    Of a group of copies the first sample in the order of the sources stays. A sample that an external
    cohort holds too goes: what is tested on is never learnt from. Groups of samples that have copies in
    common, or a superseries, become one, since their other samples may be kin as well.

    Parameters
    ----------
    sources
        The .h5ad of every cohort to learn from, by name; those without samples count as not there.
    external
        The .h5ad of every external cohort, by name.
    fates
        The .qc.tsv of every cohort to learn from, by name.
    joining
        How.
    files
        Results.
    threads
        Threads; the result is the same with any number.

    Raises
    ------
    UserError
        If the cohorts share no gene, or no sample is left.
    """
    parts = [part for part in (Part.read(name, path) for name, path in sources.items()) if len(part.obs)]
    if not parts:
        raise UserError(f"compendium: none of the sources has samples ({', '.join(sources)}); see their .qc.tsv")
    common = _common_genes(parts)
    var = _genes(parts, common, joining)
    obs = pd.concat([part.obs for part in parts])
    others = [Part.read(name, path) for name, path in external.items()]
    compared = common if len(common) >= FEWEST_SHARED_GENES or joining.join == "inner" else var.index
    files.matrix.parent.mkdir(parents=True, exist_ok=True)
    copies = find_copies(parts, others, compared, joining.distance, files.matrix, threads)
    rows = np.flatnonzero(copies.kept)
    if not len(rows):
        raise UserError(
            f"compendium: all {len(obs)} samples are also in the external cohorts ({', '.join(external)}); "
            "nothing is left to learn from"
        )
    _logger.info("%d of %d samples kept, %d genes", len(rows), len(obs), len(var))
    with atomic(files.lost) as temporary:
        _lost_genes(parts, var).to_csv(temporary, sep="\t", index=False)
    with atomic(files.duplicates) as temporary:
        copies.table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    obs["group"] = joined_groups(obs, copies.leaders)
    written = _unique_names(obs.iloc[rows])
    write_provenance(fates, obs, copies, written, files.provenance)
    _write_matrix(parts, copies, written, var, files.matrix)


def _write_matrix(parts: Sequence[Part], copies: Copies, obs: pd.DataFrame, var: pd.DataFrame, matrix: Path) -> None:
    with create_matrix(matrix, obs, var) as out:
        written = 0
        for part, kept in zip(parts, _by_part(copies.kept, parts), strict=True):
            for block in part.blocks(var.index, np.flatnonzero(kept)):
                out.write(slice(written, written + len(block)), block)
                written += len(block)


def _by_part(kept: NDArray[np.bool_], parts: Sequence[Part]) -> list[NDArray[np.bool_]]:
    return np.split(kept, np.cumsum([len(part.obs) for part in parts])[:-1])


def _common_genes(parts: Sequence[Part]) -> pd.Index:
    shared = parts[0].var.index
    for part in parts[1:]:
        shared = shared[shared.isin(part.var.index)]
    return shared


def _genes(parts: Sequence[Part], common: pd.Index, joining: Joining) -> pd.DataFrame:
    if joining.join == "inner":
        if not len(common):
            sizes = ", ".join(f"{part.name} {len(part.var)}" for part in parts)
            raise UserError(
                f"compendium.sources: no gene is measured by all of them (genes: {sizes}); drop one, or say "
                "compendium.join: outer"
            )
        return parts[0].var.loc[common, _VAR]
    union = _union(parts)
    samples = np.zeros(len(union), np.int64)
    for part in parts:
        samples[union.index.get_indexer(part.var.index)] += len(part.obs)
    fewest = (1 - joining.missing_genes) * sum(len(part.obs) for part in parts)
    # Sums of samples are whole; the product may lie a rounding above one.
    found = union[samples >= fewest - 1e-9]
    if found.empty:
        raise UserError(
            f"compendium.sources: no gene is measured in {1 - joining.missing_genes:.0%} of the samples; raise "
            "compendium.missing_genes, or drop a source"
        )
    return found


def _union(parts: Sequence[Part]) -> pd.DataFrame:
    union = pd.concat([part.var[_VAR] for part in parts])
    return union[~union.index.duplicated()]


def _lost_genes(parts: Sequence[Part], var: pd.DataFrame) -> pd.DataFrame:
    """List the genes that some cohort measures and the compendium lacks, with the names of cohorts that do not."""
    union = _union(parts)
    lost = union[~union.index.isin(var.index)]
    missing = [", ".join(part.name for part in parts if gene not in part.var.index) for gene in lost.index]
    return lost.astype({"mapped": int}).assign(missing_from=missing).reset_index(names="gene")


def _unique_names(obs: pd.DataFrame) -> pd.DataFrame:
    """Put the source before the names of samples that several sources use."""
    own = obs.index.astype(str)
    names = np.where(own.duplicated(keep=False), obs["source"].astype(str) + ":" + own, own)
    return obs.set_axis(pd.Index(names, name="sample"), axis=0)
