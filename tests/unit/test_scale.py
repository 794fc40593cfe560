"""The log2 decision: GEO2R's rule, and what becomes of values without a logarithm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landex.scale import needs_log2, to_log2


def geo2r_decides_to_log(values: np.ndarray) -> bool:
    """Transcribe the R script that GEO2R prints.

    qx <- as.numeric(quantile(ex, c(0., 0.25, 0.5, 0.75, 0.99, 1.0), na.rm=T))
    LogC <- (qx[5] > 100) || (qx[6]-qx[1] > 50 && qx[2] > 0)
    """
    qx = [None, *np.nanquantile(values, [0.0, 0.25, 0.5, 0.75, 0.99, 1.0], method="linear")]
    return bool((qx[5] > 100) or (qx[6] - qx[1] > 50 and qx[2] > 0))


@given(
    st.lists(st.floats(-200, 2000) | st.floats(0, 16), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.2, 1.0]),
)
def test_the_decision_is_that_of_geo2rs_script(values: list[float], factor: float) -> None:
    sample = np.array(values) * factor
    assert (to_log2(sample).scale == "linear") == geo2r_decides_to_log(sample)


@pytest.mark.parametrize(
    ("quantiles", "decision"),
    [
        ((0, 2, 3, 4, 100.0, 101), True),  # a range over 50 and a first quartile over 0
        ((0, 0, 3, 4, 100.0, 101), False),  # neither: the 99th percentile is not over 100
        ((0, 0, 3, 4, 100.1, 101), True),
        ((0, 2, 3, 4, 40, 50), False),
        ((-1, 2, 3, 4, 40, 49.1), True),
        ((-10, -1, 0, 1, 40, 90), False),
    ],
)
def test_the_rule_at_its_edges(quantiles: tuple[float, ...], decision: bool) -> None:
    assert needs_log2(dict(zip(("q00", "q25", "q50", "q75", "q99", "q100"), quantiles, strict=True))) is decision


def test_linear_values_are_logged_and_those_without_a_logarithm_go_missing() -> None:
    logged = to_log2(np.array([1.0, 8, 0, -4, np.nan, 1024, np.inf]), "linear")
    np.testing.assert_array_equal(logged.values, [0, 3, np.nan, np.nan, np.nan, 10, np.nan])
    assert logged.scale == "linear"


def test_counts_become_log2_of_one_plus_counts_per_million() -> None:
    logged = to_log2(np.array([0.0, 1, 3, np.nan, 6]), "counts")
    np.testing.assert_allclose(logged.values, np.log2([1, 100_001, 300_001, np.nan, 600_001]), rtol=1e-15)


def test_a_sample_of_no_counts_has_no_values() -> None:
    assert np.isnan(to_log2(np.zeros(5), "counts").values).all()


def test_values_on_the_log2_scale_are_kept_whatever_the_rule_says() -> None:
    values = np.array([-3.0, 5000, np.nan, np.inf])
    np.testing.assert_array_equal(to_log2(values, "log2").values, [-3, 5000, np.nan, np.nan])


def test_the_quantiles_are_those_of_the_measured_values_as_they_came() -> None:
    quantiles = to_log2(np.array([np.nan, 0, 1, 2, 3, 4, -np.inf]), "log2").quantiles
    assert quantiles == {"q00": 0, "q25": 1, "q50": 2, "q75": 3, "q99": pytest.approx(3.96), "q100": 4}


def test_a_sample_without_values_is_left_without_a_decision_to_log() -> None:
    logged = to_log2(np.array([np.nan, np.nan]))
    assert logged.scale == "log2"
    assert np.isnan(logged.values).all()
    assert all(np.isnan(value) for value in logged.quantiles.values())
