"""A finished run as the report sees it: the tables, records and samples that the stages before left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from landex.evaluation.verdict import Contenders
from landex.references import References
from landex.report.normalisation import Profile, read_profiles
from landex.report.observed import Observed, read_observed
from landex.summary import TEST, ModelRecord, best_network, read_models, read_table
from landex.tsv import read_tsv

COMPENDIUM = "compendium"


@dataclass(frozen=True)
class Settings:
    """The settings that the page tells, as in the config.

    Attributes
    ----------
    baseline
        `report.baseline`.
    sources, external, auxiliary
        Entries of the cohorts.
    materials
        The rest of what decides on samples and genes: collapse, duplicates, landmarks, targets, preprocessing,
        normalise.
    split
        by, fractions and seed.
    evaluation
        confidence, resamples, seed, coverage and trust.
    """

    baseline: str
    sources: Mapping[str, Mapping[str, Any]]
    external: Mapping[str, Mapping[str, Any]]
    auxiliary: Mapping[str, Mapping[str, Any]]
    materials: Mapping[str, Any]
    split: Mapping[str, Any]
    evaluation: Mapping[str, Any]


@dataclass(frozen=True)
class Importance:
    """Which landmarks carry a model's targets: its tables of docs/evaluation.md, and `heatmap`."""

    landmarks: pd.DataFrame
    targets: pd.DataFrame
    ablation: pd.DataFrame
    heatmap: pd.DataFrame


@dataclass(frozen=True)
class Run:
    """Everything that the page tells.

    Attributes
    ----------
    summary, genes, verdict
        The report's two tables, and the evaluation's verdict.
    classes, intervals, generalisation, learning_curve
        The evaluation's tables of these names; `classes` is trust.tsv.
    duplicates, split, roles
        Tables of the stages before.
    models
        What fitting left, by model.
    histories
        Courses of the networks, by model.
    quality
        The table of samples, by cohort.
    trust
        The classes of targets, by model.
    outliers
        How unlike the training samples a cohort's are, by cohort.
    importance
        By model.
    names
        Of the targets that have an Entrez id: aliases and full name, indexed by gene.
    levels
        mean and deviation of every target in the training samples (log2, normalised), indexed by gene.
    observed
        Samples for the cards, by cohort and scaling.
    profiles
        What normalising did to some samples, by cohort.
    settings
        Of the config.
    note
        What readers have to know before all else, such as that the run is simulated.
    """

    summary: pd.DataFrame
    genes: pd.DataFrame
    verdict: pd.DataFrame
    classes: pd.DataFrame
    intervals: pd.DataFrame
    generalisation: pd.DataFrame
    learning_curve: pd.DataFrame
    duplicates: pd.DataFrame
    split: pd.DataFrame
    roles: pd.DataFrame
    models: Mapping[str, ModelRecord]
    histories: Mapping[str, pd.DataFrame]
    quality: Mapping[str, pd.DataFrame]
    trust: Mapping[str, pd.DataFrame]
    outliers: Mapping[str, pd.DataFrame]
    importance: Mapping[str, Importance]
    names: pd.DataFrame
    levels: pd.DataFrame
    observed: Sequence[Observed]
    profiles: Sequence[Profile]
    settings: Settings
    note: str = field(default="")

    @property
    def views(self) -> list[tuple[str, str]]:
        """Cohorts and scalings that were evaluated, in the summary's order."""
        pairs = self.summary[["cohort", "scaling"]].drop_duplicates()
        return list(pairs.itertuples(index=False, name=None))

    @property
    def baseline(self) -> str:
        """The model that all others are compared with."""
        return self.settings.baseline

    @property
    def external(self) -> list[str]:
        """Cohorts that nothing learns from."""
        return list(self.settings.external)

    def role_of(self, cohort: str) -> str:
        """Say what a cohort is for."""
        roles = dict.fromkeys(self.settings.external, "external test")
        roles |= dict.fromkeys(self.settings.auxiliary, "auxiliary")
        return roles.get(cohort, "compendium")

    @property
    def network(self) -> str | None:
        """The network that the verdict is on, if there is one."""
        return best_network(self.models, self.baseline)

    @property
    def contenders(self) -> Contenders:
        """The models that the verdict is about."""
        return Contenders.of(self.models, self.baseline, self.network)

    @property
    def best(self) -> str:
        """The model with the lowest error on the select part, besides the baseline where there is another."""
        return best_model(self.models, self.baseline)


def best_model(models: Mapping[str, ModelRecord], baseline: str) -> str:
    """Name the model with the lowest MAE on the select part, besides the baseline where there is another."""
    others = [record for name, record in models.items() if name != baseline]
    return min(others, key=lambda record: record.select_mae).name if others else baseline


def read_run(files: Mapping[str, Any], settings: Settings, note: str = "") -> Run:
    """Read a run.

    Parameters
    ----------
    files
        Paths by name, those of rule report: single files and lists; `matrices` lists the log2 matrices, `normalised`
        the normalised ones, both the compendium's first and then the external cohorts' in the settings' order.
    settings
        Of the config.
    note
        Stands on top of the page.
    """
    models = read_models(files["metrics"])
    summary, genes = (read_table(files[name]) for name in ("summary", "genes"))
    references = References.read(files["references"]).truth.features
    cohorts = [COMPENDIUM, *settings.external]
    normalised = dict(zip(cohorts, files["normalised"], strict=True))
    index = pd.Index(genes["gene"])
    shown = dict.fromkeys([settings.baseline, best_model(models, settings.baseline)])
    views = list(summary[["cohort", "scaling"]].drop_duplicates().itertuples(index=False, name=None))
    return Run(
        summary=summary,
        genes=genes,
        **{
            name: read_table(files[name])
            for name in ("verdict", "classes", "intervals", "generalisation", "learning_curve")
        },
        duplicates=read_table(files["duplicates"]),
        split=read_table(files["split"]),
        roles=read_table(files["roles"]),
        models=models,
        histories={Path(path).parent.name: read_table(path) for path in files["histories"]},
        quality={Path(path).name.removesuffix(".qc.tsv"): read_table(path) for path in files["quality"]},
        trust=_by_stem(files["trust"]),
        outliers=_by_stem(files["outliers"]),
        importance=_read_importance(files),
        names=_names(files["ids"], genes["gene"]),
        levels=references[["mean", "deviation"]].reindex(index),
        observed=read_observed(
            views,
            list(shown),
            files["predictions"],
            {**normalised, TEST: normalised[COMPENDIUM]},
            files["split"],
            index,
        ),
        profiles=read_profiles(
            {cohort: (raw, normalised[cohort]) for cohort, raw in zip(cohorts, files["matrices"], strict=True)},
            references[["mean", "deviation"]],
        ),
        settings=settings,
        note=note,
    )


def _by_stem(paths: Sequence[str]) -> dict[str, pd.DataFrame]:
    return {Path(path).stem: read_table(path) for path in paths}


def _read_importance(files: Mapping[str, Any]) -> dict[str, Importance]:
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    for path in files["importance"]:
        model, kind = Path(path).name.split(".")[:2]
        tables.setdefault(model, {})[kind] = read_table(path)
    return {model: Importance(**found) for model, found in tables.items()}


def _names(ids: str, genes: pd.Series) -> pd.DataFrame:
    """Return aliases and names of the genes that have an Entrez id, indexed by gene."""
    table = read_tsv(ids, ["entrez", "aliases", "name"]).set_index("entrez")[["aliases", "name"]]
    return table[table.index.isin(genes)]
