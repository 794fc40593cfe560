"""Evaluation through files: errors of targets, of samples and of groups of both, and what intervals cover."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.stats import pearsonr, rankdata, spearmanr
from simulated_cohort import correlation_of, write_cohort

from landex.baselines.linear_model import LinearModel
from landex.errors import UserError
from landex.evaluation.evaluate import Evaluation, evaluate
from landex.evaluation.intervals import Intervals
from landex.evaluation.metrics import METRICS
from landex.evaluation.scales import DISTANCE, SPREAD
from landex.kinds import KINDS
from landex.models import write_model
from landex.predict import write_predictions
from landex.predictions import Predictions

Block = NDArray[np.float32]

LANDMARKS, TARGETS, SAMPLES = 3, 5, 8
GENES = [f"g{number}" for number in range(LANDMARKS + TARGETS)]
SERIES, GROUPS = ["GSE2"] * 3 + ["GSE1"] * 5, ["b"] * 3 + ["a"] * 4 + ["c"]
# g3 lacks sample 2, g6 was measured in no sample, g7 overlaps.
MEASURED = np.ones((SAMPLES, TARGETS), bool)
MEASURED[:, 3] = MEASURED[2, 0] = False
COUNTED = [0, 1, 2]


# Landmarks that were measured: s4 lacks the second, which is filled in.
LANDMARKS_MEASURED = np.ones((SAMPLES, LANDMARKS), bool)
LANDMARKS_MEASURED[4, 1] = False
CORRELATION = correlation_of(LANDMARKS)


def write_truth(path: Path, *, own: bool = True) -> dict[str, Block]:
    """Write a normalised matrix and return the z-scores of landmarks and targets by scaling."""
    random = np.random.default_rng(3)
    shape = (SAMPLES, LANDMARKS + TARGETS)
    layers = {scaling: random.normal(size=shape).astype(np.float32) for scaling in ("training", "own")}
    write_cohort(
        path, layers["training"], landmarks=LANDMARKS, own=layers["own"] if own else None,
        measured=np.hstack([LANDMARKS_MEASURED, MEASURED]), series=SERIES, group=GROUPS, overlapping=[7],
        cmap=["", "", "", "inferred", "best_inferred", "inferred", "", "landmark"],
    )  # fmt: skip
    return layers


def write_scores(path: Path, layers: dict[str, Block], *, spread: bool = False) -> dict[str, Block]:
    """Write predictions that are not far from the truth; overlapping ones are exact."""
    random = np.random.default_rng(5)
    scores = {name: values[:, LANDMARKS:] + random.normal(size=(SAMPLES, TARGETS)) for name, values in layers.items()}
    for name, values in scores.items():
        values[:, 4] = layers[name][:, LANDMARKS + 4]
    said = {name: values.astype(np.float32) for name, values in scores.items()}
    spreads = {name: random.uniform(0, 1, (SAMPLES, TARGETS)).astype(np.float32) for name in said} if spread else {}
    Predictions(said, [f"s{row}" for row in range(SAMPLES)], GENES[LANDMARKS:], spreads).write(path)
    return said


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "predictions.h5", tmp_path / "cohort.h5ad"


def of_scaling(table: pd.DataFrame, scaling: str, key: str) -> pd.DataFrame:
    return table[table["scaling"] == scaling].set_index(key)


def test_every_target_is_measured_in_both_scalings(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1])
    said = write_scores(files[0], layers)
    targets = evaluate(*files).targets
    assert targets["scaling"].tolist() == ["training"] * 4 + ["own"] * 4
    for scaling, values in layers.items():
        table = of_scaling(targets, scaling, "gene")
        assert table.index.tolist() == ["g3", "g4", "g5", "g7"]
        assert table["overlapping"].tolist() == [0, 0, 0, 1]
        assert table["cmap"].tolist() == ["inferred", "best_inferred", "inferred", "landmark"]
        assert table["n"].tolist() == [7, 8, 8, 8]
        for target in COUNTED:
            rows = MEASURED[:, target]
            true, predicted = values[rows, LANDMARKS + target], said[scaling][rows, target]
            row = table.loc[f"g{LANDMARKS + target}"]
            assert row["mae"] == pytest.approx(np.abs(predicted - true).mean(), rel=1e-6)
            assert row["bias"] == pytest.approx((predicted - true).mean(), rel=1e-5)
            assert row["pearson"] == pytest.approx(pearsonr(predicted, true).statistic, rel=1e-5)
            assert row["spearman"] == pytest.approx(spearmanr(predicted, true).statistic)
            assert row["null_mae"] == pytest.approx(np.abs(true).mean(), rel=1e-6)


def test_recall_ranks_a_target_among_all_others_that_were_measured(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1], own=False)
    said = write_scores(files[0], {"training": layers["training"]})["training"]
    table = evaluate(*files).targets.set_index("gene")
    assert (table["r_gene_targets"] == 3).all()
    truth, others = layers["training"][:, LANDMARKS:], [0, 1, 2, 4]
    for target in others:
        correlations = []
        for other in others:
            rows = MEASURED[:, other]
            ranks = rankdata(said[:, target])[rows]
            correlations.append(np.corrcoef(ranks, rankdata(truth[rows, other]))[0, 1])
        own = correlations.pop(others.index(target))
        assert table.loc[f"g{LANDMARKS + target}", "r_gene"] == pytest.approx(np.mean(np.array(correlations) < own))
    assert table.loc["g7", "r_gene"] == 1


def write_partly_measured(files: tuple[Path, Path], shape: tuple[int, int], measured: NDArray[np.bool_]) -> Block:
    """Write a cohort of targets alone, and predictions that copy it."""
    truth = np.random.default_rng(6).normal(size=shape).astype(np.float32)
    write_cohort(files[1], truth, measured=measured)
    samples, genes = (
        [f"{letter}{number}" for number in range(count)] for letter, count in zip("sg", shape, strict=True)
    )
    Predictions({"training": truth}, samples, genes).write(files[0])
    return truth


@pytest.mark.parametrize(("left", "counted"), [(2, False), (14, False), (15, True)])
def test_recall_is_among_targets_that_half_of_the_samples_measured(
    files: tuple[Path, Path], left: int, counted: bool
) -> None:
    """Two samples correlate with everything by 1 or -1, so that genes that nearly nobody measured beat the gene."""
    measured = np.ones((30, 40), bool)
    measured[left:, 20:] = False
    write_partly_measured(files, (30, 40), measured)
    table = evaluate(*files).targets
    assert (table["r_gene_targets"] == (39 if counted else 19)).all()
    assert (table["r_gene"][:20] == 1).all()
    assert table["r_gene"][20:].notna().tolist() == [counted] * 20
    # Its errors are still those over what was measured.
    assert table["n"].tolist() == [30] * 20 + [left] * 20


@pytest.mark.parametrize("samples", [1, 2])
def test_a_cohort_of_one_or_two_samples_has_errors_and_no_recall(files: tuple[Path, Path], samples: int) -> None:
    """A correlation over two samples is 1 or -1; a split needs no more than two for any part but training."""
    write_partly_measured(files, (samples, 6), np.ones((samples, 6), bool))
    table = evaluate(*files).targets
    assert table["r_gene"].isna().all()
    assert (table["mae"] == 0).all()


def test_samples_are_measured_over_their_targets_without_overlapping_ones(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1])
    said = write_scores(files[0], layers)
    for scaling, values in layers.items():
        table = of_scaling(evaluate(*files).samples, scaling, "sample")
        assert table.columns.tolist()[:3] == ["series", "group", "n"]
        assert (table["series"].tolist(), table["group"].tolist()) == (SERIES, GROUPS)
        assert table["n"].tolist() == [3, 3, 2, 3, 3, 3, 3, 3]
        for row in range(SAMPLES):
            some = [target for target in COUNTED if MEASURED[row, target]]
            errors = said[scaling][row, some] - values[row, LANDMARKS:][some]
            assert table.loc[f"s{row}", "mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-6)
            assert table.loc[f"s{row}", "rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-6)
            assert table.loc[f"s{row}", "bias"] == pytest.approx(errors.mean(), rel=1e-5)


def test_strata_are_the_means_over_their_targets_and_over_all_values_of_a_series(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1])
    write_scores(files[0], layers)
    found = evaluate(*files)
    assert not {"r2", "r2_null"} & set(found.strata)
    for scaling in layers:
        targets, samples = of_scaling(found.targets, scaling, "gene"), of_scaling(found.samples, scaling, "sample")
        table = found.strata[found.strata["scaling"] == scaling].set_index(["stratum", "name"])
        assert table.index.tolist() == [
            *(("targets", "all"), ("targets", "overlapping")),
            *(("cmap", "best_inferred"), ("cmap", "inferred"), ("series", "GSE2"), ("series", "GSE1")),
        ]
        groups = {"all": ["g3", "g4", "g5"], "overlapping": ["g7"], "best_inferred": ["g4"], "inferred": ["g3", "g5"]}
        for (stratum, name), genes in zip(list(table.index)[:4], groups.values(), strict=True):
            row, own = table.loc[(stratum, name)], targets.loc[genes]
            means = [metric for metric in METRICS if metric not in ("r2", "r2_null")]
            assert row[means].tolist() == pytest.approx(own[means].mean().tolist(), nan_ok=True)
            # One gene that hardly varies may have an R2 of -1,000.
            assert row["r2_median"] == pytest.approx(own["r2"].median())
            assert row["r2_null_median"] == pytest.approx(own["r2_null"].median())
            assert (row["targets"], row["samples"]) == (len(genes), SAMPLES)
            assert row["inferable_percent"] == 100 * (own["r_gene"] >= 0.95).mean()
        for name in ("GSE1", "GSE2"):
            own = samples[samples["series"] == name]
            row = table.loc[("series", name)]
            assert row["mae"] == pytest.approx(np.average(own["mae"], weights=own["n"]))
            assert row["rmse"] == pytest.approx(np.sqrt(np.average(own["rmse"] ** 2, weights=own["n"])))
            assert row["null_mae"] == pytest.approx(np.average(own["null_mae"], weights=own["n"]))
            assert (row["targets"], row["samples"]) == (3, len(own))


def test_an_overlapping_target_that_copies_its_input_makes_nothing_look_better(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1], own=False)
    write_scores(files[0], {"training": layers["training"]})
    found = evaluate(*files)
    strata = found.strata.set_index("name")
    assert strata.loc["overlapping", "mae"] == 0
    assert strata.loc["all", "mae"] == pytest.approx(found.targets.query("overlapping == 0")["mae"].mean())
    assert found.samples["mae"].min() > 0


def intervals_of(quantiles: list[float], scaled_by: str = DISTANCE) -> Intervals:
    return Intervals(GENES[LANDMARKS:], np.array(quantiles), scaled_by, CORRELATION)


def far_of(values: Block) -> NDArray[np.float64]:
    """Return the samples' distances from the training samples, shape (samples, 1)."""
    inputs = values[:, :LANDMARKS].astype(float)
    squares = np.sum(inputs @ np.linalg.inv(CORRELATION) * inputs, axis=1)
    return np.sqrt(squares / LANDMARKS_MEASURED.sum(axis=1))[:, None]


