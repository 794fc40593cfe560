"""Matrix files by their ending."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from landex.formats.endings import ending_of
from landex.formats.matrix_file import Content, MatrixFile, MatrixFileWriter

_Reader = Callable[[Path, str], AbstractContextManager[MatrixFile]]
_Writer = Callable[[Path, Content], AbstractContextManager[MatrixFileWriter]]


def _format(path: Path) -> tuple[_Reader, _Writer]:
    """Return what reads and what writes a file, of which only its own format is imported: AnnData's takes a second."""
    ending = ending_of(path).removesuffix(".gz").removesuffix(".xz")
    if ending == ".h5ad":
        from landex.formats.anndata_file import create_anndata, open_anndata

        return lambda path, samples: open_anndata(path), create_anndata
    if ending == ".gctx":
        from landex.formats.gctx import create_gctx, open_gctx

        return lambda path, samples: open_gctx(path), create_gctx
    if ending == ".gct":
        from landex.formats.gct import create_gct, open_gct

        return lambda path, samples: open_gct(path), create_gct
    from landex.formats.tables import create_table, open_table

    return open_table, create_table


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
    return _format(path)[0](path, samples)


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
