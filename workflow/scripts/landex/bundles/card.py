"""The model card of a bundle (Mitchell et al. 2019, FAT* 220): what it is, what it was worth, where it ends."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# As in landex.kinds and config.yaml.
_KINDS = {
    "ols": "ordinary least squares",
    "ridge": "ridge regression",
    "lasso": "lasso",
    "elastic_net": "elastic net",
    "knn": "nearest training samples",
    "knn_ge": "nearest landmarks (KNN-GE)",
    "sample_lasso": "SampleLASSO",
    "kernel_ridge": "kernel ridge regression",
    "median_kernel": "kernel regression for absolute errors",
    "blend": "blend",
    "network": "neural network",
}


def card(about: Mapping[str, Any]) -> str:
    """Return the card, as Markdown, of what a bundle's manifest says of it."""
    return "\n".join([*_head(about), *_worth(about), *_origins(about), *_limits(about), *_making(about)]) + "\n"


def _head(about: Mapping[str, Any]) -> Iterator[str]:
    kind = about["kinds"][about["model"]]
    yield f"# {about['model']}: {_KINDS.get(kind, kind)}"
    yield ""
    yield (
        f"Infers the expression of {about['targets']:,} human target genes from {about['landmarks']:,} landmark genes, "
        "for one profile or many. Made by landex."
    )
    if about["members"]:
        told = ", ".join(
            f"{name} ({_KINDS.get(about['kinds'][name], about['kinds'][name])})" for name in about["members"]
        )
        yield ""
        yield f"It blends {told}; all of them are in this file."
    training, samples, blend = about["training"], about["samples"], bool(about["members"])
    yield ""
    yield from _table(
        ("", ""),
        [
            ("weights of its members" if blend else "fitted numbers", f"{training.get('parameters', 0):,}"),
            ("training samples", f"{samples.get('training', 0):,}"),
            ("chosen on / calibrated on", f"{samples.get('select', 0):,} / {samples.get('calibrate', 0):,} others"),
            (
                "weighing took" if blend else "training took",
                f"{training.get('seconds') or 0:,.1f} s on {training.get('device') or 'CPU'}",
            ),
            (
                "input",
                "any expression profile with most landmarks: mapped by ranks onto the training samples' landmarks",
            ),
            ("output", "quantile units (as log2) of the training samples, or their z-scores"),
        ],
    )


def _worth(about: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## What it was worth on samples that it never saw"
    yield ""
    if not about["errors"]:
        yield "Not evaluated."
        return
    rows = []
    for row in about["errors"]:
        gain = 1 - row["mae"] / row["null_mae"] if row["null_mae"] else None
        beside = 1 - row["mae"] / row["baseline_mae"] if row["baseline_mae"] else None
        rows.append(
            (
                row["cohort"],
                row["scaling"],
                f"{row['samples']:,} x {row['targets']:,}",
                _number(row["mae"]),
                _percent(gain),
                _percent(beside),
                _number(row["pearson"]),
                _share(row["coverage"]),
            )
        )
    head = (
        "cohort", "scaling", "samples x targets", "MAE in z-scores", "better than the gene's mean",
        f"better than {about['baseline'] or 'the baseline'}", "mean correlation", "intervals cover",
    )  # fmt: skip
    yield from _table(head, rows)
    yield ""
    yield (
        "`test` is the held-out part of the training data; other cohorts are of studies and platforms that nothing was "
        "learnt from. Scaling `training` is what a single new profile gets; `own` scales by the cohort's own truth."
    )
    if about["trust"]:
        told = ", ".join(f"{count:,} {name}" for name, count in about["trust"].items())
        yield ""
        yield (
            f"Trust in the targets, decided on calibration samples: {told}. A class speaks of samples like those: on "
            "other platforms fewer targets keep it."
        )


def _origins(about: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## What it learnt from, and licences"
    yield ""
    unsaid = "not stated; ask whoever owns the data before you pass this file on"
    rows = [(origin["name"], origin["data"], origin["licence"] or unsaid) for origin in about["origins"]]
    yield from _table(("source", "data", "licence"), rows)
    carried = about["profiles"]
    yield ""
    if carried:
        told = ", ".join(f"{name} {count:,}" for name, count in carried.items())
        yield (
            f"**This file carries training profiles** ({told}): whoever has it can read them, so it may be passed on "
            "only as the data may."
        )
    else:
        yield "The file carries fitted numbers and summary statistics, no training profile."


def _limits(about: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Where it ends"
    yield ""
    yield "- Human genes and bulk expression like the sources above; no diagnosis may rest on an inferred value alone."
    yield "- Every inference gives a profile's distance from the training samples: far profiles have larger errors."
    yield "- Absolute levels on another platform are rough; what differs between samples of one platform is better."
    if about["joint"]:
        yield (
            "- The model was trained in the paper's way, landmarks normalised together with targets. A new profile has "
            "landmarks only, which are mapped alone here: the errors above do not carry over to it."
        )


def _making(about: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## How it was made"
    yield ""
    told = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    yield f"landex {about['landex']}; {told}."
    for name, value in (about["training"].get("settings") or {}).items():
        yield f"- {name}: {value}"
    yield ""
    yield (
        "The method follows D-GEX (Chen et al. 2016, Bioinformatics 32:1832); intervals are split-conformal (Lei et "
        "al. 2018, J Am Stat Assoc 113:1094)."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        # A bar or a line break in a name would break the row.
        yield f"| {' | '.join(' '.join(str(cell).split()).replace('|', '/') for cell in row)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.1f} %"
