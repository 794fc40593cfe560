"""The endings of matrix files that can be read, for whoever only has to know them."""

from pathlib import Path

from landex.errors import UserError

ENDINGS = (".h5ad", ".gctx", ".gct", ".tsv", ".csv", ".txt")
# Text may be packed.
_TEXT = (".gct", ".tsv", ".csv", ".txt")
SUFFIXES = (*ENDINGS, *(ending + packing for ending in _TEXT for packing in (".gz", ".xz")))


def ending_of(path: Path) -> str:
    """Return the ending of a matrix file's name, such as .tsv.gz.

    Raises
    ------
    UserError
        If it has none that is known.
    """
    found = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix) and path.name != suffix), None)
    if found is None:
        raise UserError(f"{path}: not a matrix file that is known; known endings are {', '.join(SUFFIXES)}")
    return found
