"""Roles: which genes are landmarks and which are targets, and why."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.features import dgex_features
from landex.files import atomic
from landex.h5ad import open_matrix
from landex.tsv import read_tsv

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GeneRoles:
    """What decides on roles.

    Attributes
    ----------
    landmarks
        Path of the list of landmarks; None for D-GEX's.
    targets
        As in the config.
    dgex_landmarks, dgex_targets
        resources/genes/landmarks.tsv and targets.tsv.
    by_features
        Whether the compendium's columns are D-GEX's features (`collapse: dgex`), of which some are overlapping targets.
    """

    landmarks: str | None
    targets: Any
    dgex_landmarks: str
    dgex_targets: str
    by_features: bool = False


def gene_roles(var: pd.DataFrame, lost: pd.DataFrame, roles: GeneRoles) -> pd.DataFrame:
    """Give every gene its role: those of the compendium, those lost at its join, and those asked for in vain.

    Parameters
    ----------
    var
        Genes of the compendium, indexed by gene: symbol, ensembl, mapped.
    lost
        Genes that some sources do not measure: gene, symbol, ensembl, mapped, missing_from.
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
        If no landmark or no target is measured, or a target named in the config is not.
    """
    landmarks = _landmarks(roles)
    features = dgex_features(roles.dgex_landmarks, roles.dgex_targets) if roles.by_features else None
    dgex = read_tsv(roles.dgex_targets, ["entrez", "cmap"]).drop_duplicates("entrez").set_index("entrez")
    table = var[["symbol", "ensembl", "mapped"]].astype({"mapped": int}).reset_index(names="gene")
    is_landmark = table["gene"].isin(landmarks["entrez"]).to_numpy()
    if not is_landmark.any():
        raise UserError(
            f"none of the compendium's {len(table)} genes is a landmark of {roles.landmarks or roles.dgex_landmarks} "
            f"(the genes begin with {', '.join(table['symbol'][:3])}); landmarks are the models' inputs"
        )
    listed = _listed_targets(roles, dgex, features)
    asked = _asked_targets(table, ~is_landmark, listed, roles.targets)
    if not asked.any():
        raise UserError("genes.targets: none of the targets is measured by the compendium")
    if not (asked & ~is_landmark).any():
        raise UserError("genes.targets: all of the targets that are measured are landmarks, which are inputs")
    table["role"] = np.select([is_landmark, asked], ["landmark", "target"], "unused")
    table["reason"] = np.select(
        [is_landmark & asked & (roles.targets != "measured"), is_landmark, asked],
        [
            "in the list of landmarks; also asked for as a target, where it would copy its input",
            "in the list of landmarks",
            "measured" if roles.targets == "measured" else "asked for by genes.targets",
        ],
        "not asked for by genes.targets",
    )
    table = pd.concat([table, _lost_genes(lost), _unmeasured(table, lost, landmarks, listed)], ignore_index=True)
    # With probes averaged per gene, a target whose gene is a landmark would copy its input: there is none.
    overlapping = np.zeros(len(table), int)
    entrez = table["gene"]
    if features is not None:
        overlapping = features["overlapping"].reindex(table["gene"]).eq(True).to_numpy(int)
        entrez = features["entrez"].reindex(table["gene"]).fillna("")
    table.insert(3, "cmap", dgex["cmap"].reindex(entrez).fillna("").to_numpy())
    table.insert(6, "overlapping", overlapping)
    return table


def _landmarks(roles: GeneRoles) -> pd.DataFrame:
    if roles.landmarks is not None:
        return read_tsv(roles.landmarks, ["entrez"]).drop_duplicates("entrez")
    table = read_tsv(roles.dgex_landmarks, ["entrez", "dgex"])
    return table[table["dgex"] == "1"].drop_duplicates("entrez")


def _listed_targets(roles: GeneRoles, dgex: pd.DataFrame, features: pd.DataFrame | None) -> list[str]:
    """Return the names of the targets that are asked for one by one."""
    if roles.targets == "measured" or isinstance(roles.targets, Mapping):
        return []
    if roles.targets == "dgex" and features is not None:
        return features.index[~features["landmark"]].tolist()
    if roles.targets == "dgex":
        return [gene for gene in dgex.index if gene]
    return _names_in(roles.targets) if isinstance(roles.targets, str) else list(map(str, roles.targets))


def _names_in(path: str) -> list[str]:
    table = read_tsv(path, [])
    for column in ("entrez", "symbol"):
        if column in table:
            return table[column].tolist()
    raise UserError(f"{path}: has neither a column entrez nor a column symbol; genes.targets needs one")


def _asked_targets(
    table: pd.DataFrame, eligible: NDArray[np.bool_], listed: list[str], targets: Any
) -> NDArray[np.bool_]:
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
    known = {*table["symbol"], *table["gene"]}
    unknown = [name for name in listed if name not in known]
    if unknown and isinstance(targets, list):
        raise UserError(f"genes.targets: {unknown[0]} is not measured by the compendium")
    return (table["gene"].isin(listed) | table["symbol"].isin(listed)).to_numpy()


def _lost_genes(lost: pd.DataFrame) -> pd.DataFrame:
    reasons = "not measured by " + lost["missing_from"].astype(str)
    return lost[["gene", "symbol", "ensembl", "mapped"]].assign(role="unused", reason=reasons)


def _unmeasured(table: pd.DataFrame, lost: pd.DataFrame, landmarks: pd.DataFrame, listed: list[str]) -> pd.DataFrame:
    """List the landmarks and targets that were asked for and that no source measures."""
    known = {*table["gene"], *table["symbol"], *lost["gene"], *lost["symbol"]}
    absent = landmarks[~landmarks["entrez"].isin(known)]
    known.update(absent["entrez"])
    inputs = pd.DataFrame(
        {
            "gene": absent["entrez"],
            "symbol": absent.get("symbol", ""),
            "ensembl": absent.get("ensembl", ""),
            "reason": "a landmark that no source measures",
        }
    )
    names = [name for name in dict.fromkeys(listed) if name not in known]
    outputs = pd.DataFrame({"gene": names, "symbol": "", "ensembl": "", "reason": "a target that no source measures"})
    return pd.concat([inputs, outputs]).assign(mapped=1, role="unused")


def write_roles(compendium: str | Path, lost: str | Path, roles: GeneRoles, genes: str | Path) -> None:
    """Write genes.tsv: the role of every gene and why.

    Parameters
    ----------
    compendium, lost
        compendium.h5ad and lost_genes.tsv.
    roles
        What decides.
    genes
        The table of `gene_roles`, whose errors it raises.
    """
    missing = read_tsv(lost, ["gene", "symbol", "ensembl", "mapped", "missing_from"])
    with open_matrix(compendium) as matrix:
        table = gene_roles(matrix.var, missing.astype({"mapped": int}), roles)
    _logger.info("roles: %s", table["role"].value_counts().to_dict())
    with atomic(genes) as temporary:
        table.to_csv(temporary, sep="\t", index=False)
