"""Memory and time of jobs: worked out by hand, growing with data and attempt, and declared for every rule."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landex.job_resources import DEMANDS, granted_mb, granted_minutes, text_mb, training_minutes
from landex.kinds import BLEND, KINDS, NETWORK
from landex.model_entries import training_memory_mb, training_operations

RULES = Path(__file__).parents[2] / "workflow" / "rules"
# These declare what they take by functions of their own; a baseline takes what its model's kind does.
OTHERWISE = {"network", "network_piece", "baseline", "predict_carried", "infer_with_intervals"}
PAPER = {"kind": "network", "preset": "dgex", "hidden": [3000], "target_jobs": 2}
# 111,009 samples of 10,463 genes in float32.
PAPER_MB = 4 * 111_009 * 10_463 / 2**20

sizes = st.dictionaries(st.sampled_from(["normalised", "weights", "predictions", "matrix"]), st.floats(0, 1e6))


def test_memory_and_time_are_those_of_the_formula() -> None:
    # 1000 + 5·200 MB, and 15 + 60·(200 + 824)/1024 minutes, twice on the second attempt.
    assert granted_mb("evaluate", {"predictions": 200, "normalised": 824}, 1) == 2000
    assert granted_mb("evaluate", {"predictions": 200, "normalised": 824}, 2) == 4000
    assert granted_minutes("evaluate", {"predictions": 200, "normalised": 824}, 1) == 75
    assert granted_minutes("evaluate", {"predictions": 200, "normalised": 824}, 3) == 225


@given(st.sampled_from(sorted(DEMANDS)), sizes, st.integers(1, 3))
def test_every_attempt_and_every_megabyte_is_granted_more_or_as_much(
    stage: str, sizes: dict[str, float], attempt: int
) -> None:
    larger = {name: 2 * size for name, size in sizes.items()}
    for granted in (granted_mb, granted_minutes):
        assert granted(stage, sizes, attempt + 1) > granted(stage, sizes, attempt)
        assert granted(stage, larger, attempt) >= granted(stage, sizes, attempt) > 0


def test_every_rule_takes_what_is_said_of_it() -> None:
    declared = {}
    for file in RULES.glob("*.smk"):
        for rule, body in re.findall(
            r"^(?:use )?rule (?:\w+ as )?(\w+)(.*?)(?=^(?:use )?rule |\Z)", file.read_text(), re.M | re.S
        ):
            declared[rule] = re.findall(r"(?:mem_mb=memory_of|runtime=runtime_of)\(\"(\w+)\"", body)
    for rule, stages in declared.items():
        assert rule in OTHERWISE or stages == [rule, rule], rule
    kinds = KINDS.keys() - {NETWORK, BLEND}
    assert declared.keys() - OTHERWISE | kinds == DEMANDS.keys()


@pytest.mark.parametrize(
    ("path", "taken"),
    [("a.h5ad", 0), ("a.gctx", 0), ("a.tsv", 40), ("a.gct", 40), ("a.tsv.gz", 160), ("a.csv.xz", 160)],
)
def test_text_is_read_whole_and_other_matrices_are_not(path: str, taken: float) -> None:
    assert text_mb(path, 10) == taken


def test_a_training_of_the_papers_is_granted_more_than_it_was_measured_at_and_no_more_than_twice() -> None:
    # docs/networks.md: 943-3000-4760 from the whole compendium peaks at 3.2 GB.
    assert 3200 < training_memory_mb(PAPER, PAPER_MB) < 6400


def test_a_trainings_operations_are_six_a_weight_and_sample() -> None:
    # 1000·3000 + 3000·6000 weights, 200 epochs; as many samples as 13,000 genes leave in the file.
    expected = 6 * 21e6 * (PAPER_MB * 2**20 / 52_000) * 200
    assert training_operations(PAPER, PAPER_MB) == pytest.approx(expected)


def test_a_training_gets_an_hour_and_what_it_computes_and_a_day_at_most() -> None:
    assert training_minutes(0, False, 1) == 60
    assert training_minutes(6e12, False, 1) == 61
    assert training_minutes(6e14, True, 2) == 140
    assert training_minutes(1e18, False, 1) == 24 * 60
