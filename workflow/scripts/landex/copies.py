"""Samples that stand in several cohorts: by accession, or as near-duplicates; which of them stay."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.duplicates import Pair, Scores, groups_of, near_pairs, normal_scores, profile_distance
from landex.files import allocate, scratch_prefix
from landex.h5ad import Block, open_matrix
from landex.threads import mapped_in_threads

_logger = logging.getLogger(__name__)

# On fewer shared genes the distance between two profiles says little about whether they are one.
FEWEST_SHARED_GENES = 100
_ACCESSION = re.compile(r"^GSM\d+$")
COLUMNS = ["sample", "cohort", "group", "kept", "distance", "by"]


@dataclass(frozen=True)
class Part:
    """One cohort: its tables in memory, its values (samples, genes) in its file."""

    name: str
    path: Path
    obs: pd.DataFrame
    var: pd.DataFrame

    @classmethod
    def read(cls, name: str, path: Path) -> "Part":
        """Read a cohort's tables."""
        with open_matrix(path) as matrix:
            return cls(name, path, matrix.obs, matrix.var)

    def blocks(self, genes: pd.Index, rows: NDArray[np.intp] | None = None) -> Iterator[Block]:
        """Yield values of some genes, NaN where the cohort lacks one, of some samples, by default all, in blocks."""
        places = self.var.index.get_indexer(genes)
        lacking = places < 0
        with open_matrix(self.path) as matrix:
            for _, block in matrix.blocks(rows):
                chosen = block[:, places]
                if lacking.any():
                    chosen[:, lacking] = np.nan
                yield chosen


@dataclass(frozen=True)
class Copies:
    """Which samples stay, the first sample of every sample's group, and the table of duplicates.tsv."""

    kept: NDArray[np.bool_]
    leaders: NDArray[np.intp]
    table: pd.DataFrame


def find_copies(
    parts: Sequence[Part],
    external: Sequence[Part],
    genes: pd.Index,
    distance: float | None,
    result: Path,
    threads: int = 1,
) -> Copies:
    """Compare all samples with each other and with those of the external cohorts.

    Of a group of copies the first in the order of the cohorts stays; none where an external cohort has one. Samples of
    one accession (GSM) are one sample, whatever their values.

    Parameters
    ----------
    parts, external
        The cohorts to learn from, and those that nothing learns from.
    genes
        Genes that all of `parts` measure, on which profiles are compared.
    distance
        Largest root mean square difference of normal scores; None compares accessions only.
    result
        What the job makes, beside which profiles lie meanwhile: 4 bytes a value.
    threads
        Threads; the result is the same with any number.
    """
    obs = pd.concat([part.obs for part in parts])
    found = _Found(obs, len(obs))
    same = _same_accession(obs.index, obs.index, within=True)
    if distance is not None and len(genes) >= FEWEST_SHARED_GENES:
        with profiles(parts, genes, result, threads) as scores:
            found.take(_measured(same, scores, scores), "accession")
            found.take(list(near_pairs(scores, scores, distance)), "profile")
    else:
        found.take(same, "accession")
    found.settle()
    for other in external:
        shared = genes[genes.isin(other.var.index)]
        same = _same_accession(obs.index, other.obs.index)
        if distance is not None and len(shared) >= FEWEST_SHARED_GENES:
            with profiles(parts, shared, result, threads) as ours, profiles([other], shared, result, 1) as theirs:
                found.take_external(other, _measured(same, ours, theirs), "accession")
                found.take_external(other, list(near_pairs(ours, theirs, distance)), "profile")
        else:
            found.take_external(other, same, "accession")
    return found.copies()


