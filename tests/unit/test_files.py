"""Files that are whole or not there."""

import gzip
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landex.baselines.linear_model import LinearModel
from landex.errors import UserError
from landex.files import UnpacksTooLarge, allocate, atomic, check_gzip, remove_leftovers, scratch_prefix
from landex.h5ad import write_matrix
from landex.models import write_model
from landex.predictions import Predictions


def test_a_file_appears_under_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "table.tsv.gz"
    with atomic(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        # Hidden, beside its target (so that renaming is one step), and of the same kind by its ending.
        assert temporary.name.startswith(".")
        assert temporary.parent == path.parent
        assert temporary.name.endswith("table.tsv.gz")
    assert path.read_text() == "whole"
    assert [found.name for found in path.parent.iterdir()] == ["table.tsv.gz"]


def write_half(path: Path, error: BaseException) -> None:
    with atomic(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_a_block_that_fails_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_half(tmp_path / "table.tsv", error)
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_fails_leaves_the_file_of_before(tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text("before")
    with pytest.raises(ValueError, match="broken"):
        write_half(tmp_path / "table.tsv", ValueError("broken"))
    assert (tmp_path / "table.tsv").read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_block_that_writes_nothing_is_an_error_and_not_an_empty_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "table.tsv"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_and_no_old_line_stays(tmp_path: Path) -> None:
    (tmp_path / "table.tsv").write_text("a long line of before\n" * 9)
    with atomic(tmp_path / "table.tsv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "table.tsv").read_text() == "new"


WHOLE = gzip.compress(bytes(range(256)) * 9000, mtime=0)


def test_a_whole_gzip_file_passes_even_of_several_members(tmp_path: Path) -> None:
    for data in (WHOLE, WHOLE + WHOLE, gzip.compress(b"")):
        (tmp_path / "file.gz").write_bytes(data)
        check_gzip(tmp_path / "file.gz")


@pytest.mark.parametrize(
    "data",
    [b"", b"text", WHOLE[:-1], WHOLE[:9], WHOLE[:100], WHOLE[:-4] + b"\0\0\0\0", WHOLE + b"<html>", b"\x1f\x8b"],
    ids=["empty", "text", "no last byte", "no header", "cut", "wrong length", "trailing text", "two bytes"],
)
def test_a_gzip_file_that_is_not_whole_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file.gz").write_bytes(data)
    with pytest.raises(UserError, match=r"file\.gz: .*fetch it again"):
        check_gzip(tmp_path / "file.gz")


@contextmanager
def room_for_little() -> Iterator[None]:
    """Let no file of this process grow beyond 50,000 bytes, as a full disk would; not even what pytest prints to."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


LARGE = np.zeros((100, 300), np.float32)
TABLE = pd.DataFrame(index=range(300))
GENES = [f"g{column}" for column in range(300)]


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_model(path, "ridge", LinearModel(LARGE, LARGE[0])),
        lambda path: Predictions({"training": LARGE}, [f"s{row}" for row in range(100)], GENES).write(path),
        lambda path: write_matrix(path, TABLE.loc[:99], TABLE, LARGE),
    ],
    ids=["a model", "predictions", "a matrix"],
)
def test_a_file_that_finds_no_room_is_an_error_and_not_a_crash(tmp_path: Path, write: Callable[[Path], object]) -> None:
    with room_for_little(), pytest.raises(OSError, match=r"file\.h5"):
        write(tmp_path / "file.h5")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_processes_left_of_a_result_is_removed_and_nothing_else(tmp_path: Path) -> None:
    result, other = tmp_path / "a.tsv", tmp_path / "a.tsv.gz"
    kept = [result, other, tmp_path / f".99.partial.{other.name}", tmp_path / ".a.tsv.partial"]
    left = [tmp_path / f".99.partial.{result.name}", tmp_path / f"{scratch_prefix(result)}probe"]
    for path in (*kept, *left):
        path.write_text("half")
    folder = tmp_path / f"{scratch_prefix(result)}folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "scores").write_text("half")
    remove_leftovers(result)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    remove_leftovers(tmp_path / "missing" / "a.tsv")


def test_a_file_to_be_mapped_has_its_room_or_is_an_error_that_names_it(tmp_path: Path) -> None:
    allocate(tmp_path / "values", 12)
    values = np.memmap(tmp_path / "values", np.float32, "r+", shape=(3,))
    assert values.tolist() == [0, 0, 0]
    allocate(tmp_path / "values", 0)
    assert (tmp_path / "values").stat().st_size == 0
    with room_for_little(), pytest.raises(OSError) as error:
        allocate(tmp_path / "large", 60_000)
    assert error.value.filename == str(tmp_path / "large")


def test_a_write_that_fails_says_where(tmp_path: Path) -> None:
    with room_for_little(), pytest.raises(OSError) as error, atomic(tmp_path / "table.tsv") as temporary:
        temporary.write_bytes(bytes(60_000))
    assert error.value.filename == str(tmp_path / "table.tsv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "limits"), [(bytes(3_000_000), (2e6, 9e6)), (b"\n" + bytes(3_000_000), (9e6, 2e6))]
)
def test_a_gzip_file_is_unpacked_up_to_a_size_and_a_length_of_line(
    tmp_path: Path, content: bytes, limits: tuple[float, float]
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content))
    check_gzip(path, 3_000_001, 3_000_000)
    with pytest.raises(UnpacksTooLarge, match="more than 2 MB"):
        check_gzip(path, *limits)
