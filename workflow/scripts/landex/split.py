"""Roles: which genes are landmarks and targets, which samples train, validate and test."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import atomic
from landex.genes import read_text_table
from landex.h5ad import open_matrix

_logger = logging.getLogger(__name__)

# Validation is cut in two: `select` chooses (penalties, epochs), `calibrate` is kept for what is said about
# the chosen model.
PARTS = ("training", "select", "calibrate", "test")
_FEWEST_TRAINING = 10
_FEWEST_OTHER = 2


@dataclass(frozen=True)
class GeneRoles:
    """What decides on roles: paths of the two lists and the config's `targets`."""

    landmarks: str
    targets: Any
    dgex: str


def assign_parts(groups: Sequence[str], fractions: Sequence[float], seed: int) -> NDArray[np.str_]:
    """Deal groups of samples out to training, select, calibrate and test.

    Groups larger than the smallest part come first, the largest before all; the others in an order drawn by the
    seed. Each goes to the part that is furthest below its share, the last ones to parts that are still empty.

    Parameters
    ----------
    groups
        The group of every sample; samples of one group get one part.
    fractions
        Shares of training, validation and test; validation is halved into select and calibrate.
    seed
        Seed of the order.

    Returns
    -------
    array
        The part of every sample.

    Raises
    ------
    UserError
        If there are too few samples or groups.
    """
    training, validation, test = fractions
    wanted = np.array([training, validation / 2, validation / 2, test])
    names, codes, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    part_of_group = np.zeros(len(names), np.intp)
    dealt = np.zeros(len(PARTS))
    order = np.random.default_rng(seed).permutation(len(names))
    # A large group that came late would land in a small part and fill it many times over.
    large = np.where(sizes > wanted.min() * len(codes), sizes, 0)
    order = order[np.argsort(-large[order], kind="stable")]
    for turn, group in enumerate(order):
        below = wanted - dealt / len(codes)
        empty = dealt == 0
        part = int(np.argmax(np.where(empty, below, -np.inf) if len(names) - turn <= empty.sum() else below))
        part_of_group[group] = part
        dealt[part] += sizes[group]
    fewest = np.array([_FEWEST_TRAINING, _FEWEST_OTHER, _FEWEST_OTHER, _FEWEST_OTHER])
    if (dealt < fewest).any():
        short = int(np.flatnonzero(dealt < fewest)[0])
        raise UserError(
            f"split: too few to split {training:g}/{validation:g}/{test:g}: {len(codes)} samples that make "
            f"{len(names)} undivided group(s) leave {int(dealt[short])} for {PARTS[short]}, which needs "
            f"{fewest[short]}; add sources or change split.by or split.fractions"
        )
    return np.array(PARTS)[part_of_group[codes]]


def read_parts(path: str | Path, samples: Sequence[str]) -> NDArray[np.str_]:
    """Read the user's own split: a table with columns sample and part.

    Raises
    ------
    UserError
        If a sample is missing or has two parts, a part is unknown or too small.
    """
    rows = read_text_table(path, ["sample", "part"]).drop_duplicates()
    twice = rows["sample"][rows["sample"].duplicated()]
    if len(twice):
        raise UserError(f"{path}: gives the sample {twice.iloc[0]} to two parts")
    table = rows.set_index("sample")["part"]
    unknown = sorted(set(table) - set(PARTS))
    if unknown:
        raise UserError(f"{path}: the part {unknown[0]!r} is not one of {', '.join(PARTS)}")
    missing = [sample for sample in samples if sample not in table.index]
    if missing:
        raise UserError(f"{path}: gives no part to {len(missing)} samples of the compendium ({missing[0]})")
    parts = table.loc[list(samples)].to_numpy().astype(str)
    for part in PARTS:
        fewest = _FEWEST_TRAINING if part == "training" else _FEWEST_OTHER
        if (count := int((parts == part).sum())) < fewest:
            raise UserError(f"{path}: {count} samples for {part}, which needs {fewest}")
    return parts


