"""Helpers of rules: the checked config, the names of cohorts and models, fingerprints."""

import re
import sys
from functools import lru_cache
from pathlib import Path

import yaml
from snakemake.utils import validate

SCRIPTS = Path(workflow.basedir, "workflow", "scripts")
SCHEMA = Path(workflow.basedir, "workflow", "schemas", "config.schema.yaml")
sys.path.insert(0, str(SCRIPTS))

from landex.clock import follow_clock
from landex.config import meaning_problems, schema_problems, with_preprocessing, without_dropped
from landex.errors import UserError
from landex.fingerprint import FileFingerprints, code_fingerprint
from landex.geo.layout import NAMES, annotation_name, family_name, file_of_source, kept_in
from landex.geo.receipts import next_attempt
from landex.grids import expanded
from landex.inputs import input_problems
from landex.job import CLOCK
from landex.job_resources import granted_mb, granted_minutes, text_mb, training_minutes
from landex.kinds import BLEND, KINDS, NETWORK, module_of
from landex.model_entries import (
    WHOLE,
    auxiliary_cohorts,
    learns_from_auxiliary,
    model_settings,
    piece_part,
    piece_settings,
    pieces,
    training_memory_mb,
    training_operations,
)
from landex.planned import check_config, plan, record_problems
from landex.source_lists import expanded_sources
from landex.variations import resplit, thinned
from landex.vocabulary import PARTS


