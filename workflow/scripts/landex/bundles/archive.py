"""The file of a bundle: a zip of text and .npy arrays, none compressed, with a manifest of their checksums.

Arrays are mapped into memory where they lie. As nothing is compressed, no member can be larger than the file, and as
nothing is unpacked, no member can be written anywhere. `unzip` and `numpy.load` read the members too.
"""

import hashlib
import json
import mmap
import re
import stat
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from landex.errors import UserError
from landex.files import atomic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Raised when older versions could no longer read what is written.
FORMAT = 1
_NAME = "landex bundle"
_MANIFEST = "manifest.json"
_COMMENT = b"landex bundle, sha256 of manifest.json: "
# A part of a member's name; none can be .. or begin with a dot.
_PART = r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*"
_MEMBER = re.compile(rf"{_PART}(/{_PART})*")
# A network of nine layers for each of a hundred parts has some 2,000.
_MOST_MEMBERS = 20_000
# The text of 60,000 targets takes 20 MB.
_MOST_TEXT = 256 << 20
_MOST_DIMENSIONS = 4
_DTYPES = frozenset(["float32", "float64", "int64", "int32", "uint8", "bool"])
# Arrays begin at multiples of this, so that they are aligned for any processor where they are mapped.
_ALIGNMENT = 64
_HEADER = struct.Struct("<4sHHHHHLLLHH")
_SIGNATURE = b"PK\x03\x04"
# What ends a zip, with the comment behind it.
_END_SIGNATURE, _END_SIZE = b"PK\x05\x06", 22
# What zipfile adds to the header of a member that may be above 4 GB.
_ZIP64_EXTRA = 20
# An extra field that only fills up; the id is that of Android's zipalign.
_PADDING_ID = 0xD935
# Headers of .npy that look otherwise are refused before they are parsed, at which Python fails in many ways.
_NPY_HEADER = re.compile(
    rb"\{'descr': '[<|][a-z][1248]', 'fortran_order': False, 'shape': \((\d{1,18}, ?)*(\d{1,18})?\), \} *\n"
)
_MOST_NPY_HEADER = 4096


