"""Units of evidence: samples bound together by series and by groups, and sums over them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landex.evaluation.units import Units, bound_together


def samples_of(series: list[str], group: list[str] | None = None) -> pd.DataFrame:
    return pd.DataFrame({"series": series, "group": group or series}, dtype=str)


def test_series_of_one_group_and_groups_of_one_series_are_bound_together() -> None:
    # a and b share x, b and c share y, d is alone, and e is of two groups, one of which is f's.
    series, group = list("abbcdeef"), list("xxyyzuvv")
    assert bound_together(samples_of(series, group)).tolist() == [0, 0, 0, 0, 1, 2, 2, 2]


def test_a_group_is_no_series_of_its_name() -> None:
    assert bound_together(samples_of(["a", "b", "c"], ["b", "c", "a"])).tolist() == [0, 1, 2]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=20))
def test_sets_are_those_of_a_slow_search(pairs: list[tuple[int, int]]) -> None:
    found = bound_together(samples_of(*([str(pair[place]) for pair in pairs] for place in (0, 1))))
    expected = np.arange(len(pairs))
    for _ in pairs:
        for one, other in np.ndindex(len(pairs), len(pairs)):
            if pairs[one][0] == pairs[other][0] or pairs[one][1] == pairs[other][1]:
                expected[[one, other]] = min(expected[one], expected[other])
    assert found.tolist() == pd.factorize(expected)[0].tolist()


@pytest.mark.parametrize(("series", "kind", "units"), [(1, "samples", 24), (5, "samples", 24), (6, "series", 6)])
def test_series_are_the_unit_from_six_up(series: int, kind: str, units: int) -> None:
    found = Units.of(samples_of([f"GSE{number % series}" for number in range(24)]))
    assert (found.kind, found.count) == (kind, units)


def test_six_series_of_five_groups_are_too_few() -> None:
    found = Units.of(samples_of(list("abcdef") * 2, list("uvwxyy") * 2))
    assert (found.kind, found.count) == ("samples", 12)


@pytest.mark.parametrize("series", [["a", "b"] * 4, ["f", "a", "a", "c", "d", "e", "b", "f"]])
def test_units_sum_what_belongs_to_them(series: list[str]) -> None:
    units = Units.of(samples_of(series))
    values = np.random.default_rng(1).normal(size=(3, 8)).astype(np.float32)
    names = series if units.kind == "series" else [str(row) for row in range(8)]
    expected = pd.DataFrame(values.T.astype(float)).groupby(names, sort=False).sum().to_numpy().T
    np.testing.assert_allclose(units.sums(values), expected, rtol=1e-12)
    assert units.count == len(set(names))
    np.testing.assert_array_equal(units.sums(values > 0), pd.DataFrame(values.T > 0).groupby(names, sort=False).sum().T)


def test_no_samples_are_no_units() -> None:
    assert Units.of(samples_of([])).count == 0
