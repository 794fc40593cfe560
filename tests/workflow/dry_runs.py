"""Dry runs in forks of one process that has imported Snakemake: importing it takes longer than a dry run itself."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

# What Snakemake and the workflow import, of landex nothing: a dry run has to read the package beside its own Snakefile.
PRELOADED = [
    *("pytest", "snakemake.cli", "snakemake.report.html_reporter", "snakemake_executor_plugin_slurm"),
    *("boto3", "jsonschema", "nbformat", "pandas", "smart_open", "yaml"),
]
REPOSITORY = Path(__file__).parents[2]

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(PRELOADED)


def dry_run(root: Path, arguments: Sequence[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder as `python -m snakemake` does; all that it prints comes in one stream, in `stdout`."""
    with TemporaryDirectory() as folder:
        printed = Path(folder) / "printed"
        process = _server.Process(target=_snakemake, args=(root, arguments, environment, printed), daemon=True)
        process.start()
        process.join()
        return subprocess.CompletedProcess(
            ["snakemake", *arguments], process.exitcode, printed.read_text(encoding="utf-8")
        )


def _snakemake(root: Path, arguments: Sequence[str], environment: dict[str, str], printed: Path) -> None:
    stream = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    os.chdir(root)
    os.environ.clear()
    os.environ.update(environment)
    # Without the folders that pytest put there: landex is the project's own.
    sys.path[:] = [str(root), *(place for place in sys.path if not Path(place).is_relative_to(REPOSITORY / "workflow"))]
    assert "landex" not in sys.modules
    sys.argv = ["snakemake", *arguments]

    from snakemake.cli import main

    main()
