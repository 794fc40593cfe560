"""Materials of a run: what became of cohorts, samples and genes before any model saw them.

Each function boils one table of an earlier stage down to the facts that the report states.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from landex.vocabulary import PARTS, QUANTILES


@dataclass(frozen=True)
class ScaleDecision:
    """Samples of a cohort that were found on one scale, with the medians over them of `QUANTILES`."""

    scale: str
    samples: int
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class CohortFacts:
    """One cohort: its samples' fate, and what decided about their scale.

    `role` says what it is for: compendium, auxiliary, or external test. `missing` is the mean share of values missing
    in the samples kept; `rejected` lists sample, series and reason of those that were not.
    """

    name: str
    role: str
    series: tuple[str, ...]
    platforms: tuple[str, ...]
    kept: int
    reasons: Mapping[str, int]
    scales: tuple[ScaleDecision, ...]
    missing: float
    rejected: tuple[tuple[str, str, str], ...]


def cohort_facts(name: str, quality: pd.DataFrame, role: str) -> CohortFacts:
    """Sum up a cohort's table of samples (results/cohorts/{cohort}.qc.tsv)."""
    kept = quality[quality["kept"] == 1]
    rejected = quality[quality["kept"] == 0]
    scales = tuple(
        ScaleDecision(str(scale), len(samples), tuple(samples[list(QUANTILES)].median()))
        for scale, samples in kept.groupby("scale")
    )
    return CohortFacts(
        name=name,
        role=role,
        series=tuple(quality["series"].unique()),
        platforms=tuple(platform for platform in quality["platform"].unique() if platform),
        kept=len(kept),
        reasons={str(reason): int(count) for reason, count in rejected["reason"].value_counts().items()},
        scales=scales,
        missing=float(kept["missing"].mean()) if len(kept) else 0.0,
        rejected=tuple(rejected[["sample", "series", "reason"]].itertuples(index=False, name=None)),
    )


@dataclass(frozen=True)
class DuplicateFacts:
    """Near-duplicates: the number of groups, and sample, cohort, group and distance of each one left out."""

    groups: int
    left_out: tuple[tuple[str, str, str, float], ...]


def duplicate_facts(duplicates: pd.DataFrame) -> DuplicateFacts:
    """Sum up results/compendium/duplicates.tsv."""
    left_out = duplicates[duplicates["kept"] == 0]
    columns = ["sample", "cohort", "group", "distance"]
    return DuplicateFacts(
        groups=duplicates["group"].nunique(),
        left_out=tuple(left_out[columns].itertuples(index=False, name=None)),
    )


@dataclass(frozen=True)
class PartFacts:
    """One part of the split, counted."""

    part: str
    samples: int
    groups: int
    series: int


def part_facts(split: pd.DataFrame) -> list[PartFacts]:
    """Count samples, groups and series of every part of results/split/split.tsv."""
    parts = ((part, split[split["part"] == part]) for part in PARTS)
    return [PartFacts(part, len(rows), rows["group"].nunique(), rows["series"].nunique()) for part, rows in parts]


def split_note(split: pd.DataFrame, by: str, external: Sequence[str]) -> str | None:
    """Say what a split by sample means for the test figures; None for a split by group."""
    if by != "sample":
        return None
    series = split["series"].unique()
    why = f" because the compendium is a single series ({series[0]})" if len(series) == 1 else ""
    honest = "the external cohorts are the honest test" if external else "add an external cohort for an honest test"
    return (
        f"The split is by sample{why}: replicates and a series' batch effects stand on both sides, so the "
        f"test figures flatter every model; {honest}."
    )


def role_counts(genes: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Count the genes of results/split/genes.tsv by role and reason, most frequent first in each role."""
    counts = genes.groupby(["role", "reason"], sort=True).size().rename("genes").reset_index()
    order = {"landmark": 0, "target": 1, "unused": 2}
    counts = counts.sort_values(
        ["role", "genes"], key=lambda column: column.map(order) if column.name == "role" else -column
    )
    return list(zip(counts["role"], counts["reason"], counts["genes"].astype(int), strict=True))


def unmapped_genes(genes: pd.DataFrame) -> list[str]:
    """List the genes of results/split/genes.tsv that have no Entrez id and go by their own name."""
    return genes.loc[genes["mapped"] == 0, "gene"].tolist()
