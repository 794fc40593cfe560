"""Calibration: intervals and trust, decided through files on the calibrate part."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr
from simulated_cohort import correlation_of, write_cohort, write_correlation

from landex.errors import UserError
from landex.evaluation.calibrate import exchangeable_units, write_trust
from landex.evaluation.intervals import Intervals
from landex.evaluation.scales import DISTANCE, SPREAD
from landex.evaluation.trust import (
    CAUTION,
    DO_NOT_USE,
    FEWEST_SAMPLES,
    NEW_SERIES,
    NOTHING,
    SAME_SERIES,
    SAMPLES,
    USABLE,
    Bars,
)
from landex.predictions import Predictions
from landex.summary import read_table
from landex.vocabulary import UNUSED

Block = NDArray[np.float32]

CORRELATION = correlation_of(3)
BARS = Bars(r_gene=0.95, r2=0.25, width=0.9)
TARGETS = 25
# Calibration samples for a verdict.
ENOUGH = max(60, FEWEST_SAMPLES)
# Identifiers that a table may garble.
GENES = ["NA", "7105", *(f"t{number}" for number in range(2, TARGETS))]


def parts_of(series: Mapping[str, Sequence[str]], group: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return split.tsv of samples that are given as their series, part by part."""
    rows = [(name, part) for part, names in series.items() for name in names]
    table = pd.DataFrame(rows, columns=["series", "part"])
    table.insert(0, "sample", [f"s{row}" for row in range(len(rows))])
    table.insert(1, "source", "a")
    return table.assign(group=table["series"].map(lambda name: (group or {}).get(name, name)))


def of_one_series(samples: int) -> dict[str, list[str]]:
    """Deal samples of one series, as in a split by sample."""
    return {"training": ["GSE1"] * 3, "select": ["GSE1"] * 2, "calibrate": ["GSE1"] * samples, "test": ["GSE1"] * 2}


class Calibration:
    """A compendium with three landmarks, and its calibrate part."""

    def __init__(self, folder: Path, parts: pd.DataFrame, measured: NDArray[np.bool_] | None = None) -> None:
        self.folder, self.parts = folder, parts
        self.rows = np.flatnonzero(parts["part"] == "calibrate")
        values = np.random.default_rng(1).normal(size=(len(parts), 3 + TARGETS)).astype(np.float32)
        # A value of another part that would be noticed.
        values[np.setdiff1d(np.arange(len(parts)), self.rows)] += 50
        self.truth = values[self.rows, 3:]
        there = np.ones(values.shape, bool)
        if measured is not None:
            there[np.ix_(self.rows, np.arange(3, 3 + TARGETS))] = measured
        write_cohort(
            folder / "compendium.h5ad", values, landmarks=3, measured=there, genes=["l1", "l2", "l3", *GENES],
            samples=parts["sample"].tolist(), series=parts["series"].tolist(), group=parts["group"].tolist(),
        )  # fmt: skip
        write_correlation(folder / "references.h5", CORRELATION)
        inputs = values[self.rows, :3].astype(float)
        # From the training samples, by landmark.
        self.far = np.sqrt(np.sum(inputs @ np.linalg.inv(CORRELATION) * inputs, axis=1) / 3)
        parts.to_csv(folder / "split.tsv", sep="\t", index=False)

    def trust(self, scores: Block, spread: Block | None = None, coverage: float = 0.9) -> pd.DataFrame:
        """Calibrate predictions of the part and read the table."""
        samples = self.parts["sample"].iloc[self.rows].tolist()
        spreads = {} if spread is None else {"training": spread}
        Predictions({"training": scores}, samples, GENES, spreads).write(self.folder / "calibrate.h5")
        names = ("calibrate.h5", "compendium.h5ad", "split.tsv", "references.h5")
        inputs = (self.folder / name for name in names)
        write_trust(*inputs, coverage, BARS, self.folder / "trust.tsv")
        return read_table(self.folder / "trust.tsv")


def noisy(truth: Block, noise: float, seed: int = 2) -> Block:
    return (truth + np.random.default_rng(seed).normal(0, noise, truth.shape)).astype(np.float32)


def test_a_target_has_the_order_statistic_of_its_residuals_by_distance(tmp_path: Path) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(39)))
    said = noisy(of_part.truth, 0.5)
    table = of_part.trust(said)
    assert table["gene"].tolist() == GENES
    residuals = np.abs(said - of_part.truth)
    scores = np.sort(residuals / of_part.far[:, None], axis=0)
    # ceil(40 * .9) = 36.
    np.testing.assert_allclose(table["quantile"], scores[35], rtol=1e-5)
    half = scores[35] * of_part.far.mean()
    np.testing.assert_allclose(table["half_width"], half, rtol=1e-5)
    # Every gene's mean has one width for all samples.
    null = np.sort(np.abs(of_part.truth), axis=0)[35]
    np.testing.assert_allclose(table["null_half_width"], null, rtol=1e-5)
    np.testing.assert_allclose(table["width_ratio"], half / null, rtol=1e-5)
    np.testing.assert_allclose(table["mae"], residuals.mean(axis=0), rtol=1e-5)
    assert (table["scaled_by"] == DISTANCE).all()
    assert (table["n"] == 39).all()
    others = [spearmanr(said[:, 4], of_part.truth[:, h]).statistic for h in range(TARGETS)]
    assert table.loc[4, "r_gene"] == pytest.approx(np.mean(np.delete(others, 4) < others[4]), rel=1e-5)


