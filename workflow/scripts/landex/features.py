"""Lists of features: which probes, or which gene, each is averaged from; D-GEX's own among them."""

from pathlib import Path

import pandas as pd

from landex.errors import UserError
from landex.tsv import read_tsv

_COLUMNS = ["gene", "entrez", "symbol", "ensembl", "probes", "landmark", "overlapping"]


def dgex_features(landmarks: str | Path, targets: str | Path) -> pd.DataFrame:
    """Return D-GEX's 943 landmarks and 9,520 targets (Chen et al. 2016), landmarks first.

    A target whose gene is a landmark too, measured by other probes, is a feature of its own and overlapping; where a
    file names genes, not probes, it copies its landmark. Features are named by Entrez id; overlapping ones, those
    without an Entrez id and the second of two with the same by Ensembl id.

    Parameters
    ----------
    landmarks, targets
        resources/genes/landmarks.tsv and targets.tsv.

    Returns
    -------
    DataFrame
        A row a feature, indexed by its name (`gene`): entrez, symbol, ensembl, probes (separated by commas), landmark
        and overlapping (truth values).
    """
    inputs = read_tsv(landmarks, ["entrez", "symbol", "ensembl", "probe", "dgex"])
    inputs = inputs[inputs["dgex"] == "1"].rename(columns={"probe": "probes"})
    outputs = read_tsv(targets, ["entrez", "symbol", "ensembl", "probes", "landmark_gene"])
    inputs = inputs.assign(gene=inputs["entrez"], landmark=True, overlapping=False)
    overlapping = outputs["landmark_gene"] == "1"
    taken = overlapping | (outputs["entrez"] == "") | outputs["entrez"].duplicated()
    named = outputs["entrez"].where(~taken, outputs["ensembl"])
    outputs = outputs.assign(gene=named, landmark=False, overlapping=overlapping)
    return pd.concat([inputs[_COLUMNS], outputs[_COLUMNS]]).set_index("gene")


def own_features(path: str | Path) -> pd.DataFrame:
    """Read a user's list: a table with the columns entrez and probes (separated by commas), a row a gene.

    Raises
    ------
    UserError
        If a column is missing, a gene stands in two rows, or has no name or no probes.
    """
    table = read_tsv(path, ["entrez", "probes"])
    for number, (entrez, probes) in enumerate(zip(table["entrez"], table["probes"], strict=True)):
        if not entrez.strip() or not probes.strip():
            raise UserError(f"{path}: row {number + 2} has no {'probes' if entrez.strip() else 'entrez'}")
    twice = table["entrez"][table["entrez"].duplicated()]
    if len(twice):
        raise UserError(f"{path}: names the gene {twice.iloc[0]} twice; list all its probes in one row")
    for column in ("symbol", "ensembl"):
        if column not in table:
            table[column] = ""
    return table.assign(gene=table["entrez"], landmark=False, overlapping=False)[_COLUMNS].set_index("gene")


def read_features(collapse: str, landmarks: str | Path, targets: str | Path) -> pd.DataFrame | None:
    """Return the features of the config's `compendium.collapse`; None where all columns of a gene are averaged.

    Parameters
    ----------
    collapse
        `mean`, `dgex` or the path of a list.
    landmarks, targets
        As for `dgex_features`.
    """
    if collapse == "mean":
        return None
    return dgex_features(landmarks, targets) if collapse == "dgex" else own_features(collapse)
