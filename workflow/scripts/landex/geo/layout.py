"""Where GEO keeps its files: paths below the root of its file server, or of a mirror of it."""

import re
from pathlib import Path

# NCBI's own counts of a series' reads, which its file server does not have.
_COUNTS = "{series}_raw_counts_GRCh38.p13_NCBI.tsv.gz"
_COUNTS_ADDRESS = "https://www.ncbi.nlm.nih.gov/geo/download/?type=rnaseq_counts&acc={series}&format=file&file={name}"
_NCBI = re.compile(r"^https?://[^/]*\.ncbi\.nlm\.nih\.gov/")
# Files of a series by their names' ends; others are supplementary.
_FAMILY = re.compile(r"^(GSE\d+)_family\.soft\.gz$")
_MATRIX = re.compile(r"^(GSE\d+)-GPL\d+_series_matrix\.txt\.gz$")
_ANNOTATION = re.compile(r"^(GPL\d+)\.annot\.gz$")
_DATASET = re.compile(r"^(GDS\d+)\.soft\.gz$")
_SUPPLEMENTARY = re.compile(r"^(GSE\d+)_[A-Za-z0-9._+-]+$")
# The names of all files that can be retrieved.
NAMES = r"G(SE|DS|PL)\d+[-_.][A-Za-z0-9._+-]+"


def is_remote(mirror: str) -> bool:
    """Tell whether a mirror is an address rather than a folder."""
    return mirror.startswith(("http://", "https://"))


def _folder(accession: str) -> str:
    """Return the folder of an accession: its last three digits become `nnn` (GSE781: GSEnnn, GSE14618: GSE14nnn)."""
    return f"{accession[:3]}{accession[3:-3]}nnn/{accession}"


def series_path(series: str) -> str:
    """Return where a series' family SOFT file lies below the root of GEO's file server."""
    return f"series/{_folder(series)}/soft/{family_name(series)}"


def family_name(series: str) -> str:
    """Return the name of a series' family SOFT file."""
    return f"{series}_family.soft.gz"


def file_of_source(geo: str, platform: str, file: str) -> str:
    """Return the name of the file that a source of the config is read from.

    Parameters
    ----------
    geo
        Accession of a series or a data set.
    platform
        Accession of the platform.
    file
        `soft`, `matrix`, `counts` (NCBI's) or the name of a supplementary file.
    """
    if geo.startswith("GDS"):
        return f"{geo}.soft.gz"
    if file == "soft":
        return family_name(geo)
    if file == "matrix":
        # Series of one platform have a matrix without the platform's name; here it always has one.
        return f"{geo}-{platform}_series_matrix.txt.gz"
    return _COUNTS.format(series=geo) if file == "counts" else file


def annotation_name(platform: str) -> str:
    """Return the name of GEO's annotation of a platform."""
    return f"{platform}.annot.gz"


def places_of(name: str, mirror: str) -> list[str]:
    """Return where a file may lie: paths below a mirror's root, or whole addresses; the first that is there counts.

    Raises
    ------
    ValueError
        If GEO has no files of such a name.
    """
    if match := _FAMILY.match(name):
        return [series_path(match[1])]
    if match := _MATRIX.match(name):
        folder = f"series/{_folder(match[1])}/matrix"
        return [f"{folder}/{name}", f"{folder}/{match[1]}_series_matrix.txt.gz"]
    if match := _ANNOTATION.match(name):
        return [f"platforms/{_folder(match[1])}/annot/{name}"]
    if match := _DATASET.match(name):
        return [f"datasets/{_folder(match[1])}/soft/{name}"]
    if match := _SUPPLEMENTARY.match(name):
        places = [f"series/{_folder(match[1])}/suppl/{name}"]
        if name == _COUNTS.format(series=match[1]) and _NCBI.match(mirror):
            places = [_COUNTS_ADDRESS.format(series=match[1], name=name)]
        return places
    raise ValueError(f"{name} is no name of a file of GEO")


def address_of(place: str, mirror: str) -> str:
    """Return the whole address of a place, as http(s) or file."""
    if is_remote(place):
        return place
    root = mirror.rstrip("/") if is_remote(mirror) else Path(mirror).resolve().as_uri()
    return f"{root}/{place}"


def kept_in(mirror: str, name: str) -> Path | None:
    """Return where a mirror that is a folder has a file, or should have it; None where the mirror is an address."""
    if is_remote(mirror):
        return None
    paths = [Path(mirror, place) for place in places_of(name, mirror)]
    return next((path for path in paths if path.is_file()), paths[0])
