"""Provenance: every sample's way from a file to its row of the compendium, or to where it ended."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from landex.copies import Copies
from landex.files import atomic
from landex.tsv import read_tsv

_TAKEN = ["sample", "series", "platform", "file", "checksum", "scale", "kept", "reason"]


def write_provenance(
    fates: Mapping[str, Path], obs: pd.DataFrame, copies: Copies, written: pd.DataFrame, path: str | Path
) -> None:
    """Write provenance.tsv, a row a sample of every source.

    Columns: source, sample, series, platform; file and checksum (SHA-256) that it was read from; scale that was found;
    kept (whether it is in the compendium) and reason; compendium_sample and compendium_row (from 0), group.

    Parameters
    ----------
    fates
        The .qc.tsv of every source, by name.
    obs
        The samples of all cohorts, in the order that `copies` speaks of, with their groups.
    copies
        Which of them stay.
    written
        Those that stay, as the compendium names them.
    path
        Result.
    """
    table = pd.concat([read_tsv(fate, _TAKEN)[_TAKEN].assign(source=name) for name, fate in fates.items()])
    rows = np.full(len(obs), -1)
    rows[copies.kept] = np.arange(int(copies.kept.sum()))
    there = pd.DataFrame(
        {
            "source": obs["source"].astype(str).to_numpy(),
            "sample": obs.index.astype(str),
            "group": obs["group"].to_numpy(),
            "row": rows,
            "of": obs.index.to_numpy()[copies.leaders],
            "leads": copies.leaders == np.arange(len(obs)),
        }
    )
    table = table.merge(there, on=["source", "sample"], how="left", validate="many_to_one")
    stays = table["row"].ge(0)
    copied = table["row"].eq(-1)
    leads = table["leads"].eq(True)
    external = "an external cohort has it too (see duplicates.tsv)"
    reasons = np.where(leads, external, "a copy of " + table["of"].astype(str) + " (see duplicates.tsv)")
    names = pd.Series(written.index.astype(str))
    whole = table.assign(
        reason=table["reason"].where(~copied, reasons),
        kept=stays.astype(int),
        compendium_sample=table["row"].where(stays).map(names).fillna(""),
        compendium_row=table["row"].where(stays).astype("Int64"),
        group=table["group"].fillna(""),
    )
    columns = ["source", *_TAKEN, "compendium_sample", "compendium_row", "group"]
    with atomic(path) as temporary:
        whole[columns].to_csv(temporary, sep="\t", index=False)
