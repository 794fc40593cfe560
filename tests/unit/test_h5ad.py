"""Matrices in files: whole, checked, read in blocks, and readable by AnnData itself."""

from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from landex.errors import UserError
from landex.h5ad import create_matrix, open_matrix, write_matrix


def tables(samples: int, genes: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    obs = pd.DataFrame({"series": "GSE1"}, index=pd.Index([f"s{row}" for row in range(samples)], name="sample"))
    var = pd.DataFrame({"symbol": "NA"}, index=pd.Index([f"g{column}" for column in range(genes)], name="gene"))
    return obs, var


def values_of(samples: int, genes: int) -> NDArray[np.float32]:
    values = np.random.default_rng(1).normal(size=(samples, genes)).astype(np.float32)
    values[0, 0] = np.nan
    return values


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, NDArray[np.float32]]:
    values = values_of(700, 30)
    write_matrix(tmp_path / "m.h5ad", *tables(700, 30), values, {"measured": ~np.isnan(values)})
    return tmp_path / "m.h5ad", values


def test_anndata_reads_what_was_written(written: tuple[Path, NDArray[np.float32]]) -> None:
    path, values = written
    found = anndata.read_h5ad(path)
    np.testing.assert_array_equal(found.X, values)
    np.testing.assert_array_equal(found.layers["measured"], ~np.isnan(values))
    assert found.obs_names.tolist() == tables(700, 30)[0].index.tolist()
    assert found.var["symbol"].tolist() == ["NA"] * 30


def test_rows_are_read_by_slice_by_number_and_all(written: tuple[Path, NDArray[np.float32]]) -> None:
    path, values = written
    with open_matrix(path) as matrix:
        assert matrix.shape == (700, 30)
        assert matrix.has_layer("measured")
        assert not matrix.has_layer("own")
        np.testing.assert_array_equal(matrix.read(), values)
        np.testing.assert_array_equal(matrix.read(slice(3, 9)), values[3:9])
        for rows in ([5], [0, 4, 699], [9, 2, 2, 300], []):
            np.testing.assert_array_equal(matrix.read(np.array(rows, np.intp)), values[rows].reshape(-1, 30))


@pytest.mark.parametrize("count", [None, 0, 1, 255, 256, 257, 600])
def test_blocks_come_in_order_and_make_up_the_whole(
    written: tuple[Path, NDArray[np.float32]], count: int | None
) -> None:
    path, values = written
    rows = None if count is None else np.sort(np.random.default_rng(2).permutation(700)[:count])
    with open_matrix(path) as matrix:
        blocks = list(matrix.blocks(rows))
    expected = values if rows is None else values[rows]
    assert [place.start for place, _ in blocks] == list(range(0, len(expected), 256))
    found = np.concatenate([block for _, block in blocks]) if blocks else np.empty((0, 30))
    np.testing.assert_array_equal(found, expected)


def test_a_matrix_written_in_blocks_is_the_one_written_at_once(tmp_path: Path) -> None:
    values = values_of(10, 4)
    with create_matrix(tmp_path / "blocks.h5ad", *tables(10, 4)) as out:
        for start in (0, 4, 8):
            out.write(slice(start, min(start + 4, 10)), values[start : start + 4])
    with open_matrix(tmp_path / "blocks.h5ad") as matrix:
        np.testing.assert_array_equal(matrix.read(), values)


def test_a_block_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def half() -> None:
        with create_matrix(tmp_path / "m.h5ad", *tables(10, 4)) as out:
            out.write(slice(0, 5), values_of(5, 4))
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        half()
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_is_noticed(written: tuple[Path, NDArray[np.float32]]) -> None:
    path, values = written
    data = bytearray(path.read_bytes())
    place = data.find(values[350].tobytes())
    assert place > 0
    data[place + 2] ^= 1
    path.write_bytes(bytes(data))
    with open_matrix(path) as matrix, pytest.raises(UserError, match=r"m\.h5ad: damaged .*delete it and run again"):
        matrix.read()


def test_files_that_are_no_matrix_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.h5ad").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["X"] = np.zeros(3)
    for name, message in (
        ("text", "not readable as .h5ad"),
        ("other", "not an AnnData file"),
        ("absent", "not readable"),
    ):
        with pytest.raises(UserError, match=rf"{name}\.h5ad: {message}"), open_matrix(tmp_path / f"{name}.h5ad"):
            pass


def test_a_matrix_without_samples_is_a_matrix(tmp_path: Path) -> None:
    write_matrix(tmp_path / "m.h5ad", *tables(0, 4), np.empty((0, 4), np.float32))
    with open_matrix(tmp_path / "m.h5ad") as matrix:
        assert matrix.read().shape == (0, 4)
        assert list(matrix.blocks()) == []