def test_only_what_was_measured_calibrates(tmp_path: Path) -> None:
    measured = np.random.default_rng(3).random((39, TARGETS)) < 0.8
    measured[:, 1], measured[5:, 2] = False, False
    of_part = Calibration(tmp_path, parts_of(of_one_series(39)), measured)
    said = noisy(of_part.truth, 0.5)
    table = of_part.trust(said)
    assert table["n"].tolist() == measured.sum(axis=0).tolist()
    for target in (0, 3, 7):
        scores = (np.abs(said - of_part.truth) / of_part.far[:, None])[measured[:, target], target]
        expected = np.sort(scores)[int(np.ceil(0.9 * (len(scores) + 1) - 1e-9)) - 1]
        assert table.loc[target, "quantile"] == pytest.approx(expected, rel=1e-5)
    for target in (1, 2):
        assert np.isinf(table.loc[target, "quantile"])
        assert table.loc[target, ["guarantee", "trust"]].tolist() == [NOTHING, CAUTION]
    assert np.isnan(table.loc[1, "mae"])


def test_intervals_are_read_as_they_were_written(tmp_path: Path) -> None:
    measured = np.ones((39, TARGETS), bool)
    measured[4:, 3] = False
    of_part = Calibration(tmp_path, parts_of(of_one_series(39)), measured)
    table = of_part.trust(noisy(of_part.truth, 0.5))
    read = Intervals.read(tmp_path / "trust.tsv", tmp_path / "references.h5")
    assert (read.genes, read.scaled_by) == (GENES, DISTANCE)
    np.testing.assert_array_equal(read.correlation, CORRELATION)
    assert np.isinf(read.quantiles[3])
    np.testing.assert_array_equal(read.quantiles, table["quantile"])


def test_intervals_of_an_ensemble_are_narrower_where_its_members_agree(tmp_path: Path) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(39)))
    spread = np.random.default_rng(4).choice([0.1, 1.0], of_part.truth.shape).astype(np.float32)
    said = (of_part.truth + spread * np.random.default_rng(5).normal(size=spread.shape)).astype(np.float32)
    table = of_part.trust(said, spread)
    scale = of_part.far[:, None] * (spread + 0.1)
    quantile = np.sort(np.abs(said - of_part.truth) / scale, axis=0)[35]
    np.testing.assert_allclose(table["quantile"], quantile, rtol=1e-5)
    np.testing.assert_allclose(table["half_width"], quantile * scale.mean(axis=0), rtol=1e-5)
    assert (table["scaled_by"] == SPREAD).all()
    # Where the noise follows the spread this is narrower on average than by the distance alone.
    assert table["half_width"].mean() < of_part.trust(said)["half_width"].mean()


TWELVE = [f"GSE{number}" for number in range(12)]


@pytest.mark.parametrize(
    ("series", "units", "guarantee"),
    [
        # A split by sample: training saw the series.
        ({"training": TWELVE, "calibrate": TWELVE * 2}, 24, SAMPLES),
        ({"training": ["GSE11"], "calibrate": TWELVE * 2}, 24, SAMPLES),
        # A split by series, with enough of them for .9 and with too few.
        ({"training": ["GSE99"], "calibrate": TWELVE * 2}, 12, NEW_SERIES),
        ({"training": ["GSE99"], "calibrate": TWELVE[:9] * 3}, 9, NEW_SERIES),
        ({"training": ["GSE99"], "calibrate": TWELVE[:8] * 3}, 24, SAME_SERIES),
    ],
)
def test_what_is_promised_follows_from_what_training_saw(
    series: dict[str, list[str]], units: int, guarantee: str
) -> None:
    codes, promised = exchangeable_units(parts_of(series), 0.9)
    assert promised == guarantee
    assert len(set(codes.tolist())) == units
    if guarantee == NEW_SERIES:
        assert codes.tolist() == [int(name.removeprefix("GSE")) for name in series["calibrate"]]


