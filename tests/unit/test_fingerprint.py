"""Fingerprints: what makes a job stale, and what does not."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from landex.fingerprint import FileFingerprints, code_fingerprint

SCRIPT = '"""Rule."""\n\nfrom pack.job import job\n\nwith job():\n    from pack.near import run\n\n    run()\n'
NEAR = '''"""Near."""

import os

from pack.far import VALUE


def run():
    """Run."""
    return VALUE
'''
FAR = '''VALUE = 1


class Far:
    """Far."""

    def late(self):
        from pack import late

        return late
'''
MODULES = {
    "__init__": '"""The package."""\n\n__version__ = "1"\n',
    "job": "def job():\n    return None\n",
    "near": NEAR,
    "far": FAR,
    "late": "import pack.deep\n\n\nasync def wait():\n    return 'late'\n",
    "deep": "DEPTH = 5\n",
    "unused": "OTHER = 1\n",
    # Imported by its name at run time, and the package that it lies in.
    "kinds/__init__": "KIND = 1\n",
    "kinds/ridge": "from pack.kinds.solver import solve\n\nfit = solve\n",
    "kinds/solver": "def solve():\n    return 3\n",
    "kinds/other": "OTHER = 1\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    package = tmp_path / "pack"
    package.mkdir()
    (tmp_path / "rule.py").write_text(SCRIPT)
    (package / "kinds").mkdir()
    for name, text in MODULES.items():
        (package / f"{name}.py").write_text(text)
    return tmp_path


def fingerprint(tree: Path) -> str:
    return code_fingerprint(tree / "rule.py", tree / "pack", "pack.kinds.ridge")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("rule", "with job", "# A comment.\nwith job"),
        ("rule", '"""Rule."""\n', ""),
        ("rule", "    run()\n", "    run( )  # noqa\n"),
        ("pack/near", '"""Run."""', '"""Run, in other words.\n\n    Longer.\n    """'),
        ("pack/near", '    """Run."""\n', ""),
        ("pack/far", '    """Far."""\n', ""),
        ("pack/__init__", '"""The package."""', '"""Another."""'),
        ("pack/late", "'late'", '"late"'),
        ("pack/late", "\n\n\n", "\n\n\n\n\n"),
        ("pack/deep", "5", "0x5"),
        ("pack/unused", "1", "2"),
        ("pack/kinds/other", "1", "2"),
    ],
)
def test_a_change_without_effect_keeps_the_fingerprint(tree: Path, file: str, old: str, new: str) -> None:
    before = fingerprint(tree)
    edit(tree / f"{file}.py", old, new)
    assert fingerprint(tree) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("rule", "run()", "run(1)"),
        ("pack/__init__", '"1"', '"2"'),
        ("pack/job", "None", "1"),
        ("pack/near", "return VALUE", "return -VALUE"),
        ("pack/near", "import os", "import sys"),
        ("pack/far", "VALUE = 1", "VALUE = 2"),
        ("pack/late", "'late'", "'later'"),
        ("pack/deep", "5", "6"),
        ("pack/kinds/__init__", "1", "2"),
        ("pack/kinds/ridge", "fit = solve", "fit = [solve]"),
        ("pack/kinds/solver", "3", "4"),
        ("pack/deep", "DEPTH = 5", 'DEPTH = 5\n"""No docstring: it documents nothing that Python keeps."""'),
    ],
)
def test_a_real_edit_of_what_is_imported_changes_the_fingerprint(tree: Path, file: str, old: str, new: str) -> None:
    before = fingerprint(tree)
    edit(tree / f"{file}.py", old, new)
    assert fingerprint(tree) != before


def test_touch_and_another_place_keep_the_fingerprint(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    before = fingerprint(tree)
    for path in tree.rglob("*.py"):
        os.utime(path, (1, 1))
    assert fingerprint(tree) == before
    moved = tmp_path_factory.mktemp("elsewhere") / "tree"
    tree.rename(moved)
    assert fingerprint(moved) == before
    assert len(before) == 16


def test_two_modules_that_swap_their_content_change_the_fingerprint(tree: Path) -> None:
    before = fingerprint(tree)
    one, two = tree / "pack/job.py", tree / "pack/deep.py"
    first, second = one.read_text(), two.read_text()
    one.write_text(second)
    two.write_text(first)
    assert fingerprint(tree) != before


def test_a_relative_import_is_refused_because_it_would_not_be_followed(tree: Path) -> None:
    edit(tree / "pack/near.py", "from pack.far", "from .far")
    with pytest.raises(ValueError, match="relative import in line 5"):
        fingerprint(tree)


def test_a_module_that_is_not_named_and_not_imported_has_no_say(tree: Path) -> None:
    before = code_fingerprint(tree / "rule.py", tree / "pack")
    edit(tree / "pack/kinds/ridge.py", "fit = solve", "fit = [solve]")
    assert code_fingerprint(tree / "rule.py", tree / "pack") == before


def test_every_rules_script_has_a_fingerprint_of_its_own(resources: Path) -> None:
    scripts = sorted((resources.parent / "workflow/scripts").glob("*.py"))
    found = {script.stem: code_fingerprint(script, script.parent / "landex") for script in scripts}
    assert {"network", "baseline", "evaluate", "cohort_series", "report"} <= found.keys()
    assert len(set(found.values())) == len(found)


@pytest.fixture
def cached(tmp_path: Path) -> tuple[Path, Path]:
    """Return the path of a file and of the cache."""
    path = tmp_path / "matrix.tsv"
    path.write_text("gene\ta\n1\t2\n")
    return path, tmp_path / "cache/fingerprints.json"


def test_touch_keeps_a_files_fingerprint(cached: tuple[Path, Path]) -> None:
    path, cache = cached
    before = FileFingerprints(cache)(path)
    os.utime(path, ns=(5, 5))
    assert FileFingerprints(cache)(path) == before
    # A copy, as a fresh clone makes one, is the same file too.
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert FileFingerprints(cache)(path) == before


def replaced_by_an_older_file(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_text(path.read_text().replace("2", "3"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def rewritten_in_place(path: Path) -> None:
    status = path.stat()
    path.write_text(path.read_text().replace("2", "3"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change", [replaced_by_an_older_file, rewritten_in_place, lambda path: path.write_text("gene\ta\n1\t22\n")]
)
def test_other_content_changes_a_files_fingerprint(cached: tuple[Path, Path], change: Callable[[Path], None]) -> None:
    path, cache = cached
    size, fingerprints = path.stat().st_size, FileFingerprints(cache)
    before = fingerprints(path)
    change(path)
    assert path.stat().st_size >= size
    assert fingerprints(path) != before
    assert FileFingerprints(cache)(path) != before


def test_a_file_that_has_not_changed_is_not_read_again(
    cached: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = cached
    before = FileFingerprints(cache)(path)

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("read again")

    again = FileFingerprints(cache)
    monkeypatch.setattr("hashlib.file_digest", refuse)
    assert again(path) == before


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "null", '"text"', "{PATH: 5}", "{PATH: []}", "{PATH: [1, 2]}", "{PATH: null}", "\0\0\0"]
)
def test_a_damaged_cache_is_made_anew(cached: tuple[Path, Path], damage: str) -> None:
    path, cache = cached
    before = FileFingerprints(cache)(path)
    cache.write_text(damage.replace("PATH", json.dumps(str(path.resolve()))))
    assert FileFingerprints(cache)(path) == before
    assert list(json.loads(cache.read_text())) == [str(path.resolve())]


def test_a_cache_that_cannot_be_written_costs_time_only(cached: tuple[Path, Path], tmp_path: Path) -> None:
    path, cache = cached
    before = FileFingerprints(cache)(path)
    (tmp_path / "file").write_text("in the way")
    assert FileFingerprints(tmp_path / "file/cache.json")(path) == before


def test_a_huge_file_is_known_by_its_state(cached: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = cached
    monkeypatch.setattr("landex.files._CONTENT_LIMIT", 5)
    before = FileFingerprints(cache)(path)
    assert FileFingerprints(cache)(path) == before
    os.utime(path, ns=(5, 5))
    assert FileFingerprints(cache)(path) != before


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileFingerprints(tmp_path / "cache.json")(tmp_path / "absent")
