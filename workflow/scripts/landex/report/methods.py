"""Methods text of a run, ready to be pasted into a paper: what was done, with all settings, versions and citations."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any

from landex import __version__
from landex.report.citations import CITATIONS, KINDS
from landex.report.materials import part_facts
from landex.report.run import Run
from landex.report.wording import counted, duration, listed, memory, setting
from landex.vocabulary import AUXILIARY

# What computed the numbers; those that are not installed beside the report are left out.
_PACKAGES = (
    *("snakemake", "numpy", "scipy", "pandas", "scikit-learn", "h5py", "anndata", "GEOparse"),
    *("tensorflow-cpu", "tensorflow", "keras"),
)
_COLLAPSED = {
    "mean": "Probes of one gene were averaged.",
    "dgex": "Probes were averaged per gene by D-GEX's lists of probes.",
}


class _Text:
    """A text that grows, and numbers its citations as they come up."""

    def __init__(self) -> None:
        self.cited: list[str] = []

    def cite(self, *keys: str) -> str:
        """Return the numbers of some works in brackets."""
        for key in keys:
            if key not in self.cited:
                self.cited.append(key)
        return f"[{', '.join(str(self.cited.index(key) + 1) for key in keys)}]"


def methods(run: Run) -> list[tuple[str, list[str]]]:
    """Write the methods of a run.

    Returns
    -------
    list
        Headings with their paragraphs; the last are the software's versions and the references.
    """
    text = _Text()
    sections = [
        ("Data", [_cohorts(run, text), _duplicates(run), _genes(run, text)]),
        ("Split", [_split(run)]),
        ("Normalisation", [_normalisation(run, text)]),
        ("Models", [_models_in_general(run), *_models(run, text)]),
        ("Evaluation", list(_evaluation(run, text))),
        ("Software", [_software(text)]),
    ]
    references = [f"[{number}] {CITATIONS[key]}" for number, key in enumerate(text.cited, 1)]
    return [*sections, ("References", references)]


def as_text(sections: Sequence[tuple[str, list[str]]]) -> str:
    """Join the sections into plain text."""
    return "\n\n".join(f"{heading}\n\n{chr(10).join(paragraphs)}" for heading, paragraphs in sections) + "\n"


def _cohorts(run: Run, text: _Text) -> str:
    sources = [_cohort(run, name, entry, text) for name, entry in run.settings.sources.items()]
    told = [f"Expression profiles were taken from {listed(sources)}"]
    external = [_cohort(run, name, entry, text) for name, entry in run.settings.external.items()]
    if external:
        told.append(f"No model, scaler or threshold learnt from the external cohorts {listed(external)}")
    pooled = [name for name, record in run.models.items() if AUXILIARY in record.settings]
    auxiliary = [_cohort(run, name, entry, text) for name, entry in run.settings.auxiliary.items()]
    if pooled and auxiliary:
        told.append(
            f"Beside the compendium {listed(pooled)} learnt from the auxiliary cohorts {listed(auxiliary)}, each "
            "scaled to z-scores by its own means and deviations, without samples that any other cohort holds"
        )
    collapse = str(run.settings.materials["collapse"])
    return (
        f"{'. '.join(told)}. {_COLLAPSED.get(collapse, f'Probes were averaged per gene by the lists of {collapse}.')}"
    )


def _cohort(run: Run, name: str, entry: Mapping[str, Any], text: _Text) -> str:
    quality = run.quality[name]
    kept, rejected = int((quality["kept"] == 1).sum()), int((quality["kept"] == 0).sum())
    scales = dict.fromkeys(quality.loc[quality["kept"] == 1, "scale"])
    origin = (
        f"GEO series {entry['geo']}, platform {entry['platform']} {text.cite('geo')}"
        if "geo" in entry
        else f"the matrix file {PurePath(entry['matrix']).name}"
    )
    left_out = f", {rejected:,} rejected" if rejected else ""
    how = f", harmonised by {entry['harmonise']}" if "harmonise" in entry else ""
    return f"{name} ({origin}; {counted(kept, 'sample')}{left_out}; values read as {listed(list(scales))}{how})"


def _duplicates(run: Run) -> str:
    said = run.settings.materials["duplicates"]
    left_out = int((run.duplicates["kept"] == 0).sum())
    rule = (
        "by D-GEX's rule (clusters, Euclidean distance below 1)"
        if said.get("rule") == "dgex"
        else f"a root mean square difference of normal scores of at most {setting(said['distance'])}"
    )
    return (
        f"Near-duplicate samples, {rule}, were removed from the compendium before the split, also where an external "
        f"cohort "
        f"held them: {counted(left_out, 'sample')}."
    )


def _genes(run: Run, text: _Text) -> str:
    roles = run.roles["role"].value_counts()
    overlapping = int(run.genes["overlapping"].sum())
    told = (
        f"The expression of {counted(int(roles.get('target', 0)), 'target gene')} was inferred from that of "
        f"{counted(int(roles.get('landmark', 0)), 'landmark gene')} {text.cite('l1000', 'dgex')} "
        f"(landmarks: {setting(run.settings.materials['landmarks'])}; targets: "
        f"{setting(run.settings.materials['targets'])})."
    )
    if overlapping:
        told += f" {counted(overlapping, 'target')} whose gene is a landmark too were left out of all averages."
    return told


def _split(run: Run) -> str:
    said = run.settings.split
    parts = {fact.part: fact.samples for fact in part_facts(run.split)}
    by = {
        "sample": "one by one",
        "series": "in groups (series, joined where they share a superseries or a sample)",
    }.get(said["by"], f"as {said['by']} says")
    return (
        f"Samples of the compendium were split {by} into training ({parts['training']:,}), validation "
        f"({parts['select'] + parts['calibrate']:,}) and test ({parts['test']:,}) in the shares "
        f"{setting(said['fractions'])} (seed {said['seed']}). Validation was cut into a "
        f"part that chose settings and models (select, {parts['select']:,}) and one that calibrated intervals and "
        f"trust "
        f"(calibrate, {parts['calibrate']:,}); the test part only measured."
    )


def _normalisation(run: Run, text: _Text) -> str:
    said = run.settings.materials
    if said["preprocessing"] == "dgex":
        return (
            "As in D-GEX, all samples, test samples included, were quantile-normalised jointly over all genes "
            f"{text.cite('quantiles', 'dgex')}, and genes were scaled to z-scores by mean and deviation + 0.001 of all "
            "samples; external cohorts by their own."
        )
    ties = (
        "their mean rank" if said["normalise"]["ties"] == "mean_rank" else "the mean of the reference over their ranks"
    )
    external = (
        " External cohorts were evaluated in two ways: scaled by the training samples' statistics, and by their own "
        "mean and "
        "deviation, which takes the truth of that cohort."
        if run.external
        else ""
    )
    return (
        f"Samples were quantile-normalised {text.cite('quantiles')} onto the mean quantiles of the training samples: "
        f"models' "
        "inputs from the landmarks alone, truth over all genes, so that a profile of landmarks alone meets what was "
        "trained "
        f"on. Ties took {ties}. Genes were scaled to z-scores by mean and deviation of the normalised training "
        f"samples. "
        "Genes that a cohort lacks were left out of the quantiles; missing landmarks were filled in with their mean "
        "given "
        "those measured, by the training samples' shrunken correlation "
        f"{text.cite('ledoit_wolf')}, where at least {setting(said['normalise']['fewest_landmarks'])} of them were "
        f"measured."
        f"{external} Errors are in z-scores."
    )


def _models_in_general(run: Run) -> str:
    return (
        f"{counted(len(run.models), 'model')} {'were' if len(run.models) > 1 else 'was'} fitted to the training "
        f"samples, for "
        f"all targets at once; {run.baseline} is the baseline that others are compared with. Settings, with the time "
        f"and the "
        "memory of the fit:"
    )


def _models(run: Run, text: _Text) -> Iterator[str]:
    for name, record in run.models.items():
        described, works = KINDS[record.kind]
        preset = f", preset {record.preset}" if record.preset else ""
        works = (*works, *({"dgex": ("dgex",), "taaf": ("taaf",)}.get(record.preset or "", ())))
        cited = f" {text.cite(*works)}" if works else ""
        # A mapping without entries asks for nothing.
        settings = "; ".join(f"{key} {setting(value)}" for key, value in record.settings.items() if value != {})
        course = ""
        if record.epochs:
            kept = f", weights of epoch {record.best_epoch}" if record.best_epoch else ""
            course = f" Trained for {record.epochs} epochs{kept}."
        members = "" if record.kind != "blend" else " Its weights were fitted to the select part."
        yield (
            f"{name}: {described}{preset}{cited}{f' ({settings})' if settings else ''}.{members}{course} "
            f"{record.parameters:,} parameters; {duration(record.seconds)}, {memory(record.peak_memory_mb)}, "
            f"{record.device}."
        )


def _evaluation(run: Run, text: _Text) -> Iterator[str]:
    said = run.settings.evaluation
    contenders = run.contenders
    chosen = (
        f"The network with the lowest error on the select part ({run.network}) was compared with "
        f"{listed(contenders.others)}. "
        if run.network and contenders.others
        else ""
    )
    yield (
        f"{chosen}The error of a gene is the mean absolute difference of prediction and truth (MAE) over samples, "
        f"that of a "
        "model the mean over genes. Improvements are 1 - the ratio of two models' errors, with "
        f"{100 * said['confidence']:g} % bootstrap intervals over series, or over samples where there were fewer "
        f"than six "
        f"series ({said['resamples']:,} resamples, seed {said['seed']}; percentiles, expanded for few units "
        f"{text.cite('hesterberg')}). Genes were tested one by one by Wilcoxon's signed ranks "
        f"{text.cite('wilcoxon')} at a "
        f"false discovery rate of {100 * (1 - said['confidence']):.3g} % {text.cite('benjamini_hochberg')}. R_gene "
        f"is the "
        f"share of the other genes whose truth correlates less with a gene's prediction than its own "
        f"{text.cite('l1000')}."
    )
    bars = said["trust"]
    yield (
        f"Prediction intervals of {100 * said['coverage']:g} % are split-conformal {text.cite('conformal')}, gene by "
        f"gene, "
        "scaled by a profile's Mahalanobis distance from the training samples"
        + (
            f"; over series they are hierarchical {text.cite('hierarchical')}"
            if run.settings.split["by"] == "series"
            else ""
        )
        + f". A gene was called usable where, on the calibrate part, R_gene was at least {setting(bars['r_gene'])}, R2 "
        f"against the gene's mean at least {setting(bars['r2'])}, and the interval at most {setting(bars['width'])} "
        f"times as "
        "wide as when the gene's mean is predicted; not to be used where a model was no better than the mean, its "
        "interval no "
        "narrower, or R_gene below 0.5; and with caution in between."
    )
    if run.importance:
        yield (
            f"Landmarks of {listed(list(run.importance))} were weighed by permutation {text.cite('forests')}: the mean "
            "absolute change of the predictions on the select part when a landmark takes another sample's value."
        )


def _software(text: _Text) -> str:
    versions = [f"Python {platform.python_version()}", *_versions()]
    works = text.cite("snakemake", "numpy", "scipy", "sklearn", "tensorflow", "geoparse")
    return f"landex {__version__}, a Snakemake workflow, with {', '.join(versions)} {works}."


def _versions() -> Iterator[str]:
    for package in _PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
