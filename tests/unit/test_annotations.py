"""Tables in AnnData's layout: what we write it reads, what it writes we read, without its import."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata.io import read_elem, write_elem

from landex.annotations import read_table, write_table

ROOT = Path(__file__).parents[2]


def plain() -> pd.DataFrame:
    columns = {"series": ["a", "b", ""], "n": [1, 2, 3], "f": [1.5, np.nan, 2], "kept": [True, False, True]}
    return pd.DataFrame(columns, index=pd.Index(["s1", "s2", "s3"], name="sample"))


def with_categories() -> pd.DataFrame:
    return plain().assign(tissue=pd.Categorical(["lung", None, "skin"], ["skin", "lung"], ordered=True))


def with_gaps_in_numbers() -> pd.DataFrame:
    return plain().assign(age=pd.array([1, None, 3], "Int64"))


TABLES = {
    "plain": plain(),
    "without a name of the index": plain().rename_axis(index=None),
    "without columns": plain()[[]],
    "without rows": plain().iloc[:0].astype({"series": object}),
    "with categories": with_categories(),
    "with gaps": with_gaps_in_numbers(),
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_tables_go_to_anndata_and_back(tmp_path: Path, table: pd.DataFrame) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        write_table(file, "ours", table)
        write_elem(file, "theirs", table)
        for found in (read_elem(file["ours"]), read_table(file["theirs"]), read_table(file["ours"])):
            pd.testing.assert_frame_equal(found, read_elem(file["theirs"]), check_column_type=False)


def test_plain_tables_are_written_to_the_attribute_as_anndata_does(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        write_table(file, "ours", plain())
        write_elem(file, "theirs", plain())
        for one, two in ((file["ours"], file["theirs"]), (file["ours"]["n"], file["theirs"]["n"])):
            assert {key: np.asarray(value).tolist() for key, value in one.attrs.items()} == {
                key: np.asarray(value).tolist() for key, value in two.attrs.items()
            }


def test_matrices_are_read_and_written_without_the_slow_libraries(tmp_path: Path) -> None:
    code = f"""
import sys
import numpy as np, pandas as pd
from landex.h5ad import open_matrix, write_matrix
from landex.normalise import normalise_external
table = pd.DataFrame({{"series": ["a"]}}, index=["s"])
write_matrix({str(tmp_path / "m.h5ad")!r}, table, table, np.ones((1, 1), np.float32))
with open_matrix({str(tmp_path / "m.h5ad")!r}) as matrix:
    assert matrix.read().tolist() == [[1.0]]
print(sorted({{"anndata", "sklearn", "scipy", "tensorflow"}} & sys.modules.keys()))
"""
    environment = {"PYTHONPATH": str(ROOT / "workflow" / "scripts"), "PATH": ""}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ended.stdout.strip() == "[]"
