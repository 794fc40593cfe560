"""Parts: which samples train, validate and test."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.errors import UserError
from landex.files import atomic
from landex.h5ad import open_matrix
from landex.tsv import read_tsv
from landex.vocabulary import PARTS, UNUSED

_logger = logging.getLogger(__name__)

_FEWEST_TRAINING = 10
_FEWEST_OTHER = 2


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


def read_own_parts(path: str | Path, samples: Sequence[str]) -> NDArray[np.str_]:
    """Read the user's own split: a table with columns sample and part.

    Raises
    ------
    UserError
        If a sample is missing or has two parts, a part is unknown or too small.
    """
    rows = read_tsv(path, ["sample", "part"]).drop_duplicates()
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
        As in `assign_parts` and `read_own_parts`.
    """
    with open_matrix(compendium) as matrix:
        obs = matrix.obs
    samples = obs.index.astype(str).tolist()
    if by == "sample":
        parts = assign_parts(samples, fractions, seed)
    elif by == "series":
        parts = assign_parts(obs["group"].astype(str).tolist(), fractions, seed)
    else:
        parts = read_own_parts(by, samples)
    table = obs[["source", "series", "group"]].assign(part=parts)
    _logger.info("samples: %s", table["part"].value_counts().to_dict())
    with atomic(split) as temporary:
        table.to_csv(temporary, sep="\t", index_label="sample")


def thin_parts(split: str | Path, fraction: float, undivided: bool, seed: int, path: str | Path) -> None:
    """Write a split with fewer training samples: the others have no part, and all other parts stay.

    Samples, or groups of them, are drawn in one order, so that a smaller fraction is a part of every larger one.

    Parameters
    ----------
    split
        split.tsv.
    fraction
        Share of the training samples (of groups: the first ones that reach it), in (0, 1).
    undivided
        Whether groups are taken whole.
    seed
        Seed of the order.
    path
        Result, as split.tsv.

    Raises
    ------
    UserError
        If too few samples are left to learn from.
    """
    table = read_parts(split)
    training = np.flatnonzero(table["part"] == "training")
    groups = table["group"].to_numpy()[training] if undivided else training
    codes, names = pd.factorize(groups)
    turns = np.random.default_rng(seed).permutation(len(names))
    ordered = np.argsort(turns[codes], kind="stable")
    kept = round(fraction * len(training))
    if undivided and kept:
        # The group that reaches the share comes whole.
        kept = int(np.searchsorted(turns[codes][ordered], turns[codes][ordered][kept - 1], side="right"))
    if kept < _FEWEST_TRAINING:
        raise UserError(
            f"evaluation.learning_curve.fractions: {fraction:g} of {len(training)} training samples leaves {kept}, and "
            f"{_FEWEST_TRAINING} are needed; leave this fraction out"
        )
    parts = table["part"].to_numpy().copy()
    parts[training[ordered[kept:]]] = UNUSED
    with atomic(path) as temporary:
        table.assign(part=parts).to_csv(temporary, sep="\t", index=False)


def read_parts(split: str | Path) -> pd.DataFrame:
    """Read split.tsv: a row a sample of the compendium, in its order, with sample, source, series, group and part."""
    return pd.read_csv(split, sep="\t", dtype=str, keep_default_na=False)


def rows_of_part(split: str | Path, part: str) -> NDArray[np.intp]:
    """Return the rows of the compendium that belong to a part of the split."""
    return np.flatnonzero(read_parts(split)["part"] == part)


def rows_of_cohort(split: str | Path, cohort: str) -> NDArray[np.intp] | None:
    """Return the compendium's rows of a part that is taken as a cohort; None, for all rows, of any other cohort."""
    return rows_of_part(split, cohort) if cohort in PARTS else None
