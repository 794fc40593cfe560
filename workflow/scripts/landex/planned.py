"""What a run was planned with: jobs that begin later, maybe on other machines, have to run the same.

Snakemake records the settings and the code that it planned with. A job that ran with others, because somebody edited
config.yaml or a module meanwhile, would leave a result that passes for one of the recorded ones.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landex.errors import UserError

# Environment variables, which Snakemake hands to its jobs and sbatch to those of a cluster.
_CODE, _CONFIG = "LANDEX_PLANNED_CODE", "LANDEX_PLANNED_CONFIG"


def plan(scripts: Path, config: Mapping[str, Any]) -> None:
    """Keep for the jobs of this process what code and settings they are planned with."""
    os.environ[_CODE] = _digest_of_code(scripts)
    os.environ[_CONFIG] = _digest_of(config)


def check_code(scripts: Path) -> None:
    """Raise a UserError where a job is about to run other code than was planned; the whole package is compared."""
    planned = os.environ.get(_CODE)
    if planned is not None and planned != _digest_of_code(scripts):
        raise UserError("landex's code changed while the workflow was running; run again, with the code as it is now")


def check_config(config: Mapping[str, Any]) -> None:
    """Raise a UserError where a job on another machine reads other settings than were planned."""
    planned = os.environ.get(_CONFIG)
    if planned is not None and planned != _digest_of(config):
        raise UserError("the config changed while the workflow was running; run again, with the config as it is now")


def record_problems(results: Path, records: Path) -> list[str]:
    """Return a line if results lie here that nothing is recorded of: Snakemake would take all of them for fresh.

    Parameters
    ----------
    results
        The folder of results, with what `landex.checksums` noted.
    records
        Snakemake's own folder.
    """
    metadata = records / "metadata"
    recorded = metadata.is_dir() and any(path.is_file() for path in metadata.rglob("*"))
    if recorded or not any(results.glob("*/.checksums/*")):
        return []
    return [
        f"{results}/ was made elsewhere, and what settings and code it was made with is not recorded here; "
        f"move the {records.name}/ that lies beside the original too, or delete {results}/ to make it anew"
    ]


def _digest_of(config: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(config, sort_keys=True).encode(), digest_size=16).hexdigest()


def _digest_of_code(scripts: Path) -> str:
    """Hash the bytes of all modules: 20 ms, where syntax trees would take a second a job."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(scripts.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(scripts).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
