"""Trust: targets by class, by hand, and what classes are worth on other samples."""

import numpy as np
import pandas as pd
import pytest

from landex.evaluation.trust import (
    CAUTION,
    CLASSES,
    DO_NOT_USE,
    FEWEST_SAMPLES,
    NEW_SERIES,
    SAME_SERIES,
    SAMPLES,
    USABLE,
    Bars,
    trust_classes,
    trust_summary,
    worth,
)

BARS = Bars(r_gene=0.95, r2=0.25, width=0.9)

NO_BETTER, ELSEWHERE = "no better than the gene's mean", "tracks other genes as well"
NO_NARROWER = "interval no narrower than the mean's"
FEW = f"fewer than {FEWEST_SAMPLES} calibration samples"
NO_INTERVAL, FEW_SERIES = "too few calibration samples for an interval", "too few series to speak for new ones"


def class_of(n: int, r_gene: float, r2_null: float, width_ratio: float, guarantee: str) -> tuple[str, str]:
    row = {"n": n, "r_gene": r_gene, "r2_null": r2_null, "width_ratio": width_ratio, "guarantee": guarantee}
    trust, reason = trust_classes(pd.DataFrame(row, index=[7]), BARS).loc[7, ["trust", "reason"]]
    return trust, reason


@pytest.mark.parametrize(
    ("n", "r_gene", "r2_null", "width_ratio", "trust", "reason"),
    [
        (FEWEST_SAMPLES, 0.95, 0.25, 0.9, USABLE, ""),
        (FEWEST_SAMPLES, 0.94, 0.25, 0.9, CAUTION, "r_gene below 0.95"),
        (FEWEST_SAMPLES, 0.95, 0.24, 0.9, CAUTION, "R2 below 0.25"),
        (FEWEST_SAMPLES, 0.95, 0.25, 0.91, CAUTION, "interval wider than 0.9 of the mean's"),
        (FEWEST_SAMPLES, 0.5, 0.01, 0.99, CAUTION, "r_gene below 0.95"),
        (FEWEST_SAMPLES, 0.99, 0.8, np.inf, CAUTION, NO_INTERVAL),
        (FEWEST_SAMPLES, 0.99, 0.0, 0.5, DO_NOT_USE, NO_BETTER),
        (FEWEST_SAMPLES, 0.49, 0.8, 0.5, DO_NOT_USE, ELSEWHERE),
        (FEWEST_SAMPLES, 0.99, 0.8, 1.0, DO_NOT_USE, NO_NARROWER),
        (FEWEST_SAMPLES, np.nan, np.nan, np.inf, DO_NOT_USE, NO_BETTER),
        (FEWEST_SAMPLES, np.nan, 0.5, 0.5, CAUTION, "r_gene below 0.95"),
        # What too few samples say is no verdict, neither way.
        (FEWEST_SAMPLES - 1, 0.99, 0.8, 0.5, CAUTION, FEW),
        (FEWEST_SAMPLES - 1, 0.1, -2.0, 3.0, CAUTION, FEW),
        (0, np.nan, np.nan, np.inf, CAUTION, FEW),
    ],
)
def test_classes_by_hand(n: int, r_gene: float, r2_null: float, width_ratio: float, trust: str, reason: str) -> None:
    for guarantee in (SAMPLES, NEW_SERIES):
        assert class_of(n, r_gene, r2_null, width_ratio, guarantee) == (trust, reason)


@pytest.mark.parametrize(
    ("n", "r_gene", "r2_null", "width_ratio", "trust", "reason"),
    [
        (500, 1.0, 0.9, 0.1, CAUTION, FEW_SERIES),
        (FEWEST_SAMPLES, 0.8, 0.25, 0.9, CAUTION, FEW_SERIES),
        # Of bad targets, series that are not new are witness enough.
        (FEWEST_SAMPLES, 0.99, -0.1, 0.5, DO_NOT_USE, NO_BETTER),
        (FEWEST_SAMPLES - 1, 1.0, 0.9, 0.1, CAUTION, FEW),
    ],
)
def test_what_series_that_calibrated_say_is_at_most_caution(
    n: int, r_gene: float, r2_null: float, width_ratio: float, trust: str, reason: str
) -> None:
    assert class_of(n, r_gene, r2_null, width_ratio, SAME_SERIES) == (trust, reason)


