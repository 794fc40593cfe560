"""Bad profiles, and bad calls: one clear line that names the file, exit code 1, and nothing left behind."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from simulated_bundle import LANDMARKS, SimulatedRun, write_profiles

from landex.inference.command import main

Table = list[list[str]]
Edit = Callable[[Table], Any]


def table_of(run: SimulatedRun) -> Table:
    """Return four good profiles as cells: a header, then a row a landmark."""
    rows = zip(run.landmarks["symbol"], run.profiles()[:4].T.tolist(), strict=True)
    return [["gene", "a", "b", "c", "d"], *([symbol, *map(str, values)] for symbol, values in rows)]


def cell(text: str, row: int = 3, column: int = 2) -> Edit:
    def edit(table: Table) -> None:
        table[row][column] = text

    return edit


def column(text: str | None, number: int = 2) -> Edit:
    def edit(table: Table) -> None:
        for row in table[1:]:
            row[number] = row[1] if text is None else text

    return edit


def genes(rename: Callable[[int, str], str]) -> Edit:
    def edit(table: Table) -> None:
        for number, row in enumerate(table[1:]):
            row[0] = rename(number, row[0])

    return edit


def everything(text: Callable[[str], str]) -> Edit:
    def edit(table: Table) -> None:
        for row in table[1:]:
            row[1:] = [text(value) for value in row[1:]]

    return edit


def header(*names: str) -> Edit:
    def edit(table: Table) -> None:
        table[0][1:] = names

    return edit


def only(count: int) -> Edit:
    return lambda table: table.__delitem__(slice(count + 1, None))


BAD_TABLES: dict[str, tuple[Edit, str]] = {
    "text in a cell": (cell("high"), "sample b, gene .*: 'high' is no number"),
    "a truth value in a cell": (cell("TRUE"), "'TRUE' is no number"),
    "a decimal comma": (cell("3,5"), "'3,5' is no number"),
    "NaN everywhere": (everything(lambda _: "NaN"), "sample a: it has values for 0 of the 24 landmarks only"),
    "a sample of NaN": (column("NaN"), "sample b: it has values for 0 of the 24 landmarks only.*--skip-bad"),
    "a sample of zeros": (column("0"), "sample b: all its values are 0.*--skip-bad"),
    "a sample of one value": (column("7"), "sample b: all its landmarks have the same value"),
    "a sample of infinities": (column("inf"), "sample b: it has values for 0"),
    "all zeros": (everything(lambda _: "0"), "sample a: all its values are 0.*no sample is left"),
    "a sample twice": (header("a", "b", "a", "d"), "names the sample a twice"),
    "samples without names": (header("", "", "c", "d"), "sample"),
    "mouse symbols": (genes(lambda _, name: name.capitalize()), "symbols of mouse or rat"),
    "mouse ids": (genes(lambda number, _: f"ENSMUSG{number:011d}"), "another organism"),
    "no landmarks": (genes(lambda number, _: f"x{number}"), "none of the bundle's 24 landmarks"),
    "numbered rows": (genes(lambda number, _: str(number)), "none of the bundle's 24 landmarks"),
    "too few landmarks": (only(5), "has 5 of the bundle's 24 landmarks, and 50% are asked for"),
    "one landmark": (only(1), "has 1 of the bundle's 24 landmarks"),
    "no genes": (only(0), ""),
    "no samples": (lambda table: [row.__delitem__(slice(1, None)) for row in table], ""),
    "a short row": (lambda table: table[5].pop(), "cells, not 5"),
    "a long row": (lambda table: table[5].append("1"), "cells, not 5"),
    "a broken quote": (genes(lambda number, name: f'"{name}' if number == 4 else name), ""),
}


def make_table(run: SimulatedRun, folder: Path, edit: Edit, ending: str = ".tsv") -> Path:
    table = table_of(run)
    edit(table)
    path = folder / f"profiles{ending}"
    path.write_text("".join("\t".join(row) + "\n" for row in table), encoding="utf-8")
    return path


def gctx(run: SimulatedRun, folder: Path, ending: str = ".gctx", values: Any = None, **names: Any) -> Path:
    given = run.profiles()[:4] if values is None else values
    samples = names.get("samples", ["a", "b", "c", "d"])
    return write_profiles(folder / f"profiles{ending}", run.landmarks["entrez"].tolist(), samples, given)


def as_bytes(data: bytes, ending: str) -> Callable[[SimulatedRun, Path], Path]:
    def make(run: SimulatedRun, folder: Path) -> Path:
        path = folder / f"profiles{ending}"
        path.write_bytes(data)
        return path

    return make


def in_hdf5(ending: str, edit: Callable[[h5py.File], Any]) -> Callable[[SimulatedRun, Path], Path]:
    def make(run: SimulatedRun, folder: Path) -> Path:
        path = gctx(run, folder, ending)
        with h5py.File(path, "r+") as file:
            edit(file)
        return path

    return make


def replaced(name: str, value: Any) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        file[name] = value
        file[name].attrs.update(attributes)

    return edit


def sparse(file: h5py.File) -> None:
    del file["X"]
    group = file.create_group("X")
    group["data"], group["indices"], group["indptr"] = [1.0], [0], [0, 1, 1, 1, 1]


def cut(ending: str, share: float) -> Callable[[SimulatedRun, Path], Path]:
    def make(run: SimulatedRun, folder: Path) -> Path:
        path = gctx(run, folder, ending)
        raw = path.read_bytes()
        path.write_bytes(raw[: int(len(raw) * share)])
        return path

    return make


def folder_called(run: SimulatedRun, folder: Path) -> Path:
    path = folder / "profiles.gct"
    path.mkdir()
    return path


def a_bundle(run: SimulatedRun, folder: Path) -> Path:
    return Path(shutil.copy(run.bundle("linear"), folder / "profiles.landex"))


def a_bundle_called_gctx(run: SimulatedRun, folder: Path) -> Path:
    return Path(shutil.copy(run.bundle("linear"), folder / "profiles.gctx"))


def negative_counts(run: SimulatedRun, folder: Path) -> Path:
    values = np.exp2(run.profiles()[:4]).round()
    values[2, 3] = -1
    return gctx(run, folder, values=values)


MISSING = "No such file"
BAD_FILES: dict[str, tuple[Callable[[SimulatedRun, Path], Path], str]] = {
    "nothing in a table": (as_bytes(b"", ".tsv"), ""),
    "nothing in a GCT": (as_bytes(b"", ".gct"), ""),
    "nothing in a GCTX": (as_bytes(b"", ".gctx"), ""),
    "nothing in an h5ad": (as_bytes(b"", ".h5ad"), ""),
    "nothing packed": (as_bytes(gzip.compress(b""), ".tsv.gz"), ""),
    "a header only": (as_bytes(b"gene\ta\tb\n", ".tsv"), ""),
    "binary in a table": (as_bytes(bytes(range(256)) * 9, ".tsv"), ""),
    "text that is not UTF-8": (as_bytes("gene\tµ\nTP53\t1\n".encode("latin1"), ".tsv"), ""),
    "an unpacked table called .gz": (as_bytes(b"gene\ta\nTP53\t1\n", ".tsv.gz"), ""),
    "a NUL in a table": (as_bytes(b"gene\ta\x00\nTP53\t1\n", ".csv"), ""),
    "an .xlsx": (as_bytes(b"PK\x03\x04", ".xlsx"), "known endings are"),
    "no ending": (as_bytes(b"gene\ta\n", ""), "known endings are"),
    "a folder": (folder_called, ""),
    "a missing table": (lambda run, folder: folder / "none.tsv", MISSING),
    "a missing GCT": (lambda run, folder: folder / "none.gct", MISSING),
    "a missing GCTX": (lambda run, folder: folder / "none.gctx", MISSING),
    "a missing h5ad": (lambda run, folder: folder / "none.h5ad", MISSING),
    "a bundle": (a_bundle, "known endings are"),
    "a bundle called .gctx": (a_bundle_called_gctx, "not readable as GCTX"),
    "negative counts": (negative_counts, ""),
    "a GCT cut short": (cut(".gct", 0.7), "cells, not 5|is the file whole"),
    "a GCT cut at its head": (cut(".gct", 0.02), "not readable as GCT"),
    "a packed GCT cut short": (cut(".gct.gz", 0.7), "not readable as GCT"),
    "an xz GCT cut short": (cut(".gct.xz", 0.7), "not readable as GCT"),
    "a GCTX cut short": (cut(".gctx", 0.7), "not readable as GCTX"),
    "an h5ad cut short": (cut(".h5ad", 0.7), "not readable as .h5ad"),
    "a GCTX without a matrix": (in_hdf5(".gctx", lambda file: file.__delitem__("0/DATA")), "no data set /0/DATA"),
    "a GCTX without ids": (in_hdf5(".gctx", lambda file: file.__delitem__("0/META/ROW/id")), "no data set /0/META"),
    "a GCTX of too few ids": (in_hdf5(".gctx", replaced("0/META/ROW/id", np.array([b"1"]))), "genes .META/ROW/id."),
    "a GCTX of one id by itself": (in_hdf5(".gctx", replaced("0/META/ROW/id", b"1")), ""),
    "a GCTX whose ids are a table": (in_hdf5(".gctx", replaced("0/META/COL/id", np.array([[b"a"]] * 4))), ""),
    "a GCTX of text": (in_hdf5(".gctx", replaced("0/DATA/0/matrix", np.full((4, LANDMARKS), b"x"))), "no numbers"),
    "a GCTX of complex numbers": (in_hdf5(".gctx", replaced("0/DATA/0/matrix", np.ones((4, LANDMARKS), complex))), ""),
    "a GCTX of three dimensions": (
        in_hdf5(".gctx", replaced("0/DATA/0/matrix", np.ones((4, LANDMARKS, 2)))), "its matrix is 4 x 24 x 2",
    ),
    "a sparse h5ad": (in_hdf5(".h5ad", sparse), "X is sparse"),
    "an h5ad without X": (in_hdf5(".h5ad", lambda file: file.__delitem__("X")), "no obs, var and X"),
    "an h5ad of text": (in_hdf5(".h5ad", replaced("X", np.full((4, LANDMARKS), b"x"))), "no numbers"),
    "an h5ad of complex numbers": (in_hdf5(".h5ad", replaced("X", np.ones((4, LANDMARKS), complex))), "no numbers"),
    "an h5ad of too few rows": (in_hdf5(".h5ad", replaced("X", np.ones((3, LANDMARKS)))), "shape .3, 24."),
    "an h5ad of too many columns": (in_hdf5(".h5ad", replaced("X", np.ones((4, LANDMARKS + 1)))), "shape .4, 25."),
    "an h5ad of a list": (in_hdf5(".h5ad", replaced("X", np.ones(4))), "shape .4,."),
    "an h5ad whose obs is a number": (in_hdf5(".h5ad", lambda file: replaced("obs", 5)(file)), ""),
    "an h5ad without an index": (in_hdf5(".h5ad", lambda file: file["obs"].__delitem__("sample")), ""),
    "an h5ad of short genes": (in_hdf5(".h5ad", replaced("var/gene", np.array([b"1"], object))), ""),
}  # fmt: skip


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(run: SimulatedRun, path: Path, said: str, capsys: pytest.CaptureFixture[str], *options: str) -> None:
    import re

    before, bundle, out = left_in(path.parent), str(run.bundle("linear")), str(path.parent / "out.gctx")
    assert main(["infer", bundle, str(path), "-o", out, "--intervals", *options]) == 1
    found = capsys.readouterr()
    assert found.err.startswith("landex: ")
    assert str(path) in found.err
    assert len(found.err.splitlines()) == 1, found.err
    assert re.search(said, found.err), found.err
    assert found.out == ""
    assert left_in(path.parent) == before
    # What `check` says is the same.
    assert main(["check", str(path), "--bundle", bundle, *options]) == 1
    assert capsys.readouterr().err == found.err


@pytest.mark.parametrize("which", BAD_TABLES)
def test_a_bad_table_is_one_line(
    simulated: SimulatedRun, tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit, said = BAD_TABLES[which]
    refused(simulated, make_table(simulated, tmp_path, edit), said, capsys)


@pytest.mark.parametrize("which", BAD_FILES)
def test_a_bad_file_is_one_line(
    simulated: SimulatedRun, tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, said = BAD_FILES[which]
    options = ["--values", "counts"] if which == "negative counts" else []
    refused(simulated, make(simulated, tmp_path), said, capsys, *options)


# Names that could break a result


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\rb", "a\x00b", "é\u2028", "x" * 5000, "../../x", "-1", "NA", ""])
@pytest.mark.parametrize("ending", [".h5ad", ".gctx", ".gct", ".tsv", ".csv"])
def test_odd_names_of_samples_are_scored_or_one_line(
    simulated: SimulatedRun, tmp_path: Path, name: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from landex.formats.files import open_matrix_file

    try:
        path = gctx(simulated, tmp_path, ".h5ad" if "\x00" not in name else ".gctx", samples=[name, "b", "c", "d"])
    except ValueError:
        pytest.skip("HDF5 cannot hold this name")
    code = main(["infer", str(simulated.bundle("linear")), str(path), "-o", str(tmp_path / f"out{ending}"), "--quiet"])
    said = capsys.readouterr().err
    if code == 1:
        assert said.startswith(f"landex: {path}: ")
        assert said.count("\n") == 1
        assert left_in(tmp_path) == [path.name]
        return
    assert code == 0
    with open_matrix_file(tmp_path / f"out{ending}") as file:
        assert len(file.samples) == 4
    rows = (tmp_path / f"out{ending}.samples.tsv").read_text(encoding="utf-8").split("\n")
    assert len(rows) == 6
    assert all(row.count("\t") == rows[0].count("\t") for row in rows[:5])


def test_a_message_is_one_line_whatever_the_sample_is_called(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = simulated.profiles()[:4].copy()
    values[1] = 0
    path = gctx(simulated, tmp_path, ".h5ad", values, samples=["a", "b\u2028landex: all is well", "c", "d"])
    refused(simulated, path, "all its values are 0", capsys)


# Bad calls


def call(run: SimulatedRun, folder: Path, **changes: str) -> list[str]:
    path = gctx(run, folder)
    given = {"bundle": str(run.bundle("linear")), "profiles": str(path), "out": str(folder / "out.gctx")} | changes
    return ["infer", given["bundle"], given["profiles"], "-o", given["out"], "--quiet"]


def one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("landex: ")
    assert said.count("\n") == 1
    return said


def test_profiles_given_as_the_bundle_say_so(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = gctx(simulated, tmp_path)
    said = one_line(call(simulated, tmp_path, bundle=str(path)), capsys)
    assert f"{path}: damaged, or no bundle" in said
    assert left_in(tmp_path) == ["profiles.gctx"]


@pytest.mark.parametrize("out", ["out", "out.xlsx", "out.h5ad.gz", ".gctx", "profiles.landex"])
def test_a_result_of_no_format_is_refused(
    simulated: SimulatedRun, tmp_path: Path, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = one_line(call(simulated, tmp_path, out=str(tmp_path / out)), capsys)
    assert out in said
    assert left_in(tmp_path) == ["profiles.gctx"]


def test_a_result_in_place_of_its_input_is_refused(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = gctx(simulated, tmp_path).read_bytes()
    link = tmp_path / "link.gctx"
    link.symlink_to("profiles.gctx")
    for out in ("profiles.gctx", "link.gctx"):
        assert "is read" in one_line(call(simulated, tmp_path, out=str(tmp_path / out)), capsys)
    assert gctx(simulated, tmp_path).read_bytes() == before
    lower = shutil.copy(tmp_path / "profiles.gctx", tmp_path / "x.lower.gctx")
    arguments = [*call(simulated, tmp_path, profiles=str(lower), out=str(tmp_path / "x.gctx")), "--intervals"]
    assert "x.lower.gctx" in one_line(arguments, capsys)
    assert Path(lower).read_bytes() == before


def test_a_folder_in_the_place_of_a_result_is_refused_before_the_work(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.gctx").mkdir()
    one_line(call(simulated, tmp_path), capsys)
    assert left_in(tmp_path) == ["out.gctx", "profiles.gctx"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_one_line(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    assert "closed" in one_line(call(simulated, tmp_path, out=str(tmp_path / "closed/out.gctx")), capsys)


@pytest.mark.parametrize("below", ["profiles.gctx/out.gctx", "/proc/out.gctx", "/dev/null/out.gctx"])
def test_a_place_where_no_file_can_be_is_one_line(
    simulated: SimulatedRun, tmp_path: Path, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = one_line(call(simulated, tmp_path, out=str(tmp_path / below)), capsys)
    assert "out.gctx" in said
    assert left_in(tmp_path) == ["profiles.gctx"]


@pytest.mark.parametrize("names", ["NOSUCHGENE", "@missing.txt", "@.", "", ","])
def test_targets_that_are_none_are_one_line(
    simulated: SimulatedRun, tmp_path: Path, names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one_line([*call(simulated, tmp_path), "--genes", names], capsys)
    assert left_in(tmp_path) == ["profiles.gctx"]


def test_another_fingerprint_is_refused(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "its fingerprint is" in one_line([*call(simulated, tmp_path), "--fingerprint", "00000000"], capsys)


@pytest.mark.parametrize(
    "wrong",
    [
        "", "infer", "infer a b", "card", "check", "infer a b -o c --threads 0", "infer a b -o c --threads x",
        "check a --fewest-landmarks nan", "check a --fewest-landmarks 0", "infer a b -o c --units log",
    ],
)  # fmt: skip
def test_wrong_calls_exit_with_2(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(wrong.split())
    assert ended.value.code == 2
    assert "usage: landex" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error(simulated: SimulatedRun) -> None:
    script = f"{sys.executable} -m landex card {simulated.bundle('linear')} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "workflow/scripts")},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
