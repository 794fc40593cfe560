import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from packed_blocks import array, text

from landex.report.packing import MISSING, names_text, packed, packed_text, whole_numbers


@given(st.sampled_from(["int8", "uint8", "int16", "uint16", "int32"]).flatmap(lambda kind: arrays(kind, (3, 5))))
def test_arrays_come_back_whole(values: np.ndarray) -> None:
    block = packed(values)
    np.testing.assert_array_equal(array(block.kind, block.shape_text, block.data), values)


@given(st.text())
def test_text_comes_back_whole(content: str) -> None:
    try:
        content.encode()
    except UnicodeEncodeError:
        return
    assert text(packed_text(content).data) == content


@given(st.lists(st.decimals(-100, 100, places=4).map(float) | st.floats(-1e3, 1e3), min_size=1))
def test_numbers_are_rounded_as_text_is(values: list[float]) -> None:
    shown = [f"{count / 1000:.3f}" for count in whole_numbers(np.array(values), 3)]
    assert shown == [f"{value:.3f}".replace("-0.000", "0.000") for value in values]


def test_ties_go_as_text_does_and_not_to_even() -> None:
    """As a float, .0005 is above the half and 1.0005 below it; .5005 is below."""
    values = [0.0005, 1.0005, 0.5005, -2.0015]
    assert whole_numbers(np.array(values), 3).tolist() == [round(float(f"{value:.3f}") * 1000) for value in values]


def test_what_is_no_number_or_too_large_is_missing() -> None:
    found = whole_numbers(np.array([math.nan, math.inf, 3e6, 2e6]), 3)
    assert found.tolist() == [MISSING, MISSING, MISSING, 2_000_000_000]


def test_names_are_lines_of_cells_whatever_a_title_holds() -> None:
    table = pd.DataFrame({"gene": ["1", "2"], "name": ["a\tb\nc", "<b>"]})
    assert names_text(table) == "1\ta b c\n2\t<b>"


@pytest.mark.parametrize("kind", ["int32", "uint16"])
def test_small_numbers_in_wide_types_cost_little(kind: str) -> None:
    values = np.random.default_rng(1).integers(0, 256, 100_000).astype(kind)
    assert len(packed(values).data) < 1.4 * len(packed(values.astype(np.uint8)).data)
