"""Judgement on a run: the tables that sum up all others of the evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from landex.evaluation.bootstrap import Certainty
from landex.evaluation.generalisation import OWN_SPLIT, TESTED, Trial, generalisation
from landex.evaluation.intervals import coverage_figures
from landex.evaluation.learning_curve import LEARNING, learning_curve, would_more_help
from landex.evaluation.trust import TRUST, Bars, trust_summary, worth
from landex.evaluation.verdict import COLUMNS, Contenders, verdicts
from landex.files import atomic
from landex.parts import read_parts
from landex.summary import TEST, best_network, read_comparisons, read_evaluations, read_models, read_table
from landex.vocabulary import SCALINGS

# What intervals guarantee on a cohort that samples like it did not calibrate.
ANOTHER_COHORT = "nothing: another cohort"
# A variation, a model, a cohort.
Place = tuple[str, str, str]
_MAIN = ""


@dataclass(frozen=True)
class Settings:
    """What a judgement goes by.

    Attributes
    ----------
    baseline
        The config's `report.baseline`.
    split_by
        By variation, the run itself among them, what its split keeps together.
    fractions
        By variation, its fraction of the training samples.
    coverage, certainty, bars
        As in the config's `evaluation`.
    """

    baseline: str
    split_by: Mapping[str, str]
    fractions: Mapping[str, float]
    coverage: float
    certainty: Certainty
    bars: Bars


@dataclass(frozen=True)
class Findings:
    """Files of the stages before.

    Attributes
    ----------
    pairs
        `comparisons/{cohort}.tsv` of every cohort.
    metrics
        metrics.json of every model.
    targets, trust
        `{model}.{cohort}.tsv` and `trust/{model}.tsv` of the run itself.
    samples, splits
        `samples/{model}.{cohort}.tsv` and split.tsv of the run itself and its variations.
    quality
        `{cohort}.qc.tsv` of every cohort.
    """

    pairs: Sequence[str]
    metrics: Sequence[str]
    targets: Sequence[str]
    trust: Sequence[str]
    samples: Sequence[str]
    splits: Sequence[str]
    quality: Sequence[str]


def _variation_of(path: Path, folders: int) -> str:
    """Return the variation that a result is of, which stands between results/ and so many folders of its own.

    Copies of results that lie in a store have folders before results/ too.
    """
    start = len(path.parts) - path.parts[::-1].index("results")
    between = path.parts[start : -1 - folders]
    return "".join(f"{part}/" for part in between)


def _place_of(path: Path) -> Place:
    model, cohort = path.stem.split(".")
    return _variation_of(path, 2), model, cohort


def judge(findings: Findings, settings: Settings) -> dict[str, pd.DataFrame]:
    """Sum up an evaluation.

    Returns
    -------
    dict
        Tables by name: `verdict` (see `verdicts`; what trust and learning curve say comes last), `intervals` (a row a
        model, cohort and scaling, see `coverage_figures`), `trust` (a row a class more, see `trust_summary`),
        `learning_curve` and `generalisation`.
    """
    models = read_models(findings.metrics)
    contenders = Contenders.of(models, settings.baseline, best_network(models, settings.baseline))
    samples = {_place_of(Path(path)): read_table(path) for path in findings.samples}
    splits = {_variation_of(Path(path), 1): read_parts(path) for path in findings.splits}
    pairs = read_comparisons(findings.pairs)
    curve = _learning_curve(samples, splits, settings)
    verdict = verdicts(pairs, contenders, settings.certainty.confidence, _platforms(findings.quality))
    calibration = _of_calibration(findings, samples, settings)
    trusted = worth(calibration["trust"], contenders.compared)
    told = [(TRUST, trusted), *((LEARNING, sentence) for sentence in would_more_help(curve))]
    more = pd.DataFrame(told, columns=["place", "sentence"])
    return {
        "verdict": pd.concat([verdict, more], ignore_index=True).fillna("")[list(COLUMNS)],
        **calibration,
        "learning_curve": curve,
        "generalisation": _generalisation(samples, splits, contenders, settings),
    }


def write_judgement(findings: Findings, settings: Settings, paths: Mapping[str, str]) -> None:
    """Write the tables of `judge` under the paths given by name."""
    for name, table in judge(findings, settings).items():
        with atomic(paths[name]) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")


def _platforms(quality: Sequence[str]) -> dict[str, str]:
    found = {}
    for path in quality:
        platforms = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)["platform"].unique()
        found[Path(path).name.removesuffix(".qc.tsv")] = ", ".join(name for name in platforms if name)
    return found


def _of_calibration(
    findings: Findings, samples: Mapping[Place, pd.DataFrame], settings: Settings
) -> dict[str, pd.DataFrame]:
    """Measure intervals and trust wherever the run itself was evaluated."""
    intervals: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    trust = {Path(path).stem: read_table(path) for path in findings.trust}
    evaluated = read_evaluations(findings.targets)
    for (model, cohort, scaling), targets in evaluated.groupby(["model", "cohort", "scaling"], sort=False):
        place = {"model": model, "cohort": cohort, "scaling": scaling}
        table = samples[_MAIN, str(model), str(cohort)]
        figures = coverage_figures(trust[str(model)], table[table["scaling"] == scaling], targets)
        said = str(trust[str(model)]["guarantee"].mode().iloc[0]) if cohort == TEST else ANOTHER_COHORT
        intervals.append({**place, "nominal_percent": 100 * settings.coverage, **figures, "guarantee": said})
        classes += [{**place, **row} for row in trust_summary(trust[str(model)], targets, settings.bars)]
    return {"intervals": pd.DataFrame(intervals), "trust": pd.DataFrame(classes)}


def _learning_curve(
    samples: Mapping[Place, pd.DataFrame], splits: Mapping[str, pd.DataFrame], settings: Settings
) -> pd.DataFrame:
    fractions = {**settings.fractions, _MAIN: 1.0}
    models = dict.fromkeys(model for variation, model, _ in samples if variation in settings.fractions)
    tables = {
        model: {fraction: samples[variation, model, TEST] for variation, fraction in fractions.items()}
        for model in models
    }
    return learning_curve(
        tables, {fraction: splits[variation] for variation, fraction in fractions.items()}, settings.certainty
    )


def _generalisation(
    samples: Mapping[Place, pd.DataFrame],
    splits: Mapping[str, pd.DataFrame],
    contenders: Contenders,
    settings: Settings,
) -> pd.DataFrame:
    resplit = [variation for variation in settings.split_by if variation != _MAIN]
    fitted_again = dict.fromkeys(model for variation, model, _ in samples if variation in resplit)
    models = list(fitted_again) or list(dict.fromkeys((contenders.compared, contenders.baseline, contenders.strongest)))
    learnt = {variation: int((table["part"] == "training").sum()) for variation, table in splits.items()}
    trials = []
    for model in models:
        places = [(variation, model, TEST) for variation in settings.split_by if (variation, model, TEST) in samples]
        # New samples of known series first, which all others are set against.
        places.sort(key=lambda place: settings.split_by[place[0]] != "sample")
        places += [place for place in samples if place[0] == _MAIN and place[1] == model and place[2] != TEST]
        for place in places:
            variation, _, cohort = place
            by = settings.split_by[variation]
            tested = TESTED.get(by, OWN_SPLIT) if cohort == TEST else "another cohort"
            for scaling in SCALINGS:
                table = samples[place][samples[place]["scaling"] == scaling]
                if len(table):
                    trials.append(Trial(model, tested, cohort, scaling, learnt[variation], table))
    return generalisation(trials, settings.certainty)
