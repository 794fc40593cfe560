"""Files of profiles in, files of all genes out: in blocks, in memory that does not grow with the number of profiles."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import landex
from landex.bundles.bundle import Bundle, open_bundle
from landex.bundles.columns import written
from landex.errors import UserError
from landex.files import atomic, file_identity
from landex.formats.endings import ending_of
from landex.inference.jobs import Job, Settings
from landex.inference.partial import PartialResult
from landex.inference.profiles import Landmarks, Profiles, open_profiles

# Called with the number of profiles that are done.
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Results:
    """Where the results of one file go."""

    values: Path
    lower: Path
    upper: Path
    samples: Path
    genes: Path
    log: Path

    @classmethod
    def of(cls, path: str | Path) -> "Results":
        """Name the files beside a result: plate.gctx has plate.gctx.samples.tsv, plate.lower.gctx and so on.

        Raises
        ------
        UserError
            If the ending says no format.
        """
        path = Path(path)
        ending = ending_of(path)
        stem = path.name.removesuffix(ending)
        return cls(
            path,
            *(path.with_name(f"{stem}.{name}{ending}") for name in ("lower", "upper")),
            *(path.with_name(f"{path.name}.{name}") for name in ("samples.tsv", "genes.tsv", "log")),
        )

    def check(self, inputs: Sequence[str | Path]) -> None:
        """Make sure that no result would replace an input or a folder.

        Raises
        ------
        UserError
            If one would.
        """
        for name, path in vars(self).items():
            if path.is_dir():
                raise UserError(f"{path}: is a folder, and the {name} of the result would go there")
            if path.exists() and any(Path(each).exists() and path.samefile(each) for each in inputs):
                raise UserError(f"{path}: is read, and the {name} of the result would replace it; choose another name")


def infer_file(
    bundle: str | Path,
    profiles: str | Path,
    path: str | Path,
    settings: Settings | None = None,
    threads: int = 1,
    progress: Callable[[int, int], Progress] | None = None,
) -> list[str]:
    """Score a file of profiles.

    A call that was killed goes on where the same call is made again.

    Parameters
    ----------
    bundle, profiles
        The bundle, and the file.
    path
        Result, whose ending says its format: samples x (landmarks, then targets). Beside it lie tables of its samples
        and of its genes, a log, and where asked for the ends of prediction intervals.
    settings
        What is to be done.
    threads
        Cores to use; results may differ by float32's rounding.
    progress
        Called with the number of profiles done before and of all; returns what is called after each block.

    Returns
    -------
    list
        Warnings, a line each.

    Raises
    ------
    UserError
        If the bundle or the file is not what it should be; nothing is written then.
    """
    settings = settings or Settings()
    results = Results.of(path)
    results.check([bundle, profiles])
    began = time.perf_counter()
    with (
        open_bundle(bundle) as opened,
        open_profiles(profiles, Landmarks(opened.names, opened.landmarks.mean), settings.reading) as found,
    ):
        job = Job(opened, found, settings)
        account, ending = job.account, ending_of(results.values)
        names = {
            "values": results.values,
            **({"lower": results.lower, "upper": results.upper} if settings.intervals else {}),
        }
        shape = (len(found.rows), len(account.genes))
        folder = results.values.with_name(f".{results.values.name}.partial")
        key = _key(opened, profiles, settings, found)
        with _named(results.values), PartialResult(folder, key, dict.fromkeys(names, ending), shape, 2) as partial:
            before = partial.rows
            done = progress(before, shape[0]) if progress else None
            for scored in job.scored(before, threads):
                matrices = {"values": scored.values, "lower": scored.lower, "upper": scored.upper}
                chosen = {name: matrix for name in names if (matrix := matrices[name]) is not None}
                partial.write(chosen, np.column_stack([scored.distances, scored.p]))
                if done:
                    done(len(scored.values))
            figures = partial.figures()
            warnings = account.warnings(figures)
            log = account.log(before, time.perf_counter() - began, warnings)
            for beside, text in (
                (results.samples, written(account.table_of_samples(figures))),
                (results.genes, written(account.table_of_genes())),
                (results.log, "".join(f"{line}\n" for line in log)),
            ):
                with atomic(beside) as temporary:
                    temporary.write_text(text, encoding="utf-8")
            # The values themselves last: where they are, everything is.
            places: dict[str, Path] = {name: names[name] for name in ("lower", "upper", "values") if name in names}
            partial.complete(places, account.content(figures))
    return warnings


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the result in an error of writing that names no file, as HDF5's and those of open files do."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        told = " ".join(str(error.strerror or error).split())
        raise UserError(
            f"{path}: cannot be written ({told}); the same call goes on from where this one came to"
        ) from error


def _key(bundle: Bundle, profiles: str | Path, settings: Settings, found: Profiles) -> str:
    """Return what a result follows from."""
    told = {
        "bundle": bundle.fingerprint,
        "profiles": file_identity(profiles),
        "settings": asdict(settings),
        "samples": len(found.rows),
        "landex": landex.__version__,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
