"""The user's settings: checked in plain words before anything runs."""

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from landex.grids import expanded
from landex.model_entries import NETWORK_KEYS, model_problems
from landex.spelling import nearest
from landex.variations import resplit, variation_problems
from landex.vocabulary import PARTS

Settings = dict[str, Any]

# As in the schema.
DEFAULT_LANDMARKS = "resources/genes/landmarks.tsv"
_RESERVED_COHORTS = {*PARTS, "compendium"}
# The end of the schema's patterns: to Python's regular expressions, text with a line break behind it ends before that.
_NO_LINE_BREAK = r"(?!\n)"
# Keys of a source that say how to read a matrix file.
_OF_MATRICES = {"series", "lengths"}


def without_dropped(config: Mapping[str, Any]) -> Settings:
    """Copy a config without the sources, external cohorts and models that are set to null.

    A model that is dropped is dropped from the lists under `evaluation` too: those are of the config that is overlaid.
    """
    copied: Settings = {key: dict(value) if isinstance(value, dict) else value for key, value in config.items()}
    for section, key in (
        ("compendium", "sources"),
        (None, "external"),
        (None, "auxiliary"),
        (None, "models"),
        (None, "infer"),
    ):
        parent = copied.get(section) if section else copied
        if isinstance(parent, dict) and isinstance(parent.get(key), dict):
            parent[key] = {name: entry for name, entry in parent[key].items() if entry is not None}
    if isinstance(config.get("models"), dict):
        dropped = {name for name, entry in config["models"].items() if entry is None}
        if isinstance(copied.get("evaluation"), dict):
            for name, section in copied["evaluation"].items():
                copied["evaluation"][name] = _without(section, dropped)
        copied.update({"bundles": _without(copied["bundles"], dropped)} if "bundles" in copied else {})
    return copied


def _without(section: Any, dropped: set[str]) -> Any:
    """Return a section without dropped models in its list of models, where it has one."""
    if not isinstance(section, dict) or not isinstance(section.get("models"), list):
        return section
    return {**section, "models": [model for model in section["models"] if model not in dropped]}


def with_preprocessing(config: Mapping[str, Any]) -> Settings:
    """Fill in what `preprocessing: dgex` means for keys that a completed config leaves at their defaults.

    D-GEX's lists of probes, landmarks and targets, and its rule for near-duplicates; a key with another value stays.
    """
    filled: Settings = deepcopy(dict(config))
    if config["preprocessing"] == "dgex":
        for section, key, default, value in (
            (filled["compendium"], "collapse", "mean", "dgex"),
            (filled["compendium"]["duplicates"], "rule", "profiles", "dgex"),
            (filled["genes"], "landmarks", DEFAULT_LANDMARKS, "dgex"),
            (filled["genes"], "targets", "measured", "dgex"),
        ):
            if section[key] == default:
                section[key] = value
    return filled


def schema_problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """List where a config departs from the schema, a line each; unknown keys name the nearest known one."""
    unnamed = list(_unnamed_problems(config))
    if unnamed:
        return unnamed
    errors = Draft202012Validator(_with_values_of_grids(schema)).iter_errors(config)
    by_place = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return [line for error in by_place for line in _lines(error)]


def _with_values_of_grids(schema: Mapping[str, Any]) -> Settings:
    """Return the schema with what every list of a grid may hold: values that its setting takes."""
    complete: Settings = deepcopy(dict(schema))
    settings = complete["$defs"]["model"]["properties"]
    grid = settings["grid"]
    grid["properties"] = {key: {**grid["additionalProperties"], "items": settings[key]} for key in sorted(NETWORK_KEYS)}
    grid["additionalProperties"] = False
    return complete


