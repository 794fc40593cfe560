"""Models against each other: figures by hand, intervals against a slow bootstrap, and what noise alone gives."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, wilcoxon
from simulated_cohort import write_cohort

from landex.errors import UserError
from landex.evaluation.bootstrap import Certainty, draws, interval, normal_interval
from landex.evaluation.compare import Comparison, compare
from landex.predictions import Predictions
from landex.vocabulary import NULL

Block = NDArray[np.float32]
Mask = NDArray[np.bool_]

CERTAINTY = Certainty(0.95, 200, 3)
INTERVALS = ("improvement_percent", "improvement_low", "improvement_high", "median_effect")


def held(
    folder: Path, truth: Block, models: Mapping[str, Block], series: list[str], measured: Mask | None = None,
    *, group: list[str] | None = None, overlapping: int = 0, threads: int = 1,
) -> Comparison:  # fmt: skip
    """Compare predictions with a truth, both of shape (samples, targets), through files; the first is the baseline."""
    samples, genes = [f"s{row}" for row in range(len(truth))], [f"g{column}" for column in range(truth.shape[1])]
    last = range(len(genes) - overlapping, len(genes))
    write_cohort(folder / "cohort.h5ad", truth, measured=measured, series=series, group=group, overlapping=last)
    for name, said in models.items():
        Predictions({"training": said.astype(np.float32)}, samples, genes).write(folder / f"{name}.h5")
    files = {name: folder / f"{name}.h5" for name in models}
    return compare(files, folder / "cohort.h5ad", next(iter(models)), CERTAINTY, threads=threads)


def simulated(samples: int = 24, targets: int = 9, noises: tuple[float, ...] = (0.5, 0.6, 0.7)) -> tuple[Block, dict]:
    random = np.random.default_rng(1)
    truth = random.normal(size=(samples, targets)).astype(np.float32)
    names = ("ridge", "deep", "wide")
    models = {
        n: (truth + random.normal(0, s, truth.shape)).astype(np.float32) for n, s in zip(names, noises, strict=False)
    }
    return truth, models


def series_of(samples: int, series: int) -> list[str]:
    """Deal samples to series of unequal size, in no order."""
    names = [f"GSE{min(number % (series + 3), series - 1)}" for number in range(samples)]
    return list(np.random.default_rng(2).permutation(names))


def pair_of(found: Comparison, model: str, other: str) -> pd.Series:
    return found.pairs.set_index(["model", "other"]).loc[(model, other)]


def test_the_papers_two_figures_by_hand(tmp_path: Path) -> None:
    truth = np.full((4, 3), np.float32(4))
    ridge, deep = truth + np.float32([1, 2, 4]), truth - np.float32([1, 1, 1])
    found = held(tmp_path, truth, {"ridge": ridge, "deep": deep}, ["a"] * 4)
    row = pair_of(found, "deep", "ridge")
    assert (row["mae"], row["other_mae"]) == (1, pytest.approx(7 / 3))
    assert row["improvement_percent"] == pytest.approx(100 * (1 - 3 / 7))
    # Equal in the first gene, better in the two others.
    assert row["genes_better_percent"] == pytest.approx(200 / 3)
    assert (row["targets"], row["samples"], row["unit"], row["units"]) == (3, 4, "samples", 4)
    back = pair_of(found, "ridge", "deep")
    assert back["improvement_percent"] == pytest.approx(100 * (1 - 7 / 3))
    assert back["genes_better_percent"] == 0
    assert pair_of(found, "deep", NULL)["other_mae"] == 4


def test_overall_errors_are_means_over_genes_of_what_was_measured(tmp_path: Path) -> None:
    truth, models = simulated()
    measured = np.random.default_rng(4).random(truth.shape) < 0.5
    measured[:, 3] = False
    found = held(tmp_path, truth, models, series_of(24, 3), measured)
    genes = [gene for gene in range(9) if gene != 3]
    errors = {name: np.abs(said - truth) for name, said in models.items()}
    maes = {name: np.array([error[measured[:, g], g].mean() for g in genes]) for name, error in errors.items()}
    row = pair_of(found, "wide", "deep")
    assert row["targets"] == 8
    assert row["mae"] == pytest.approx(maes["wide"].mean(), rel=1e-6)
    assert row["genes_better_percent"] == pytest.approx(100 * (maes["wide"] < maes["deep"]).mean())
    table = found.genes[found.genes["model"] == "wide"]
    assert table["gene"].tolist() == [f"g{gene}" for gene in genes]
    np.testing.assert_allclose(table["mae"], maes["wide"], rtol=1e-6)
    np.testing.assert_allclose(table["baseline_mae"], maes["ridge"], rtol=1e-6)
    np.testing.assert_allclose(table["improvement_percent"], 100 * (1 - maes["wide"] / maes["ridge"]), rtol=1e-4)


@pytest.mark.parametrize("series", [5, 8])
def test_intervals_are_those_of_a_slow_bootstrap_over_units(tmp_path: Path, series: int) -> None:
    truth, models = simulated()
    names = series_of(24, series)
    measured = np.random.default_rng(4).random(truth.shape) < 0.8
    found = held(tmp_path, truth, models, names, measured)
    units = pd.factorize(np.array(names))[0] if series >= 6 else np.arange(24)
    counts = draws(units.max() + 1, CERTAINTY.resamples, CERTAINTY.seed)
    replicates: dict[str, list[NDArray[np.float64]]] = {name: [] for name in models}
    for drawn in counts:
        # A resample holds every sample of a unit as often as the unit was drawn.
        rows = np.repeat(np.arange(24), drawn[units].astype(int))
        for name, said in models.items():
            error = np.ma.masked_array(np.abs(said - truth)[rows].astype(float), ~measured[rows])
            replicates[name].append(error.mean(axis=0).filled(np.nan))
    by_gene = {name: np.array(values) for name, values in replicates.items()}
    overall = {name: np.nanmean(values, axis=1) for name, values in by_gene.items()}
    row = pair_of(found, "deep", "ridge")
    expected = interval(100 * (1 - overall["deep"] / overall["ridge"]), 0.95, len(counts[0]))
    np.testing.assert_allclose(row[["improvement_low", "improvement_high"]].astype(float), expected, rtol=1e-3)
    shares = 100 * (by_gene["deep"] < by_gene["ridge"]).mean(axis=1)
    low, high = normal_interval(row["genes_better_percent"], shares, 0.95, len(counts[0]))
    assert row["genes_better_low"] == pytest.approx(max(low, 0), rel=1e-5)
    assert row["genes_better_high"] == pytest.approx(min(high, 100), rel=1e-5)
    genes = found.genes[found.genes["model"] == "deep"]
    bounds = interval(100 * (1 - by_gene["deep"] / by_gene["ridge"]), 0.95, len(counts[0]))
    np.testing.assert_allclose(
        genes[["improvement_low", "improvement_high"]].to_numpy().T, bounds, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(("series", "kind", "units"), [(5, "samples", 24), (6, "series", 6), (8, "series", 8)])
def test_series_are_the_unit_from_six_series_up(tmp_path: Path, series: int, kind: str, units: int) -> None:
    truth, models = simulated()
    found = held(tmp_path, truth, models, series_of(24, series))
    for table in (found.pairs, found.genes):
        assert set(table["unit"]) == {kind}
        assert set(table["units"]) == {units}


def test_series_of_one_group_are_one_unit(tmp_path: Path) -> None:
    truth, models = simulated()
    names = series_of(24, 8)
    group = [name.replace("GSE7", "GSE6") for name in names]
    found, alike = (held(tmp_path, truth, models, each, group=group) for each in (names, group))
    assert set(found.pairs["units"]) == {7}
    pd.testing.assert_frame_equal(found.pairs, alike.pairs)


@pytest.mark.parametrize("series", [3, 9])
def test_tests_are_wilcoxons_of_the_mean_differences_of_units(tmp_path: Path, series: int) -> None:
    truth, models = simulated(60)
    names = series_of(60, series)
    found = held(tmp_path, truth, models, names, overlapping=2)
    units = names if series >= 6 else list(range(60))
    better = np.abs(models["ridge"] - truth).astype(float) - np.abs(models["deep"] - truth)
    differences = pd.DataFrame(better).groupby(units).mean()
    # Below 51 differences exact, above normal, as scipy's are.
    p = np.array([wilcoxon(differences[gene]).pvalue for gene in differences])
    table = found.genes[found.genes["model"] == "deep"]
    np.testing.assert_allclose(table["p"], p, rtol=1e-6)
    # Overlapping genes are shown and are no discoveries.
    np.testing.assert_allclose(table["q"].iloc[:7], false_discovery_control(p[:7]), rtol=1e-6)
    assert table["q"].iloc[7:].isna().all()
    together = differences[list(range(7))].mean(axis=1)
    assert pair_of(found, "deep", "ridge")["p"] == pytest.approx(wilcoxon(together).pvalue, rel=1e-6)


def test_overlapping_targets_count_in_no_pair(tmp_path: Path) -> None:
    truth, models = simulated()
    models["deep"][:, 7:] = truth[:, 7:]
    whole = held(tmp_path, truth, models, series_of(24, 8), overlapping=2)
    without = held(tmp_path, truth[:, :7], {k: v[:, :7] for k, v in models.items()}, series_of(24, 8))
    pd.testing.assert_frame_equal(whole.pairs, without.pairs, rtol=1e-6)
    assert whole.genes["gene"].nunique() == 9


def test_only_overlapping_targets_leave_no_figure(tmp_path: Path) -> None:
    truth, models = simulated(targets=2)
    found = held(tmp_path, truth, models, series_of(24, 8), overlapping=2)
    assert (found.pairs["targets"] == 0).all()
    assert found.pairs[["mae", "improvement_percent", "improvement_low", "genes_better_percent"]].isna().all(axis=None)


def test_turning_a_pair_around_swaps_better_and_worse(tmp_path: Path) -> None:
    truth, models = simulated(200, noises=(0.5, 0.6, 0.9))
    found = held(tmp_path, truth, models, series_of(200, 3))
    assert found.pairs[["model", "other"]].to_numpy().tolist() == [
        *(["ridge", "deep"], ["ridge", "wide"], ["ridge", NULL], ["deep", "ridge"], ["deep", "wide"], ["deep", NULL]),
        *(["wide", "ridge"], ["wide", "deep"], ["wide", NULL]),
    ]
    for model, other in (("deep", "ridge"), ("wide", "deep")):
        one, back = pair_of(found, model, other), pair_of(found, other, model)
        assert one["median_effect"] == -back["median_effect"]
        assert one["genes_significantly_better"] == back["genes_significantly_worse"]
        assert one["genes_significantly_worse"] == back["genes_significantly_better"]
        assert one["p"] == back["p"]
        assert one["improvement_high"] < 0 < back["improvement_low"]
        assert one["median_effect"] < 0
        # 1 - b / a against 1 - a / b.
        assert (1 - one["improvement_percent"] / 100) * (1 - back["improvement_percent"] / 100) == pytest.approx(1)
    assert pair_of(found, "ridge", "wide")["genes_significantly_better"] == 9
    table = found.genes[found.genes["model"] == "wide"]
    assert (table["effect"] < 0).all()
    assert (table["improvement_high"] < 0).all()


def test_a_significant_gene_is_counted_where_its_q_is_below_the_rate(tmp_path: Path) -> None:
    truth, models = simulated(40, 30, (0.5, 0.5))
    models["deep"][:, :6] = truth[:, :6] + 0.2 * (models["deep"] - truth)[:, :6]
    models["deep"][:, 6:9] = truth[:, 6:9] + 5 * (models["deep"] - truth)[:, 6:9]
    found = held(tmp_path, truth, models, ["a"] * 40)
    table, row = found.genes, pair_of(found, "deep", "ridge")
    sure = table["q"] < 0.05
    assert row["genes_significantly_better"] == (sure & (table["effect"] > 0)).sum() >= 6
    assert row["genes_significantly_worse"] == (sure & (table["effect"] < 0)).sum() >= 3


@pytest.mark.parametrize("series", [2, 7])
def test_identical_models_do_not_differ(tmp_path: Path, series: int) -> None:
    truth, models = simulated()
    same = {"ridge": models["ridge"], "deep": models["ridge"].copy()}
    found = held(tmp_path, truth, same, series_of(24, series))
    row = pair_of(found, "deep", "ridge")
    assert row[list(INTERVALS)].tolist() == [0, 0, 0, 0]
    figures = ("genes_better_percent", "genes_significantly_better", "genes_significantly_worse")
    assert row[list(figures)].tolist() == [0, 0, 0]
    assert row["p"] == 1
    assert (found.genes["p"] == 1).all()
    assert (found.genes["q"] == 1).all()


def test_one_sample_decides_nothing(tmp_path: Path) -> None:
    """All of its resamples are the same: an interval of no width would call any difference sure."""
    truth, models = simulated(1)
    row = pair_of(held(tmp_path, truth, models, ["a"]), "deep", "ridge")
    assert not row["improvement_low"] > 0
    assert not row["improvement_high"] < 0


@pytest.mark.parametrize("constant", [0.0, 0.02])
def test_a_null_model_is_not_told_from_every_genes_mean(tmp_path: Path, constant: float) -> None:
    truth, models = simulated(80, 30)
    null = {"ridge": models["ridge"], "null": np.full(truth.shape, np.float32(constant))}
    row = pair_of(held(tmp_path, truth, null, ["a"] * 80), "null", NULL)
    assert row["improvement_low"] <= 0 <= row["improvement_high"]
    assert row["genes_significantly_better"] == 0


def test_only_one_model_is_compared_with_every_genes_mean(tmp_path: Path) -> None:
    truth, models = simulated()
    found = held(tmp_path, truth, {"ridge": models["ridge"]}, ["a"] * 24)
    assert found.pairs["other"].tolist() == [NULL]
    assert found.genes.empty


@pytest.mark.parametrize("series", [1, 12])
def test_models_that_differ_by_noise_alone_have_no_more_discoveries_than_allowed(tmp_path: Path, series: int) -> None:
    discoveries, undecided = 0, 0
    for seed in range(8):
        random = np.random.default_rng(seed)
        truth = random.normal(size=(60, 40)).astype(np.float32)
        models = {name: truth + random.normal(0, 0.6, truth.shape).astype(np.float32) for name in ("ridge", "deep")}
        row = pair_of(held(tmp_path, truth, models, series_of(60, series)), "deep", "ridge")
        discoveries += row["genes_significantly_better"] + row["genes_significantly_worse"] > 0
        undecided += row["improvement_low"] <= 0 <= row["improvement_high"]
    # Under a complete null any discovery is false: in 5 % of runs, so in at most 2 of 8 (99.4 %).
    assert discoveries <= 2
    assert undecided >= 6


def test_neither_threads_nor_blocks_change_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, models = simulated()
    whole = held(tmp_path, truth, models, series_of(24, 8))
    threaded = held(tmp_path, truth, models, series_of(24, 8), threads=3)
    for name in ("pairs", "genes"):
        pd.testing.assert_frame_equal(getattr(threaded, name), getattr(whole, name), check_exact=True)
    monkeypatch.setattr("landex.evaluation.compare._TARGETS", 2)
    blocks = held(tmp_path, truth, models, series_of(24, 8))
    for name in ("pairs", "genes"):
        # A resample's sums are in single precision: a millionth of an error, which is a ten-thousandth of a percent.
        pd.testing.assert_frame_equal(getattr(blocks, name), getattr(whole, name), rtol=1e-6, atol=3e-4)


def test_predictions_of_other_samples_are_refused_by_name(tmp_path: Path) -> None:
    truth, models = simulated()
    held(tmp_path, truth, models, ["a"] * 24)
    genes = [f"g{column}" for column in range(9)]
    Predictions({"training": truth}, [f"s{row}" for row in range(24)][::-1], genes).write(tmp_path / "deep.h5")
    files = {name: tmp_path / f"{name}.h5" for name in ("ridge", "deep")}
    with pytest.raises(UserError, match=r"deep\.h5: other samples or genes than"):
        compare(files, tmp_path / "cohort.h5ad", "ridge", CERTAINTY)


def test_the_tables_are_written_the_same_twice(tmp_path: Path) -> None:
    truth, models = simulated()
    found = held(tmp_path, truth, models, ["a"] * 24)
    written = []
    for _ in range(2):
        found.write(tmp_path / "pairs.tsv", tmp_path / "genes.tsv.gz")
        written.append((tmp_path / "genes.tsv.gz").read_bytes())
    assert written[0] == written[1]
    read = pd.read_csv(tmp_path / "pairs.tsv", sep="\t")
    np.testing.assert_allclose(read["improvement_percent"], found.pairs["improvement_percent"], rtol=1e-5)