class ArchiveWriter:
    """An archive in the making; made by `create_archive`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file = file
        self.members: dict[str, dict[str, Any]] = {}

    def add_text(self, name: str, text: str) -> None:
        """Add a member of UTF-8 text."""
        content = text.encode("utf-8")
        self._add(name, len(content), [content])

    def add_array(self, name: str, array: "NDArray[Any]") -> None:
        """Add an array as `name`.npy."""
        import numpy as np

        # Not ascontiguousarray, which makes a list of a number.
        array = np.asarray(array, order="C")
        self.add_blocks(name, array.shape, array.dtype, [array])

    def add_blocks(
        self, name: str, shape: tuple[int, ...], dtype: "np.dtype[Any]", blocks: "Iterable[NDArray[Any]]"
    ) -> None:
        """Add an array as `name`.npy, whose rows come in blocks."""
        import numpy as np

        if dtype.name not in _DTYPES:
            raise ValueError(f"{name}: a bundle has no arrays of {dtype}")
        header = BytesIO()
        described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, described)
        size = len(header.getvalue()) + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        content = (np.asarray(block, dtype).tobytes() for block in blocks)
        self._add(f"{name}.npy", size, (part for some in ([header.getvalue()], content) for part in some))

    def _add(self, name: str, size: int, content: Iterable[bytes]) -> None:
        if name in self.members or not _MEMBER.fullmatch(name):
            raise ValueError(f"{name!r} cannot be a member of a bundle, or is one already")
        # Without the time of writing: the same model gives the same file.
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o644 << 16
        entry.file_size = size
        large = size > 1 << 31
        assert self._file.fp is not None
        begins = self._file.fp.tell() + _HEADER.size + len(name.encode()) + _ZIP64_EXTRA * large + 4
        padding = -begins % _ALIGNMENT
        entry.extra = struct.pack("<HH", _PADDING_ID, padding) + bytes(padding)
        digest, written = hashlib.sha256(), 0
        with self._file.open(entry, "w", force_zip64=large) as out:
            for part in content:
                out.write(part)
                digest.update(part)
                written += len(part)
        if written != size:
            raise ValueError(f"{name}: {written} bytes came where {size} were announced")
        self.members[name] = {"size": size, "sha256": digest.hexdigest()}


@contextmanager
def create_archive(path: str | Path, about: Mapping[str, Any]) -> Iterator[ArchiveWriter]:
    """Write an archive; it appears under its name when the block ends well.

    Parameters
    ----------
    path
        Result.
    about
        What the manifest says of it, as JSON can hold it.
    """
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        writer = ArchiveWriter(file)
        yield writer
        manifest = {"name": _NAME, "format": FORMAT, "about": dict(about), "members": writer.members}
        text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False)
        entry = zipfile.ZipInfo(_MANIFEST)
        entry.external_attr = 0o644 << 16
        file.writestr(entry, text)
        file.comment = _COMMENT + hashlib.sha256(text.encode("utf-8")).hexdigest().encode()


@dataclass(frozen=True)
class Archive:
    """An open archive; made by `open_archive`.

    Attributes
    ----------
    path
        The file.
    about
        What its manifest says of it.
    fingerprint
        SHA-256 of the manifest, and through its checksums of everything.
    """

    path: Path
    about: dict[str, Any]
    fingerprint: str
    _places: Mapping[str, slice]
    _content: mmap.mmap

    @property
    def names(self) -> list[str]:
        """Names of the members, in the file's order; those of arrays end in .npy."""
        return list(self._places)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._content)

    def text(self, name: str) -> str:
        """Return a member of text.

        Raises
        ------
        UserError
            If there is none of this name, or it is no text.
        """
        place = self._place(name)
        if place.stop - place.start > _MOST_TEXT:
            raise UserError(f"{self.path}: {name} is larger than text in a bundle can be")
        try:
            return self._content[place].decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path}: {name} is no text ({error})") from error

    def array(self, name: str) -> "NDArray[Any]":
        """Return an array, which stays on disk until it is used and cannot be written to.

        Parameters
        ----------
        name
            The member's name without .npy.

        Raises
        ------
        UserError
            If there is none of this name, or it is not what a bundle's arrays are.
        """
        # A card is read without NumPy, whose import takes as long as all else.
        import numpy as np

        place = self._place(f"{name}.npy")
        head = BytesIO(self._content[place.start : min(place.stop, place.start + _MOST_NPY_HEADER)])
        try:
            if np.lib.format.read_magic(head) != (1, 0):
                raise ValueError("its version of .npy is not 1.0")
            length = int.from_bytes(head.read(2), "little")
            if not _NPY_HEADER.fullmatch(head.read(length)):
                raise ValueError("its header is none that landex writes")
            head.seek(np.lib.format.MAGIC_LEN)
            shape, _, dtype = np.lib.format.read_array_header_1_0(head, max_header_size=_MOST_NPY_HEADER)
        except ValueError as error:
            raise UserError(f"{self.path}: {name} is no array ({error})") from error
        if dtype.name not in _DTYPES or not dtype.isnative or len(shape) > _MOST_DIMENSIONS:
            raise UserError(f"{self.path}: {name} is no array as bundles have them ({dtype}, {shape})")
        count = 1
        for length in shape:
            count *= int(length)
        begin = place.start + head.tell()
        if begin + count * dtype.itemsize != place.stop:
            raise UserError(f"{self.path}: {name} has not the bytes that its shape {shape} takes")
        array: NDArray[Any] = np.frombuffer(self._content, dtype, count, begin).reshape(shape)
        # Only a file that was not written by landex can lie askew.
        return array if array.flags.aligned else array.copy()

    def _place(self, name: str) -> slice:
        place = self._places.get(name)
        if place is None:
            raise UserError(f"{self.path}: the bundle holds no {name}; make it again with this version of landex")
        return place

    def check(self) -> None:
        """Compare all members with their checksums.

        Raises
        ------
        UserError
            If one differs.
        """
        manifest = json.loads(self._content[self._places[_MANIFEST]])
        with memoryview(self._content) as content:
            for name, said in manifest["members"].items():
                with content[self._places[name]] as member:
                    differs = hashlib.sha256(member).hexdigest() != said["sha256"]
                if differs:
                    raise _damaged(self.path, f"{name} has not its checksum")


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"{path}: damaged, or no bundle of landex ({reason}); fetch or make it again")