def test_series_that_share_a_group_do_not_count_as_new_ones_each() -> None:
    """Twelve series of two superseries are two draws of what a new study is: too few for an interval."""
    parts = parts_of(
        {"training": ["GSE99"], "calibrate": TWELVE * 2}, {name: f"G{int(name[3:]) % 2}" for name in TWELVE}
    )
    units, promised = exchangeable_units(parts, 0.9)
    assert (len(set(units.tolist())), promised) == (24, SAME_SERIES)
    # One in two is within reach of two.
    units, promised = exchangeable_units(parts, 0.5)
    assert (units.tolist(), promised) == ([0, 1] * 12, NEW_SERIES)


def test_series_whose_group_training_saw_are_not_new_to_it() -> None:
    parts = parts_of({"training": ["GSE99"], "calibrate": TWELVE * 2}, {"GSE99": "G", "GSE3": "G"})
    assert exchangeable_units(parts, 0.9)[1] == SAMPLES


def test_what_the_test_part_and_samples_left_out_are_of_is_as_new_as_before() -> None:
    parts = parts_of({"training": ["GSE99"], UNUSED: TWELVE, "calibrate": TWELVE, "test": TWELVE})
    units, promised = exchangeable_units(parts, 0.9)
    assert (units.tolist(), promised) == (list(range(12)), NEW_SERIES)


def test_series_that_chose_a_models_settings_are_not_new_to_it() -> None:
    """Possible with a split of one's own: select stops networks and chooses penalties."""
    parts = parts_of({"training": ["GSE99"], "select": TWELVE, "calibrate": TWELVE * 2})
    assert exchangeable_units(parts, 0.9)[1] == SAMPLES


def test_the_quantile_of_series_goes_through_files(tmp_path: Path) -> None:
    names = [name for number, name in enumerate(TWELVE) for _ in range(1 + number % 3)]
    series = {"training": ["GSE99"] * 3, "select": ["GSE98"] * 2, "calibrate": names, "test": ["GSE97"] * 2}
    of_part = Calibration(tmp_path, parts_of(series))
    said = noisy(of_part.truth, 0.5)
    table = of_part.trust(said)
    assert (table["guarantee"] == NEW_SERIES).all()
    errors = pd.DataFrame(np.abs(said - of_part.truth) / of_part.far[:, None]).assign(series=names)
    for target in (0, 9):
        scores = np.sort(errors[target])
        shares = [(errors[target] <= score).groupby(errors["series"]).mean().sum() / 13 for score in scores]
        expected = scores[np.argmax(np.array(shares) >= 0.9 - 1e-12)]
        assert table.loc[target, "quantile"] == pytest.approx(expected, rel=1e-5)


def test_too_few_samples_promise_nothing_and_forbid_nothing(tmp_path: Path) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(8)))
    for said in (of_part.truth, np.zeros_like(of_part.truth)):
        table = of_part.trust(said)
        assert np.isinf(table["quantile"]).all()
        assert set(table["guarantee"]) == {NOTHING}
        assert set(table["trust"]) == {CAUTION}
        assert set(table["reason"]) == {f"fewer than {FEWEST_SAMPLES} calibration samples"}


def test_a_perfect_model_is_usable_everywhere(tmp_path: Path) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(ENOUGH)))
    table = of_part.trust(of_part.truth)
    assert set(table["trust"]) == {USABLE}
    assert (table["reason"] == "").all()
    assert (table["half_width"] == 0).all()


def test_a_perfect_model_is_usable_with_care_where_too_few_series_calibrated_it(tmp_path: Path) -> None:
    series = {"training": ["GSE99"] * 3, "select": ["GSE98"] * 2, "calibrate": TWELVE[:8] * 8, "test": ["GSE97"] * 2}
    of_part = Calibration(tmp_path, parts_of(series))
    table = of_part.trust(of_part.truth)
    assert set(table["guarantee"]) == {SAME_SERIES}
    assert set(table["trust"]) == {CAUTION}
    assert set(table["reason"]) == {"too few series to speak for new ones"}


def test_a_model_that_says_every_genes_mean_is_not_to_be_used_anywhere(tmp_path: Path) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(ENOUGH)))
    assert set(of_part.trust(np.zeros_like(of_part.truth))["trust"]) == {DO_NOT_USE}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("samples", "noise"), [(20, 0.3), (20, 0.6), (ENOUGH, 0.3), (ENOUGH, 0.6)])
def test_a_model_of_noise_is_usable_nowhere(tmp_path: Path, samples: int, noise: float, seed: int) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(samples)))
    assert USABLE not in set(of_part.trust(noisy(np.zeros_like(of_part.truth), noise, seed))["trust"])


def test_predictions_of_another_part_are_refused(tmp_path: Path) -> None:
    of_part = Calibration(tmp_path, parts_of(of_one_series(40)))
    of_part.rows = of_part.rows[:-1]
    with pytest.raises(UserError, match="other samples or genes"):
        of_part.trust(of_part.truth[:-1])
    assert not (tmp_path / "trust.tsv").exists()
