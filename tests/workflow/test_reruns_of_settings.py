"""A change of a setting reruns what depends on it, and nothing else."""

import shutil
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import SCHEMA

from landex.geo.layout import series_path
from landex.kinds import KINDS, NETWORK
from landex.model_entries import model_settings, piece_settings, pieces
from workflow.chain import CHAIN, NOTHING, Chain, Jobs, after
from workflow.changes import Change, in_file, setting
from workflow.miniature import SERIES
from workflow.project import CONFIG, Project

WITHOUT_GEUVADIS = replace(CHAIN, external=("kidney",))
# A cohort after `geuvadis`, from the file that the compendium's source stands on.
WITH_CELLS = Chain(external=("kidney", "geuvadis", "cells"))
WITH_MORE_CELLS = replace(CHAIN, auxiliary_cohorts=("leukaemia", "cells"))
SERIES_MATRIX = "GSE781-GPL96_series_matrix.txt.gz"
CELLS = {"matrix": "data/gdsc.h5ad", "values": "log2", "genes": "symbol"}


def in_pieces(**pieces: tuple[str, ...]) -> Chain:
    """Return the chain where some networks more, or others, are trained in pieces; `pair` means its only cell."""
    named = {"pair-6" if name == "pair" else name: found for name, found in pieces.items()}
    return replace(CHAIN, pieces=CHAIN.pieces | named)


def write_out_grid(config: dict[str, Any]) -> None:
    """Put the only cell of a grid in its place, as an entry of its name."""
    entry = config["models"].pop("pair")
    (hidden,) = entry.pop("grid")["hidden"]
    config["models"]["pair-6"] = {**entry, "hidden": hidden}


def reverse_models(config: dict[str, Any]) -> None:
    config["models"] = dict(reversed(config["models"].items()))