def _unnamed_problems(config: Any, place: str = "") -> Iterator[str]:
    """Yield the keys that YAML read as something else than text: 2024, no, 1e3."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if not isinstance(key, str):
                yield f"{place}{key}: this name is read as {type(key).__name__}, not as text; put it in quotes"
            yield from _unnamed_problems(value, f"{place}{key}.")


def _lines(error: ValidationError) -> Iterator[str]:
    place = ".".join(str(part) for part in error.absolute_path)
    within = f"{place}." if place else ""
    schema = error.schema if isinstance(error.schema, dict) else {}
    expected: Any = error.validator_value
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(schema.get("properties", {}))
        for key in error.instance:
            if key not in known:
                yield f"{within}{key}: unknown key{nearest(str(key), known)}"
    elif error.validator == "required" and isinstance(error.instance, dict):
        missing = [key for key in expected if key not in error.instance]
        yield f"{place}: the key {missing[0]} is missing"
    elif error.validator == "enum":
        choices = [str(choice) for choice in expected]
        yield f"{place}: {error.instance!r} is not one of {', '.join(choices)}{nearest(str(error.instance), choices)}"
    elif error.validator == "type":
        # YAML reads 1e-4 as text: it wants a dot.
        hint = " (YAML wants a dot in numbers such as 1.0e-4)" if _is_number_as_text(error.instance) else ""
        yield f"{place or 'config'}: {error.instance!r} should be {_words(expected)}{hint}"
    elif error.validator == "uniqueItems":
        yield f"{place}: {error.instance!r} names something twice"
    elif error.validator == "anyOf":
        yield f"{place}: {error.instance!r} is none of what is allowed here: {schema.get('description', '')}"
    elif error.parent is not None or "propertyNames" in list(error.absolute_schema_path):
        # One that would break the line is shown as Python writes it.
        name = str(error.instance) if str(error.instance).isprintable() else repr(error.instance)
        yield f"{within}{name}: names are made of letters, digits, _ and - only"
    elif error.validator == "pattern":
        yield f"{place}: {error.instance!r} does not match {expected.removesuffix(_NO_LINE_BREAK)}"
    else:
        yield f"{place}: {error.message}"


def _is_number_as_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return False
    return True


def _words(types: str | list[str]) -> str:
    names = {
        "object": "a mapping",
        "array": "a list",
        "string": "text",
        "null": "null",
        "integer": "a whole number",
    }
    return " or ".join(names.get(name, f"a {name}") for name in ([types] if isinstance(types, str) else types))


def meaning_problems(config: Mapping[str, Any]) -> list[str]:
    """List what a schema cannot say: contradictions between keys of a valid, completed config."""
    return [
        *_source_problems(config["compendium"]["sources"], "compendium.sources"),
        *_source_problems(config["external"], "external"),
        *_source_problems(config["auxiliary"], "auxiliary"),
        *_cohort_problems(config),
        *model_problems(config["models"], config["report"]["baseline"]),
        *_split_problems(config),
        *variation_problems(config),
        *_inference_problems(config),
    ]


def _inference_problems(config: Mapping[str, Any]) -> Iterator[str]:
    models = expanded(config["models"])
    bundled = config["bundles"]["models"]
    asked = {} if bundled == "all" else {"bundles.models": bundled}
    asked |= {f"infer.{name}.model": [entry["model"]] for name, entry in config["infer"].items()}
    for place, names in asked.items():
        for name in names:
            if name not in models:
                yield f"{place}: there is no model {name}{nearest(name, models)}"


def _source_problems(sources: Mapping[str, Settings], section: str) -> Iterator[str]:
    for name, source in sources.items():
        place = f"{section}.{name}"
        if ("geo" in source) == ("matrix" in source):
            yield f"{place}: name either a GEO series (geo: GSE..., platform: GPL...) or a file (matrix: path)"
        elif "geo" in source and "platform" not in source:
            yield f"{place}: say which platform of {source['geo']} to take (platform: GPL...)"
        elif "geo" in source and _OF_MATRICES & source.keys():
            yield f"{place}: series and lengths go with a matrix file only"
        elif "geo" in source:
            yield from _geo_problems(place, source)
        elif source["file"] != "soft":
            yield f"{place}.file: goes with a GEO series only"
        elif source["samples"] == "rows" and not _is_table(source.get("matrix", "")):
            yield f"{place}.samples: goes with .tsv, .txt and .csv only; the other formats say it themselves"
        elif "annotation" in source and source["genes"] not in ("auto", "probe"):
            yield f"{place}.annotation: names the genes of probes, and genes are said to be {source['genes']}"
        elif "lengths" in source and source["values"] != "counts":
            yield f"{place}.lengths: makes TPM of counts; say values: counts"
        if section == "compendium.sources" and source["harmonise"] != "quantiles":
            yield f"{place}.harmonise: goes with external and auxiliary cohorts only; sources make the quantiles"


def _geo_problems(place: str, source: Mapping[str, Any]) -> Iterator[str]:
    is_array = source["file"] in ("soft", "matrix")
    if source["genes"] != "auto":
        yield f"{place}.genes: goes with a matrix file only; a series' platform says it itself"
    elif source["samples"] == "rows":
        yield f"{place}.samples: goes with .tsv, .txt and .csv only; the other formats say it themselves"
    elif is_array and source["values"] in ("counts", "tpm"):
        yield f"{place}: values: counts or tpm go with a matrix file, or a series' file: counts or NAME, only"
    elif source["file"] == "counts" and source["values"] not in ("auto", "counts"):
        yield f"{place}.values: file: counts are counts"
    elif source["geo"].startswith("GDS") and source["file"] != "soft":
        yield f"{place}.file: a data set has one file only; name its series instead"
    elif not is_array and source["file"] != "counts" and not source["file"].startswith(f"{source['geo']}_"):
        yield f"{place}.file: {source['file']} is no file of {source['geo']}"
    elif not is_array and source["file"] != "counts" and source["values"] == "auto":
        yield f"{place}.values: say what {source['file']} holds (counts, tpm, linear or log2)"


def _is_table(path: str) -> bool:
    return path.removesuffix(".gz").removesuffix(".xz").endswith((".tsv", ".txt", ".csv"))


def _cohort_problems(config: Mapping[str, Any]) -> Iterator[str]:
    sources, external = config["compendium"]["sources"], config["external"]
    if not sources:
        yield "compendium.sources: name at least one source to learn from"
    for name in sources.keys() & external.keys():
        yield f"external.{name}: is a source of the compendium too; an external cohort is never learnt from"
    for section, names in (
        ("compendium.sources", sources),
        ("external", external),
        ("auxiliary", config["auxiliary"]),
    ):
        for name in names.keys() & _RESERVED_COHORTS:
            yield f"{section}.{name}: this name is taken; choose another for the cohort"


def _split_problems(config: Mapping[str, Any]) -> Iterator[str]:
    fractions, sources = config["split"]["fractions"], config["compendium"]["sources"]
    if not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        yield f"split.fractions: {fractions} add up to {sum(fractions):g}, not to 1"
    splits = [("split.by", config["split"]["by"])]
    splits += [("evaluation.generalisation.by", by) for by in resplit(config).values()]
    for place, by in splits:
        if by == "series" and not any(map(_could_have_groups, sources.values())):
            groups = {_group(name, source) for name, source in sources.items()}
            # One a part.
            if len(groups) < len(PARTS):
                yield (
                    f"{place}: series needs at least {len(PARTS)} series or groups, and the sources make "
                    f"{len(groups)}; add sources or say {'by: sample' if place == 'split.by' else 'by: [sample]'}"
                )


def _group(name: str, source: Mapping[str, Any]) -> str:
    """Return the group of a source's samples where they make one."""
    return str(source.get("group") or source.get("series") or source.get("geo") or name)


def _could_have_groups(source: Mapping[str, Any]) -> bool:
    """Tell whether a source's samples may make several groups: by a field of a file that annotates its samples."""
    has_fields = str(source.get("matrix", "")).endswith((".h5ad", ".gctx", ".gct", ".gct.gz", ".gct.xz"))
    return has_fields and bool(source.keys() & {"series", "group"})
