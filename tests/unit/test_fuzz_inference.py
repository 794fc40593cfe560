"""Damaged bundles and profiles, at random: the right numbers or one line, and never a traceback or a crash."""

import os
import pickle
import shutil
import signal
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from simulated_bundle import SimulatedRun, write_profiles

from landex.formats.files import open_matrix_file
from landex.inference.command import main

# Some in every run of the tests; many by hand.
CASES = int(os.environ.get("LANDEX_FUZZ_CASES", "12"))
# Seconds until a case is called endless, on a busy machine.
_PATIENCE = 60


def flipped(raw: bytes, random: np.random.Generator) -> bytes:
    """Flip bits, cut, or overwrite a stretch."""
    spoilt = bytearray(raw)
    what = random.integers(10)
    if what == 0:
        return bytes(spoilt[: random.integers(len(raw))])
    if what == 1:
        start, length = random.integers(len(raw)), random.integers(1, 64)
        spoilt[start : start + length] = random.bytes(length)
        return bytes(spoilt)
    for _ in range(random.integers(1, 4)):
        # Headers and names are few among values: half of the flips hit the first and last parts.
        place = random.choice(
            [
                random.integers(len(raw)),
                random.integers(min(len(raw), 4096)),
                len(raw) - 1 - random.integers(min(len(raw), 4096)),
            ]
        )
        spoilt[place] ^= 1 << random.integers(8)
    return bytes(spoilt)


def in_children(work: Callable[[int], Any], cases: int) -> list[str]:
    """Run cases in children of this process, since HDF5 may crash; return what failed."""
    failed = []
    start = 0
    while start < cases:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                for case in range(start, cases):
                    os.write(writer, pickle.dumps(case))
                    signal.alarm(_PATIENCE)
                    try:
                        work(case)
                    except BaseException as error:
                        told = f"case {case}: {type(error).__name__}: {error}"[:1500]
                        os.write(writer, pickle.dumps(told))
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as stream:
            last = start - 1
            while True:
                try:
                    found = pickle.load(stream)
                except EOFError:
                    break
                if isinstance(found, int):
                    last = found
                else:
                    failed.append(found)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            failed.append(f"case {last}: signal {os.WTERMSIG(status)}")
        start = last + 1
    return failed


def called(arguments: list[str]) -> tuple[int, str]:
    """Run the command and return its exit code and what it said."""
    said = StringIO()
    with redirect_stderr(said), redirect_stdout(StringIO()):
        code = main(arguments)
    return code, said.getvalue()


def checked(bundle: Path, profiles: Path, out: Path) -> bool:
    """Infer, and tell whether there is a result; where there is none, nothing but one line may be left."""
    before = sorted(out.parent.iterdir())
    code, said = called(["infer", str(bundle), str(profiles), "-o", str(out), "--quiet", "--threads", "1"])
    if code == 0:
        return True
    assert code == 1, code
    assert said.startswith("landex: "), said
    assert len(said.splitlines()) == 1, said
    assert str(bundle) in said or str(profiles) in said, said
    assert sorted(out.parent.iterdir()) == before, sorted(out.parent.iterdir())
    return False


def values_of(path: Path) -> tuple[list[str], list[str], Any]:
    with open_matrix_file(path) as file:
        return file.samples, file.genes, file.read(slice(0, len(file.samples)))


@pytest.mark.parametrize("name", ["linear", "network", "blend", "knn"])
def test_a_damaged_bundle_gives_the_same_numbers_or_one_line(
    simulated: SimulatedRun, tmp_path: Path, name: str
) -> None:
    genes = simulated.landmarks["entrez"].tolist()
    given = write_profiles(tmp_path / "in.gctx", genes, ["a", "b"], simulated.profiles()[:2])
    assert checked(simulated.bundle(name), given, tmp_path / "out.gctx")
    expected = values_of(tmp_path / "out.gctx")
    raw = simulated.bundle(name).read_bytes()

    def work(case: int) -> None:
        folder = tmp_path / f"{case}"
        folder.mkdir()
        bundle = folder / "b.landex"
        bundle.write_bytes(flipped(raw, np.random.default_rng(case)))
        if checked(bundle, given, folder / "out.gctx"):
            found = values_of(folder / "out.gctx")
            assert found[:2] == expected[:2]
            np.testing.assert_array_equal(found[2], expected[2])
        code, said = called(["card", str(bundle)])
        assert code == 0 or len(said.splitlines()) == 1
        shutil.rmtree(folder)

    assert in_children(work, CASES) == []


@pytest.mark.parametrize("ending", [".gctx", ".h5ad", ".gct", ".tsv", ".csv.gz", ".gct.xz"])
def test_damaged_profiles_give_what_their_reader_says_or_one_line(
    simulated: SimulatedRun, tmp_path: Path, ending: str
) -> None:
    genes, values = simulated.landmarks["symbol"].tolist(), simulated.profiles()[:5]
    fields = {"gene_fields": {"id": simulated.landmarks["entrez"].tolist()}, "sample_fields": {"cell": ["x"] * 5}}
    raw = write_profiles(tmp_path / f"in{ending}", genes, [*"abcde"], values, **fields).read_bytes()

    def work(case: int) -> None:
        folder = tmp_path / f"{case}"
        folder.mkdir()
        given = folder / f"in{ending}"
        given.write_bytes(flipped(raw, np.random.default_rng(case)))
        if checked(simulated.bundle("linear"), given, folder / "out.gctx"):
            samples, names, read = values_of(given)
            clean = write_profiles(folder / "clean.gctx", names, samples, read)
            # A number that float32 cannot hold is none.
            with np.errstate(over="ignore"):
                assert checked(simulated.bundle("linear"), clean, folder / "again.gctx")
            np.testing.assert_allclose(
                values_of(folder / "out.gctx")[2], values_of(folder / "again.gctx")[2], rtol=0, atol=1e-4
            )
        called(["check", str(given)])
        shutil.rmtree(folder)

    assert in_children(work, CASES) == []
