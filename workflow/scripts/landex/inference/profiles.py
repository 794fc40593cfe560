"""New profiles in a file: looked over once, so that whatever is wrong is said before anything is computed."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landex.bundles.bundle import Names
from landex.errors import UserError
from landex.formats.files import open_matrix_file
from landex.formats.matrix_file import Content, MatrixFile, TableInMemory
from landex.formats.orientation import samples_in
from landex.inference.landmarks import FoundLandmarks, check_landmarks, find_landmarks
from landex.inference.units import Units, find_units, logged, scales_of

# Profiles that the scale is found on.
_LOOKED_AT = 256
# A matrix that has to be turned is read whole; 2 GB in float32.
_MOST_TURNED = 1 << 29
# What no cell of a table can hold, or no text in HDF5.
_BREAKS = re.compile(r"[\t\n\r\0]")
# Bad profiles that a message names.
_NAMED = 3


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Attributes
    ----------
    values, names, samples
        Scale of the values, names of the genes, and where samples stand; `auto` finds each.
    fewest_landmarks
        Share of the landmarks that the file, and every profile, has to have.
    bad_samples
        `stop` at a profile that cannot be scored, or `skip` it.
    """

    values: str = "auto"
    names: str = "auto"
    samples: str = "auto"
    fewest_landmarks: float = 0.5
    bad_samples: str = "stop"


@dataclass(frozen=True)
class Landmarks:
    """What of a bundle's landmarks reading takes: their names, and their means in the training samples."""

    names: Sequence[Names]
    mean: NDArray[np.floating]


@dataclass(frozen=True)
class Profiles:
    """An open file of profiles that can be scored; made by `open_profiles`.

    Attributes
    ----------
    file
        The file.
    found
        The landmarks in it.
    units
        What its values are.
    turned
        Whether its genes stood where samples are expected, and it was turned.
    rows
        Of the profiles that can be scored.
    scales
        The scale of each of these.
    counts
        How many landmarks each of these has.
    bad
        Why each of the others cannot, by row.
    """

    file: MatrixFile
    found: FoundLandmarks
    units: Units
    turned: bool
    rows: NDArray[np.intp]
    scales: list[str]
    counts: NDArray[np.intp]
    bad: dict[int, str]

    @property
    def samples(self) -> list[str]:
        """Names of the profiles that can be scored."""
        return [self.file.samples[row] for row in self.rows]

    def read(self, place: slice) -> NDArray[np.float32]:
        """Return landmarks in log2 (or z-scores) of some of the profiles that can be scored, NaN where missing.

        Parameters
        ----------
        place
            Consecutive places among `rows`.

        Returns
        -------
        array
            Shape (profiles, landmarks found).
        """
        rows = self.rows[place]
        if not len(rows):
            return np.empty((0, len(self.found.places)), np.float32)
        block = self.file.read(slice(int(rows[0]), int(rows[-1]) + 1))
        if len(block) > len(rows):
            block = block[rows - rows[0]]
        return self.found.values(logged(block, self.scales[place]))


@contextmanager
def open_profiles(path: str | Path, landmarks: Landmarks, reading: Reading) -> Iterator[Profiles]:
    """Open a file of profiles and look at all of it.

    Raises
    ------
    UserError
        If it cannot be read, names a sample twice or as no table can hold it, has too few landmarks, or holds profiles
        that cannot be scored.
    """
    known = {name for of_one in landmarks.names for kind in of_one for name in of_one[kind]}
    with open_matrix_file(path, samples_in(path, known) if reading.samples == "auto" else reading.samples) as file:
        yield looked_over(file, landmarks, reading)


def looked_over(file: MatrixFile, landmarks: Landmarks, reading: Reading) -> Profiles:
    """Look at all profiles of an open file; see `open_profiles`."""
    if not file.samples or not file.genes:
        raise UserError(f"{file.path}: has {len(file.samples)} samples and {len(file.genes)} genes; nothing to score")
    found = find_landmarks(file.genes, file.gene_fields, landmarks.names, reading.names)
    turned = False
    if not len(found.places):
        across = find_landmarks(file.samples, file.sample_fields, landmarks.names, reading.names)
        if len(across.places):
            file, found, turned = _turned(file), across, True
    check_landmarks(file.path, found, file.genes, landmarks.names, reading.fewest_landmarks)
    _check_names(file)
    units = _units(file, found, landmarks, reading.values)
    return _judged(file, found, units, turned, len(landmarks.names), reading)


