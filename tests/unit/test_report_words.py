"""What the page says in words: warnings and methods."""

import re
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from simulated_run import MODELS, SETTINGS

from landex.kinds import KINDS as KNOWN
from landex.report.cautions import cautions
from landex.report.citations import CITATIONS, KINDS
from landex.report.methods import as_text, methods
from landex.report.normalisation import Profile
from landex.report.run import Run


def said(run: Run, beginning: str) -> list[str]:
    return [sentence for sentence in cautions(run) if sentence.startswith(beginning)]


def test_models_worse_than_every_genes_mean_are_named_by_place(run: Run) -> None:
    summary = run.summary.assign(null_mae=0.1, mae=0.05)
    assert said(replace(run, summary=summary), "Worse") == []
    summary.loc[(summary["cohort"] == "test") & summary["model"].isin(["ols", "deep"]), "mae"] = 0.2
    summary.loc[(summary["cohort"] == "kidney") & (summary["scaling"] == "own"), "mae"] = 0.2
    assert said(replace(run, summary=summary), "Worse") == [
        "Worse than predicting every gene's mean are, by place: Held-out test part: ols and deep; kidney, own scaling: "
        "every model."
    ]


def test_cohorts_unlike_the_training_samples_are_counted_once_a_sample(run: Run) -> None:
    (told,) = said(run, "15 of 15")
    assert told.startswith("15 of 15 samples of kidney are less like the training samples than 95 % of the calibration")
    few = {cohort: table.assign(p=0.5) for cohort, table in run.outliers.items()}
    assert said(replace(run, outliers=few), "15 of 15") == []


def test_landmarks_that_are_filled_in_are_counted(run: Run) -> None:
    nothing = np.zeros((1, 5))
    some = [Profile("kidney", ["a"], nothing, nothing, 80, 100), Profile("other", ["a"], nothing, nothing, 95, 100)]
    (told,) = said(replace(run, profiles=some), "kidney measures")
    assert "kidney measures 80 of the 100 landmarks" in told
    assert said(replace(run, profiles=some), "other measures") == []


def test_intervals_that_cover_too_little_are_told_of_the_model_of_the_verdict(run: Run) -> None:
    intervals = run.intervals.assign(coverage_percent=90.0)
    own = (intervals["model"] == "deep") & (intervals["cohort"] == "geuvadis")
    assert said(replace(run, intervals=intervals), "Prediction") == []
    (told,) = said(replace(run, intervals=intervals.assign(coverage_percent=np.where(own, 80.0, 90.0))), "Prediction")
    assert told == (
        "Prediction intervals of deep that should cover 90 % of the values covered 80.0 % (geuvadis, training scaling) "
        "and 80.0 % (geuvadis, own scaling)."
    )


def test_a_network_that_was_best_at_its_last_epoch_is_told(run: Run) -> None:
    unfinished = replace(run.models["deep"], best_epoch=12, epochs=12, stopped=None)
    assert said(replace(run, models={**run.models, "deep": unfinished}), "deep was best at the last epoch")
    assert not said(run, "deep was best")


def test_intervals_over_samples_are_owned_up_to(run: Run) -> None:
    assert said(run, "Confidence intervals count samples")
    assert not said(replace(run, summary=run.summary.assign(unit="series")), "Confidence intervals count samples")


def test_methods_tell_every_setting_of_every_model_with_its_cost(run: Run) -> None:
    sections = dict(methods(run))
    (deep,) = [paragraph for paragraph in sections["Models"] if paragraph.startswith("deep: ")]
    assert "(hidden 512, 512; dropout 0.5; loss mae)" in deep
    assert "1,000,004 parameters; 6 min 16 s, 2.6 GB, CPU, 2 threads." in deep
    assert "Trained for 12 epochs, weights of epoch 9." in deep
    assert [paragraph.split(":")[0] for paragraph in sections["Models"][1:]] == list(MODELS)


def test_methods_tell_data_split_normalisation_and_versions(run: Run) -> None:
    told = as_text(methods(run))
    for fact in (
        "gdsc (the matrix file gdsc.h5ad; 200 samples; values read as log2)",
        "kidney (GEO series GSE781, platform GPL96 [1]; 15 samples, 2 rejected; values read as linear)",
        "of at most 0.02, were removed",
        "training (159), validation (20) and test (20) in the shares 0.8, 0.1, 0.1 (seed 1)",
        "(select, 10)",
        "1,000 resamples, seed 1",
        "R2 against the gene's mean at least 0.25",
        f"numpy {version('numpy')}",
        f"snakemake {version('snakemake')}",
    ):
        assert fact in told


def test_the_papers_preprocessing_is_told_as_it_is(run: Run) -> None:
    settings = replace(SETTINGS, materials={**SETTINGS.materials, "preprocessing": "dgex"})
    sections = dict(methods(replace(run, settings=settings)))
    assert "all samples, test samples included" in sections["Normalisation"][0]


def test_citations_are_numbered_as_they_come_up_and_each_has_its_reference(run: Run) -> None:
    sections = dict(methods(run))
    body = "\n".join(paragraph for name, paragraphs in methods(run) if name != "References" for paragraph in paragraphs)
    cited = [int(number) for group in re.findall(r"\[([\d, ]+)\]", body) for number in group.split(", ")]
    assert list(dict.fromkeys(cited)) == list(range(1, len(sections["References"]) + 1))
    assert all(reference.startswith(f"[{place}] ") for place, reference in enumerate(sections["References"], 1))


def test_every_kind_of_model_has_its_words_and_works() -> None:
    assert set(KINDS) == set(KNOWN)
    assert {work for _, works in KINDS.values() for work in works} <= set(CITATIONS)
