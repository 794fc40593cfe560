"""Checksums of results: noted when a job has ended well, compared before another job reads them.

HDF5 says nothing of a bit that flipped in its own structures, in names or in arrays without checksums, and a table of
text says nothing at all: a number read from it would only be wrong. The checksum of `results/split/split.tsv` lies in
`results/split/.checksums/split.tsv`, and moves with the folder.
"""

import hashlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from landex.errors import UserError
from landex.files import atomic

# Only what the rules themselves name is known by a checksum: not users' files, nor copies of an object store's.
_RESULTS = "results/"
# Larger files are HDF5, whose tables stand before its values and whose values have checksums of their own: reading
# a few genes of a matrix of 5 GB should not take reading all of it.
_HEAD, _TAIL = 64 << 20, 1 << 20
# Dense layers have none of their own, and who reads a model reads all of it.
_WHOLE = "weights.h5"
_new_hash = partial(hashlib.blake2b, digest_size=16)


def check(paths: Iterable[str]) -> None:
    """Compare results with the checksums that were noted of them; one without is taken as it is.

    Raises
    ------
    UserError
        If one is not what its job left.
    """
    for path in _results(paths):
        try:
            noted = _note_of(path).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if noted != checksum(path):
            raise UserError(
                f"{path}: not as its job left it (its checksum differs): damaged, or changed by hand; "
                "delete it and run again"
            )


def note(paths: Iterable[str]) -> None:
    """Note the checksums of results that a job has made."""
    for path in _results(paths):
        with atomic(_note_of(path)) as temporary:
            temporary.write_text(f"{checksum(path)}\n", encoding="utf-8")


def forget(paths: Iterable[str]) -> None:
    """Take away what was noted of results that a job is about to make."""
    for path in paths:
        if path.startswith(_RESULTS):
            _note_of(Path(path)).unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """Return the size of a file and the hash of its first 64 MiB and its last 1 MiB; of weights the hash of all."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        if path.name == _WHOLE:
            return f"{size} {hashlib.file_digest(stream, _new_hash).hexdigest()}"
        digest = _new_hash()
        digest.update(stream.read(_HEAD))
        if size > _HEAD:
            stream.seek(max(_HEAD, size - _TAIL))
            digest.update(stream.read(_TAIL))
    return f"{size} {digest.hexdigest()}"


def _results(paths: Iterable[str]) -> list[Path]:
    return [Path(path) for path in paths if path.startswith(_RESULTS) and Path(path).is_file()]


def _note_of(path: Path) -> Path:
    return path.parent / ".checksums" / path.name