def test_intervals_that_are_as_wide_as_a_sample_is_far_cover_what_lies_within_them(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1])
    said = write_scores(files[0], layers)
    intervals = intervals_of([0.5, 1.0, np.inf, 2.0, 0.0])
    found = evaluate(*files, intervals=intervals)
    for scaling, values in layers.items():
        half = intervals.quantiles * far_of(values)
        within = np.abs(said[scaling] - values[:, LANDMARKS:]) <= half
        targets = of_scaling(found.targets, scaling, "gene")
        widths = [half[MEASURED[:, 0], 0].mean(), half[:, 1].mean(), np.inf, 0]
        assert targets["half_width"].tolist() == pytest.approx(widths, rel=1e-6)
        # What has no interval is neither covered nor not.
        covered = [within[MEASURED[:, 0], 0].mean(), within[:, 1].mean(), np.nan, 1]
        assert targets["coverage"].tolist() == pytest.approx(covered, nan_ok=True)
        samples = of_scaling(found.samples, scaling, "sample")
        expected = [within[row, [t for t in (0, 1) if MEASURED[row, t]]].mean() for row in range(SAMPLES)]
        assert samples["coverage"].tolist() == pytest.approx(expected)


def test_without_any_interval_there_is_no_coverage(files: tuple[Path, Path]) -> None:
    write_scores(files[0], write_truth(files[1]))
    found = evaluate(*files, intervals=intervals_of([np.inf] * TARGETS))
    for table in (found.targets, found.samples):
        assert table["coverage"].isna().all()