def stop_at(problems):
    """End with one line a problem, before anything runs."""
    for problem in problems:
        print(f"landex: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)


schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
stop_at(schema_problems(config, schema))
config = without_dropped(config)
validate(config, str(SCHEMA))
config = with_preprocessing(config)
try:
    config = expanded_sources(config)
except UserError as error:
    stop_at([error])
# What stands in a list of series is a setting as any other.
stop_at(schema_problems(config, schema))
stop_at(meaning_problems(config))
stop_at(input_problems(config))

if workflow.is_main_process:
    plan(SCRIPTS, config)
    CLOCK.parent.mkdir(exist_ok=True)
    stop_at(record_problems(Path("results"), CLOCK.parent))
    if done := follow_clock(CLOCK, [Path("results"), Path("resources", "downloads")]):
        print(f"landex: {done}", file=sys.stderr)
else:
    # A job on another machine reads the config again.
    try:
        check_config(config)
    except UserError as error:
        stop_at([error])

SOURCES = config["compendium"]["sources"]
EXTERNAL = config["external"]
AUXILIARY = auxiliary_cohorts(config)
COHORTS = {**SOURCES, **EXTERNAL, **AUXILIARY}
SERIES = {name: source for name, source in COHORTS.items() if "geo" in source}
MATRICES = {name: source for name, source in COHORTS.items() if "matrix" in source}
# Every cell of a grid is a model.
MODELS = expanded(config["models"])
NETWORKS = [name for name, model in MODELS.items() if model["kind"] == NETWORK]
# Models of several networks, each a job.
JOINED = [name for name in NETWORKS if len(pieces(MODELS[name])) > 1]
BLENDS = [name for name, model in MODELS.items() if model["kind"] == BLEND]
BASELINES = [name for name in MODELS if name not in NETWORKS + BLENDS]
# Models that can say which training samples carry a prediction.
CARRYING = [name for name, model in MODELS.items() if KINDS[model["kind"]].carries]
# The held-out part of the compendium, and every cohort that nothing learns from.
EVALUATED = ["test", *EXTERNAL]
# Beside them the samples that intervals and trust are decided on.
PREDICTED = ["calibrate", *EVALUATED]
BASELINE = config["report"]["baseline"]
COLLAPSE = config["compendium"]["collapse"]
DUPLICATES = config["compendium"]["duplicates"]
QUALITY = config["quality"]
# The run itself, whose name is empty, and the same with another split or with fewer training samples.
RESPLIT = {"": config["split"]["by"], **resplit(config)}
THINNED = thinned(config)
# The models that each kind of variation fits again, and those whose landmarks are weighed.
MODELS_OF_VARIATIONS = {
    **dict.fromkeys(list(RESPLIT)[1:], config["evaluation"]["generalisation"]["models"]),
    **dict.fromkeys(THINNED, config["evaluation"]["learning_curve"]["models"]),
}
# Where models are tested: variation, model and cohort.
TESTS = [("", model, cohort) for model in MODELS for cohort in EVALUATED]
TESTS += [(variation, model, "test") for variation, models in MODELS_OF_VARIATIONS.items() for model in models]
# Models that get a bundle, and the files of new profiles that are scored.
BUNDLED = list(MODELS) if config["bundles"]["models"] == "all" else config["bundles"]["models"]
INFERRED = config["infer"]
WEIGHED = config["evaluation"]["importance"]["models"]
# In one order, however a config is written: params are compared as they are printed.
CERTAINTY = {key: config["evaluation"][key] for key in ("confidence", "resamples", "seed")}
BARS = {key: config["evaluation"]["trust"][key] for key in ("r_gene", "r2", "width")}
# Without a network besides the baseline there is nothing to set against it.
SCATTERED = EVALUATED if set(NETWORKS) - {BASELINE} else []

# What the template of the page is put together from.
TEMPLATES = Path(workflow.basedir, "workflow", "report", "page")
PARTS_OF_PAGE = [f"workflow/report/page/{name}" for name in sorted(path.name for path in TEMPLATES.iterdir())]

file_fingerprint = FileFingerprints(Path(".snakemake", "landex-fingerprints.json"))


@lru_cache(maxsize=None)
def code(script, *modules):
    """Return the fingerprint of a script and of the modules that it imports, for `params: code=`.

    `modules` are those that it imports by name at run time.
    """
    return code_fingerprint(SCRIPTS / f"{script}.py", SCRIPTS / "landex", *modules)


def kind_of(model):
    """Return the kind of a model."""
    return KINDS[MODELS[model]["kind"]]


def ridge_below(wildcards):
    """Return the estimator of the ridge that a network adds to and its settings; None where it adds to none."""
    skip = model_settings(MODELS[wildcards.model])["skip"]
    return [KINDS["ridge"].estimator, KINDS["ridge"].defaults] if skip == "ridge" else None


def network_code(wildcards):
    """Return the fingerprint of the code that trains a network: the ridge baseline's too where it adds to one."""
    return code("network", *([module_of(KINDS["ridge"].estimator)] if ridge_below(wildcards) else []))


def piece_of(wildcards):
    """Return the piece of a model that a job trains."""
    return wildcards.get("piece", WHOLE)


def files_of_pieces(name):
    """Return a function of wildcards that names one file of every piece of a model."""
    folder = "results/{wildcards.variation}models/{wildcards.model}/pieces/{piece}"
    return lambda wildcards: [
        f"{folder}/{name}".format(wildcards=wildcards, piece=piece) for piece in pieces(MODELS[wildcards.model])
    ]


def members(wildcards):
    """Return the models that a blend combines; none for other kinds."""
    return models_in_bundle(wildcards.model)[1:]


def models_in_bundle(model):
    """Return the models that a bundle holds: a model, and of a blend its members."""
    return [model, *(MODELS[model]["members"] if model in BLENDS else [])]


def modules_in_bundle(model):
    """Return the modules that predict with the models of a bundle."""
    return sorted({module_of(kind_of(name).model) for name in models_in_bundle(model)})


def inference_of(wildcards, keys):
    """Return some settings of one entry of `infer`, in one order."""
    entry = INFERRED[wildcards.name]
    return {key: None if key == "targets" and entry[key] == "all" else entry[key] for key in keys}


def inferred():
    """Return the results of `infer`, the ends of intervals too, where they are asked for."""
    ends = {name: ["", ".lower", ".upper"] if entry["intervals"] else [""] for name, entry in INFERRED.items()}
    return [f"results/inferred/{name}{end}.{INFERRED[name]['format']}" for name in INFERRED for end in ends[name]]


def origins(wildcards):
    """Return where a bundle's training samples come from, as its card says it."""
    pooled = any(learns_from_auxiliary(MODELS[name]) for name in models_in_bundle(wildcards.model))
    learnt_from = [(SOURCES, ""), (AUXILIARY, " (auxiliary)")][: 1 + pooled]
    return [
        {
            "name": name,
            "data": (f"{entry['geo']} on {entry['platform']}" if "geo" in entry else Path(entry["matrix"]).name) + role,
            "licence": entry.get("licence", ""),
        }
        for cohorts, role in learnt_from
        for name, entry in cohorts.items()
    ]


def auxiliary_samples(wildcards):
    """Return the samples of auxiliary cohorts that a model learns from, where it learns from them and there are any."""
    learns = AUXILIARY and learns_from_auxiliary(MODELS[wildcards.model])
    return ["results/auxiliary/auxiliary.h5ad"] if learns else []


def weights_of_members(wildcards):
    """Return the weights of the models that a blend combines."""
    variation = wildcards.get("variation", "")
    return [f"results/{variation}models/{member}/weights.h5" for member in members(wildcards)]


def one_of(names):
    """Return a wildcard constraint that matches these names and nothing else."""
    return "|".join(map(re.escape, names)) or "(?!)"


def origin_of(wildcards):
    """Return what a file comes from: its content in a mirror that is a folder, else the mirror's address."""
    mirror = config["geo"]["mirror"]
    path = kept_in(mirror, wildcards.file)
    return file_fingerprint(path) if path and path.is_file() else mirror


def receipt_of(name):
    """Return the receipt of a file of GEO."""
    return rules.retrieve.output.receipt.format(file=name)


def attempt_of(wildcards):
    """Return how many calls failed to get a file for a reason that may have passed."""
    return next_attempt(receipt_of(wildcards.file))


def file_of(source):
    """Return the name of the file that a series' values are read from."""
    return file_of_source(source["geo"], source["platform"], source["file"])


def family_of(source):
    """Return the name of the file that describes a series' samples, where the one with their values does not."""
    return (
        [] if source["geo"].startswith("GDS") or source["file"] in ("soft", "matrix") else [family_name(source["geo"])]
    )


def own_annotation(wildcards):
    """Return the user's own table of a platform's probes, where a series has one."""
    annotation = SERIES[wildcards.cohort].get("annotation", "geo")
    return [] if annotation == "geo" else [annotation]


def is_annotated_by_geo(source):
    """Tell whether a series' probes are named by GEO's annotation of their platform: a series matrix has no names."""
    is_matrix = source["file"] == "matrix" and source["geo"].startswith("GSE")
    return source.get("annotation", "geo" if is_matrix else "") == "geo"


def annotation_of(wildcards):
    """Return the table of a series' probes, where it is not in the series' own file."""
    source = SERIES[wildcards.cohort]
    if is_annotated_by_geo(source):
        return [receipt_of(annotation_name(source["platform"]))]
    return [ancient(path) for path in own_annotation(wildcards)]


def retrieved():
    """Return the receipts of all files of GEO that the run is made from."""
    names = [name for source in SERIES.values() for name in (file_of(source), *family_of(source))]
    names += [annotation_name(source["platform"]) for source in SERIES.values() if is_annotated_by_geo(source)]
    return sorted({receipt_of(name) for name in names})


def own_features():
    """Return the user's own list of features, where compendium.collapse names one."""
    return [] if COLLAPSE in ("mean", "dgex") else [COLLAPSE]


def fewest_landmarks(wildcards):
    """Return the share of the landmarks that a cohort has to measure: half of what is tested on, to be learnt from."""
    return config["normalise"]["fewest_landmarks"] / (2 if wildcards.cohort in AUXILIARY else 1)


def own_landmarks():
    """Return the list of landmarks, where it is no list of the project's by name."""
    landmarks = config["genes"]["landmarks"]
    return [] if landmarks == "dgex" else [landmarks]


def tables_of(wildcards):
    """Return the tables that a matrix file is read with: its platform's probes and the lengths of genes."""
    source = MATRICES[wildcards.cohort]
    return [source[key] for key in ("annotation", "lengths") if key in source]


def one_variation_of(names):
    """Return a wildcard constraint that matches these variations, the run itself among them, which is empty."""
    names = list(map(re.escape, names))
    return f"(?:{'|'.join(names)})" if names else "(?!)"


def split_by(wildcards):
    """Return what keeps samples together in a variation's split."""
    return RESPLIT[wildcards.variation]


def own_split(wildcards):
    """Return the user's own table of parts, where split.by names one."""
    by = split_by(wildcards)
    return [] if by in ("series", "sample") else [by]


def own_targets():
    """Return the user's own list of targets, where genes.targets names a file."""
    targets = config["genes"]["targets"]
    return [targets] if isinstance(targets, str) and targets not in ("measured", "dgex") else []


def normalised_matrix(cohort, variation=""):
    """Return the normalised matrix that holds a cohort; parts of the compendium lie in its own.

    With fewer training samples the compendium stays normalised as it was, so that errors keep their unit.
    """
    if cohort not in PARTS:
        return f"results/normalised/{cohort}.h5ad"
    return f"results/{variation if variation in RESPLIT else ''}normalised/compendium.h5ad"


def normalised_compendium(wildcards):
    """Return the normalised compendium of a variation."""
    return normalised_matrix("training", wildcards.variation)


def normalised_cohort(wildcards):
    """Return the normalised matrix that holds a cohort, of a variation."""
    return normalised_matrix(wildcards.cohort, wildcards.variation)


def split_of(variation):
    """Return the parts of a variation."""
    return f"results/{variation}split/split.tsv"


def tables_of_evaluation():
    """Return tables of the evaluation that are for users themselves: one that is lost is made again."""
    weighed = expand("results/evaluation/importance/{model}.landmarks.tsv", model=WEIGHED)
    outliers = expand("results/evaluation/outliers/{cohort}.tsv", cohort=EVALUATED)
    return ["results/evaluation/verdict.tsv", *outliers, *weighed]


def in_one_order(settings):
    """Return settings sorted by key, those of entries too: params are compared as they are printed."""
    if not isinstance(settings, dict):
        return settings
    named = all(isinstance(entry, dict) for entry in settings.values())
    keys = list(settings) if named else sorted(settings)
    return {key: in_one_order(settings[key]) for key in keys}


def figure(kind, cohort=None, category="Errors of the genes"):
    """Return the SVG file of one kind, of a cohort or the whole run, marked for Snakemake's report."""
    name = f"{kind}.{cohort}" if cohort else kind
    return report(
        f"results/report/figures/{name}.svg",
        caption=f"../report/{kind}.rst",
        category=category,
        labels={"cohort": cohort or "all", "figure": kind.replace("_", " ")},
    )


def figures_of_run():
    """Return the SVG files of the figures of the whole run."""
    categories = {"improvement": "Models", "coverage": "Models", "learning_curves": "Learning"}
    return [figure(kind, category=category) for kind, category in categories.items() if kind in names_of_figures()]


def names_of_figures():
    """Return the names of all figures of the report."""
    by_cohort = [("density", EVALUATED), ("scatter", SCATTERED)]
    named = [f"{kind}.{cohort}" for kind, cohorts in by_cohort for cohort in cohorts]
    return [*named, "improvement", "coverage", *(["learning_curves"] if NETWORKS else [])]


wildcard_constraints:
    cohort=one_of([*PARTS, *COHORTS]),
    model=one_of(MODELS),
    variation=one_variation_of([*RESPLIT, *THINNED]),
    name=one_of(INFERRED),
    file=NAMES,


def sizes_of(input):
    """Return the sizes of a job's inputs in MB, by name, those of several files of one name together.

    What is not there yet counts nothing: in a dry run, and where jobs of one group make it.
    """
    names = [name for name, files in input.items() for _ in ([files] if isinstance(files, str) else files)]
    if any(getattr(file, "is_storage", False) for file in input):
        sizes = input.size_files_mb
    else:
        paths = [Path(str(file)) for file in input]
        sizes = [path.stat().st_size / 2**20 if path.is_file() else 0 for path in paths]
    by_name = dict.fromkeys(names, 0)
    for name, size in zip(names, sizes, strict=True):
        by_name[name] += size
    return by_name


def size_of_downloads(input):
    """Return the size of the files of GEO whose receipts are inputs, in MB: each lies beside its receipt."""
    files = [Path(str(receipt).removesuffix(".json")) for receipt in input if str(receipt).endswith(".json")]
    return {"downloads": sum(file.stat().st_size for file in files if file.is_file()) / 2**20}


def size_learnt_from(input):
    """Return the size of the compendium, with the samples of auxiliary cohorts where a model learns from them."""
    sizes = sizes_of(input)
    return {"normalised": sizes["normalised"] + sizes.get("auxiliary", 0)}


def size_of_text(name):
    """Return a function of a job's inputs: what one of them takes in memory where it is text, in MB."""
    return lambda input: {"text": text_mb(str(input[name]), sizes_of(input)[name])}


def memory_of(stage=None, more=lambda input: {}):
    """Return the function that grants a stage's jobs their memory in MB; see landex/job_resources.py.

    `more` are sizes beside those of the inputs. Without a stage it is the kind of the job's model.
    """
    return lambda wildcards, input, attempt: granted_mb(
        stage or MODELS[wildcards.model]["kind"], {**sizes_of(input), **more(input)}, attempt
    )


def runtime_of(stage=None, more=lambda input: {}):
    """Return the function that grants a stage's jobs their run time in minutes; see `memory_of`."""
    return lambda wildcards, input, attempt: granted_minutes(
        stage or MODELS[wildcards.model]["kind"], {**sizes_of(input), **more(input)}, attempt
    )


def memory_of_training(wildcards, input, attempt):
    """Grant a training its memory in MB."""
    return attempt * training_memory_mb(MODELS[wildcards.model], size_learnt_from(input)["normalised"])


def runtime_of_training(wildcards, input, attempt):
    """Grant a training its run time in minutes."""
    operations = training_operations(MODELS[wildcards.model], size_learnt_from(input)["normalised"])
    return training_minutes(operations, config["train"]["device"] != "cpu", attempt)
