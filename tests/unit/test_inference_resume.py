"""An inference that was stopped: it goes on as if nothing had happened, and never from something else's beginning."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from simulated_bundle import SimulatedRun, write_profiles

from landex.errors import UserError
from landex.formats.files import open_matrix_file
from landex.formats.matrix_file import Content
from landex.inference import jobs
from landex.inference import partial as partials
from landex.inference.command import main
from landex.inference.infer import infer_file
from landex.inference.jobs import Settings
from landex.inference.partial import PartialResult

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "workflow/scripts"
ENDINGS = [".gctx", ".h5ad", ".gct", ".tsv.gz"]


@pytest.fixture
def profiles(simulated: SimulatedRun, tmp_path: Path) -> Path:
    values = np.tile(simulated.profiles(), (5, 1))
    names = [f"p{row}" for row in range(len(values))]
    return write_profiles(tmp_path / "in.gctx", simulated.landmarks["entrez"].tolist(), names, values)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_ROWS", 16)
    monkeypatch.setattr(partials, "_BETWEEN_NOTES", 0.0)


def results_in(folder: Path, name: str = "out") -> dict[str, bytes]:
    """Return all files of a result but its log, which says how long it took."""
    return {
        path.name: path.read_bytes() for path in sorted(folder.iterdir())
        if path.name.startswith(name) and not path.name.endswith(".log")
    }  # fmt: skip


def undisturbed(run: SimulatedRun, profiles: Path, ending: str, **settings: Any) -> dict[str, bytes]:
    folder = profiles.parent / "undisturbed"
    infer_file(run.bundle("linear"), profiles, folder / f"out{ending}", Settings(intervals=True, **settings))
    return results_in(folder)


class Killed(BaseException):
    """What a kill is to the code: nothing after it runs, not even what tidies up."""


def stop_after(monkeypatch: pytest.MonkeyPatch, blocks: int) -> None:
    whole, count = PartialResult.write, [0]

    def write(self: PartialResult, *arguments: Any) -> None:
        if count[0] == blocks:
            raise Killed
        count[0] += 1
        whole(self, *arguments)

    monkeypatch.setattr(PartialResult, "write", write)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("blocks", [0, 7, 12])
def test_a_stopped_call_goes_on_where_it_was(
    simulated: SimulatedRun, profiles: Path, ending: str, blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = undisturbed(simulated, profiles, ending)
    out = profiles.parent / f"out{ending}"
    asked = (simulated.bundle("linear"), profiles, out, Settings(intervals=True))
    with monkeypatch.context() as stopped:
        stop_after(stopped, blocks)
        with pytest.raises(Killed):
            infer_file(*asked)
    assert not results_in(profiles.parent)
    begun: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> Callable[[int], None]:
        begun.append((done, total))
        return lambda count: None

    infer_file(*asked, 1, progress)
    assert begun == [(16 * blocks, 200)]
    assert results_in(profiles.parent) == expected
    assert not list(profiles.parent.glob(".*"))
    assert ("taken up after" in Path(f"{out}.log").read_text()) == (blocks > 0)


SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from landex.inference import infer, jobs, partial
jobs._ROWS, partial._BETWEEN_NOTES = 16, 0.0
whole = partial.PartialResult.write
def write(self, *arguments):
    whole(self, *arguments)
    print(self.rows, flush=True)
    time.sleep(0.02)
partial.PartialResult.write = write
infer.infer_file(*sys.argv[2:5], jobs.Settings(intervals=True), int(sys.argv[5]))
"""


def in_a_process(run: SimulatedRun, profiles: Path, out: Path, threads: int = 1) -> "subprocess.Popen[str]":
    arguments = [str(PACKAGE), str(run.bundle("linear")), str(profiles), str(out), str(threads)]
    return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("ending", "rows", "threads"), [(".gctx", 48, 1), (".h5ad", 160, 2), (".tsv", 96, 1)])
