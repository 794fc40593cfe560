"""What is inferred from new profiles: the evaluation's numbers, whatever the file, its units and its gaps."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from simulated_bundle import (
    COVERAGE,
    KINDS_OF_MODELS,
    LANDMARKS,
    RESOURCES,
    TARGETS,
    SimulatedRun,
    predicted_from_weights,
    write_profiles,
)  # fmt: skip

from landex.bundles.bundle import open_bundle
from landex.errors import UserError
from landex.evaluation.distance import distances
from landex.formats.endings import SUFFIXES
from landex.formats.files import open_matrix_file
from landex.inference import jobs
from landex.inference.infer import infer_file
from landex.inference.jobs import Settings
from landex.inference.profiles import Reading

Block = NDArray[np.float32]
# SampleLASSO ends at a duality gap of 1e-4, for all samples of a batch together.
LASSO = 2e-2
NAMES = [f"p{number}" for number in range(40)]


def scored(
    run: SimulatedRun, folder: Path, values: NDArray[Any], name: str = "linear", genes: list[str] | None = None,
    out: str = "out.gctx", samples: list[str] | None = None, ending: str = ".gctx", **settings: Any,
) -> Block:  # fmt: skip
    """Return what is inferred for values of shape (samples, landmarks), which have the landmarks' Entrez ids."""
    bad = settings.pop("bad_samples", "stop")
    reading = Reading(settings.pop("scale", "auto"), bad_samples=bad)
    given = write_profiles(
        folder / f"given{ending}", run.landmarks["entrez"].tolist() if genes is None else genes,
        NAMES[: len(values)] if samples is None else samples, values,
    )  # fmt: skip
    infer_file(run.bundle(name), given, folder / out, Settings(reading, **settings))
    return values_of(folder / out)


def values_of(path: Path) -> Block:
    with open_matrix_file(path) as file:
        return file.read(slice(0, len(file.samples))).astype(np.float32)


def expected(run: SimulatedRun, name: str = "linear") -> Block:
    """Return z-scores of the test part as normalising and the model's weights.h5 give them."""
    inputs = run.examples("test").inputs
    return np.concatenate([inputs, predicted_from_weights(run, name, inputs)], axis=1)


def in_quantile_units(run: SimulatedRun, scores: Block) -> Block:
    features = pd.concat([run.references.inputs.features, run.references.truth.features])
    return scores * features["deviation"].to_numpy(np.float32) + features["mean"].to_numpy(np.float32)


# The numbers


@pytest.mark.parametrize("name", KINDS_OF_MODELS)
def test_profiles_get_the_predictions_that_evaluation_saw(simulated: SimulatedRun, tmp_path: Path, name: str) -> None:
    """With landmarks alone, what the run that had all genes predicted for the same samples."""
    found = scored(simulated, tmp_path, simulated.profiles(), name, units="zscores")
    tolerance = LASSO if name == "sample_lasso" else 2e-5
    np.testing.assert_allclose(found, expected(simulated, name), rtol=0, atol=tolerance)


