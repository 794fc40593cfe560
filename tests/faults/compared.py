"""Whether two runs came to the same numbers: every result, but for what a run cost."""

import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

# What a job took, which is another figure at every run.
_COSTS = {
    "seconds", "peak_memory_mb", "samples_per_second", "sgemm_gflops", "fraction_of_sgemm", "resumptions",
}  # fmt: skip
# Lines of text that say costs: of a bundle's card and of the account of an inference.
# A bundle's fingerprint is of its card as well.
_LINES_OF_COSTS = re.compile(
    r"^.*\b(training took|weighing took|peak memory|result: .* s$|bundle: .*fingerprint).*$", re.MULTILINE
)
# Logs and benchmarks say when and how long; the page says the costs of models among its text, and its numbers are
# those of the tables that are compared.
_LEFT_OUT = re.compile(r"(variations/[^/]+/)?(logs|benchmarks)/|report/report\.html$|(.*/)?\.checksums/")


def results_of(results: Path) -> set[str]:
    """Name the files of `results/` that hold numbers."""
    files = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    return {file for file in files if not _LEFT_OUT.match(file)}


def differences(results: Path, undisturbed: Path, targets: tuple[str, ...] = ()) -> list[str]:
    """List, a line each, the results of a run that are not those of an undisturbed one.

    With targets (`results/...`), those have to be there, and others are compared where they are.
    """
    found, expected = results_of(results), results_of(undisturbed)
    if targets:
        expected = (expected & found) | {target.removeprefix("results/") for target in targets}
    lines = [f"{file}: is missing" for file in sorted(expected - found)]
    lines += [f"{file}: no run leaves it" for file in sorted(found - expected)]
    for file in sorted(found & expected):
        differing = differing_parts(results / file, undisturbed / file)
        lines += [f"{file}: {', '.join(differing)} not as in an undisturbed run"] if differing else []
    return lines


def differing_parts(one: Path, other: Path) -> list[str]:
    """Name the parts of a result that are not those of another one, to the bit and without costs."""
    here, there = dict(_parts(one)), dict(_parts(other))
    return [
        name or one.name for name in sorted(here.keys() | there.keys()) if not _same(here.get(name), there.get(name))
    ]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return bool(one == other)


def _parts(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the named parts of a result, to the bit and without costs."""
    if path.suffix in (".h5", ".h5ad", ".gctx"):
        yield from _of_hdf5(path)
    elif path.suffix == ".landex":
        with zipfile.ZipFile(path) as bundle:
            for name in bundle.namelist():
                # The manifest holds the checksums of the others.
                if name != "manifest.json":
                    yield name, _of_member(name, bundle.read(name))
    elif path.suffix == ".json":
        yield "", _without_costs(json.loads(path.read_text(encoding="utf-8")))
    elif path.name.endswith((".tsv", ".tsv.gz")):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        table = pd.read_csv(pd.io.common.BytesIO(content), sep="\t", dtype=str, keep_default_na=False)
        yield from ((column, list(table[column])) for column in table if column not in _COSTS)
    else:
        content = path.read_bytes()
        yield "", _LINES_OF_COSTS.sub("", content.decode()) if path.suffix == ".log" else content


def _of_member(name: str, content: bytes) -> Any:
    if name.endswith(".json"):
        return _without_costs(json.loads(content))
    return _LINES_OF_COSTS.sub("", content.decode()) if name.endswith(".md") else content


def _without_costs(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: _without_costs(value) for key, value in said.items() if key not in _COSTS}
    return [_without_costs(value) for value in said] if isinstance(said, list) else said


def _of_hdf5(path: Path) -> Iterator[tuple[str, Any]]:
    found: dict[str, Any] = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        found.update({f"{name}@{key}": np.asarray(value).tolist() for key, value in item.attrs.items()})
        if isinstance(item, h5py.Dataset):
            values = item[()]
            found[name] = values.tolist() if item.dtype.hasobject else np.asarray(values)

    with h5py.File(path, "r") as file:
        file.visititems(note)
    yield from found.items()
