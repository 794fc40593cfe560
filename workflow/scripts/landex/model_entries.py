"""Entries of `models:`: completed to all settings, cut into the pieces of a network, and checked for sense."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from landex.grids import cells, expanded, grid_problems
from landex.kinds import BLEND, KINDS, NETWORK
from landex.networks.presets import DEFAULT_PRESET, PRESETS
from landex.spelling import nearest
from landex.vocabulary import AUXILIARY

Settings = dict[str, Any]

NETWORK_KEYS = frozenset({"preset", *PRESETS[DEFAULT_PRESET]})
# How many networks make one model: no setting of any of them.
_OF_ALL_PIECES = ("ensemble", "target_jobs")
# The piece that is a whole model.
WHOLE = "1.1"
# Settings of networks that have an effect only beside another one.
_EFFECTIVE_WITH = {
    "momentum": ("optimiser", "sgd"),
    "deeper_rate": ("optimiser", "sgd"),
    "weight_decay": ("optimiser", "adamw"),
    "warmup": ("schedule", "cosine"),
    "huber_delta": ("loss", "huber"),
}
# Settings of hidden layers.
_OF_HIDDEN_LAYERS = ("activation", "normalisation", "dropout")
# Values that ask for nothing, and so go with everything.
_NOTHING = {
    "normalisation": "none", "dropout": 0, "residual": False, "skip": "none", "mae_from": 1,
    "momentum": 0, "deeper_rate": 1, "weight_decay": 0, "warmup": 0,
}  # fmt: skip
# A job is granted its memory and time before anybody opens its input: D-GEX's 943 and 9,520 genes and some more.
_MOST_LANDMARKS, _MOST_TARGETS = 1000, 12_000
# Snakemake's two processes in a job of a cluster, TensorFlow, and on a card CUDA.
_MEMORY_OF_LIBRARIES_MB = 2500
# Three pools of training samples, of 512 MB each where there are as many, and the validation data, a twentieth.
_MOST_OF_POOLS_MB, _SHARE_OF_VALIDATION = 3 * 512, 0.05
# Weights, their gradients, two moments and averages, the last good epoch's copies of them, and the kept ones: measured
# at 11.8 with SGD's one moment.
_COPIES_OF_WEIGHTS = 16
# A multiplication and an addition for every weight: forward, and twice backward.
_OPERATIONS_OF_A_WEIGHT = 6


def model_settings(entry: Mapping[str, Any]) -> Settings:
    """Complete one entry of `models:`: a network's preset with the entry's own settings laid over it."""
    if entry["kind"] == NETWORK:
        preset = entry.get("preset", DEFAULT_PRESET)
        settings = dict(PRESETS[preset])
        # The paper trains deeper networks with the lower of its two rates.
        if preset == "dgex" and len(entry.get("hidden", settings["hidden"])) > 1:
            settings["learning_rate"] = 3e-4
        settings.update({key: value for key, value in entry.items() if key not in ("kind", "preset", AUXILIARY)})
        # A preset's normal scores give way to what they do not go with.
        if "target_scaling" not in entry and _target_scaling_problem(settings):
            settings["target_scaling"] = "range"
        return {key: _whole(value, PRESETS[preset][key]) for key, value in settings.items()}
    kind = KINDS[entry["kind"]]
    return {key: _whole(entry.get(key, default), default) for key, default in kind.defaults.items()} | kind.fixed


def _whole(value: Any, like: Any) -> Any:
    """Turn a number such as 8.0, which JSON schema takes for an integer, into one where one is expected."""
    if isinstance(like, list):
        return [_whole(item, like[0]) if like else item for item in value]
    # What may be null is a whole number else.
    return int(value) if value is not None and (like is None or type(like) is int) else value


def learns_from_auxiliary(entry: Mapping[str, Any]) -> bool:
    """Tell whether a model learns from the auxiliary cohorts too."""
    return bool(entry.get(AUXILIARY, False))


def auxiliary_cohorts(config: Mapping[str, Any]) -> Settings:
    """Return the auxiliary cohorts of a completed config that a model learns from.

    One that is a source or an external cohort too, by name, is just that.
    """
    if not any(map(learns_from_auxiliary, config["models"].values())):
        return {}
    taken = config["compendium"]["sources"].keys() | config["external"].keys()
    return {name: source for name, source in config[AUXILIARY].items() if name not in taken}


def network_settings(entry: Mapping[str, Any]) -> Settings:
    """Return the completed settings that all pieces of a network's entry share, but for their seeds."""
    return {key: value for key, value in model_settings(entry).items() if key not in _OF_ALL_PIECES}


def pieces(entry: Mapping[str, Any]) -> list[str]:
    """Name the networks that make one model, `{member}.{part}`, both from 1, member by member."""
    settings = model_settings(entry)
    return [
        f"{member}.{part}"
        for member in range(1, settings["ensemble"] + 1)
        for part in range(1, settings["target_jobs"] + 1)
    ]


def piece_settings(entry: Mapping[str, Any], piece: str) -> Settings:
    """Return the completed settings of one piece of a network's entry: members differ by their seeds."""
    settings = network_settings(entry)
    return {**settings, "seed": settings["seed"] + int(piece.partition(".")[0]) - 1}


def piece_part(entry: Mapping[str, Any], piece: str) -> tuple[int, int]:
    """Return which part of the targets a piece of a network's entry learns, from 1, and of how many."""
    return int(piece.partition(".")[2]), model_settings(entry)["target_jobs"]


