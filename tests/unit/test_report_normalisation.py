from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from landex.h5ad import write_matrix
from landex.report.normalisation import SHARES, read_profiles

GENES = ["l1", "l2", "t1", "t2", "t3"]


@pytest.fixture
def matrices(tmp_path: Path) -> tuple[str, str]:
    """Two samples in another order in the raw file, which has one sample and one gene more."""
    raw_var = pd.DataFrame({"symbol": ""}, index=pd.Index(["t3", "x", *GENES[:4]], name="gene"))
    raw = np.array([[3, 0, 9, 9, 1, 2], [7, 0, 9, 9, 5, np.nan], [0, 0, 0, 0, 0, 0]], np.float32)
    write_matrix(
        tmp_path / "raw.h5ad",
        pd.DataFrame({"series": "S"}, index=pd.Index(["b", "a", "c"], name="sample")),
        raw_var,
        raw,
    )
    var = pd.DataFrame({"role": ["landmark"] * 2 + ["target"] * 3}, index=pd.Index(GENES, name="gene"))
    scores = np.array([[0, 0, 1, 0, -1], [0, 0, 2, 1, 0]], np.float32)
    measured = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 1, 1]], bool)
    obs = pd.DataFrame({"series": "S"}, index=pd.Index(["a", "b"], name="sample"))
    write_matrix(tmp_path / "normalised.h5ad", obs, var, scores, {"measured": measured})
    return str(tmp_path / "raw.h5ad"), str(tmp_path / "normalised.h5ad")


def test_the_same_samples_and_genes_are_shown_before_and_after_in_log2(matrices: tuple[str, str]) -> None:
    targets = pd.DataFrame({"mean": [10.0, 20.0, 30.0], "deviation": [1.0, 2.0, 3.0]}, index=["t1", "t2", "t3"])
    (profile,) = read_profiles({"kidney": matrices}, targets)
    assert (profile.cohort, profile.samples) == ("kidney", ["a", "b"])
    # Sample a did not measure t2.
    np.testing.assert_allclose(profile.before, [np.quantile([5, 7], SHARES), np.quantile([1, 2, 3], SHARES)])
    np.testing.assert_allclose(profile.after, [np.quantile([11, 27], SHARES), np.quantile([12, 22, 30], SHARES)])
    assert (profile.landmarks, profile.of_landmarks) == (1, 2)
