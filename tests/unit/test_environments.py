"""The two locks, pyproject.toml and the conda environments of the rules say the same."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[2]
SCRIPTS = PROJECT / "workflow" / "scripts"
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))
# The versions and platforms that pyproject.toml promises, in the words of PEP 508's markers.
PYTHONS = ["3.11", "3.12", "3.13"]
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
MAC = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"}
# conda-forge has one TensorFlow; PyPI has one more, without the GPU.
NAME_IN_LOCK = {"tensorflow": "tensorflow-cpu", "python-isal": "isal"}
# Where a package is imported under another name than it is installed under, or comes with another one.
NAME_OF_IMPORT = {"GEOparse": "geoparse", "isal": "python-isal", "sklearn": "scikit-learn", "markupsafe": "jinja2"}


@dataclass(frozen=True)
class Locked:
    """One entry of a lock."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        return specifier.version


def read_lock(name: str) -> list[Locked]:
    text = (PROJECT / name).read_text()
    entries = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return [
        Locked(Requirement(entry.split(" --hash=")[0]), tuple(re.findall(r"--hash=(\S+)", entry))) for entry in entries
    ]


LOCKS = {name: read_lock(name) for name in ("requirements.lock", "requirements-gpu.lock")}
# What each lock holds besides the project's own requirements, and the platforms that it is for.
EXTRA = {"requirements.lock": "cpu", "requirements-gpu.lock": "gpu"}
FOR = [("requirements.lock", LINUX), ("requirements.lock", MAC), ("requirements-gpu.lock", LINUX)]


def locked_versions(python: str, platform: dict[str, str], lock: str = "requirements.lock") -> dict[str, str]:
    """Version of each package that a lock installs on a platform."""
    here = {**platform, "python_version": python, "python_full_version": f"{python}.4"}
    wanted = [entry for entry in LOCKS[lock] if not entry.requirement.marker or entry.requirement.marker.evaluate(here)]
    versions = {str(canonicalize_name(entry.requirement.name)): entry.version for entry in wanted}
    assert len(versions) == len(wanted), "a package is locked twice"
    return versions


def rule_files() -> list[Path]:
    return [PROJECT / "Snakefile", *sorted((PROJECT / "workflow" / "rules").glob("*.smk"))]


def paths_of(directive: str, rule_file: Path) -> list[Path]:
    """The files that a directive such as `conda:` names in a rule file, in the order of the rules."""
    named = re.findall(rf'^\s+{directive}:\s+"([^"]+)"', rule_file.read_text(), flags=re.MULTILINE)
    return [(rule_file.parent / name).resolve() for name in named]


def scripts_with_environment() -> list[tuple[Path, Path]]:
    pairs: list[tuple[Path, Path]] = []
    for rule_file in rule_files():
        scripts, environments = paths_of("script", rule_file), paths_of("conda", rule_file)
        assert len(scripts) == len(environments), f"{rule_file.name}: a script without conda environment"
        pairs += zip(scripts, environments, strict=True)
    return pairs


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a module that run when it is imported: all but what functions hold."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from run_at_import(child)


def imported_names(source: Path) -> Iterator[str]:
    for node in run_at_import(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages_behind(script: Path) -> set[str]:
    """Packages from outside that a script imports, itself or through the modules of landex."""
    packages: set[str] = set()
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        source = waiting.pop()
        if source in seen:
            continue
        seen.add(source)
        for name in imported_names(source):
            top = name.partition(".")[0]
            module = SCRIPTS.joinpath(*name.split(".")).with_suffix(".py")
            if top == "landex":
                waiting += [module] if module.exists() else []
            elif top not in sys.stdlib_module_names:
                packages.add(NAME_OF_IMPORT.get(top, top))
    return packages


def pins(environment: Path) -> dict[str, str]:
    """Version of each package that a conda environment pins."""
    return dict(line.split("=") for line in yaml.safe_load(environment.read_text())["dependencies"])


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_pins_every_requirement_with_hashes_and_no_address(lock: str) -> None:
    assert len(LOCKS[lock]) > 100
    for entry in LOCKS[lock]:
        assert [specifier.operator for specifier in entry.requirement.specifier] == ["=="], entry.requirement
        assert entry.hashes, f"{entry.requirement} has no hash"
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in entry.hashes), entry.requirement
    assert "://" not in (PROJECT / lock).read_text()


