"""What a rule's script does around its call: everything into the log, one line for the user's mistakes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"


def run(folder: Path, body: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a script with `body` in its job, in a process of its own; return the process and the log."""
    script = folder / "scripts/rule.py"
    script.parent.mkdir(exist_ok=True)
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    script.write_text(f"from landex.job import job\n\nwith job({str(folder / 'logs/rule.log')!r}, __file__):\n{lines}")
    environment = {**os.environ, "PYTHONPATH": str(script.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )
    return process, (folder / "logs/rule.log").read_text()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder whose scripts/landex holds the modules that a job needs."""
    package = tmp_path / "scripts/landex"
    package.mkdir(parents=True)
    for name in ("__init__", "job", "errors", "checksums", "clock", "files", "planned"):
        (package / f"{name}.py").write_bytes((SCRIPTS / f"landex/{name}.py").read_bytes())
    return tmp_path


def test_all_output_is_in_the_log_that_of_other_programs_too(copied: Path) -> None:
    process, log = run(
        copied,
        "import logging, os, sys\n"
        "print('printed')\n"
        "print('to standard error', file=sys.stderr)\n"
        "logging.getLogger('landex').info('logged')\n"
        "os.write(1, b'native\\n')\n"
        "os.system('echo child')",
    )
    assert process.returncode == 0
    assert process.stdout == process.stderr == ""
    for line in ("printed", "to standard error", "logged", "native", "child"):
        assert line in log


def test_a_mistake_of_the_user_is_one_line_without_a_traceback(copied: Path) -> None:
    process, log = run(copied, "from landex.errors import UserError\nraise UserError('a.tsv: the column x is missing')")
    assert process.returncode == 1
    assert log == "landex: a.tsv: the column x is missing\n"


def test_any_other_error_keeps_its_traceback(copied: Path) -> None:
    process, log = run(copied, "raise KeyError('surprise')")
    assert process.returncode == 1
    assert "Traceback" in log
    assert "KeyError: 'surprise'" in log
    assert "rule.py" in log


def test_the_log_of_the_run_before_is_gone(copied: Path) -> None:
    run(copied, "print('a long line of the first run')")
    assert run(copied, "print('second')")[1] == "second\n"


def test_another_copy_of_the_package_is_refused(tmp_path: Path, copied: Path) -> None:
    elsewhere = tmp_path / "elsewhere/scripts"
    elsewhere.parent.mkdir()
    (copied / "scripts/landex").rename(tmp_path / "installed")
    elsewhere.mkdir()
    (tmp_path / "installed").rename(elsewhere / "landex")
    script = tmp_path / "scripts/rule.py"
    script.write_text("from landex.job import job\n\nwith job('rule.log', __file__):\n    print('ran')\n")
    environment = {**os.environ, "PYTHONPATH": str(elsewhere)}
    process = subprocess.run([sys.executable, script], env=environment, cwd=tmp_path, check=False)
    log = (tmp_path / "rule.log").read_text()
    assert process.returncode == 1
    assert log.startswith(f"landex: the package landex is loaded from {elsewhere / 'landex/__init__.py'}, not from")
    assert "ran" not in log


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_line_that_the_log_has_no_room_for_goes_to_standard_error(copied: Path) -> None:
    (copied / "logs").mkdir()
    (copied / "logs/rule.log").symlink_to("/dev/full")
    script = copied / "scripts/rule.py"
    script.write_text(
        "from landex.job import job\nfrom landex.errors import UserError\n\n"
        f"with job({str(copied / 'logs/rule.log')!r}, __file__):\n    raise UserError('a.tsv: no column x')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(script.parent)}
    process = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=False)
    assert process.returncode == 1
    assert process.stderr == "landex: a.tsv: no column x\n"
    assert process.stdout == ""


def test_a_log_that_cannot_be_opened_is_one_line(copied: Path) -> None:
    script = copied / "scripts/rule.py"
    # As on a disk that may only be read; root may write where others may not.
    script.write_text(
        "import errno, os\nfrom landex.job import job\n\n"
        "def refuse(path, *_):\n    raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)\n\n"
        "os.open = refuse\nwith job('logs/rule.log', __file__):\n    print('ran')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(script.parent)}
    process = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, cwd=copied, check=False
    )
    assert process.returncode == 1
    assert process.stderr == "landex: logs/rule.log: may not be read or written (Read-only file system)\n"
    assert process.stdout == ""
