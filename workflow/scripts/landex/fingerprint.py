"""Fingerprints of code and of users' files: what decides whether a job is stale.

Snakemake compares a rule's `params`; these fingerprints are params. They change on a real change only: not
on `touch`, a `git checkout`, a comment or a docstring.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from landex.files import atomic, file_identity, file_state


def code_fingerprint(script: str | Path, package: str | Path, *modules: str) -> str:
    """Hash the syntax trees of a script and of all modules of the package that it imports, transitively.

    Imports inside functions count; docstrings and comments do not.

    Parameters
    ----------
    script
        The Python file that a rule runs.
    package
        Folder of the package; modules outside it are left to the software environment.
    modules
        Full names of modules that the script imports by name at run time.

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    ValueError
        At a relative import, which would not be followed.
    """
    said = code_of(script, package, *modules)
    digest = hashlib.sha256()
    for name in sorted(said):
        digest.update(f"{name}\0{said[name]}\0".encode())
    return digest.hexdigest()[:16]


def code_of(script: str | Path, package: str | Path, *modules: str) -> dict[str, str]:
    """Return what a script and the modules that it imports say, by full name; see `code_fingerprint`.

    The script's own name is empty.
    """
    package = Path(package)
    found: dict[str, str] = {}
    waiting = [("", Path(script)), *_files_of(package.name, package)]
    waiting += [file for module in modules for file in _files_of(module, package)]
    while waiting:
        name, path = waiting.pop()
        if name in found:
            continue
        found[name], imported = _parsed(path.read_text(encoding="utf-8"))
        inside = (module for module in imported if _is_module(module, package))
        waiting += [file for module in inside for file in _files_of(module, package)]
    return found


def _files_of(module: str, package: Path) -> Iterator[tuple[str, Path]]:
    """Yield a module and the packages that it lies in, which Python runs first, each with its file."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        yield name, _module_path(name, package)


def _module_path(module: str, package: Path) -> Path:
    path = package.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


# Modules are shared by many scripts; most of the time goes into reading them.
@cache
def _parsed(text: str) -> tuple[str, tuple[str, ...]]:
    """Return what a file says, without comments and docstrings, and what may be names of modules that it imports."""
    tree = ast.parse(text)
    imported = tuple(_imports(tree))
    return ast.dump(_without_docstrings(tree)), imported


def _imports(tree: ast.AST) -> Iterator[str]:
    """Name what a syntax tree imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"relative import in line {node.lineno}: write the module's full name")
            # `from landex import x` may name a module, `from landex.x import y` hardly does.
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from names


def _is_module(name: str, package: Path) -> bool:
    return name.split(".")[0] == package.name and _module_path(name, package).exists()


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return tree


class FileFingerprints:
    """Fingerprints of users' own files by content, remembered by size, modification time and inode.

    Parameters
    ----------
    cache
        JSON file that remembers digests between calls, so that a file is read again only when its size,
        modification time or inode changed. A damaged cache is made anew.
    """

    def __init__(self, cache: str | Path) -> None:
        self._cache = Path(cache)
        self._known = self._load()

    def __call__(self, path: str | Path) -> str:
        """Return the fingerprint of one existing file; OSError if it cannot be read."""
        path = Path(path).resolve()
        state = file_state(path)
        known = self._known.get(str(path))
        if isinstance(known, list) and len(known) == 2 and known[0] == state:
            return known[1]
        digest = file_identity(path)
        self._known[str(path)] = [state, digest]
        self._save()
        return digest

    def _load(self) -> dict[str, list[str]]:
        try:
            known = json.loads(self._cache.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def _save(self) -> None:
        try:
            with atomic(self._cache) as temporary:
                temporary.write_text(json.dumps(self._known), encoding="utf-8")
        except OSError:
            # A read-only folder costs a little time, not the run.
            return
