"""The file of a bundle: it comes back as it was, to the bit, and no file that is anything else is taken for one."""

import hashlib
import io
import json
import os
import struct
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from landex.bundles import archive as archives
from landex.bundles.archive import FORMAT, create_archive, open_archive
from landex.errors import UserError

ARRAYS: dict[str, NDArray[Any]] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "deep/er/b": np.array([[[-1]]], np.int64),
    "empty": np.empty((0, 4)),
    "number": np.array(2.5),
    "mask": np.array([True, False]),
    "bytes": np.arange(3, dtype=np.uint8),
}
TEXTS = {"card.md": "# µ\n", "none.txt": ""}
ABOUT = {"model": "m", "list": [1, None, "é"]}
COMMENT = b"landex bundle, sha256 of manifest.json: "


def write(path: Path, tables: Mapping[str, NDArray[Any]] = ARRAYS) -> Path:
    with create_archive(path, ABOUT) as out:
        for name, text in TEXTS.items():
            out.add_text(name, text)
        for name, array in tables.items():
            out.add_array(name, array)
    return path


def content_of(path: Path) -> tuple[Any, ...]:
    """Return all that a reader can get out of a file."""
    with open_archive(path) as archive:
        names = [name for name in archive.names if name != "manifest.json"]
        texts = {name: archive.text(name) for name in names if not name.endswith(".npy")}
        tables = {name: archive.array(name[:-4]) for name in names if name.endswith(".npy")}
        found = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in tables.items()}
        return archive.about, texts, found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("archive") / "small.landex")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write an archive for tests that spoil it in a thousand ways."""
    path = tmp_path_factory.mktemp("archive") / "tiny.landex"
    with create_archive(path, {}) as out:
        out.add_text("t", "text")
        out.add_array("x", np.arange(2, dtype=np.float32))
    return path


def handmade(path: Path, members: Mapping[str, bytes], **changes: Any) -> Path:
    """Write a file as landex does, with any bytes as members and checksums that hold.

    `changes` are `manifest` (changes of it), `entry` (called with each ZipInfo) and `also` (called with the open file).
    """
    said = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in members.items()}
    manifest = {"name": "landex bundle", "format": FORMAT, "about": {}, "members": said, **changes.get("manifest", {})}
    text = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in {**members, "manifest.json": text}.items():
            entry = zipfile.ZipInfo(name)
            changes.get("entry", lambda entry: None)(entry)
            file.writestr(entry, data)
        changes.get("also", lambda file: None)(file)
        file.comment = COMMENT + hashlib.sha256(text).hexdigest().encode()
    return path


def npy(header: str | None = None, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    text = (header or "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }").encode("latin1")
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text) + 1)
    return b"\x93NUMPY" + bytes(version) + length + text + b"\n" + data


# What comes back


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=st.sampled_from([np.float32, np.float64, np.int64, np.int32, np.uint8, np.bool_]).flatmap(
        lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    ),
    text=st.text(),
)
def test_arrays_and_text_come_back_to_the_bit(tmp_path: Path, array: NDArray[Any], text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        text = ""
    path = tmp_path / "m.landex"
    with create_archive(path, ABOUT) as out:
        out.add_text("t", text)
        out.add_array("x/y", array)
    with open_archive(path) as archive:
        found = archive.array("x/y")
        assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())
        assert archive.text("t") == text
        assert archive.about == ABOUT
        del found


def test_rows_that_come_in_blocks_are_one_array(tmp_path: Path) -> None:
    whole = np.arange(35, dtype=np.float64).reshape(7, 5)
    with create_archive(tmp_path / "m", {}) as out:
        out.add_blocks("x", whole.shape, whole.dtype, iter([whole[:3], whole[3:3], whole[3:].astype(np.float32)]))
    with open_archive(tmp_path / "m") as archive:
        np.testing.assert_array_equal(archive.array("x"), whole)


def test_arrays_lie_aligned_and_cannot_be_written_to(small: Path) -> None:
    raw = small.read_bytes()
    for array in ARRAYS.values():
        if array.size:
            assert raw.find(array.tobytes()) >= 0
    with open_archive(small) as archive:
        found = archive.array("a")
        assert found.ctypes.data % 64 == 0
        assert not found.flags.writeable
        with pytest.raises(ValueError):
            found.setflags(write=True)
        del found


def test_the_same_content_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(tmp_path / "first").read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 0, 1, 0))
    assert write(tmp_path / "second").read_bytes() == first


def test_unzip_and_numpy_read_the_members(small: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(small) as file:
        assert file.testzip() is None
        np.testing.assert_array_equal(np.load(io.BytesIO(file.read("a.npy")), allow_pickle=False), ARRAYS["a"])
        assert {info.date_time for info in file.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_fingerprint_follows_from_content_alone(tmp_path: Path) -> None:
    found = []
    for number, array in enumerate((np.zeros(2), np.zeros(2), np.array([0, np.nextafter(0, 1)]))):
        with open_archive(write(tmp_path / str(number), {**ARRAYS, "x": array})) as archive:
            found.append(archive.fingerprint)
    assert found[0] == found[1] != found[2]


def test_a_writer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError), create_archive(tmp_path / "m", {}) as out:
        out.add_blocks("x", (3,), np.dtype(np.float32), [np.zeros(2, np.float32)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", ".x", "a/../b", "a\\b", "", "a b", "C:/x", "x\n", "é"])
def test_no_member_is_written_under_a_name_that_could_leave_a_folder(tmp_path: Path, name: str) -> None:
    with create_archive(tmp_path / "m", {}) as out, pytest.raises(ValueError, match="member"):
        out.add_text(name, "")


def test_objects_and_complex_numbers_are_not_written(tmp_path: Path) -> None:
    for array in (np.array([{}], object), np.array([1j]), np.array(["a"])):
        with create_archive(tmp_path / "m", {}) as out, pytest.raises(ValueError, match="no arrays of"):
            out.add_array("x", array)


# What is refused, or does no harm


def same_or_refused(raw: bytes, path: Path, expected: tuple[Any, ...]) -> bool:
    """Tell whether a file is refused; if it is not, what it holds has to be the same."""
    path.write_bytes(raw)
    try:
        found = content_of(path)
    except UserError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return True
    assert found == expected
    return False


def test_a_flipped_bit_is_refused_or_changes_nothing(tiny: Path, tmp_path: Path) -> None:
    raw, expected = tiny.read_bytes(), content_of(tiny)
    covered = np.zeros(len(raw), bool)
    with open_archive(tiny) as archive:
        for place in archive._places.values():
            covered[place] = True
    accepted = np.zeros(len(raw), bool)
    for place in range(len(raw)):
        # Of names, headers and the directory three bits a byte; of content and of padding one.
        for bit in [place % 8] if covered[place] or not raw[place] else {place % 8, 0, 5}:
            flipped = bytearray(raw)
            flipped[place] ^= 1 << bit
            accepted[place] |= not same_or_refused(bytes(flipped), tmp_path / "f", expected)
    # Versions, times and padding are all that may differ.
    assert accepted.any()
    assert not (accepted & covered).any()


def test_truncations_are_refused(tiny: Path, tmp_path: Path) -> None:
    raw, expected = tiny.read_bytes(), content_of(tiny)
    assert all(same_or_refused(raw[:length], tmp_path / "f", expected) for length in range(0, len(raw), 2))


@pytest.mark.parametrize("extra", [b"\0", b"x" * 100, b"#!/bin/sh\n"])
def test_bytes_before_or_after_are_refused(small: Path, tmp_path: Path, extra: bytes) -> None:
    raw, expected = small.read_bytes(), content_of(small)
    assert same_or_refused(extra + raw, tmp_path / "before", expected)
    assert same_or_refused(raw + extra, tmp_path / "after", expected)


def test_a_hole_between_members_is_refused(tmp_path: Path) -> None:
    """What no checksum covers could be read by another program as something else."""

    def hole(file: zipfile.ZipFile) -> None:
        assert file.fp is not None
        file.fp.write(b"hidden")
        file.start_dir = file.fp.tell()

    path = handmade(tmp_path / "m", {"t": b""}, also=hole)
    with pytest.raises(UserError, match="damaged"), open_archive(path):
        pass


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_of_many_bytes_is_refused_or_changes_nothing(tiny: Path, tmp_path: Path, data: st.DataObject) -> None:
    raw, expected = bytearray(tiny.read_bytes()), content_of(tiny)
    start = data.draw(st.integers(0, len(raw) - 1))
    new = data.draw(st.binary(min_size=1, max_size=40))
    keep = data.draw(st.integers(0, 40))
    raw[start : start + keep] = new
    same_or_refused(bytes(raw), tmp_path / "f", expected)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300))
def test_any_other_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(raw)
    with pytest.raises(UserError, match=r"not readable|damaged"), open_archive(path):
        pass


def compressed(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_DEFLATED


def link(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o120777 << 16


def folder(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = 0o040755 << 16


@pytest.mark.parametrize("entry", [compressed, link, folder])
def test_packed_members_links_and_folders_are_refused(tmp_path: Path, entry: Callable[[zipfile.ZipInfo], None]) -> None:
    path = handmade(tmp_path / "m", {"t": b"0" * 1000}, entry=entry)
    with pytest.raises(UserError, match=r"compressed|no plain file"), open_archive(path):
        pass


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = handmade(tmp_path / "m", {"t": bytes(50 << 20)}, entry=compressed)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UserError, match="compressed"), open_archive(path):
        pass


NAMES = [
    "../evil",
    "/etc/passwd",
    "a/../../b",
    "./a",
    ".hidden",
    "a\\..\\b",
    "a//b",
    "C:/x",
    "a/",
    "x\x00y",
    "é",
    "a b",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    path = handmade(tmp_path / "m", {name: b""})
    with pytest.raises(UserError, match="damaged"), open_archive(path):
        pass
    assert sorted(tmp_path.iterdir()) == [path]


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = handmade(tmp_path / "m", {"t": b"1"}, also=lambda file: file.writestr("t", b"2"))
    with pytest.raises(UserError, match="is called 't'"), open_archive(path):
        pass


def test_a_member_that_the_manifest_does_not_name_is_refused(tmp_path: Path) -> None:
    path = handmade(tmp_path / "m", {"t": b"1"}, also=lambda file: file.writestr("u", b"2"))
    with pytest.raises(UserError, match="not those of its manifest"), open_archive(path):
        pass


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """As in zip bombs that do not repeat themselves (Fifield 2019): two entries of the directory, one member."""

    def overlap(file: zipfile.ZipFile) -> None:
        second = zipfile.ZipInfo("u")
        first = file.getinfo("t")
        for attribute in ("CRC", "file_size", "compress_size", "header_offset"):
            setattr(second, attribute, getattr(first, attribute))
        file.filelist.append(second)
        file.NameToInfo["u"] = second

    data = b"123"
    said = {"size": 3, "sha256": hashlib.sha256(data).hexdigest()}
    path = handmade(tmp_path / "m", {"t": data}, manifest={"members": {"t": said, "u": said}}, also=overlap)
    with pytest.raises(UserError, match="header"), open_archive(path):
        pass


def test_an_archive_beyond_4_gb_is_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sizes stand in other fields; here from 64 bytes on."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 64)
    path = write(tmp_path / "large")
    assert b"PK\x06\x06" in path.read_bytes()
    monkeypatch.undo()
    assert content_of(path) == content_of(write(tmp_path / "small"))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = handmade(tmp_path / "m", {f"t{number}": b"" for number in range(5)})
    monkeypatch.setattr(archives, "_MOST_MEMBERS", 5)
    with pytest.raises(UserError, match="6 members"), open_archive(path):
        pass


ARRAY_HEADERS = {
    "of many values": "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
    "beyond 64 bits": "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
    "whose product wraps to nothing": "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616,), }",
    "empty and endless": "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1000000000000000000000000), }",
    "negative": "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -1), }",
    "of objects": "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
    "of text": "{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }",
    "of fields": "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
    "of pieces": "{'descr': '(1,)<f4', 'fortran_order': False, 'shape': (1,), }",
    "of another byte order": "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }",
    "of half precision": "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }",
    "in columns": "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }",
    "of five dimensions": "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }",
    "one short": "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }",
    "with one too many": "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}",
    "of no shape": "{'descr': '<f4', 'fortran_order': False, 'shape': None, }",
    "that calls": "__import__('os').system('touch /tmp/landex-was-run')",
    "nested": "(" * 3000,
    "that never ends": "{'a': '''",
    "negated": "-" * 3900 + "1",
    "of a long number": "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 3900 + ",), }",
    "of lone brackets": ")" * 50,
    "of bytes": "\xff\xfe\x00",
    "nothing": " ",
}


@pytest.mark.parametrize("which", ARRAY_HEADERS)
def test_absurd_arrays_are_refused(tmp_path: Path, which: str) -> None:
    path = handmade(tmp_path / "m", {"x.npy": npy(ARRAY_HEADERS[which], b"\0\0\0\0")})
    with open_archive(path) as archive, pytest.raises(UserError, match=r"x is no array|x has not the bytes"):
        archive.array("x")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x93NUMPY",
        npy(version=(2, 0)),
        npy(version=(3, 0)),
        npy(version=(9, 9)),
        npy()[:20],
        b"\x93NUMPY\1\0\xff\xff{",
    ],
)
def test_what_is_no_array_of_version_1_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = handmade(tmp_path / "m", {"x.npy": raw})
    with open_archive(path) as archive, pytest.raises(UserError, match="x is no array"):
        archive.array("x")


def test_an_array_that_lies_askew_is_read_all_the_same(tmp_path: Path) -> None:
    path = handmade(tmp_path / "m", {"x.npy": npy(data=np.float32(1.5).tobytes())})
    for shift in range(8):
        path = handmade(tmp_path / f"m{shift}", {"y" * (shift + 1): b"", "x.npy": npy(data=np.float32(1.5).tobytes())})
        with open_archive(path) as archive:
            assert archive.array("x").tolist() == [1.5]


def test_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with open_archive(handmade(tmp_path / "m", {"t": b"\xff"})) as archive, pytest.raises(UserError, match="no text"):
        archive.text("t")


def test_text_beyond_reason_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_TEXT", 3)
    with open_archive(small) as archive, pytest.raises(UserError, match="larger than"):
        archive.text("card.md")


def test_what_is_not_there_is_named(small: Path) -> None:
    with open_archive(small) as archive:
        for ask in (archive.text, archive.array):
            with pytest.raises(UserError, match="holds no missing"):
                ask("missing")


MANIFESTS: list[dict[str, Any]] = [
    {"name": "other"},
    {"format": "1"},
    {"format": None},
    {"about": []},
    {"members": []},
    {"members": {"t": None}},
    {"members": {"t": {"size": 1}}},
    {"members": {}},
    {"members": {"t": {"size": 2, "sha256": hashlib.sha256(b"1").hexdigest()}}},
    {"members": {"t": {"size": 1, "sha256": "0" * 64}}},
    {"members": {"t": {"size": 1, "sha256": 5}}},
]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=str)
def test_another_manifest_is_refused(tmp_path: Path, manifest: dict[str, Any]) -> None:
    path = handmade(tmp_path / "m", {"t": b"1"}, manifest=manifest)
    with pytest.raises(UserError, match="damaged"), open_archive(path):
        pass


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    path = handmade(tmp_path / "m", {}, manifest={"format": FORMAT + 1})
    with pytest.raises(UserError, match="newer landex"), open_archive(path):
        pass


def test_a_manifest_that_was_written_again_is_refused(small: Path, tmp_path: Path) -> None:
    """Also where its length and all other checksums hold."""
    raw = small.read_bytes()
    changed = raw.replace(b'"model": "m"', b'"model": "n"')
    assert changed != raw
    begin, end = changed.index(b'{\n "about"'), changed.index(b"PK\x01\x02")
    checksum = zipfile.crc32(changed[begin:end])  # type: ignore[attr-defined]
    whole = changed.replace(struct.pack("<L", zipfile.crc32(raw[begin:end])), struct.pack("<L", checksum))  # type: ignore[attr-defined]
    assert same_or_refused(whole, tmp_path / "f", ())


@pytest.mark.parametrize("make", ["missing", "folder", "empty", "text", "plain zip", "hdf5"])
def test_files_that_are_no_bundles_are_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "m"
    if make == "folder":
        path.mkdir()
    elif make == "empty":
        path.touch()
    elif make == "text":
        path.write_text("gene\ts1\nTP53\t1\n")
    elif make == "plain zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("x", "y")
    elif make == "hdf5":
        import h5py

        h5py.File(path, "w").close()
    with pytest.raises(UserError, match=f"^{path}: "), open_archive(path):
        pass


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m")
    writer = subprocess.Popen(["sh", "-c", f"echo text > {tmp_path / 'm'}"])
    with pytest.raises(UserError, match="not readable"), open_archive(tmp_path / "m"):
        pass
    writer.wait()