@contextmanager
def open_archive(path: str | Path) -> Iterator[Archive]:
    """Open an archive and check all of it; arrays of it are valid while it is open.

    Raises
    ------
    UserError
        If it cannot be read, is damaged, was changed after it was written, or was written by a newer landex.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as a bundle ({getattr(error, 'strerror', None) or error})") from error
    try:
        archive = _opened(path, content)
        archive.check()
        yield archive
    finally:
        # Arrays that somebody still holds keep the file mapped.
        with suppress(BufferError):
            content.close()


def _opened(path: Path, content: mmap.mmap) -> Archive:
    places, comment = _places(path, content)
    if _MANIFEST not in places:
        raise _damaged(path, "it has no manifest")
    text = content[places[_MANIFEST]]
    fingerprint = hashlib.sha256(text).hexdigest()
    if comment != _COMMENT + fingerprint.encode():
        raise _damaged(path, "its manifest has not its checksum")
    try:
        manifest = json.loads(text)
        if manifest["name"] != _NAME:
            raise ValueError(f"it calls itself {manifest['name']!r}")
        written, about, members = manifest["format"], manifest["about"], manifest["members"]
        if not isinstance(written, int) or not isinstance(about, dict):
            raise ValueError("its manifest is not a bundle's")
        sizes = {name: (said["size"], said["sha256"]) for name, said in members.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if written > FORMAT:
        raise UserError(
            f"{path}: written by a newer landex (format {written}, this one reads {FORMAT}); use that version"
        )
    found = {name: place.stop - place.start for name, place in places.items() if name != _MANIFEST}
    if found != {name: size for name, (size, _) in sizes.items()}:
        raise _damaged(path, "its members are not those of its manifest")
    return Archive(path, about, fingerprint, places, content)


def _places(path: Path, content: mmap.mmap) -> tuple[dict[str, slice], bytes]:
    """Return where each member lies, and the comment; refuse whatever no bundle has."""
    try:
        # From memory alone: the file on disk may be exchanged meanwhile.
        with zipfile.ZipFile(cast(Any, content)) as file:
            entries, comment, directory = file.infolist(), file.comment, file.start_dir
    # zipfile calls compression and versions that it does not know not implemented.
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    if not entries or len(entries) > _MOST_MEMBERS:
        raise _damaged(path, f"it has {len(entries)} members")
    places: dict[str, slice] = {}
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        name = entry.filename
        if not _MEMBER.fullmatch(name) or name in places:
            raise _damaged(path, f"a member is called {name[:80]!r}")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _damaged(path, f"{name} is no plain file")
        stored = entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size
        if not stored or entry.flag_bits & 1:
            raise _damaged(path, f"{name} is compressed or encrypted")
        head = content[entry.header_offset : entry.header_offset + _HEADER.size]
        # Each begins where the last one ends: what lies between would be covered by no checksum.
        if entry.header_offset != end or len(head) < _HEADER.size or head[:4] != _SIGNATURE:
            raise _damaged(path, f"{name} has no header of its own")
        *_, length, extra = _HEADER.unpack(head)
        begin = entry.header_offset + _HEADER.size + length + extra
        end = begin + entry.file_size
        if end > len(content):
            raise _damaged(path, f"{name} is cut short")
        after_head = entry.header_offset + _HEADER.size
        if content[after_head : after_head + length] != name.encode():
            raise _damaged(path, f"{name} has another name in its header")
        places[name] = slice(begin, end)
    if directory != end or content.rfind(_END_SIGNATURE) != len(content) - _END_SIZE - len(comment):
        raise _damaged(path, "there are bytes that belong to no member")
    return places, comment


def read_card(path: str | Path) -> tuple[str, str]:
    """Return a bundle's card and fingerprint, after all of it was checked.

    Raises
    ------
    UserError
        As `open_archive`.
    """
    with open_archive(path) as archive:
        return archive.text("card.md"), archive.fingerprint