def test_an_ensembles_intervals_are_as_wide_as_a_sample_is_far_and_the_members_disagree(
    files: tuple[Path, Path],
) -> None:
    layers = write_truth(files[1])
    said = write_scores(files[0], layers, spread=True)
    stored = Predictions.read(files[0]).spreads
    intervals = intervals_of([2.0, 1.0, 0.5, 1.0, 1.0], SPREAD)
    found = evaluate(*files, intervals=intervals)
    for scaling, values in layers.items():
        half = intervals.quantiles * far_of(values) * (stored[scaling] + 0.1)
        within = np.abs(said[scaling] - values[:, LANDMARKS:]) <= half
        targets = of_scaling(found.targets, scaling, "gene")
        for target in (0, 1, 2, 4):
            rows, row = MEASURED[:, target], targets.loc[f"g{LANDMARKS + target}"]
            assert row["half_width"] == pytest.approx(half[rows, target].mean(), rel=1e-6)
            assert row["coverage"] == pytest.approx(within[rows, target].mean())


def test_without_intervals_nothing_is_said_of_coverage(files: tuple[Path, Path]) -> None:
    write_scores(files[0], write_truth(files[1]))
    found = evaluate(*files)
    assert "coverage" not in {*found.targets, *found.samples}


@pytest.mark.parametrize(
    ("scaled_by", "spread", "message"),
    [
        (SPREAD, False, "scaled by distance and spread, and the predictions have no spread of members; delete both"),
        (DISTANCE, True, "scaled by distance, and the predictions have a spread of members; delete both"),
    ],
)
def test_intervals_of_an_ensemble_are_refused_for_other_predictions_and_the_other_way_round(
    files: tuple[Path, Path], scaled_by: str, spread: bool, message: str
) -> None:
    """A quantile of spreads taken for z-scores would say a width and a coverage that mean nothing."""
    write_scores(files[0], write_truth(files[1]), spread=spread)
    with pytest.raises(UserError, match=message):
        evaluate(*files, intervals=intervals_of([1.0] * TARGETS, scaled_by))


