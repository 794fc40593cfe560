"""Results are compared with what was noted of them; files of users are left alone."""

from pathlib import Path

import pytest

from landex import checksums
from landex.checksums import check, checksum, forget, note
from landex.errors import UserError

RESULT = "results/split/split.tsv"


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path(RESULT)
    path.parent.mkdir(parents=True)
    path.write_text("sample\tpart\na\ttest\n")
    note([RESULT])
    return path


def test_every_flipped_bit_and_every_truncation_is_told(result: Path) -> None:
    content = result.read_bytes()
    check([RESULT])
    spoilt = [content[:length] for length in range(len(content))] + [content + b"\n"]
    for place in range(len(content)):
        spoilt += [bytes([*content[:place], content[place] ^ 1 << bit, *content[place + 1 :]]) for bit in range(8)]
    for one in spoilt:
        result.write_bytes(one)
        with pytest.raises(
            UserError, match=r"^results/split/split.tsv: not as its job left it .*delete it and run again"
        ):
            check([RESULT])


def test_a_large_file_is_known_by_its_size_its_beginning_and_its_end(
    result: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "_HEAD", 4)
    monkeypatch.setattr(checksums, "_TAIL", 2)
    result.write_bytes(b"headmiddletl")
    known = checksum(result)
    seen = {
        spoilt: checksum(result) != known
        for spoilt in (b"Headmiddletl", b"headmiddleTl", b"headmiddle_tl", b"headMiddletl")
        if result.write_bytes(spoilt)
    }
    # What lies between is HDF5's own to check.
    assert seen == {b"Headmiddletl": True, b"headmiddleTl": True, b"headmiddle_tl": True, b"headMiddletl": False}
    for size in range(4, 8):
        result.write_bytes(b"headmiddle"[:size])
        whole = checksum(result)
        result.write_bytes(b"headmiddle"[: size - 1] + b"?")
        assert checksum(result) != whole


def test_weights_are_known_by_all_of_them(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "_HEAD", 4)
    weights = result.with_name("weights.h5")
    weights.write_bytes(b"headmiddletail")
    known = checksum(weights)
    weights.write_bytes(b"headMiddletail")
    assert checksum(weights) != known


def test_what_is_forgotten_missing_or_no_result_is_taken_as_it_is(result: Path, tmp_path: Path) -> None:
    own = tmp_path / "data.tsv"
    own.write_text("a")
    note([str(own)])
    assert not (tmp_path / ".checksums").exists()
    result.write_text("changed")
    forget([RESULT, str(own)])
    check([RESULT, str(own), "results/not/there.tsv"])
