"""A cohort from a series or a data set of GEO: one platform of it, with every sample's fate."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.cohort import Cohort, Fate, Limits, write_empty_cohort
from landex.collapse import Collapse
from landex.errors import UserError
from landex.features import read_features
from landex.files import check_gzip
from landex.genes import GeneNames, GeneTables
from landex.geo.counts import read_counts
from landex.geo.dataset import read_dataset
from landex.geo.family import read_family
from landex.geo.parts import Parts, Probes, Series, Submission, check_platform
from landex.geo.receipts import Receipt
from landex.geo.series_matrix import read_series_matrix
from landex.geo.soft import EMPTY
from landex.geo.values import ProbeList
from landex.platforms import platform_genes, read_annotation

_logger = logging.getLogger(__name__)

# Of a sample's probes, the share that its platform may lack: GEO's platforms lose a control now and then; more
# mean that the sample was measured on another.
_MOST_UNPLACED = 0.01


@dataclass(frozen=True)
class SeriesSource:
    """Which samples of which series, and how to read them; fields as in the config.

    Attributes
    ----------
    file
        `soft`, `matrix`, `counts` (NCBI's), or the name of a supplementary file.
    collapse
        `mean`, `dgex` or the path of a list of features.
    ambiguous
        What probes of several genes get, see `platform_genes`.
    group
        The samples' group; empty where it is the series, which may share its superseries or samples with others.
    """

    name: str
    series: str
    platform: str
    values: str = "auto"
    group: str = ""
    collapse: str = "mean"
    file: str = "soft"
    ambiguous: str = "drop"
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class SeriesFiles:
    """The receipts of what a cohort is read from, and the user's own table of probes.

    Attributes
    ----------
    values
        Of the file that holds the values.
    family
        Of the family SOFT file that describes the samples, where the values lie in a table of counts.
    annotation
        Of GEO's annotation of the platform, or a table's own path; None takes the file's own.
    """

    values: Path
    family: Path | None = None
    annotation: Path | None = None


def write_series_cohort(
    source: SeriesSource,
    files: SeriesFiles,
    tables: GeneTables,
    matrix: str | Path,
    qc: str | Path,
    skip: bool = False,
) -> None:
    """Read one platform's samples of a series and write its cohort.

    Parameters
    ----------
    source
        Which samples.
    files
        Where they are.
    tables
        What is known of genes.
    matrix, qc
        The cohort's .h5ad and .qc.tsv.
    skip
        Whether a series that cannot be used becomes a cohort without samples, whose .qc.tsv says why.

    Raises
    ------
    UserError
        If a file is damaged, of another series, lacks samples that it lists, or has no usable sample on
        the platform, and `skip` is false.
    """
    cohort: _Gathered | None = None
    try:
        cohort = _Gathered(source, files, tables)
        cohort.take_all()
        cohort.write(matrix, qc)
    except UserError as error:
        if not skip:
            raise
        _logger.warning("%s; left out (geo.on_error: skip)", error)
        whole = Fate("", source.series, source.platform, 0, str(error))
        found = cohort.fates if cohort else []
        # What was read before a file turned out to be damaged is not to be relied on.
        write_empty_cohort(source.name, [whole, *(fate for fate in found if not fate.kept)], matrix, qc)


class _Gathered:
    """A cohort while its file is read."""

    def __init__(self, source: SeriesSource, files: SeriesFiles, tables: GeneTables) -> None:
        self._source = source
        self._tables = tables
        self._receipt = Receipt.read(files.values)
        self._annotation = _annotation(files.annotation)
        self._genes = GeneNames.read(tables.ids)
        self._series: Series | None = None
        self._cohort: Cohort | None = None
        self._position = pd.Index([])
        self._probes: ProbeList | None = None
        self._places: NDArray[np.intp] = np.array([], np.intp)
        self._seen: dict[str, None] = {}
        self._path = _file(files.values)
        self._parts = self._open(files)

    @property
    def _scale(self) -> str:
        return "counts" if self._source.file == "counts" else self._source.values

    @property
    def fates(self) -> list[Fate]:
        """What became of the samples so far."""
        return self._cohort.fates if self._cohort else []

    def _open(self, files: SeriesFiles) -> Parts:
        source = self._source
        if source.series.startswith("GDS"):
            return read_dataset(self._path)
        if source.file == "soft":
            return read_family(self._path, source.platform)
        if source.file == "matrix":
            return read_series_matrix(self._path)
        assert files.family is not None
        return read_counts(_file(files.family), self._path, source.platform, self._genes)

    def take_all(self) -> None:
        """Read the file to its end."""
        try:
            for part in self._parts:
                if isinstance(part, Series):
                    self._take_series(part)
                elif isinstance(part, Probes):
                    self._take_probes(part)
                else:
                    self._take_sample(part)
            self._check_whole()
        except UserError:
            # What a damaged file says is no reason; its checksum comes last.
            check_gzip(self._path)
            raise

    def _take_series(self, series: Series) -> None:
        source = self._source
        if series.name != source.series:
            raise UserError(f"{self._path}: holds the series {series.name}, not {source.series}; fetch it again")
        check_platform(source.series, source.platform, series.platforms)
        if series.subseries:
            _logger.info("%s is a superseries of %s", series.name, ", ".join(series.subseries))
        if not series.samples:
            pointer = f"; take its subseries instead: {', '.join(series.subseries)}" if series.subseries else ""
            raise UserError(f"{self._path}: lists no samples{pointer}")
        self._series = series

    def _take_probes(self, probes: Probes) -> None:
        table = probes.table if self._annotation is None else self._annotation
        source = self._source
        if table.empty:
            # What the samples are comes first: a series of sequencing or of mice needs no table of probes.
            self._begin(pd.DataFrame(columns=["own", "gene", "symbol", "ensembl", "mapped"], dtype=object))
            return
        columns = platform_genes(f"platform {source.platform}", table, self._genes, source.ambiguous)
        self._begin(columns)

    def _begin(self, columns: pd.DataFrame) -> None:
        source, tables = self._source, self._tables
        features = read_features(source.collapse, tables.landmarks, tables.targets)
        collapse = Collapse.by_gene(columns) if features is None else Collapse.by_features(columns, features)
        self._position = pd.Index(columns["own"].to_numpy(object))
        if self._position.has_duplicates:
            twice = self._position[self._position.duplicated()][0]
            raise UserError(f"platform {source.platform}: its table names {twice} twice; fetch it again")
        self._cohort = Cohort(source.name, collapse, len(columns), source.limits)

    def _take_sample(self, sample: Submission) -> None:
        if self._series is None:
            raise UserError(f"{self._path}: names no series before its samples; fetch it again")
        if sample.name in self._seen:
            raise UserError(f"{self._path}: holds the sample {sample.name} twice; fetch it again")
        self._seen[sample.name] = None
        if sample.platform != self._source.platform:
            return
        if self._cohort is None:
            raise UserError(f"{self._path}: the table of platform {self._source.platform} is missing; fetch it again")
        reason = sample.reason
        if sample.first("type") == "SRA" and reason == EMPTY:
            reason = f"{EMPTY}: sequencing, whose values are in other files ({self._pointer()})"
        if sample.probes is not None and sample.values is not None:
            reason = self._add(self._cohort, sample, sample.probes, sample.values)
        if reason:
            self._cohort.reject(sample.name, self._source.series, self._source.platform, reason)

    def _pointer(self) -> str:
        """Say which files a series of sequencing may be read from."""
        tables = [] if self._series is None else self._series.tables
        return " or ".join(["file: counts for NCBI's", *(f"file: {name}" for name in tables[:3])])

    def _add(self, cohort: Cohort, sample: Submission, probes: ProbeList, given: NDArray[np.float64]) -> str:
        """Take a sample; return why it cannot be taken, where it cannot."""
        if probes is not self._probes:
            self._probes, self._places = probes, self._position.get_indexer(pd.Index(probes.names, dtype=object))
        if self._position.empty:
            return (
                f"its file says nothing of the probes of {self._source.platform}; name a table (annotation: path, or "
                "annotation: geo)"
            )
        known = self._places >= 0
        unplaced = len(known) - int(known.sum())
        if not known.any():
            return f"none of its probes is on platform {self._source.platform}"
        if unplaced > _MOST_UNPLACED * len(known):
            return f"{unplaced} of its {len(known)} probes are not on platform {self._source.platform}"
        cohort.add(given[known], self._scale, self._described(sample), self._places[known], unplaced)
        return ""

    def _described(self, sample: Submission) -> dict[str, str]:
        assert self._series is not None
        source = self._source
        return {
            "sample": sample.name,
            "series": source.series,
            "platform": source.platform,
            "group": source.group or source.series,
            "title": sample.first("title"),
            "source_name": sample.first("source_name_ch1"),
            "characteristics": "; ".join(sample.attributes.get("characteristics_ch1", [])),
            # The user's own groups are the last word.
            "superseries": "" if source.group else "|".join(self._series.superseries),
        }

    def _check_whole(self) -> None:
        if self._series is None:
            raise UserError(f"{self._path}: names no series; fetch it again")
        listed = self._series.samples
        lost = [sample for sample in listed if sample not in self._seen]
        if lost:
            raise UserError(
                f"{self._path}: {len(lost)} of the {len(listed)} samples it lists are missing ({lost[0]}); "
                "fetch it again"
            )
        if self._cohort is None:
            raise UserError(f"{self._path}: the table of platform {self._source.platform} is missing; fetch it again")

    def write(self, matrix: str | Path, qc: str | Path) -> None:
        """Write the cohort."""
        assert self._cohort is not None
        origin = (str(self._path), self._receipt.sha256)
        self._cohort.write(matrix, qc, origin)


def _file(receipt: Path) -> Path:
    """Return the file of a receipt.

    Raises
    ------
    UserError
        If it was left out.
    """
    found = Receipt.read(receipt)
    if found.reason:
        raise UserError(found.reason)
    return found.file(receipt)


def _annotation(path: Path | None) -> pd.DataFrame | None:
    if path is None:
        return None
    return read_annotation(_file(path) if path.suffix == ".json" else path)