def test_intervals_of_other_targets_are_refused(files: tuple[Path, Path]) -> None:
    write_scores(files[0], write_truth(files[1]))
    intervals = intervals_of([1.0] * TARGETS)
    intervals.genes.reverse()
    with pytest.raises(UserError, match=r"table of trust has other targets than .*cohort\.h5ad; delete it"):
        evaluate(*files, intervals=intervals)


def same(first: Evaluation, second: Evaluation) -> None:
    for name in ("targets", "samples", "strata"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)


def test_neither_threads_nor_blocks_change_a_number(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    write_scores(files[0], write_truth(files[1]), spread=True)
    intervals = intervals_of([1.0] * TARGETS, SPREAD)
    whole = evaluate(*files, intervals=intervals)
    monkeypatch.setattr("landex.evaluation.evaluate._TARGETS", 2)
    monkeypatch.setattr("landex.evaluation.evaluate._VALUES", 10)
    same(evaluate(*files, intervals=intervals, threads=3), whole)


def test_only_the_rows_asked_for_are_predicted_and_evaluated(files: tuple[Path, Path], tmp_path: Path) -> None:
    layers = write_truth(files[1], own=False)
    random = np.random.default_rng(4)
    coefficients, intercept = random.normal(size=(LANDMARKS, TARGETS)), random.normal(size=TARGETS)
    model = LinearModel(coefficients.astype(np.float32), intercept.astype(np.float32))
    write_model(tmp_path / "weights.h5", "ols", model)
    rows = np.array([1, 2, 6])
    write_predictions(tmp_path / "weights.h5", KINDS["ols"].model, files[1], files[0], rows)
    found = Predictions.read(files[0])
    assert list(found.scores) == ["training"]
    assert found.spreads == {}
    assert (found.samples, found.genes) == (["s1", "s2", "s6"], GENES[LANDMARKS:])
    np.testing.assert_array_equal(found.scores["training"], model.predict(layers["training"][rows, :LANDMARKS]))
    evaluation = evaluate(*files, rows)
    assert evaluation.targets["n"].tolist() == [2, 3, 3, 3]
    assert evaluation.samples["sample"].tolist() == ["s1", "s2", "s6"]
    assert evaluation.samples["series"].tolist() == ["GSE2", "GSE2", "GSE1"]


@pytest.mark.parametrize("rows", [[0, 1, 3], [0, 1], [2, 1, 0]])
def test_predictions_of_other_samples_are_refused(files: tuple[Path, Path], rows: list[int]) -> None:
    write_truth(files[1], own=False)
    scores = np.zeros((3, TARGETS), np.float32)
    Predictions({"training": scores}, ["s0", "s1", "s2"], GENES[LANDMARKS:]).write(files[0])
    with pytest.raises(UserError, match=r"predictions\.h5: other samples or genes than .*cohort\.h5ad"):
        evaluate(*files, np.array(rows))


def test_predictions_of_other_genes_are_refused(files: tuple[Path, Path]) -> None:
    write_truth(files[1], own=False)
    samples, genes = [f"s{row}" for row in range(SAMPLES)], GENES[LANDMARKS:][::-1]
    Predictions({"training": np.zeros((SAMPLES, TARGETS), np.float32)}, samples, genes).write(files[0])
    with pytest.raises(UserError, match="other samples or genes"):
        evaluate(*files)


def test_damaged_predictions_are_refused_by_name(files: tuple[Path, Path]) -> None:
    write_scores(files[0], write_truth(files[1], own=False))
    with h5py.File(files[0]) as file:
        place = file["training"].id.get_chunk_info(0).byte_offset
    content = bytearray(files[0].read_bytes())
    content[place + 5] ^= 255
    files[0].write_bytes(content)
    with pytest.raises(UserError, match=r"predictions\.h5: damaged .*; delete it and run again"):
        evaluate(*files)


def test_a_file_that_is_no_hdf5_is_refused_by_name(files: tuple[Path, Path]) -> None:
    write_truth(files[1], own=False)
    files[0].write_text("half a download")
    with pytest.raises(UserError, match=r"predictions\.h5: not readable as predictions"):
        evaluate(*files)


def test_a_value_that_is_not_finite_is_refused_by_sample_and_gene(files: tuple[Path, Path]) -> None:
    layers = write_truth(files[1], own=False)
    write_scores(files[0], {"training": layers["training"]})
    with h5py.File(files[1], "a") as file:
        file["X"][4, 5] = np.nan
    with pytest.raises(UserError, match=r"cohort\.h5ad: sample s4, gene g5 has no finite value"):
        evaluate(*files)


def test_the_tables_are_written_with_identifiers_as_they_are(files: tuple[Path, Path], tmp_path: Path) -> None:
    write_scores(files[0], write_truth(files[1]))
    found = evaluate(*files)
    paths = {name: tmp_path / f"{name}.tsv" for name in ("targets", "samples", "strata")}
    found.write(**paths)
    options: dict[str, Any] = {"sep": "\t", "float_precision": "round_trip"}
    for name, path in paths.items():
        expected = getattr(found, name)
        table = pd.read_csv(path, **options)
        assert table.columns.tolist() == expected.columns.tolist()
        numbers = expected.select_dtypes("number").columns
        np.testing.assert_allclose(table[numbers], expected[numbers].astype(float), rtol=1e-5, atol=1e-12)
