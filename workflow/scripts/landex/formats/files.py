"""Matrix files by their ending."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from landex.errors import UserError
from landex.formats.anndata_file import create_anndata, open_anndata
from landex.formats.endings import SUFFIXES
from landex.formats.gct import create_gct, open_gct
from landex.formats.gctx import create_gctx, open_gctx
from landex.formats.matrix_file import Content, MatrixFile, MatrixFileWriter
from landex.formats.tables import create_table, open_table

_Reader = Callable[[Path], AbstractContextManager[MatrixFile]]
_Writer = Callable[[Path, Content], AbstractContextManager[MatrixFileWriter]]
_FORMATS: dict[str, tuple[_Reader, _Writer]] = {
    ".h5ad": (open_anndata, create_anndata),
    ".gctx": (open_gctx, create_gctx),
    ".gct": (open_gct, create_gct),
    ".tsv": (open_table, create_table),
    ".csv": (open_table, create_table),
    ".txt": (open_table, create_table),
}


def _format(path: Path) -> tuple[_Reader, _Writer]:
    for suffix in SUFFIXES:
        if path.name.endswith(suffix):
            return _FORMATS[suffix.removesuffix(".gz").removesuffix(".xz")]
    raise UserError(f"{path}: not a matrix file that is known; known endings are {', '.join(SUFFIXES)}")


def open_matrix_file(path: str | Path, samples: str = "columns") -> AbstractContextManager[MatrixFile]:
    """Open a matrix file of any format for reading in blocks of samples; see `MatrixFile`.

    GCTX and .h5ad are read when blocks are asked for, text at once.

    Parameters
    ----------
    path
        The file; its ending says the format.
    samples
        In TSV and CSV, whether samples stand in `columns` or in `rows`; the other formats say it themselves.

    Raises
    ------
    UserError
        If its ending is not known, or it cannot be read as what it says.
    """
    path = Path(path)
    reader = _format(path)[0]
    return open_table(path, samples) if reader is open_table else reader(path)


def create_matrix_file(
    path: str | Path,
    samples: Sequence[str],
    genes: Sequence[str],
    sample_fields: Mapping[str, Sequence[str]] | None = None,
    gene_fields: Mapping[str, Sequence[str]] | None = None,
) -> AbstractContextManager[MatrixFileWriter]:
    """Write a matrix file of any format in blocks of samples; see `MatrixFileWriter`.

    Parameters
    ----------
    path
        The file; its ending says the format.
    samples, genes
        Names.
    sample_fields, gene_fields
        Annotations, a list of text a field; TSV and CSV have no place for them.
    """
    path = Path(path)
    return _format(path)[1](path, Content.of(samples, genes, sample_fields, gene_fields))