def test_a_killed_process_leaves_what_the_next_goes_on_from(
    simulated: SimulatedRun, profiles: Path, ending: str, rows: int, threads: int
) -> None:
    expected = undisturbed(simulated, profiles, ending)
    out = profiles.parent / f"out{ending}"
    with in_a_process(simulated, profiles, out, threads) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= rows:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait() == -signal.SIGKILL
    assert not results_in(profiles.parent)
    with in_a_process(simulated, profiles, out) as process:
        assert process.stdout is not None
        first = int(process.stdout.readline())
        process.stdout.read()
        assert process.wait() == 0
    assert first >= rows
    found = results_in(profiles.parent)
    assert found.keys() == expected.keys()
    for name in found:
        if name.endswith((".samples.tsv", ".genes.tsv")):
            assert found[name] == expected[name]
        else:
            with (
                open_matrix_file(profiles.parent / name) as one,
                open_matrix_file(profiles.parent / "undisturbed" / name) as other,
            ):
                values = [file.read(slice(0, 200)) for file in (one, other)]
                np.testing.assert_allclose(*values, rtol=0, atol=1e-5)
    assert not list(profiles.parent.glob(".*"))


@pytest.mark.parametrize("ending", [".gctx", ".h5ad", ".gct"])
@pytest.mark.parametrize("matrix", [0, 1, 2])
def test_a_call_that_was_killed_while_it_ended_can_be_made_again(
    simulated: SimulatedRun, profiles: Path, ending: str, matrix: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names and annotations are added to a matrix in place: half of them must not be in the way."""
    from landex.formats import in_place

    expected = undisturbed(simulated, profiles, ending)
    asked = (simulated.bundle("linear"), profiles, profiles.parent / f"out{ending}", Settings(intervals=True))
    whole, count = in_place.complete, [0]

    def complete(path: Path, result: Path, ending: str, content: Content) -> None:
        if count[0] == matrix:
            if ending != ".gct":
                # All is added, and nothing moved yet.
                whole(path, path.with_name("added"), ending, content)
                path.with_name("added").rename(path)
            raise Killed
        count[0] += 1
        whole(path, result, ending, content)

    with monkeypatch.context() as stopped:
        stopped.setattr(in_place, "complete", complete)
        with pytest.raises(Killed):
            infer_file(*asked)
    infer_file(*asked)
    assert results_in(profiles.parent) == expected
    assert not list(profiles.parent.glob(".*"))


def changed(run: SimulatedRun, profiles: Path, what: str) -> dict[str, Any]:
    """Return the call that follows one that was stopped."""
    asked: dict[str, Any] = {"bundle": run.bundle("linear"), "profiles": profiles, "settings": Settings()}
    if what == "profiles":
        import h5py

        with h5py.File(profiles, "r+") as file:
            file["0/DATA/0/matrix"][0, 0] += 5
    elif what == "bundle":
        asked["bundle"] = run.bundle("knn")
    elif what == "units":
        asked["settings"] = Settings(units="zscores")
    elif what == "harmonise":
        asked["settings"] = Settings(harmonise="tdm")
    elif what == "intervals":
        asked["settings"] = Settings(intervals=True)
    elif what == "targets":
        asked["settings"] = Settings(targets=tuple(run.targets["symbol"][:3]))
    return asked


@pytest.mark.parametrize("what", ["profiles", "bundle", "units", "harmonise", "intervals", "targets"])
def test_another_call_does_not_go_on_from_this_one(
    simulated: SimulatedRun, profiles: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = profiles.parent / "out.gctx"
    with monkeypatch.context() as stopped:
        stop_after(stopped, 7)
        with pytest.raises(Killed):
            infer_file(simulated.bundle("linear"), profiles, out)
    asked = changed(simulated, profiles, what)
    infer_file(path=out, **asked)
    infer_file(path=profiles.parent / "undisturbed/out.gctx", **asked)
    assert results_in(profiles.parent) == results_in(profiles.parent / "undisturbed")
    assert not list(profiles.parent.glob(".*"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "state.json").write_text("{"),
        lambda folder: (folder / "state.json").write_text("[]"),
        lambda folder: (folder / "state.json").write_text((folder / "state.json").read_text().replace("112", "-5")),
        lambda folder: (folder / "state.json").unlink(),
        lambda folder: (folder / "values").unlink(),
        lambda folder: os.truncate(folder / "values", 100),
        lambda folder: (folder / "figures").unlink(),
        lambda folder: os.truncate(folder / "figures", 8),
    ],
)
def test_a_spoilt_beginning_is_begun_again(
    simulated: SimulatedRun, profiles: Path, spoil: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = profiles.parent / "out.gctx"
    with monkeypatch.context() as stopped:
        stop_after(stopped, 7)
        with pytest.raises(Killed):
            infer_file(simulated.bundle("linear"), profiles, out)
    assert (profiles.parent / ".out.gctx.partial/state.json").read_text().count("112") == 1
    spoil(profiles.parent / ".out.gctx.partial")
    infer_file(simulated.bundle("linear"), profiles, out)
    infer_file(simulated.bundle("linear"), profiles, profiles.parent / "undisturbed/out.gctx")
    assert results_in(profiles.parent) == results_in(profiles.parent / "undisturbed")


def test_two_processes_do_not_write_one_result(
    simulated: SimulatedRun, profiles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = profiles.parent / "out.gctx"
    with in_a_process(simulated, profiles, out) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        try:
            assert main(["infer", str(simulated.bundle("linear")), str(profiles), "-o", str(out)]) == 1
        finally:
            process.send_signal(signal.SIGCONT)
        said = capsys.readouterr().err
        assert "another process writes this result" in said
        assert said.count("\n") == 1
        process.stdout.read()
        assert process.wait() == 0
    infer_file(simulated.bundle("linear"), profiles, profiles.parent / "undisturbed/out.gctx", Settings(intervals=True))
    assert results_in(profiles.parent).keys() == results_in(profiles.parent / "undisturbed").keys()


def test_an_interrupted_command_says_that_it_can_go_on(
    simulated: SimulatedRun, profiles: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PartialResult, "figures", interrupted)
    out = profiles.parent / "out.gctx"
    assert main(["infer", str(simulated.bundle("linear")), str(profiles), "-o", str(out), "--quiet"]) == 130
    assert "goes on" in capsys.readouterr().err
    assert not results_in(profiles.parent)


@pytest.mark.parametrize("ending", [".gctx", ".tsv"])
@pytest.mark.parametrize("block", [0, 5])
def test_a_disk_that_fills_up_is_one_line_and_can_go_on(
    simulated: SimulatedRun, profiles: Path, ending: str, block: int, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    expected = undisturbed(simulated, profiles, ending)
    whole, count = os.pwrite, [0]

    def full(descriptor: int, data: Any, offset: int) -> int:
        count[0] += 1
        if count[0] > 4 * block + 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return whole(descriptor, data, offset)

    asked = ["infer", str(simulated.bundle("linear")), str(profiles), "-o", str(profiles.parent / f"out{ending}")]
    asked += ["--intervals", "--quiet", "--threads", "1"]
    with monkeypatch.context() as filled:
        filled.setattr(os, "pwrite", full)
        assert main(asked) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left" in said
    assert f"out{ending}" in said
    assert not results_in(profiles.parent)
    assert main(asked) == 0
    assert results_in(profiles.parent) == expected


def test_no_room_for_the_result_is_said_before_the_work(
    simulated: SimulatedRun, profiles: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    out = profiles.parent / "out.gctx"
    assert main(["infer", str(simulated.bundle("linear")), str(profiles), "-o", str(out), "--quiet"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left" in said
    assert "out.gctx" in said
    assert [path.name for path in profiles.parent.iterdir()] == ["in.gctx"]


def test_an_older_result_stays_whole_until_the_new_one_is(
    simulated: SimulatedRun, profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = profiles.parent / "out.gctx"
    infer_file(simulated.bundle("linear"), profiles, out)
    before = results_in(profiles.parent)
    with monkeypatch.context() as stopped:
        stop_after(stopped, 3)
        with pytest.raises(Killed):
            infer_file(simulated.bundle("knn"), profiles, out)
    assert results_in(profiles.parent) == before


def test_what_is_written_lies_where_it_should(tmp_path: Path) -> None:
    """Rows come in any number; the file on disk is the matrix, in order."""
    values: NDArray[np.float32] = np.arange(35, dtype=np.float32).reshape(7, 5)
    figures = np.arange(14.0).reshape(7, 2)
    with PartialResult(tmp_path / "p", "key", {"values": ".tsv"}, (7, 5), 2) as partial:
        for place in (slice(0, 3), slice(3, 4), slice(4, 7)):
            partial.write({"values": values[place]}, figures[place])
        np.testing.assert_array_equal(partial.figures(), figures)
        np.testing.assert_array_equal(np.fromfile(tmp_path / "p/values", np.float32).reshape(7, 5), values)
        with pytest.raises(UserError, match="another process"):
            PartialResult(tmp_path / "p", "key", {"values": ".tsv"}, (7, 5), 2)
        partial.drop()
    assert not (tmp_path / "p").exists()
