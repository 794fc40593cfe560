"""GEO data sets (GDS): curated tables of probes, symbols and samples."""

from pathlib import Path

import numpy as np
import pandas as pd

from landex.errors import UserError
from landex.geo.parts import Parts, Probes, Series, Submission
from landex.geo.soft import Entry, RejectedSample, check_probes, check_sample, read_entries
from landex.geo.values import MISSING, ProbeList

_KINDS = ("DATABASE", "DATASET", "SUBSET")
# What a data set calls its columns of probes and symbols; all others are samples.
_PROBE, _SYMBOL = "ID_REF", "IDENTIFIER"


def read_dataset(path: str | Path) -> Parts:
    """Yield a data set as a series: its probes are named by its own symbols.

    Raises
    ------
    UserError
        If the file is damaged or no data set, or its table does not fit what it announces.
    """
    entries = [entry for entry in read_entries(path, _KINDS) if entry.kind == "DATASET"]
    # A file repeats the name of its data set after the subsets, above the table.
    whole = [entry for entry in entries if entry.body is not None]
    if len(whole) != 1:
        raise UserError(f"{path}: not a data set, it has {len(whole)} tables; fetch it again")
    about = {key: found for entry in entries for key, found in entry.metadata.items() if found}
    table = _table(whole[0], path)
    samples = [column for column in table.columns if column not in (_PROBE, _SYMBOL)]
    for key, found in (("feature_count", len(table)), ("sample_count", len(samples))):
        announced = about.get(key, [""])[0]
        if announced.isdecimal() and int(announced) != found:
            raise UserError(f"{path}: its table has {found} where it announces {announced} ({key}); fetch it again")
    platform = about.get("platform", [""])[0]
    # Kin to the series that it was made of, as a series is to its superseries.
    origin = [f"SubSeries of: {name}" for name in about.get("reference_series", [])]
    yield Series(whole[0].name, [platform], samples, origin)
    symbols = table[_SYMBOL] if _SYMBOL in table else pd.Series("", index=table.index)
    # Controls are called --Control.
    symbols = symbols.where(~symbols.str.startswith("--"), "")
    yield Probes(platform, pd.DataFrame({"ID": table[_PROBE], "Gene symbol": symbols}))
    organism, channels = about.get("sample_organism", ["Homo sapiens"]), about.get("channel_count", ["1"])
    probes = ProbeList(table[_PROBE].tolist())
    titles = dict(_titles(whole[0]))
    for sample in samples:
        attributes = {
            "title": [titles.get(sample, "")], "platform_id": [platform], "organism_ch1": organism,
            "channel_count": channels,
        }  # fmt: skip
        yield _submission(sample, platform, attributes, probes, table[sample])


def _submission(
    name: str, platform: str, attributes: dict[str, list[str]], probes: ProbeList, cells: pd.Series
) -> Submission:
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    unreadable = cells[np.isnan(values)][lambda text: ~text.str.strip().isin(MISSING)]
    try:
        check_sample(attributes)
        check_probes(probes)
        if len(unreadable):
            raise RejectedSample(f"its value {unreadable.iloc[0]!r} is no number")
    except RejectedSample as error:
        return Submission(name, platform, attributes, reason=str(error))
    return Submission(name, platform, attributes, probes, values)


def _table(entry: Entry, path: str | Path) -> pd.DataFrame:
    try:
        table = entry.table().fillna("")
    except RejectedSample as error:
        raise UserError(f"{path}: {error}; fetch it again") from error
    if _PROBE not in table:
        raise UserError(f"{path}: its table has no column {_PROBE}; fetch it again")
    return table


def _titles(entry: Entry) -> list[tuple[str, str]]:
    """Return what the data set says of every sample: `#GSM1 = Value for GSM1: its title; src: its source`."""
    pairs = [line[1:].partition(" = ")[::2] for line in entry.head if line.startswith("#GSM")]
    return [(name, text.partition(": ")[2]) for name, text in pairs]