@contextmanager
def profiles(parts: Sequence[Part], genes: pd.Index, result: Path, threads: int) -> Iterator[Scores]:
    """Yield the normal scores of all samples, shape (samples, genes), mapped from a file beside a result."""
    samples = sum(len(part.obs) for part in parts)
    # Named for the result, so that what a kill leaves is removed with its leftovers.
    with TemporaryDirectory(dir=result.parent, prefix=scratch_prefix(result.name)) as folder:
        path = Path(folder, "scores")
        blocks = (block for part in parts for block in part.blocks(genes))
        allocate(path, 4 * samples * len(genes))
        with path.open("r+b") as out:
            for block in mapped_in_threads(normal_scores, blocks, threads):
                out.write(block.data)
        # Mapped for reading only: the system may drop what it needs no more.
        yield np.memmap(path, np.float32, "r", shape=(samples, len(genes)))


def _measured(pairs: list[Pair], first: Scores, second: Scores) -> list[Pair]:
    """Return pairs with the distance of their profiles."""
    return [replace(pair, distance=profile_distance(first[pair.first], second[pair.second])) for pair in pairs]


def _same_accession(first: pd.Index, second: pd.Index, within: bool = False) -> list[Pair]:
    """Return the pairs of rows that have one accession; within a table, each sample's with the first of its name."""
    if within:
        rows: dict[str, int] = {}
        named = [(rows.setdefault(name, row), row) for row, name in enumerate(first) if _ACCESSION.match(name)]
        return [Pair(one, two, np.nan) for one, two in named if one != two]
    places: dict[str, list[int]] = {}
    for row, name in enumerate(first):
        places.setdefault(name, []).append(row)
    return [
        Pair(row, other, np.nan)
        for other, name in enumerate(second)
        if _ACCESSION.match(name)
        for row in places.get(name, [])
    ]


class _Found:
    """Pairs of copies while they are gathered."""

    def __init__(self, obs: pd.DataFrame, samples: int) -> None:
        self._obs = obs
        self._pairs: list[Pair] = []
        self._nearest = np.full(samples, np.inf)
        self._by = np.full(samples, "", object)
        self._leaders = np.arange(samples)
        self._kept = np.ones(samples, bool)
        self._external: dict[tuple[str, str, str], dict[str, object]] = {}

    def take(self, pairs: list[Pair], by: str) -> None:
        """Note pairs of samples to learn from."""
        self._pairs += pairs
        for pair in pairs:
            for row in (pair.first, pair.second):
                self._note(row, pair.distance, by)

    def settle(self) -> None:
        """Keep the first sample of every group."""
        self._leaders = groups_of(self._pairs, len(self._leaders))
        self._kept = self._leaders == np.arange(len(self._leaders))

    def take_external(self, part: Part, pairs: list[Pair], by: str) -> None:
        """Note samples that an external cohort has too, after `settle`; their groups go."""
        for pair in pairs:
            leader = self._leaders[pair.first]
            self._kept[self._leaders == leader] = False
            self._note(pair.first, pair.distance, by)
            key = (str(part.obs.index[pair.second]), part.name, str(self._obs.index[leader]))
            row = self._external.setdefault(
                key, {**dict(zip(COLUMNS, key, strict=False)), "kept": 1, "distance": pair.distance, "by": by}
            )
            row["distance"] = np.fmin(row["distance"], pair.distance)  # type: ignore[call-overload]

    def _note(self, row: int, distance: float, by: str) -> None:
        self._nearest[row] = distance if np.isinf(self._nearest[row]) else np.fmin(self._nearest[row], distance)
        self._by[row] = self._by[row] or by

    def copies(self) -> Copies:
        """Return what was found."""
        rows = np.flatnonzero(self._by != "")
        ours = [
            {
                "sample": self._obs.index[row],
                "cohort": self._obs["source"].iloc[row],
                "group": self._obs.index[self._leaders[row]],
                "kept": int(self._kept[row]),
                "distance": self._nearest[row],
                "by": self._by[row],
            }
            for row in rows
        ]
        table = pd.DataFrame([*ours, *self._external.values()], columns=COLUMNS).sort_values("group", kind="stable")
        return Copies(self._kept, self._leaders, table)
