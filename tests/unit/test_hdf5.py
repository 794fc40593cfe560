"""HDF5 files that show what lies in other files are refused: nothing of the reader's disk goes into results."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from landex import hdf5
from landex.errors import UserError
from landex.formats.files import open_matrix_file
from landex.h5ad import open_matrix, write_matrix
from landex.hdf5 import check_holds_itself, open_hdf5

SHAPE = (3, 2)
Spoil = Callable[[h5py.File, str, Path], None]


def by_link(file: h5py.File, name: str, folder: Path) -> None:
    with h5py.File(folder / "secret.h5", "w") as other:
        other["values"] = np.ones(SHAPE, np.float32)
    del file[name]
    file[name] = h5py.ExternalLink(str(folder / "secret.h5"), "values")


def in_raw_file(file: h5py.File, name: str, folder: Path) -> None:
    (folder / "secret").write_bytes(np.ones(SHAPE, np.float32).tobytes())
    attributes = dict(file[name].attrs)
    del file[name]
    made = file.create_dataset(name, SHAPE, np.float32, external=[(str(folder / "secret"), 0, h5py.h5f.UNLIMITED)])
    made.attrs.update(attributes)


def put_together(file: h5py.File, name: str, folder: Path) -> None:
    with h5py.File(folder / "secret.h5", "w") as other:
        other["values"] = np.ones(SHAPE, np.float32)
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[:] = h5py.VirtualSource(folder / "secret.h5", "values", SHAPE)
    attributes = dict(file[name].attrs)
    del file[name]
    file.create_virtual_dataset(name, layout).attrs.update(attributes)


SPOILT = pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (by_link, "is a link to another file"),
        (in_raw_file, "is stored in another file"),
        (put_together, "is put together from other arrays"),
    ],
)


@SPOILT
def test_a_matrix_whose_values_lie_elsewhere_is_refused(tmp_path: Path, spoil: Spoil, said: str) -> None:
    path = tmp_path / "matrix.h5ad"
    obs, var = pd.DataFrame(index=["a", "b", "c"]), pd.DataFrame(index=["g", "h"])
    write_matrix(path, obs, var, np.zeros(SHAPE, np.float32))
    with h5py.File(path, "r+") as file:
        spoil(file, "X", tmp_path)
    for read in (open_matrix, open_matrix_file):
        with pytest.raises(UserError, match=rf"matrix.h5ad: 'X' {said}"), read(path):
            pass


@SPOILT
def test_a_gctx_file_whose_values_lie_elsewhere_is_refused(tmp_path: Path, spoil: Spoil, said: str) -> None:
    path = tmp_path / "plate.gctx"
    with h5py.File(path, "w") as file:
        file["0/META/COL/id"], file["0/META/ROW/id"] = [b"a", b"b", b"c"], [b"g", b"h"]
        file["0/DATA/0/matrix"] = np.zeros(SHAPE, np.float32)
        spoil(file, "0/DATA/0/matrix", tmp_path)
    with pytest.raises(UserError, match=rf"plate.gctx: '0/DATA/0/matrix' {said}"), open_matrix_file(path):
        pass


@SPOILT
def test_an_item_deep_in_a_file_is_found(tmp_path: Path, spoil: Spoil, said: str) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["model/layers/0/kernel"] = np.zeros(SHAPE, np.float32)
        spoil(file, "model/layers/0/kernel", tmp_path)
    with pytest.raises(UserError, match=rf"'model/layers/0/kernel' {said}"), open_hdf5(path):
        pass


def test_links_within_a_file_are_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as file:
        file["values"] = np.arange(3)
        file["again"], file["soft"], file["circle/up"] = file["values"], h5py.SoftLink("/values"), h5py.SoftLink("/")
        file["nowhere"] = h5py.SoftLink("/not/there")
    with open_hdf5(path) as file:
        assert file["soft"][:].tolist() == file["again"][:].tolist() == [0, 1, 2]


def test_a_file_of_more_items_than_can_be_looked_at_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "_MOST_ITEMS", 10)
    with h5py.File(tmp_path / "many.h5", "w") as file:
        for number in range(11):
            file.create_group(str(number))
        with pytest.raises(UserError, match="more than 10 items"):
            check_holds_itself("many.h5", file)