def test_quantile_units_are_scores_times_deviation_plus_mean(simulated: SimulatedRun, tmp_path: Path) -> None:
    found = scored(simulated, tmp_path, simulated.profiles())
    np.testing.assert_allclose(found, in_quantile_units(simulated, expected(simulated)), rtol=0, atol=1e-4)
    # Every profile's landmarks are the reference, reordered.
    reference = simulated.references.inputs.reference
    np.testing.assert_allclose(np.sort(found[:, :LANDMARKS], axis=1), np.tile(reference, (40, 1)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("monotone", [lambda x: x + 3, lambda x: 2 * x, np.sqrt, lambda x: np.exp2(x / 2)])
def test_only_ranks_within_a_profile_count(simulated: SimulatedRun, tmp_path: Path, monotone: Any) -> None:
    values = simulated.profiles()
    found = scored(simulated, tmp_path, monotone(values), scale="log2")
    np.testing.assert_allclose(found, scored(simulated, tmp_path, values, out="other.gctx"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("ending", SUFFIXES)
def test_every_format_gives_the_same_numbers(simulated: SimulatedRun, tmp_path: Path, ending: str) -> None:
    values = simulated.profiles()[:6]
    once = scored(simulated, tmp_path, values)
    again = scored(simulated, tmp_path, values, out=f"out{ending}", ending=ending, intervals=True)
    np.testing.assert_array_equal(again, once)
    with open_matrix_file(tmp_path / f"out{ending}") as file:
        assert file.samples == NAMES[:6]
        assert file.genes == [*simulated.landmarks["entrez"], *simulated.targets["entrez"]]
    assert values_of(tmp_path / f"out.lower{ending}").shape == once.shape
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_samples_in_rows_and_transposed_files_give_the_same_numbers(simulated: SimulatedRun, tmp_path: Path) -> None:
    values, genes = simulated.profiles()[:5], simulated.landmarks["symbol"].tolist()
    once = scored(simulated, tmp_path, values, genes=genes)
    for ending in (".tsv", ".csv", ".h5ad", ".gctx"):
        # Genes are given as samples.
        given = write_profiles(tmp_path / f"turned{ending}", NAMES[:5], genes, values.T)
        infer_file(simulated.bundle("linear"), given, tmp_path / "turned.out.gctx")
        np.testing.assert_array_equal(values_of(tmp_path / "turned.out.gctx"), once)
    log = (tmp_path / "turned.out.gctx.log").read_text()
    assert "turned" in log


def test_a_transposed_file_of_numbered_samples_is_turned(simulated: SimulatedRun, tmp_path: Path) -> None:
    values, genes = simulated.profiles(), simulated.landmarks["symbol"].tolist()
    once = scored(simulated, tmp_path, values, genes=genes)
    for ending in (".tsv", ".h5ad"):
        given = write_profiles(tmp_path / f"turned{ending}", [str(n) for n in range(40)], genes, values.T)
        infer_file(simulated.bundle("linear"), given, tmp_path / "turned.out.gctx")
        np.testing.assert_array_equal(values_of(tmp_path / "turned.out.gctx"), once)


# Units


def make_units(run: SimulatedRun, scale: str) -> tuple[NDArray[Any], str]:
    """Return the test profiles in some units, and what should be found."""
    log2 = run.profiles().astype(np.float64)
    random = np.random.default_rng(3)
    if scale == "counts":
        return random.poisson(np.exp2(log2 - 2)).astype(float), "counts"
    if scale == "linear":
        return np.exp2(log2), "linear"
    if scale == "tpm":
        values = np.exp2(log2)
        values[random.random(values.shape) < 0.05] = 0
        return values, "tpm"
    if scale == "z-scores":
        return run.examples("test").inputs.astype(float), "zscores"
    if scale == "centred log2":
        return log2 - np.median(log2, axis=1, keepdims=True), "log2"
    return log2, "log2"


@pytest.mark.parametrize("scale", ["log2", "linear", "counts", "tpm", "z-scores", "centred log2"])
def test_units_are_found_and_said(simulated: SimulatedRun, tmp_path: Path, scale: str) -> None:
    values, told = make_units(simulated, scale)
    found = scored(simulated, tmp_path, values, units="zscores")
    table = pd.read_csv(tmp_path / "out.gctx.samples.tsv", sep="\t", dtype=str)
    assert set(table["scale"]) == {told}
    assert f"values, as found: {told} (40)" in (tmp_path / "out.gctx.log").read_text()
    if scale not in ("counts", "tpm"):
        np.testing.assert_allclose(found, expected(simulated), rtol=0, atol=2e-5)


@pytest.mark.parametrize("scale", ["log2", "linear", "counts", "tpm", "z-scores"])
def test_units_that_are_told_give_the_same_as_those_found(simulated: SimulatedRun, tmp_path: Path, scale: str) -> None:
    values, told = make_units(simulated, scale)
    given = write_profiles(tmp_path / "in.gctx", simulated.landmarks["entrez"].tolist(), NAMES, values)
    for name, reading in {"found": Reading(), "told": Reading(values=told)}.items():
        infer_file(simulated.bundle("linear"), given, tmp_path / f"{name}.gctx", Settings(reading))
    np.testing.assert_array_equal(values_of(tmp_path / "told.gctx"), values_of(tmp_path / "found.gctx"))
    assert f"values, as told: {told}" in (tmp_path / "told.gctx.log").read_text()


def test_every_sample_decides_between_log2_and_linear_for_itself(simulated: SimulatedRun, tmp_path: Path) -> None:
    values = simulated.profiles()[:4].astype(np.float64)
    values[2] = np.exp2(values[2])
    found = scored(simulated, tmp_path, values, units="zscores")
    np.testing.assert_allclose(found, expected(simulated)[:4], rtol=0, atol=2e-5)
    table = pd.read_csv(tmp_path / "out.gctx.samples.tsv", sep="\t")
    assert table["scale"].tolist() == ["log2", "log2", "linear", "log2"]


def test_a_look_without_a_bundle_says_nothing_of_likeness(
    simulated: SimulatedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There are no means to be alike to; with a bundle there are."""
    from landex.inference.command import main

    table = pd.read_csv(RESOURCES / "genes/landmarks.tsv", sep="\t", dtype=str)
    values = np.random.default_rng(2).normal(8, 2, (5, len(table)))
    given = write_profiles(tmp_path / "in.gctx", table["symbol"].tolist(), NAMES[:5], values)
    assert main(["check", str(given)]) == 0
    said = capsys.readouterr().out
    assert "978 of 978 landmarks" in said
    assert "rank correlation" not in said
    assert main(["check", str(given), "--bundle", str(simulated.bundle("linear"))]) == 0
    assert "rank correlation" in capsys.readouterr().out


def test_z_scores_pass_through(simulated: SimulatedRun, tmp_path: Path) -> None:
    scores = simulated.examples("test").inputs
    found = scored(simulated, tmp_path, scores, units="zscores")
    np.testing.assert_array_equal(found[:, :LANDMARKS], scores)


@pytest.mark.parametrize("value", [1e30, 1e39, -1e39])
def test_z_scores_beyond_float32_are_no_numbers(simulated: SimulatedRun, tmp_path: Path, value: float) -> None:
    """An infinite input would make every target infinite or NaN."""
    import h5py

    values = simulated.examples("test").inputs[:3].astype(np.float64)
    given = write_profiles(tmp_path / "in.gctx", simulated.landmarks["entrez"].tolist(), NAMES[:3], values)
    values[1, 2] = value
    with h5py.File(given, "r+") as file:
        del file["0/DATA/0/matrix"]
        file["0/DATA/0/matrix"] = values
    try:
        infer_file(simulated.bundle("linear"), given, tmp_path / "out.gctx", Settings(Reading(values="zscores")))
    except UserError as error:
        assert "sample p1" in str(error)
    else:
        assert np.isfinite(values_of(tmp_path / "out.gctx")).all()


# Gaps


def test_landmarks_that_a_file_lacks_are_their_mean_given_the_others(simulated: SimulatedRun, tmp_path: Path) -> None:
    frozen, gone = simulated.references, [1, 7, 20]
    there = [place for place in range(LANDMARKS) if place not in gone]
    genes = [simulated.landmarks["entrez"][place] for place in there]
    values = simulated.profiles()[:, there]
    found = scored(simulated, tmp_path, values, genes=genes, units="zscores")

    # By hand: ranks onto the reference of these landmarks, z-scores, and the normal distribution's conditional mean.
    reference = frozen.reference_of_landmarks(genes)
    features = frozen.inputs.features.iloc[there]
    quantiles = reference[np.argsort(np.argsort(values, axis=1), axis=1)]
    scores = (quantiles - features["mean"].to_numpy()) / features["deviation"].to_numpy()
    correlation = frozen.correlation
    filled = scores @ np.linalg.solve(correlation[np.ix_(there, there)], correlation[np.ix_(there, gone)])
    np.testing.assert_allclose(found[:, there], scores, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found[:, gone], filled, rtol=0, atol=1e-4)
    with open_bundle(simulated.bundle("linear")) as bundle:
        predicted = bundle.model.predict(found[:, :LANDMARKS])
    np.testing.assert_allclose(found[:, LANDMARKS:], predicted, rtol=0, atol=1e-5)

    roles = pd.read_csv(tmp_path / "out.gctx.genes.tsv", sep="\t", dtype=str)["role"]
    assert np.flatnonzero(roles == "landmark, filled in").tolist() == gone
    log = (tmp_path / "out.gctx.log").read_text()
    assert "filled in with their mean given the others: 3" in log
    assert all(simulated.landmarks["symbol"][place] in log for place in gone)


def test_a_samples_own_gaps_are_filled_without_touching_others(simulated: SimulatedRun, tmp_path: Path) -> None:
    values = simulated.profiles()[:6].copy()
    whole = scored(simulated, tmp_path, values, units="zscores")
    values[2, [0, 5]] = np.nan
    values[4, 9] = np.inf
    found = scored(simulated, tmp_path, values, out="gaps.gctx", units="zscores", intervals=True)
    others = [0, 1, 3, 5]
    np.testing.assert_allclose(found[others], whole[others], rtol=0, atol=1e-5)
    assert np.isfinite(found).all()
    lower = values_of(tmp_path / "gaps.lower.gctx")
    assert np.argwhere(np.isnan(lower)).tolist() == [[2, 0], [2, 5], [4, 9]]
    table = pd.read_csv(tmp_path / "gaps.gctx.samples.tsv", sep="\t")
    assert table["landmarks"].tolist() == [24, 24, 22, 24, 23, 24]


def test_distances_are_those_of_the_evaluation(simulated: SimulatedRun, tmp_path: Path) -> None:
    scored(simulated, tmp_path, simulated.profiles())
    table = pd.read_csv(tmp_path / "out.gctx.samples.tsv", sep="\t")
    far = distances(simulated.examples("test").inputs, simulated.references.correlation)
    np.testing.assert_allclose(table["distance"], far, rtol=1e-4)
    usual = distances(simulated.examples("calibrate").inputs, simulated.references.correlation)
    share = [(1 + (usual >= each).sum()) / (len(usual) + 1) for each in table["distance"]]
    np.testing.assert_allclose(table["p"], share, rtol=0, atol=1.1 / len(usual))


# Intervals


@pytest.mark.parametrize("name", ["linear", "knn", "blend"])
@pytest.mark.parametrize("units", ["quantile", "zscores"])
def test_intervals_hold_the_value_and_cover_the_truth(
    simulated: SimulatedRun, tmp_path: Path, name: str, units: str
) -> None:
    found = scored(simulated, tmp_path, simulated.profiles(), name, units=units, intervals=True)
    lower, upper = (values_of(tmp_path / f"out.{end}.gctx") for end in ("lower", "upper"))
    assert (lower <= found).all()
    assert (found <= upper).all()
    np.testing.assert_array_equal(lower[:, :LANDMARKS], found[:, :LANDMARKS])
    truth = simulated.examples("test").targets
    if units == "quantile":
        features = simulated.references.truth.features
        truth = truth * features["deviation"].to_numpy(np.float32) + features["mean"].to_numpy(np.float32)
    covered = (lower[:, LANDMARKS:] <= truth) & (truth <= upper[:, LANDMARKS:])
    # The evaluation's count, of the same samples.
    evaluated = pd.read_csv(simulated.folder / f"models/{name}/targets.tsv", sep="\t")["coverage"]
    np.testing.assert_allclose(covered.mean(axis=0), evaluated, rtol=0, atol=1.01 / 40)
    assert abs(covered.mean() - COVERAGE) < 0.08


def test_an_ensembles_intervals_are_wider_where_its_members_differ(simulated: SimulatedRun, tmp_path: Path) -> None:
    found = scored(simulated, tmp_path, simulated.profiles(), "ensemble", units="zscores", intervals=True)
    lower, upper = (values_of(tmp_path / f"out.{end}.gctx") for end in ("lower", "upper"))
    inputs = simulated.examples("test").inputs
    with open_bundle(simulated.bundle("ensemble")) as bundle:
        said, spread = bundle.model.predict_with_spread(inputs)  # type: ignore[attr-defined]
        quantiles = bundle.trust.quantiles
    far = distances(inputs, simulated.references.correlation)
    half = quantiles * far[:, None] * (spread + 0.1)
    np.testing.assert_allclose(found[:, LANDMARKS:], said, rtol=0, atol=1e-4)
    np.testing.assert_allclose((upper - lower)[:, LANDMARKS:] / 2, half, rtol=1e-3)


# Some targets


@pytest.mark.parametrize("name", KINDS_OF_MODELS)
@pytest.mark.parametrize("intervals", [False, True])
def test_some_targets_are_the_same_as_among_all(
    simulated: SimulatedRun, tmp_path: Path, name: str, intervals: bool
) -> None:
    values, table = simulated.profiles()[:5], simulated.targets
    everything = scored(simulated, tmp_path, values, name, intervals=intervals)
    asked = (table["symbol"][5], table["entrez"][1], table["ensembl"][3], table["symbol"][1])
    some = scored(simulated, tmp_path, values, name, out="some.gctx", targets=asked, intervals=intervals)
    places = [*range(LANDMARKS), *(LANDMARKS + place for place in (1, 3, 5))]
    np.testing.assert_allclose(some, everything[:, places], rtol=0, atol=1e-5)
    with open_matrix_file(tmp_path / "some.gctx") as file:
        assert file.genes == [*simulated.landmarks["entrez"], *(table["entrez"][place] for place in (1, 3, 5))]
    genes = pd.read_csv(tmp_path / "some.gctx.genes.tsv", sep="\t", dtype=str)
    trust = pd.read_csv(simulated.folder / f"models/{name}/trust.tsv", sep="\t", dtype=str)["trust"]
    assert genes["trust"][LANDMARKS:].tolist() == [trust[place] for place in (1, 3, 5)]
    if intervals:
        for end in ("lower", "upper"):
            whole = values_of(tmp_path / f"out.{end}.gctx")[:, places]
            np.testing.assert_allclose(values_of(tmp_path / f"some.{end}.gctx"), whole, rtol=0, atol=1e-4)


def test_a_target_that_is_misspelt_is_named_with_what_was_meant(simulated: SimulatedRun, tmp_path: Path) -> None:
    symbol = simulated.targets["symbol"][0]
    with pytest.raises(UserError, match=f"{symbol}X is none of its {TARGETS} targets.*{symbol}"):
        scored(simulated, tmp_path, simulated.profiles()[:2], targets=(f"{symbol}X",))


# Bad samples, and samples by themselves


def test_bad_samples_stop_or_are_left_out_by_name(simulated: SimulatedRun, tmp_path: Path) -> None:
    values = simulated.profiles()[:6].copy()
    whole = scored(simulated, tmp_path, values)
    values[1], values[4, :13] = 0, np.nan
    with pytest.raises(UserError, match=r"sample p1: all its values are 0 \(and 1 more"):
        scored(simulated, tmp_path, values, out="bad.gctx")
    assert not (tmp_path / "bad.gctx").exists()
    kept = scored(simulated, tmp_path, values, out="kept.gctx", bad_samples="skip")
    np.testing.assert_allclose(kept, whole[[0, 2, 3, 5]], rtol=0, atol=1e-5)
    with open_matrix_file(tmp_path / "kept.gctx") as file:
        assert file.samples == ["p0", "p2", "p3", "p5"]
    log = (tmp_path / "kept.gctx.log").read_text()
    assert "left out: p1: all its values are 0" in log
    assert "left out: p4: it has values for 11 of the 24 landmarks only" in log


@pytest.mark.parametrize("name", KINDS_OF_MODELS)
def test_a_sample_alone_gets_what_it_gets_among_others(simulated: SimulatedRun, tmp_path: Path, name: str) -> None:
    values = simulated.profiles().copy()
    values[7, 3] = np.nan
    among = scored(simulated, tmp_path, values, name, units="zscores", intervals=True)
    ends = [values_of(tmp_path / f"out.{end}.gctx") for end in ("lower", "upper")]
    for row in (7, 21):
        alone = scored(
            simulated, tmp_path, values[row : row + 1], name, out="alone.gctx", units="zscores", intervals=True
        )
        tolerance = LASSO if name == "sample_lasso" else 2e-5
        np.testing.assert_allclose(alone, among[row : row + 1], rtol=0, atol=tolerance)
        for end, whole in zip(("lower", "upper"), ends, strict=True):
            found = values_of(tmp_path / f"alone.{end}.gctx")
            np.testing.assert_allclose(found, whole[row : row + 1], rtol=0, atol=10 * tolerance)


@pytest.mark.parametrize("name", KINDS_OF_MODELS)
@pytest.mark.parametrize(("rows", "threads"), [(1, 1), (7, 3), (13, 2)])
def test_blocks_and_threads_change_nothing(
    simulated: SimulatedRun, tmp_path: Path, name: str, rows: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = simulated.profiles().copy()
    values[::5, 2] = np.nan
    once = scored(simulated, tmp_path, values, name, units="zscores")
    monkeypatch.setattr(jobs, "_ROWS", rows)
    infer_file(simulated.bundle(name), tmp_path / "given.gctx", tmp_path / "b.gctx", Settings(units="zscores"), threads)
    tolerance = LASSO if name == "sample_lasso" else 1e-5
    np.testing.assert_allclose(values_of(tmp_path / "b.gctx"), once, rtol=0, atol=tolerance)


@pytest.mark.parametrize("harmonise", ["quantiles", "distinct_ranks", "tdm"])
def test_every_way_of_harmonising_gives_numbers(simulated: SimulatedRun, tmp_path: Path, harmonise: str) -> None:
    found = scored(simulated, tmp_path, simulated.profiles(), harmonise=harmonise, units="zscores")
    assert np.isfinite(found).all()
    own = np.corrcoef(found[:, LANDMARKS:].ravel(), simulated.examples("test").targets.ravel())[0, 1]
    assert own > 0.5
