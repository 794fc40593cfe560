"""Matrix files whose values are written where they will stay, so that a writing that was killed can go on.

HDF5 (GCTX, .h5ad) gets its matrix in one run of bytes and is then closed: whatever is written into that run later, the
file is whole. Text is gathered in a plain file and written at the end.
"""

from pathlib import Path

import numpy as np

from landex.files import check_room
from landex.formats.files import create_matrix_file
from landex.formats.matrix_file import Content, places_of_blocks

_IN_HDF5 = {".gctx": "/0/DATA/0/matrix", ".h5ad": "X"}


def allocate(path: Path, ending: str, shape: tuple[int, int]) -> int:
    """Make a file for a float32 matrix, and return the byte where its first value lies.

    Parameters
    ----------
    path
        The file, temporary.
    ending
        Of the result's name, such as .gctx.
    shape
        Samples and genes.

    Raises
    ------
    OSError
        If there is no room for it.
    """
    check_room(path, 4 * shape[0] * shape[1])
    offset = 0
    if (name := _IN_HDF5.get(ending)) is not None:
        import h5py

        with h5py.File(path, "w") as file:
            layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            folders = h5py.h5p.create(h5py.h5p.LINK_CREATE)
            folders.set_create_intermediate_group(True)
            dataset = h5py.h5d.create(
                file.id, None, h5py.h5t.py_create(np.dtype("<f4")), h5py.h5s.create_simple(shape), layout
            )
            h5py.h5o.link(dataset, file.id, name.encode(), lcpl=folders)
            offset = int(dataset.get_offset())
    with path.open("ab") as file:
        file.truncate(max(offset + 4 * shape[0] * shape[1], path.stat().st_size))
    return offset


def complete(path: Path, result: Path, ending: str, content: Content) -> None:
    """Add names and annotations, and move the file to its place.

    Parameters
    ----------
    path
        What `allocate` made, with all values written.
    result
        Where it goes.
    ending
        As for `allocate`.
    content
        Samples and genes.
    """
    shape = (len(content.samples), len(content.genes))
    if ending == ".gctx":
        import h5py

        from landex.formats import gctx

        with h5py.File(path, "r+") as file:
            gctx.write_annotations(file, result.name, content)
    elif ending == ".h5ad":
        import h5py

        from landex import h5ad
        from landex.formats.anndata_file import annotations

        with h5py.File(path, "r+") as file:
            h5ad.write_annotations(file, *annotations(content))
            file["X"].attrs["encoding-type"], file["X"].attrs["encoding-version"] = "array", "0.2.0"
    else:
        values = np.memmap(path, np.float32, "r", shape=shape)
        names = (content.samples, content.genes, content.sample_fields, content.gene_fields)
        with create_matrix_file(result, *names) as out:
            for place in places_of_blocks(shape[0]):
                out.write(place, values[place])
        path.unlink()
        return
    path.replace(result)
