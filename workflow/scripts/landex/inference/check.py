"""What landex makes of a file of profiles, before anything is scored."""

import csv
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from landex.bundles.bundle import open_bundle
from landex.inference.profiles import Landmarks, Reading, open_profiles

# Beside the package in the project's tree.
_LISTED = Path(__file__).resolve().parents[4] / "resources" / "genes" / "landmarks.tsv"
_SHOWN = 20


def lines(profiles: str | Path, bundle: str | Path | None, reading: Reading) -> Iterator[str]:
    """Yield what a file holds, a line each.

    Parameters
    ----------
    profiles
        The file.
    bundle
        Whose landmarks to look for; the 978 of L1000 where None, by id, symbol, Ensembl id and probe, without aliases.
    reading
        How it is read.

    Raises
    ------
    UserError
        If it cannot be scored, with the reason.
    """
    with ExitStack() as opened:
        if bundle is None:
            landmarks, symbols = _listed()
        else:
            of_bundle = opened.enter_context(open_bundle(bundle))
            landmarks = Landmarks(of_bundle.names, of_bundle.landmarks.mean)
            symbols = of_bundle.landmarks.symbols
        found = opened.enter_context(open_profiles(profiles, landmarks, reading))
        yield f"{profiles}: {len(found.file.samples)} samples x {len(found.file.genes)} genes"
        if found.turned:
            yield "genes stand where samples belong: they are turned when they are scored"
        field = f" in the field {found.found.field}" if found.found.field else ""
        yield f"genes are named by {found.found.kind}{field}"
        missing = sorted(set(range(len(symbols))) - set(found.found.places.tolist()))
        told = ", ".join(symbols[place] for place in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        yield f"{len(found.found.places)} of {len(symbols)} landmarks{f'; missing are {told}{more}' if missing else ''}"
        counted = {scale: found.scales.count(scale) for scale in dict.fromkeys(found.scales)}
        yield f"values are {', '.join(f'{scale} ({count} samples)' for scale, count in counted.items())}"
        if not np.isnan(found.units.likeness):
            alike = f"{found.units.likeness:.2f} (about 0 for values that are no expression)"
            yield f"rank correlation with the training samples' means: {alike}"
        for row, reason in found.bad.items():
            yield f"cannot be scored: {found.file.samples[row]}: {reason}"
        yield f"{len(found.rows)} samples can be scored"


def _listed() -> tuple[Landmarks, list[str]]:
    with _LISTED.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    names = [
        {
            "entrez": [row["entrez"]],
            "symbol": [row["symbol"]],
            "alias": [],
            "ensembl": [row["ensembl"]],
            "probe": [row["probe"]],
        }
        for row in rows
    ]
    return Landmarks(names, np.full(len(rows), np.nan)), [row["symbol"] for row in rows]