def test_forty_samples_keep_noise_from_passing() -> None:
    """Targets and predictions that are noise: of n samples a correlation of a half happens by chance with few."""
    random = np.random.default_rng(1)
    truth, said = random.normal(size=(2, 20_000, FEWEST_SAMPLES))
    # The best that a constant share of noise can reach.
    said *= (np.einsum("ij,ij->i", said, truth) / np.einsum("ij,ij->i", said, said))[:, None]
    r2_null = 1 - np.sum((truth - said) ** 2, axis=1) / np.sum(truth**2, axis=1)
    assert (r2_null >= BARS.r2).mean() < 1e-3


def test_the_precision_of_a_class_is_measured_on_other_samples_by_hand() -> None:
    trust = pd.DataFrame({"gene": list("abcdefg"), "trust": [USABLE] * 4 + [CAUTION, DO_NOT_USE, USABLE]})
    evaluation = pd.DataFrame(
        {
            # d was not measured there; g overlaps; the order is another.
            "gene": list("gfecba"),
            "overlapping": [1, 0, 0, 0, 0, 0],
            "mae": [0.0, 0.9, 0.6, 0.5, 0.4, 0.3],
            "r_gene": [1.0, 0.97, 0.96, np.nan, 0.95, 0.99],
            "r2_null": [1.0, 0.3, 0.2, 0.9, 0.25, 0.5],
            "coverage": [1.0, 0.7, 0.8, 0.9, 0.92, 0.94],
        }
    )
    usable, caution, unfit = trust_summary(trust, evaluation, BARS)
    assert [row["trust"] for row in (usable, caution, unfit)] == list(CLASSES)
    assert usable["targets"] == 3
    assert usable["confirmed_percent"] == pytest.approx(200 / 3)
    assert usable["mae"] == pytest.approx(0.4)
    assert usable["coverage"] == pytest.approx(0.92)
    # Of .5, .25 and .9.
    assert usable["r2_null_median"] == 0.5
    assert (caution["targets"], caution["confirmed_percent"], caution["mae"]) == (1, 0, 0.6)
    assert (unfit["targets"], unfit["confirmed_percent"]) == (1, 100)


def test_a_class_without_targets_has_no_precision() -> None:
    evaluation = pd.DataFrame(
        {"gene": ["a"], "overlapping": [0], "mae": [0.1], "r_gene": [1.0], "r2_null": [0.5], "coverage": [1.0]}
    )
    rows = trust_summary(pd.DataFrame({"gene": ["a"], "trust": [CAUTION]}), evaluation, BARS)
    assert [row["targets"] for row in rows] == [0, 1, 0]
    for row in (rows[0], rows[2]):
        assert np.isnan(
            [row[key] for key in ("confirmed_percent", "mae", "r_gene", "coverage", "r2_null_median")]
        ).all()


def test_what_the_classes_are_worth_is_said_for_every_place_where_the_model_was_tested() -> None:
    rows = [
        ("deep", "test", "training", USABLE, 60, 90.0),
        ("deep", "test", "training", CAUTION, 30, 50.0),
        ("deep", "test", "training", DO_NOT_USE, 10, 20.0),
        ("deep", "rna", "own", USABLE, 40, 12.4),
        ("ridge", "test", "training", USABLE, 1, 0.0),
    ]
    classes = pd.DataFrame(rows, columns=["model", "cohort", "scaling", "trust", "targets", "confirmed_percent"])
    told = worth(classes, "deep")
    assert "deep is usable in 60 of 100 genes (60 %)" in told
    assert "test 90 %, rna (own scaling) 12 %." in told
    none = classes[classes["trust"] != USABLE]
    nothing = pd.concat([none, classes[:1].assign(targets=0)])
    assert worth(nothing, "deep").startswith("No gene of 40 is usable by deep")