def gene_roles(var: pd.DataFrame, roles: GeneRoles) -> pd.DataFrame:
    """Give every gene of the compendium its role, and list the landmarks that it does not measure.

    Parameters
    ----------
    var
        Genes of the compendium, indexed by gene: symbol, ensembl, mapped.
    roles
        What decides.

    Returns
    -------
    DataFrame
        gene, symbol, ensembl, cmap (CMap's class), mapped (whether the gene has an Entrez id), role (landmark,
        target, unused), overlapping, reason.

    Raises
    ------
    UserError
        If no landmark or no target is measured, or a list names none of the genes.
    """
    landmarks = read_text_table(roles.landmarks, ["entrez"]).drop_duplicates("entrez")
    dgex = read_text_table(roles.dgex, ["entrez", "cmap"]).drop_duplicates("entrez").set_index("entrez")
    table = pd.DataFrame({"gene": var.index, "symbol": var["symbol"].to_numpy(), "ensembl": var["ensembl"].to_numpy()})
    table["cmap"] = dgex["cmap"].reindex(table["gene"]).fillna("").to_numpy()
    table["mapped"] = var["mapped"].to_numpy().astype(int)
    is_landmark = table["gene"].isin(landmarks["entrez"]).to_numpy()
    if not is_landmark.any():
        raise UserError(
            f"none of the compendium's {len(table)} genes is a landmark of {roles.landmarks} "
            f"(the genes begin with {', '.join(table['symbol'][:3])}); landmarks are the models' inputs"
        )
    asked = _asked_targets(table, ~is_landmark, roles, dgex)
    if not (asked & ~is_landmark).any():
        raise UserError("genes.targets: none of the targets is measured by the compendium")
    table["role"] = np.select([is_landmark, asked], ["landmark", "target"], "unused")
    # With probes averaged per gene, a target whose gene is a landmark would copy its input.
    table["overlapping"] = 0
    table["reason"] = np.select(
        [is_landmark & asked & (roles.targets != "measured"), is_landmark, asked],
        [
            "in the list of landmarks; also asked for as a target, where it would copy its input",
            "in the list of landmarks",
            "measured" if roles.targets == "measured" else "asked for by genes.targets",
        ],
        "not asked for by genes.targets",
    )
    absent = landmarks[~landmarks["entrez"].isin(table["gene"])]
    unmeasured = pd.DataFrame(
        {
            "gene": absent["entrez"],
            "symbol": absent.get("symbol", ""),
            "ensembl": absent.get("ensembl", ""),
            "cmap": "landmark",
            "mapped": 1,
            "role": "unused",
            "overlapping": 0,
            "reason": "a landmark that the compendium does not measure",
        }
    )
    return pd.concat([table, unmeasured], ignore_index=True)


def _asked_targets(
    table: pd.DataFrame, eligible: NDArray[np.bool_], roles: GeneRoles, dgex: pd.DataFrame
) -> NDArray[np.bool_]:
    targets = roles.targets
    if targets == "measured":
        return np.ones(len(table), bool)
    if isinstance(targets, Mapping):
        candidates = np.flatnonzero(eligible)
        if targets["random"] > len(candidates):
            raise UserError(f"genes.targets.random: {targets['random']} of {len(candidates)} possible targets")
        # Drawn among sorted ids, so that the order of the sources changes nothing.
        candidates = candidates[np.argsort(table["gene"].to_numpy()[candidates])]
        chosen = np.random.default_rng(targets["seed"]).choice(candidates, targets["random"], replace=False)
        return np.isin(np.arange(len(table)), chosen)
    if targets == "dgex":
        return table["gene"].isin(dgex.index).to_numpy()
    if isinstance(targets, str):
        names = _listed_genes(targets)
    else:
        names = list(map(str, targets))
        unknown = [name for name in names if name not in set(table["symbol"]) | set(table["gene"])]
        if unknown:
            raise UserError(f"genes.targets: {unknown[0]} is not measured by the compendium")
    return (table["gene"].isin(names) | table["symbol"].isin(names)).to_numpy()


def _listed_genes(path: str) -> list[str]:
    table = read_text_table(path, [])
    for column in ("entrez", "symbol"):
        if column in table:
            return table[column].tolist()
    raise UserError(f"{path}: has neither a column entrez nor a column symbol; genes.targets needs one")


def write_roles(compendium: str | Path, roles: GeneRoles, genes: str | Path) -> None:
    """Write genes.tsv: the role of every gene and why; errors as in `gene_roles`."""
    with open_matrix(compendium) as matrix:
        table = gene_roles(matrix.var, roles)
    _logger.info("roles: %s", table["role"].value_counts().to_dict())
    with atomic(genes) as temporary:
        table.to_csv(temporary, sep="\t", index=False)


def write_parts(compendium: str | Path, by: str, fractions: Sequence[float], seed: int, split: str | Path) -> None:
    """Write split.tsv: the part of every sample of the compendium.

    Parameters
    ----------
    compendium
        compendium.h5ad.
    by
        `series` (by group), `sample`, or the path of the user's own split.
    fractions, seed
        As in `assign_parts`.
    split
        The table: sample, source, series, group, part.

    Raises
    ------
    UserError
        As in `assign_parts` and `read_parts`.
    """
    with open_matrix(compendium) as matrix:
        obs = matrix.obs
    samples = obs.index.astype(str).tolist()
    if by == "sample":
        parts = assign_parts(samples, fractions, seed)
    elif by == "series":
        parts = assign_parts(obs["group"].astype(str).tolist(), fractions, seed)
    else:
        parts = read_parts(by, samples)
    table = obs[["source", "series", "group"]].assign(part=parts)
    _logger.info("samples: %s", table["part"].value_counts().to_dict())
    with atomic(split) as temporary:
        table.to_csv(temporary, sep="\t", index_label="sample")


def rows_of_part(split: str | Path, part: str) -> NDArray[np.intp]:
    """Return the rows of the compendium that belong to a part of the split."""
    table = pd.read_csv(split, sep="\t", dtype=str, keep_default_na=False)
    return np.flatnonzero(table["part"] == part)