def fewer_landmarks(project: Project) -> None:
    """Name another file of landmarks, half as long."""
    lines = (project.root / "resources" / "genes" / "landmarks.tsv").read_text(encoding="utf-8").splitlines()
    (project.root / "landmarks.tsv").write_text("\n".join(lines[: len(lines) // 2]) + "\n", encoding="utf-8")
    setting("genes", "landmarks", to="landmarks.tsv")(project)


def annotated(project: Project) -> None:
    """Name a table of probes; the source's genes are left to be found out."""
    (project.root / "platform.tsv").write_text("ID\tsymbol\np1\tTP53\n", encoding="utf-8")
    setting("compendium", "sources", "gdsc", "annotation", to="platform.tsv")(project)
    setting("compendium", "sources", "gdsc", "genes", to="auto")(project)


def with_lengths(project: Project) -> None:
    (project.root / "lengths.tsv").write_text("gene\tlength\n7157\t2591\n", encoding="utf-8")
    setting("external", "geuvadis", "lengths", to="lengths.tsv")(project)


def own_probes(project: Project) -> None:
    """Name a list of features, of a landmark and a target."""
    (project.root / "probes.tsv").write_text("entrez\tprobes\n16\t201000_at\n8813\t202673_at\n", encoding="utf-8")
    setting("compendium", "collapse", to="probes.tsv")(project)


def another_matrix(project: Project) -> None:
    """Name another file of the same content: its name stands in the cards of bundles."""
    shutil.copy2(project.root / "data" / "gdsc.h5ad", project.root / "data" / "other.h5ad")
    setting("compendium", "sources", "gdsc", "matrix", to="data/other.h5ad")(project)


def in_mirror(project: Project, place: str) -> None:
    """Put the file of the series in another place of the mirror; a dry run looks at its head alone."""
    path = project.root / "data" / "geo" / place
    path.parent.mkdir(parents=True)
    shutil.copy2(project.root / "data" / "geo" / SERIES, path)


def another_series(project: Project) -> None:
    in_mirror(project, series_path("GSE782"))
    setting("external", "kidney", "geo", to="GSE782")(project)


def series_matrix(project: Project) -> None:
    """Read the values from the series matrix, which has no names of genes."""
    in_mirror(project, f"series/GSEnnn/GSE781/matrix/{SERIES_MATRIX}")
    in_mirror(project, "platforms/GPLnnn/GPL96/annot/GPL96.annot.gz")
    setting("external", "kidney", "file", to="matrix")(project)


def list_of_series(project: Project) -> None:
    """Name the series in a list, which gives it another name."""
    (project.root / "list.tsv").write_text("series\tplatform\nGSE781\tGPL96\n", encoding="utf-8")
    geuvadis = CONFIG["external"]["geuvadis"]
    setting("external", to={"listed": {"list": "list.tsv"}, "geuvadis": geuvadis})(project)


def move_mirror(project: Project) -> None:
    (project.root / "data" / "geo").rename(project.root / "mirror")
    setting("geo", "mirror", to="mirror")(project)


MODELS = [
    Change("a network's epochs", setting("models", "deep", "epochs", to=3), CHAIN.fit("deep")),
    Change("a network's hidden layers", setting("models", "relu_tanh", "hidden", to=[16, 16]), CHAIN.fit("relu_tanh")),
    Change("a network's preset", setting("models", "relu_tanh", "preset", to="dgex"), CHAIN.fit("relu_tanh")),
    Change("ridge's lambdas", setting("models", "ridge", "lambdas", to=[0.5]), CHAIN.fit("ridge")),
    Change("lasso's lambdas", setting("models", "lasso", "lambdas", to=[0.2]), CHAIN.fit("lasso")),
    Change("the number of neighbours", setting("models", "knn", "neighbours", to=[3]), CHAIN.fit("knn")),
    Change("a blend's weights", setting("models", "both", "per_target", to=True), CHAIN.blend("both")),
    Change("a blend's least weights", setting("models", "both", "least", to={"ridge": 0.2}), CHAIN.blend("both")),
    Change(
        "a blend's members",
        setting("models", "both", "members", to=["lasso", "deep"]),
        # In a variation members are there for the blend's sake.
        Chain(blends={"both": ("lasso", "deep")}).blend("both")
        | {"baseline by-series.lasso", "predict by-series.lasso.test"}
        | {"network by-series.deep", "predict by-series.deep.test"},
    ),
    Change("a model without auxiliary cohorts", setting("models", "ols", "auxiliary", to=False), CHAIN.fit("ols")),
    Change("a model with auxiliary cohorts", setting("models", "lasso", "auxiliary", to=True), CHAIN.fit("lasso")),
    Change("a lasso as an elastic net", setting("models", "lasso", "kind", to="elastic_net"), CHAIN.fit("lasso")),
    Change(
        "a network more",
        setting("models", "wide", to={"kind": "network", "hidden": [32], "epochs": 2}),
        replace(CHAIN, networks=(*CHAIN.networks, "wide")).fit("wide"),
    ),
    Change("a model less", lambda project: project.change_config(lambda c: c["models"].pop("ols")), CHAIN.compare()),
    Change("a model set to null", setting("models", "ols", to=None), CHAIN.compare()),
    Change("the order of models", lambda project: project.change_config(reverse_models), NOTHING),
    Change("the report's baseline", setting("report", "baseline", to="ols"), CHAIN.compare() | CHAIN.bundle()),
]

EVALUATION = [
    Change("the confidence", setting("evaluation", "confidence", to=0.9), CHAIN.compare() | CHAIN.importance()),
    Change("the resamples", setting("evaluation", "resamples", to=200), CHAIN.compare() | CHAIN.importance()),
    Change("the resamples' seed", setting("evaluation", "seed", to=2), CHAIN.compare() | CHAIN.importance()),
    Change("the intervals' coverage", setting("evaluation", "coverage", to=0.8), CHAIN.calibrate()),
    *(
        Change(f"the bar of trust {key}", setting("evaluation", "trust", key, to=0.5), CHAIN.calibrate())
        for key in ("r_gene", "r2", "width")
    ),
    Change(
        "fewer models in another split", setting("evaluation", "generalisation", "models", to=["ridge"]), CHAIN.judge()
    ),
    Change("no landmarks weighed", setting("evaluation", "importance", "models", to=[]), CHAIN.report()),
    Change(
        "another model's landmarks weighed",
        setting("evaluation", "importance", "models", to=["ridge", "deep", "knn"]),
        Jobs({"importance knn"}) | CHAIN.report(),
    ),
    Change(
        "a fraction more",
        setting("evaluation", "learning_curve", "fractions", to=[0.5, 0.75]),
        replace(CHAIN, thinned={"fraction-0.75": ("ridge", "deep")}, resplit={}).thin_split(),
    ),
    Change(
        "a model more on the learning curve",
        setting("evaluation", "learning_curve", "models", to=["ridge", "deep", "pair-6"]),
        replace(CHAIN, thinned={"fraction-0.5": ("pair-6",)}, resplit={}).thin_split() - {"thin_split fraction-0.5"},
    ),
    Change("no learning curve", setting("evaluation", "learning_curve", "models", to=[]), CHAIN.judge()),
    Change("no other split", setting("evaluation", "generalisation", "by", to=["sample"]), CHAIN.judge()),
]

PIECES = [
    Change(
        "a member more",
        setting("models", "pair", "ensemble", to=3),
        Jobs({"network_piece pair-6.3.1"}) | CHAIN.join_network("pair-6"),
    ),
    Change("one member only", setting("models", "pair", "ensemble", to=1), replace(CHAIN, pieces={}).fit("pair-6")),
    Change("the members' seed", setting("models", "pair", "seed", to=2), CHAIN.fit("pair-6")),
    Change(
        "the targets of members in two parts",
        setting("models", "pair", "target_jobs", to=2),
        in_pieces(pair=("1.1", "1.2", "2.1", "2.2")).fit("pair-6"),
    ),
    Change(
        "the targets of a network in two parts",
        setting("models", "deep", "target_jobs", to=2),
        in_pieces(deep=("1.1", "1.2")).fit("deep"),
    ),
    Change(
        "a cell more in a grid",
        setting("models", "pair", "grid", "hidden", to=[[4, 4], [6]]),
        Chain(networks=(*CHAIN.networks, "pair-4x4"), pieces={"pair-4x4": ("1.1", "2.1")}).fit("pair-4x4"),
    ),
    Change("a grid written out", lambda project: project.change_config(write_out_grid), NOTHING),
    Change("a ridge to add to", setting("models", "deep", "skip", to="ridge"), CHAIN.fit("deep")),
]

BUNDLES = [
    Change(
        "the licence of a source",
        setting("compendium", "sources", "gdsc", "licence", to="CC0"),
        CHAIN.bundle() | CHAIN.report(),
    ),
    Change("fewer bundles", setting("bundles", "models", to=["ridge"]), NOTHING),
    *(
        Change(f"infer.{key}", setting("infer", "plate", key, to=value), CHAIN.infer())
        for key, value in {
            "units": "zscores",
            "values": "counts",
            "names": "ensembl",
            "samples": "columns",
            "targets": ["A2M"],
            "harmonise": "distinct_ranks",
            "fewest_landmarks": 0.4,
            "bad_samples": "skip",
        }.items()
    ),
    Change(
        "infer.intervals", setting("infer", "plate", "intervals", to=True), Jobs({"infer_with_intervals plate.gctx"})
    ),
    Change(
        "the format of inferred profiles",
        setting("infer", "plate", "format", to="tsv.gz"),
        Jobs({"infer plate.tsv.gz"}),
    ),
    Change("another model for new profiles", setting("infer", "plate", "model", to="ridge"), CHAIN.infer()),
    Change(
        "a file of profiles more",
        setting("infer", "more", to={"profiles": "data/gdsc.h5ad", "model": "ridge"}),
        Jobs({"infer more.gctx"}),
    ),
    Change("no new profiles", setting("infer", "plate", to=None), NOTHING),
]

HOW_TO_TRAIN = [
    Change(f"train.{key}", setting("train", key, to=value), NOTHING)
    for key, value in {
        "device": "auto", "gpus": 2, "allow_cpu": True, "checkpoint_minutes": 10, "tensorboard": True,
    }.items()
]  # fmt: skip

GENES_AND_SAMPLES = [
    Change(
        "what is split",
        setting("split", "by", to="series"),
        # The other split is then the one by sample.
        Chain(resplit={"by-sample": ("ridge", "both")}).split(),
    ),
    Change("the split's seed", setting("split", "seed", to=2), after("split")),
    Change("the split's fractions", setting("split", "fractions", to=[0.6, 0.2, 0.2]), after("split")),
    Change("targets by list", setting("genes", "targets", to=["A2M", "ABAT"]), after("roles")),
    Change("targets by chance", setting("genes", "targets", to={"random": 5, "seed": 1}), after("roles")),
    Change("another file of landmarks", fewer_landmarks, after("roles")),
    Change("the rule for ties", setting("normalise", "ties", to="mean_value"), after("references")),
    Change("the fewest landmarks", setting("normalise", "fewest_landmarks", to=0.6), after("normalise_external")),
    Change("what preprocessing means", setting("preprocessing", to="dgex"), CHAIN.cohorts()),
    Change("D-GEX's lists of probes", setting("compendium", "collapse", to="dgex"), CHAIN.cohorts()),
    Change("a list of probes of one's own", own_probes, CHAIN.cohorts()),
    Change(
        "D-GEX's rule for duplicates",
        setting("compendium", "duplicates", "rule", to="dgex"),
        CHAIN.cohort_matrix("gdsc"),
    ),
    Change("D-GEX's landmarks", setting("genes", "landmarks", to="dgex"), after("roles")),
    Change("which genes are joined", setting("compendium", "join", to="outer"), after("compendium")),
    Change("how many samples may lack a gene", setting("compendium", "missing_genes", to=0.5), after("compendium")),
    Change("the distance of duplicates", setting("compendium", "duplicates", "distance", to=0.1), after("compendium")),
]

A_SOURCES_SETTINGS = {
    "values": "auto", "genes": "auto", "series": "one", "group": "one", "platform": "GPL13667",
}  # fmt: skip

COHORTS = [
    *(
        Change(
            f"a source's {key}", setting("compendium", "sources", "gdsc", key, to=value), CHAIN.cohort_matrix("gdsc")
        )
        for key, value in A_SOURCES_SETTINGS.items()
    ),
    Change("the scale of a series", setting("external", "kidney", "values", to="linear"), after("cohort_series")),
    Change("the platform of a series", setting("external", "kidney", "platform", to="GPL97"), after("cohort_series")),
    Change(
        "the scale of an external cohort",
        setting("external", "geuvadis", "values", to="linear"),
        CHAIN.cohort_matrix("geuvadis"),
    ),
    Change("the table of a platform", annotated, CHAIN.cohort_matrix("gdsc")),
    Change(
        "where samples stand", setting("external", "geuvadis", "samples", to="rows"), CHAIN.cohort_matrix("geuvadis")
    ),
    Change("the lengths of genes", with_lengths, CHAIN.cohort_matrix("geuvadis")),
    Change(
        "how an external cohort is harmonised",
        setting("external", "geuvadis", "harmonise", to="distinct_ranks"),
        CHAIN.normalise_external("geuvadis"),
    ),
    Change("an external cohort more", setting("external", "cells", to=CELLS), WITH_CELLS.cohort_matrix("cells")),
    Change(
        "the licence of an auxiliary cohort",
        setting("auxiliary", "leukaemia", "licence", to="CC0"),
        CHAIN.bundle("ols") | CHAIN.report(),
    ),
    Change(
        "how an auxiliary cohort is harmonised",
        setting("auxiliary", "leukaemia", "harmonise", to="tdm"),
        CHAIN.normalise_external("leukaemia"),
    ),
    Change("an auxiliary cohort more", setting("auxiliary", "cells", to=CELLS), WITH_MORE_CELLS.cohort_matrix("cells")),
    Change("an auxiliary cohort of a source's name", setting("auxiliary", "gdsc", to=CELLS), NOTHING),
    Change("an auxiliary cohort set to null", setting("auxiliary", "leukaemia", to=None), CHAIN.fit("ols")),
    Change(
        "an external cohort less",
        lambda project: project.change_config(lambda c: c["external"].pop("geuvadis")),
        WITHOUT_GEUVADIS.compendium(),
    ),
    Change("the file of a source", another_matrix, CHAIN.cohort_matrix("gdsc")),
    Change("another series", another_series, Jobs({"retrieve GSE782_family.soft.gz"}) | after("cohort_series")),
    Change(
        "the file of a series",
        series_matrix,
        Jobs({f"retrieve {SERIES_MATRIX}", "retrieve GPL96.annot.gz"}) | after("cohort_series"),
    ),
    Change(
        "a list of series",
        list_of_series,
        Jobs({"cohort_series GSE781-GPL96"}) | Chain(external=("GSE781-GPL96", "geuvadis")).compendium(),
    ),
    Change("a mirror elsewhere", move_mirror, NOTHING),
    Change("the mirror's retries", setting("geo", "retries", to=9), NOTHING),
    Change("the mirror's timeout", setting("geo", "timeout", to=99), NOTHING),
    Change("no network", setting("geo", "offline", to=True), NOTHING),
    Change("the largest download", setting("geo", "largest_mb", to=10), NOTHING),
    Change("the largest download unpacked", setting("geo", "largest_unpacked_mb", to=100), NOTHING),
    # The only series is an external cohort, which is never left out.
    Change("going on without", setting("geo", "on_error", to="skip"), NOTHING),
    Change("the share of missing values", setting("quality", "missing", to=0.5), CHAIN.cohorts()),
    Change("the bar of outliers", setting("quality", "outlier", to=0.5), after("cohort_series")),
    Change("probes of several genes", setting("compendium", "ambiguous_probes", to="first"), after("cohort_series")),
]

SPELLING = [
    Change("a comment", in_file("config.yaml", lambda text: f"# Mine.\n{text}"), NOTHING),
    Change("a comment in a rule file", in_file("workflow/rules/split.smk", lambda text: f"{text}\n# Mine.\n"), NOTHING),
    Change("a default written out", setting("compendium", "duplicates", "distance", to=0.02), NOTHING),
    Change("evaluation's defaults written out", setting("evaluation", "trust", "width", to=0.9), NOTHING),
    Change("a preset's setting written out", setting("models", "deep", "dropout", to=0.5), NOTHING),
]


CHANGES = MODELS + EVALUATION + PIECES + BUNDLES + HOW_TO_TRAIN + GENES_AND_SAMPLES + COHORTS + SPELLING


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_changed_setting_reruns_exactly_what_depends_on_it(
    change: Change, plans: dict[Change, Future[set[str]]]
) -> None:
    assert plans[change].result() == change.jobs


def keys_of(schema: dict[str, Any], *place: str) -> set[str]:
    """Name the keys below a part of the schema that have no keys below them; `*` stands for any name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        # Sources, external and auxiliary cohorts are of one kind; settings of models have a test of their own.
        return (
            keys_of(SCHEMA["$defs"][name], *(["source"] if name == "sources" else place)) if name != "model" else set()
        )
    own = [
        keys_of(part, *place, name) or {".".join((*place, name))} for name, part in schema.get("properties", {}).items()
    ]
    named = schema.get("additionalProperties")
    below = keys_of(named, *place, "*") if named else set()
    return below.union(*own, *(keys_of(part, *place) for part in schema.get("anyOf", ())))


def values_of(config: Any, *place: str) -> dict[tuple[str, ...], Any]:
    """Return what a config says, by place."""
    if not isinstance(config, dict):
        return {place: config}
    return {key: value for name, part in config.items() for key, value in values_of(part, *place, name).items()}


def key_at(place: tuple[str, ...]) -> str:
    """Return the schema's key for a place in a config."""
    if place[:2] == ("compendium", "sources") or place[0] in ("external", "auxiliary"):
        return ".".join(("source", "*", place[-1]))
    return ".".join((place[0], "*", *place[2:]) if place[0] == "infer" else place)


def test_every_key_of_the_schema_has_a_row(new: Project, tmp_path: Path) -> None:
    project = new.copy(tmp_path / "project")
    changed: set[str] = set()
    before = values_of(CONFIG)
    for change in CHANGES:
        project.write_config(CONFIG)
        change.make(project)
        after_it = values_of(yaml.safe_load((project.root / "config.yaml").read_text(encoding="utf-8")))
        differing = {place for place in before.keys() | after_it.keys() if before.get(place) != after_it.get(place)}
        changed |= {key_at(place) for place in differing}
    expected = {key for key in keys_of(SCHEMA) if not key.startswith("models")}
    assert len(expected) > 60
    assert expected - changed == set()


def another(value: Any) -> Any:
    """Return another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, list):
        return [another(value[0])] if value else [1]
    return f"not {value}" if isinstance(value, str) else (value or 0) + 1


def test_every_setting_of_every_kind_of_model_reaches_its_job() -> None:
    """A job's params hold all settings; what is no setting of a network's pieces names the pieces."""
    seen = {"kind", "preset", "grid", "auxiliary"}
    for name, kind in KINDS.items():
        defaults = model_settings({"kind": name})
        for key in defaults if name == NETWORK else kind.defaults:
            entry = {"kind": name, key: another(defaults[key])}
            told = [piece_settings(entry, "1.1"), pieces(entry)] if name == NETWORK else model_settings(entry)
            assert told != ([piece_settings({"kind": name}, "1.1"), ["1.1"]] if name == NETWORK else defaults), key
            seen.add(key)
    assert SCHEMA["$defs"]["model"]["properties"].keys() == seen
