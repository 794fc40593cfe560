"""Checkpoints: what an interrupted training goes on from."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landex.files import atomic, file_identity
from landex.networks.course import Course

_logger = logging.getLogger(__name__)

Arrays = list[NDArray[Any]]


@dataclass(frozen=True)
class TrainingState:
    """All that a training needs to go on as if it had never stopped.

    Attributes
    ----------
    course
        Its course.
    arrays
        Every variable of network, optimiser and averages.
    good
        The same at the end of the last epoch, where a divergence goes back to.
    kept
        Arrays of the network that is the result if no better epoch comes, by path.
    """

    course: Course
    arrays: Arrays
    good: Arrays
    kept: Mapping[str, NDArray[np.float32]]


class Checkpoints:
    """Keeps the newest state of one training in a folder of its own.

    The file is named for all that the training depends on, so that a state of other settings, data or code is
    never taken; older ones are removed when a new one is written.

    Parameters
    ----------
    folder
        Belongs to this training alone.
    key
        Of `checkpoint_key`.
    minutes
        Shortest time between two checkpoints.
    """

    def __init__(self, folder: str | Path, key: str, minutes: float = 1.0) -> None:
        self.folder = Path(folder)
        self._path = self.folder / f"{key}.npz"
        self._seconds = 60 * minutes
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time for the next one."""
        return time.monotonic() - self._written >= self._seconds

    def write(self, state: TrainingState) -> bool:
        """Keep a state in place of the last one; on failure the last one stays, and a warning is logged."""
        try:
            with atomic(self._path) as temporary:
                _write(temporary, state)
            self._remove_others()
        except OSError as error:
            # A full disk may have room again at the next one; the training itself needs none.
            _logger.warning("no checkpoint after epoch %d: %s; the last one stays", state.course.epoch, error)
            return False
        finally:
            self._written = time.monotonic()
        return True

    def read(self) -> TrainingState | None:
        """Return the kept state; None where there is none, or, with a warning, where it is damaged."""
        if not self.found:
            return None
        try:
            return _read(self._path)
        except Exception as error:  # what a damaged archive makes zipfile and NumPy raise is no short list
            _logger.warning("%s: damaged (%s); the training begins anew", self._path, error)
            return None

    @property
    def found(self) -> bool:
        """Whether there is one of this training."""
        return self._path.exists()

    def clear(self) -> None:
        """Remove everything: the training has ended. What cannot be removed stays."""
        with suppress(OSError):
            self._remove_others()
            self._path.unlink(missing_ok=True)
            self.folder.rmdir()

    def _remove_others(self) -> None:
        """Remove states of other keys and what a killed process has left half-written."""
        for pattern in ("*.npz", ".*.partial.*.npz"):
            for other in self.folder.glob(pattern):
                if other != self._path:
                    other.unlink(missing_ok=True)


def checkpoint_key(code: str, settings: Mapping[str, Any], inputs: list[str | Path]) -> str:
    """Hash all that a training depends on: code, settings, and its input files, as `file_identity` knows them."""
    parts = [code, json.dumps(settings, sort_keys=True), *(file_identity(path) for path in inputs)]
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


def _write(path: Path, state: TrainingState) -> None:
    named: dict[str, Any] = {f"good/{number}": array for number, array in enumerate(state.good)}
    if state.arrays is not state.good:
        named |= {f"arrays/{number}": array for number, array in enumerate(state.arrays)}
    named |= {f"kept/{name}": array for name, array in state.kept.items()}
    # NumPy's archive has a checksum an array, and unlike HDF5 it ends cleanly on a full disk.
    with path.open("wb") as stream:
        about = {"course": state.course.to_mapping(), "names": list(named)}
        np.savez(stream, about=np.array(json.dumps(about)), **named)
        # A node may be lost right after the renaming; then the content must be on the disk already.
        stream.flush()
        os.fsync(stream.fileno())


def _read(path: Path) -> TrainingState:
    with np.load(path, allow_pickle=False) as archive:
        arrays: dict[str, dict[str, NDArray[Any]]] = {"good": {}, "arrays": {}, "kept": {}}
        about = json.loads(str(archive["about"]))
        course = Course.from_mapping(about["course"])
        for name in about["names"]:
            group, _, rest = name.partition("/")
            arrays[group][rest] = archive[name]
    # They come in the order in which they were written.
    good = list(arrays["good"].values())
    return TrainingState(course, list(arrays["arrays"].values()) or good, good, arrays["kept"])
