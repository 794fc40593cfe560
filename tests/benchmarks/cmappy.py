"""Whether cmapPy opens what we write, and we what it writes: values, ids and annotations of a GCT file.

Usage: bin/python tests/benchmarks/cmappy.py PYTHON GCT

PYTHON is an interpreter of an environment of its own with cmapPy, which breaks on current NumPy and pandas:

    python3 -m venv /tmp/cmap && /tmp/cmap/bin/pip install cmapPy "numpy<1.24" "pandas<2" "h5py<3.12"

GCT is a real file, such as a plate of L1000. The last line is JSON; a difference ends with an error.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import print_figures

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from landex.formats.files import create_matrix_file, open_matrix_file  # noqa: E402

_THEIRS = """
import sys
import numpy
from cmapPy.pandasGEXpress import write_gctx
from cmapPy.pandasGEXpress.parse import parse
folder, original = sys.argv[1:]
expected = parse(original)
for name in ("ours.gct", "ours.gctx"):
    found = parse(folder + "/" + name)
    assert list(found.data_df.index) == list(expected.data_df.index), name
    assert list(found.data_df.columns) == list(expected.data_df.columns), name
    assert numpy.array_equal(found.data_df.values.astype("f4"), expected.data_df.values.astype("f4")), name
    renamed = expected.col_metadata_df.rename(columns={"id": "id_"}) if name.endswith("x") else expected.col_metadata_df
    assert set(found.col_metadata_df) == set(renamed), name
    for field in renamed:
        assert list(found.col_metadata_df[field].astype(str)) == list(renamed[field].astype(str)), (name, field)
expected.col_metadata_df = expected.col_metadata_df.drop(columns="id", errors="ignore")
write_gctx.write(expected, folder + "/theirs.gctx")
"""


def main() -> None:
    """Write, let cmapPy read and write, and read again."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("python")
    parser.add_argument("gct")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with open_matrix_file(arguments.gct) as file:
            values = file.read(slice(0, len(file.samples))).astype(np.float32)
            for name in ("ours.gct", "ours.gctx"):
                fields = file.sample_fields, file.gene_fields
                with create_matrix_file(Path(folder, name), file.samples, file.genes, *fields) as out:
                    out.write(slice(0, len(values)), values)
        subprocess.run([arguments.python, "-c", _THEIRS, folder, arguments.gct], check=True)
        with open_matrix_file(Path(folder, "theirs.gctx")) as theirs:
            # cmapPy may write genes in another order.
            order = [theirs.genes.index(gene) for gene in file.genes]
            if not np.array_equal(theirs.read(slice(0, len(values)))[:, order], values):
                raise ValueError("cmapPy's file does not hold the values that it was given")
    print(f"{len(file.samples)} samples x {len(file.genes)} genes went to cmapPy and back, to the bit")
    print_figures("cmappy", {"samples": len(file.samples), "genes": len(file.genes), "fields": len(file.sample_fields)})


if __name__ == "__main__":
    main()