@pytest.mark.parametrize(("lock", "platform"), FOR, ids=["linux", "mac", "linux-gpu"])
@pytest.mark.parametrize("python", PYTHONS)
def test_lock_satisfies_the_project_and_its_development_group(python: str, lock: str, platform: dict[str, str]) -> None:
    locked = locked_versions(python, platform, lock)
    project = PYPROJECT["project"]
    extra = project["optional-dependencies"][EXTRA[lock]] + project["optional-dependencies"]["cluster"]
    wanted = [
        requirement
        for requirement in map(Requirement, project["dependencies"] + extra + PYPROJECT["dependency-groups"]["dev"])
        if not requirement.marker or requirement.marker.evaluate({**platform, "python_version": python})
    ]
    assert any(requirement.name.startswith("tensorflow") for requirement in wanted)
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} is not in {lock}"
        assert requirement.specifier.contains(locked[name]), f"{requirement}, but {locked[name]} is locked"


@pytest.mark.parametrize("python", PYTHONS)
def test_locks_differ_in_the_build_of_tensorflow_and_cuda_alone(python: str) -> None:
    without = locked_versions(python, LINUX, "requirements.lock")
    with_cuda = locked_versions(python, LINUX, "requirements-gpu.lock")
    cuda = {name for name in with_cuda if name.startswith("nvidia-")}
    assert {"nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-nccl-cu12"} <= cuda
    # Both builds install the package `tensorflow`, and one would overwrite the other.
    as_named_without = {**with_cuda, "tensorflow-cpu": with_cuda["tensorflow"]}
    del as_named_without["tensorflow"]
    assert without == {name: version for name, version in as_named_without.items() if name not in cuda}
    assert "tensorflow-cpu" not in with_cuda


def test_launchers_take_the_pythons_that_the_project_asks_for() -> None:
    allowed = Requirement(f"python{PYPROJECT['project']['requires-python']}").specifier
    assert [f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}.1")] == PYTHONS
    launcher = (PROJECT / "bin" / ".environment.sh").read_text()
    assert " | ".join(f"{python}.*" for python in PYTHONS) + ")" in launcher
    assert f"'{PYPROJECT['project']['requires-python']}'" in launcher


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environment_pins_the_versions_of_the_lock(environment: Path) -> None:
    pinned = pins(environment)
    assert pinned.pop("python") == "3.11"
    locked = locked_versions("3.11", LINUX)
    assert pinned == {name: locked[NAME_IN_LOCK.get(name, name)] for name in pinned}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)
def test_conda_environment_takes_packages_from_conda_forge_alone(environment: Path) -> None:
    assert yaml.safe_load(environment.read_text())["channels"] == ["conda-forge", "nodefaults"]


def test_rules_name_every_conda_environment_and_no_other() -> None:
    named = {path for rule_file in rule_files() for path in paths_of("conda", rule_file)}
    assert named == set(ENVIRONMENTS)


@pytest.mark.parametrize(("script", "environment"), scripts_with_environment(), ids=lambda path: path.stem)
def test_conda_environment_holds_what_the_script_imports(script: Path, environment: Path) -> None:
    assert packages_behind(script) <= set(pins(environment))


@pytest.mark.parametrize("name", ["Dockerfile", "landex.def", "landex-gpu.def"])
def test_containers_are_made_of_the_locks_on_a_python_that_the_project_asks_for(name: str) -> None:
    text = (PROJECT / "containers" / name).read_text()
    (base,) = re.findall(r"^(?:FROM|From:) python:(\S+)-slim$", text, flags=re.MULTILINE)
    assert base in PYTHONS
    locks = re.findall(r"^(?:ARG LOCK=|    )(requirements\S*\.lock)", text, flags=re.MULTILINE)
    assert locks == ["requirements-gpu.lock" if "gpu" in name else "requirements.lock"]
    assert "pip install --no-cache-dir --require-hashes --compile -r /opt/landex/requirements.lock" in text
