"""Bundles of an earlier version: opened by this one, on this machine, they infer what they inferred then."""

from pathlib import Path

import numpy as np
import pytest

from landex.formats.files import open_matrix_file
from landex.inference.infer import infer_file
from landex.inference.jobs import Settings

GOLDEN = Path(__file__).parents[1] / "golden"
BUNDLES = sorted(GOLDEN.glob("*.landex"))


def test_there_are_golden_bundles() -> None:
    assert [bundle.stem for bundle in BUNDLES] == ["blend", "ensemble", "kernel", "linear"]


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.stem)
def test_a_golden_bundle_infers_what_it_did(bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / f"{bundle.stem}.tsv"
    infer_file(bundle, GOLDEN / "profiles.tsv", out, Settings(intervals=True))
    for end in ("", ".lower", ".upper"):
        name = f"{bundle.stem}{end}.tsv"
        with open_matrix_file(tmp_path / name) as found, open_matrix_file(GOLDEN / name) as expected:
            assert (found.samples, found.genes) == (expected.samples, expected.genes)
            # Values are about 10: some units of float32's last place.
            np.testing.assert_allclose(found.read(slice(None)), expected.read(slice(None)), rtol=2e-6, atol=1e-5)
    columns = [
        np.genfromtxt(path, skip_header=1, usecols=(2, 3, 4))
        for path in (f"{out}.samples.tsv", GOLDEN / f"{bundle.stem}.samples.tsv")
    ]
    np.testing.assert_allclose(*columns, rtol=1e-5)