def _check_names(file: MatrixFile) -> None:
    seen: set[str] = set()
    for sample in file.samples:
        if sample in seen:
            raise UserError(f"{file.path}: names the sample {sample} twice; samples need names of their own")
        if _BREAKS.search(sample):
            raise UserError(f"{file.path}: the name of the sample {sample!r} would break tables; give it another")
        seen.add(sample)


def _turned(file: MatrixFile) -> TableInMemory:
    """Return a file whose genes stand in its samples' place, the right way round."""
    if len(file.samples) * len(file.genes) > _MOST_TURNED:
        raise UserError(f"{file.path}: has its genes where samples belong, and is too large to turn here; transpose it")
    values = np.concatenate([block for _, block in file.blocks()])
    content = Content(file.genes, file.samples, file.gene_fields, file.sample_fields)
    return TableInMemory(file.path, content, values)


def _units(file: MatrixFile, found: FoundLandmarks, landmarks: Landmarks, scale: str) -> Units:
    block = file.read(slice(0, _LOOKED_AT))
    looked = find_units(block, found.values(block), landmarks.mean[found.places])
    return looked if scale == "auto" else Units(scale, looked.likeness)


def _judged(
    file: MatrixFile, found: FoundLandmarks, units: Units, turned: bool, landmarks: int, reading: Reading
) -> Profiles:
    fewest = max(1, reading.fewest_landmarks * landmarks)
    scales: list[str] = []
    counts = np.empty(len(file.samples), np.intp)
    bad: dict[int, str] = {}
    for place, block in file.blocks():
        of_block = scales_of(block, units.scale)
        scales += of_block
        values = found.values(logged(block, of_block))
        counts[place] = np.count_nonzero(~np.isnan(values), axis=1)
        for row, reason in _faults(block, values, units.scale, fewest, landmarks):
            bad[place.start + row] = reason
            if reading.bad_samples == "stop" and len(bad) > _NAMED:
                raise _bad(file, bad, more=True)
    if bad and (reading.bad_samples == "stop" or len(bad) == len(file.samples)):
        raise _bad(file, bad, more=False)
    rows = np.array([row for row in range(len(file.samples)) if row not in bad], np.intp)
    return Profiles(file, found, units, turned, rows, [scales[row] for row in rows], counts[rows], bad)


def _faults(
    block: NDArray[np.floating], values: NDArray[np.float32], scale: str, fewest: float, landmarks: int
) -> Iterator[tuple[int, str]]:
    """Yield the rows that are no profiles, with the reason."""
    counts = np.count_nonzero(~np.isnan(values), axis=1)
    with np.errstate(invalid="ignore"):
        span: NDArray[np.float32] = np.fmax.reduce(values, axis=1) - np.fmin.reduce(values, axis=1)
        lowest: NDArray[np.floating] = np.fmin.reduce(block, axis=1)
        constant, negative = span <= 0, lowest < 0
    if scale not in ("counts", "tpm"):
        negative = np.zeros(len(block), bool)
    for row in np.flatnonzero((counts < fewest) | constant | negative):
        raw = block[row][np.isfinite(block[row])]
        if len(raw) and not raw.any():
            yield int(row), "all its values are 0"
        elif negative[row]:
            yield int(row), f"it has negative values, which are no {'counts' if scale == 'counts' else 'TPM'}"
        elif counts[row] < fewest:
            yield int(row), f"it has values for {counts[row]} of the {landmarks} landmarks only"
        else:
            yield int(row), "all its landmarks have the same value"


def _bad(file: MatrixFile, bad: dict[int, str], more: bool) -> UserError:
    row, reason = next(iter(bad.items()))
    others = "" if len(bad) == 1 else f" (and {'at least ' if more else ''}{len(bad) - 1} more cannot be scored)"
    end = (
        "no sample is left" if len(bad) == len(file.samples) else "take it out, or leave such samples out (--skip-bad)"
    )
    return UserError(f"{file.path}: sample {file.samples[row]}: {reason}{others}; {end}")