def training_memory_mb(entry: Mapping[str, Any], size: float) -> int:
    """Return the memory in MB that a piece of a network's entry takes.

    Parameters
    ----------
    entry
        The entry.
    size
        Of the normalised compendium, in MB.
    """
    # Samples are mapped into as much again before they are in the pools' order.
    pools = min(3 * size, _MOST_OF_POOLS_MB) + 2 * _SHARE_OF_VALIDATION * size
    return round(_MEMORY_OF_LIBRARIES_MB + pools + 4e-6 * _COPIES_OF_WEIGHTS * _weights(entry))


def training_operations(entry: Mapping[str, Any], size: float) -> float:
    """Return the floating-point operations of all epochs of a piece of a network's entry; parameters as above."""
    samples = size * 2**20 / (4 * (_MOST_LANDMARKS + _MOST_TARGETS))
    return _OPERATIONS_OF_A_WEIGHT * _weights(entry) * samples * model_settings(entry)["epochs"]


def _weights(entry: Mapping[str, Any]) -> int:
    """Return the number of weights of one piece, with as many genes as there may be."""
    settings = model_settings(entry)
    widths = [_MOST_LANDMARKS, *settings["hidden"], -(-_MOST_TARGETS // settings["target_jobs"])]
    return sum(lower * upper for lower, upper in pairwise(widths))


def model_problems(models: Mapping[str, Settings], baseline: str) -> Iterator[str]:
    """Yield what a schema cannot say about models, grids among them, and the baseline, a line each."""
    if not models:
        yield "models: name at least one model"
    for name, entry in models.items():
        # Cells share most of what can be wrong with them.
        yield from dict.fromkeys(_setting_problems(name, entry))
        if entry["kind"] == BLEND:
            yield from _blend_problems(name, entry, models)
    yield from grid_problems(models)
    if models and baseline not in expanded(models):
        yield f"report.baseline: {_absent(baseline, models)}"


def _setting_problems(name: str, entry: Settings) -> Iterator[str]:
    kind, grid = entry["kind"], entry.get("grid", {})
    known = {"kind", "grid"} | NETWORK_KEYS if kind == NETWORK else {"kind"} | KINDS[kind].defaults.keys()
    # A blend learns from the validation samples alone.
    known |= {AUXILIARY} if kind != BLEND else set()
    if unknown := entry.keys() - known:
        for key in sorted(unknown):
            yield f"models.{name}.{key}: a model of kind {kind} has no such setting"
        return
    for cell in cells(name, entry).values():
        for key in cell:
            if problem := _setting_problem(cell, key):
                yield f"models.{name}.{'grid.' if key in grid else ''}{key}: {problem}"


def _setting_problem(entry: Settings, key: str) -> str:
    """Say why a setting does nothing in a model's entry; empty where it does something."""
    if entry["kind"] == NETWORK:
        return _network_problem(model_settings(entry), key)
    if entry["kind"] == "kernel_ridge" and key == "choose" and entry[key] == "gcv":
        return "gcv goes with ridge only; choose leave_one_out or select"
    return ""


def _network_problem(settings: Settings, key: str) -> str:
    """Say why a setting that the user gave does nothing beside the others; empty where it does something."""
    if key in _NOTHING and settings[key] == _NOTHING[key]:
        return ""
    if key in _EFFECTIVE_WITH:
        other, needed = _EFFECTIVE_WITH[key]
        found = settings[other]
        return "" if found == needed else f"has no effect with {other}: {found}; it goes with {needed}"
    if key == "target_scaling":
        return _target_scaling_problem(settings)
    hidden = settings["hidden"]
    if key in _OF_HIDDEN_LAYERS and not hidden:
        return "has no effect with hidden: []; it goes with hidden layers"
    if key == "residual" and not any(lower == upper for lower, upper in pairwise(hidden)):
        return f"has no effect with hidden: {hidden}; it goes with two neighbouring layers of one width"
    if key == "skip" and settings["output"] != "linear":
        return f"goes with output: linear only, not with {settings['output']}"
    if key == "mae_from" and settings["loss"] == "mae":
        return "has no effect with loss: mae; it goes with another loss"
    return ""


def _target_scaling_problem(settings: Settings) -> str:
    scaling, output = settings["target_scaling"], settings["output"]
    if scaling == "range" and output != "tanh":
        return f"range has no effect with output: {output}; it goes with tanh"
    if scaling == "normal_scores" and output == "tanh":
        return "normal_scores do not fit into tanh's (-1, 1); they go with output: linear or taaf"
    if scaling == "normal_scores" and settings["skip"] == "ridge":
        return "normal_scores goes without skip: ridge, which predicts z-scores"
    return ""


def _blend_problems(name: str, entry: Mapping[str, Any], models: Mapping[str, Settings]) -> Iterator[str]:
    members, known = entry.get("members", []), expanded(models)
    if len(set(members)) < 2:
        yield f"models.{name}.members: a blend combines at least two different models; name them"
    for member in members:
        if member not in known:
            yield f"models.{name}.members: {_absent(member, models)}"
        elif known[member]["kind"] == BLEND:
            yield f"models.{name}.members: {member} is a blend itself; name its members instead"
    least = entry.get("least", {})
    for member in least:
        if member not in members:
            yield f"models.{name}.least: {member} is no member of this blend{nearest(member, members)}"
    if sum(least.values()) > 1:
        yield f"models.{name}.least: the weights sum to {sum(least.values()):g}; 1 is all there is"


def _absent(name: str, models: Mapping[str, Settings]) -> str:
    """Say that a name is no model's."""
    if name in models:
        return f"{name} is a grid; name one of its models, such as {next(iter(cells(name, models[name])))}"
    return f"there is no model {name}{nearest(name, expanded(models))}"
