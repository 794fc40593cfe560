"""A real edit of a script or a module reruns the rules that it works for, and nothing else."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from landex.fingerprint import code_of
from workflow.chain import CHAIN, NOTHING, Jobs, after
from workflow.changes import Change, all_python_files, in_file
from workflow.project import REPOSITORY, Finished, Project

SCRIPTS = Path("workflow", "scripts")
# Rules that a script of their own name works for; `predict_carried` runs the script of `predict`, `network_piece` that
# of `network`.
EVERY_RULE = (
    "retrieve", "cohort_series", "cohort_matrix", "compendium", "roles", "split", "thin_split", "references",
    "normalise", "normalise_external", "auxiliary", "baseline", "blend", "network", "join_network", "predict",
    "predict_blend", "calibrate", "evaluate", "compare", "outliers", "importance", "judge", "bundle", "infer",
    "summarise", "report",
)  # fmt: skip
FROM_COHORTS = tuple(rule for rule in EVERY_RULE if rule not in ("retrieve", "summarise", "report"))
FROM_PARTS = tuple(rule for rule in FROM_COHORTS[3:] if rule not in ("roles", "auxiliary"))
COHORTS = ("cohort_series", "cohort_matrix")
# What imports the code that normalises.
WITH_REFERENCES = ("references", "normalise", "normalise_external")
# What imports the code that fills in landmarks, too.
WITH_SCORES = (*WITH_REFERENCES, "importance")
# What imports the code that all models share.
WITH_MODELS = ("baseline", "blend", "network", "join_network", "predict", "predict_blend", "importance")
# What imports the code that says how sure an error is.
WITH_CERTAINTY = ("compare", "importance", "judge")
# What imports the code that all networks share.
WITH_NETWORKS = ("network", "join_network", "predict relu_tanh deep pair-6", "importance deep")

# Every module, and the rules whose scripts import it, themselves or through other modules.
RULES_OF_MODULES: dict[str, tuple[str, ...]] = {
    "__init__": EVERY_RULE,
    "auxiliary": ("auxiliary",),
    "annotations": (*FROM_COHORTS, "report"),
    "baselines/__init__": (
        "baseline",
        "blend",
        "network pair-6",
        "predict ols ridge lasso knn",
        "predict_blend",
        "importance",
        "infer",
    ),
    "baselines/absolute_deviations": ("blend", "predict_blend", "infer"),
    "baselines/active_set": ("baseline lasso",),
    "baselines/admm": ("baseline lasso",),
    "baselines/blend": ("blend", "predict_blend", "infer"),
    "baselines/carried": ("baseline knn", "blend", "predict knn", "infer"),
    "baselines/centred_kernel": (),
    "baselines/choices": ("baseline", "blend", "network pair-6", "predict knn", "infer"),
    "baselines/fit": ("baseline",),
    "baselines/gene_neighbours": (),
    "baselines/kernel_model": (),
    "baselines/kernel_ridge": (),
    "baselines/least_squares": ("baseline ols ridge", "network pair-6"),
    "baselines/linear_model": (
        "baseline ols ridge lasso",
        "blend",
        "network pair-6",
        "predict ols ridge lasso",
        "importance",
        "infer",
    ),
    "baselines/measured_sets": ("baseline ols ridge lasso", "network pair-6"),
    "baselines/median_kernel": (),
    "baselines/median_model": (),
    "baselines/normal_equations": ("baseline ols ridge lasso", "network pair-6"),
    "baselines/nystroem": (),
    "baselines/quadratics": ("baseline lasso",),
    "baselines/sample_lasso": (),
    "baselines/sample_neighbours": ("baseline knn", "blend", "predict knn", "infer"),
    "baselines/sparse": ("baseline lasso",),
    "baselines/sparse_problem": ("baseline lasso",),
    "blends": ("blend", "predict_blend"),
    "cohort": COHORTS,
    "collapse": COHORTS,
    "compendium": ("compendium",),
    "column_means": (*COHORTS, "infer"),
    "config": (),
    "damage": (*FROM_COHORTS, "report"),
    "copies": ("compendium", "auxiliary"),
    "dgex_duplicates": ("cohort_matrix",),
    "duplicates": ("compendium", "auxiliary"),
    "errors": EVERY_RULE,
    "evaluation/__init__": (*WITH_CERTAINTY, "calibrate", "evaluate", "outliers", "bundle", "infer", "report"),
    "evaluation/ablation": ("importance",),
    "evaluation/bootstrap": (*WITH_CERTAINTY, "report"),
    "evaluation/calibrate": ("calibrate",),
    "evaluation/compare": ("compare",),
    "evaluation/conformal": ("calibrate", "outliers", "infer"),
    "evaluation/distance": ("calibrate", "evaluate", "outliers", "importance", "judge", "bundle", "infer"),
    "evaluation/evaluate": ("calibrate", "evaluate"),
    "evaluation/generalisation": ("judge",),
    "evaluation/heatmap": ("importance",),
    "evaluation/importance": ("importance",),
    "evaluation/intervals": ("calibrate", "evaluate", "judge"),
    "evaluation/judge": ("judge",),
    "evaluation/learning_curve": ("judge", "report"),
    "evaluation/metrics": ("calibrate", "evaluate"),
    "evaluation/outliers": ("outliers",),
    "evaluation/paired": ("compare",),
    "evaluation/ranks": ("calibrate", "evaluate", "compare"),
    "evaluation/recall": ("calibrate", "evaluate"),
    "evaluation/sample_errors": ("importance", "judge", "report"),
    "evaluation/strata": ("calibrate", "evaluate"),
    "evaluation/targets": ("calibrate", "evaluate", "compare", "importance"),
    "evaluation/trust": ("calibrate", "judge", "report"),
    "evaluation/units": (*WITH_CERTAINTY, "calibrate", "report"),
    "evaluation/verdict": ("judge", "report"),
    "evaluation/weigh": ("importance",),
    "examples": (*WITH_MODELS, "calibrate", "evaluate", "compare", "outliers", "bundle", "infer", "report"),
    "features": (*COHORTS, "roles", "bundle"),
    "files": EVERY_RULE,
    "fingerprint": (),
    "formats/__init__": (*COHORTS, "infer"),
    "formats/anndata_file": (*COHORTS, "infer"),
    "formats/endings": (*COHORTS, "infer"),
    "formats/files": (*COHORTS, "infer"),
    "formats/gct": (*COHORTS, "infer"),
    "formats/gctx": (*COHORTS, "infer"),
    "formats/matrix_file": (*COHORTS, "infer"),
    "formats/tables": (*COHORTS, "infer"),
    "formats/text": (*COHORTS, "infer"),
    "genes": (*COHORTS, "bundle"),
    "geo/__init__": ("retrieve", "cohort_series"),
    "geo/counts": ("cohort_series",),
    "geo/dataset": ("cohort_series",),
    "geo/download": ("retrieve",),
    "geo/family": ("cohort_series",),
    "geo/heads": (),
    "geo/layout": ("retrieve",),
    "geo/parts": ("cohort_series",),
    "geo/receipts": ("retrieve", "cohort_series"),
    "geo/retrieve": ("retrieve",),
    "geo/series": ("cohort_series",),
    "geo/series_matrix": ("cohort_series",),
    "geo/soft": ("cohort_series",),
    "geo/unpack": ("cohort_series",),
    "geo/values": ("cohort_series",),
    "grids": (),
    "h5ad": (*FROM_COHORTS, "report"),
    "hdf5": (*FROM_COHORTS, "report"),
    "harmonise": (*WITH_SCORES, "bundle", "infer", "report"),
    "inputs": (),
    "job": EVERY_RULE,
    "job_resources": (),
    "kinds": ("infer",),
    "kinship": ("compendium",),
    "matrix_cohort": ("cohort_matrix",),
    "model_entries": (),
    "models": (*WITH_MODELS, "infer"),
    "moments": (*WITH_REFERENCES, "bundle", "report"),
    "networks/__init__": WITH_NETWORKS,
    "networks/architecture": ("network",),
    "networks/checkpoints": ("network",),
    "networks/course": ("network",),
    "networks/devices": ("network",),
    "networks/fit": ("network",),
    "networks/interruptions": ("network",),
    "networks/join": ("join_network",),
    "networks/layers": ("network",),
    "networks/losses": ("network",),
    "networks/model": WITH_NETWORKS,
    "networks/monitor": ("network",),
    "networks/network": WITH_NETWORKS,
    "networks/optimisers": ("network",),
    "networks/pools": ("network",),
    "networks/presets": (),
    "networks/progress": ("network",),
    "networks/schedules": ("network",),
    "networks/settings": WITH_NETWORKS,
    "networks/steps": ("network",),
    "networks/trainer": ("network",),
    "normalise": ("normalise", "normalise_external"),
    "occupancy": (*WITH_REFERENCES, "bundle", "infer", "report"),
    "orders": (
        *WITH_SCORES,
        "compendium",
        "auxiliary",
        "calibrate",
        "evaluate",
        "compare",
        "bundle",
        "infer",
        "report",
    ),
    "parts": (*FROM_PARTS, "report"),
    "platforms": (*COHORTS, "bundle"),
    "predict": ("predict",),
    "predictions": ("blend", "predict", "predict_blend", "calibrate", "evaluate", "compare", "report"),
    "threads": (
        *WITH_SCORES,
        "cohort_matrix",
        "compendium",
        "auxiliary",
        "baseline",
        "blend",
        "network",
        "predict knn",
        "bundle",
        "infer",
        "report",
    ),
    "quantiles": (*WITH_SCORES, "bundle", "infer", "report"),
    "references": (*WITH_REFERENCES, "bundle", "report"),
    "report/__init__": ("report",),
    "report/cards": ("report",),
    "report/cautions": ("report",),
    "report/charts": ("report",),
    "report/citations": ("report",),
    "report/densities": ("report",),
    "report/downloads": ("report",),
    "report/figures": ("report",),
    "report/lines": ("report",),
    "report/materials": ("report",),
    "report/methods": ("report",),
    "report/normalisation": ("report",),
    "report/observed": ("report",),
    "report/packing": ("report",),
    "report/page": ("report",),
    "report/results": ("report",),
    "report/run": ("report",),
    "report/wording": ("report",),
    "provenance": ("compendium",),
    "roles": ("roles",),
    "scale": (*COHORTS, "infer"),
    "scores": (*WITH_SCORES, "bundle", "infer", "report"),
    "spelling": ("infer",),
    "summary": ("judge", "summarise", "report"),
    "tsv": (*(rule for rule in FROM_COHORTS if rule != "auxiliary"), "report"),
    "source_lists": (),
    "variations": (),
    "vocabulary": (*FROM_PARTS, "cohort_series", "cohort_matrix", "summarise", "report"),
    "bundles/__init__": ("bundle", "infer"),
    "bundles/archive": ("bundle", "infer"),
    "bundles/checks": ("infer",),
    "bundles/bundle": ("infer",),
    "bundles/card": ("bundle",),
    "bundles/columns": ("bundle", "infer"),
    "bundles/tree": ("bundle", "infer"),
    "bundles/write": ("bundle",),
    "__main__": (),
    "checksums": EVERY_RULE,
    "clock": EVERY_RULE,
    "planned": EVERY_RULE,
    "classes": (*WITH_MODELS, "infer"),
    "evaluation/scales": ("calibrate", "evaluate", "judge", "infer"),
    "formats/in_place": ("infer",),
    "formats/orientation": ("infer",),
    "inference/__init__": ("infer",),
    "inference/account": ("infer",),
    "inference/infer": ("infer",),
    "inference/jobs": ("infer",),
    "inference/landmarks": ("infer",),
    "inference/partial": ("infer",),
    "inference/profiles": ("infer",),
    "inference/score": ("infer",),
    "inference/units": ("infer",),
    "inference/api": (),
    "inference/check": (),
    "inference/command": (),
    "normal_scores": WITH_NETWORKS,
    "blocks": (*FROM_COHORTS, "report"),
}


# What a job imports by name: the classes of its model, as the rules name them.
LINEAR, KNN, NETWORK = (
    f"landex.{module}" for module in ("baselines.linear_model", "baselines.sample_neighbours", "networks.model")
)
CLASSES_OF_MODELS = {
    "ols": LINEAR, "ridge": LINEAR, "lasso": LINEAR, "knn": KNN, "relu_tanh": NETWORK, "deep": NETWORK,
    "pair-6": NETWORK,
}  # fmt: skip
ESTIMATORS = {
    "ols": "least_squares", "ridge": "least_squares", "lasso": "sparse", "knn": "sample_neighbours",
}  # fmt: skip
NAMED_MODULES: dict[str, tuple[str, ...]] = {
    **{
        f"baseline {model}": (f"landex.baselines.{estimator}", CLASSES_OF_MODELS[model])
        for model, estimator in ESTIMATORS.items()
    },
    "network relu_tanh": (),
    "network deep": (),
    "network pair-6": ("landex.baselines.least_squares",),
    **{f"predict {model}": (module,) for model, module in CLASSES_OF_MODELS.items()},
    "importance ridge": (LINEAR,),
    "importance deep": (NETWORK,),
    "blend both": (LINEAR, KNN),
    "infer": ("landex.baselines.blend", LINEAR, KNN),
}


def modules_of_jobs() -> dict[str, set[str]]:
    """Return the modules that every kind of job imports: `predict ridge`, or `split` where models are all the same."""
    by_model = {job.split()[0] for job in NAMED_MODULES if " " in job}
    jobs = {**{rule: () for rule in EVERY_RULE if rule not in by_model}, **NAMED_MODULES}
    package = REPOSITORY / SCRIPTS / "landex"
    return {
        job: {
            name.removeprefix("landex.").replace(".", "/")
            for name in code_of(REPOSITORY / SCRIPTS / f"{job.split()[0]}.py", package, *modules)
        }
        for job, modules in jobs.items()
    }


def jobs_of(rules: tuple[str, ...], jobs: Iterable[str]) -> set[str]:
    """Return the kinds of jobs that rows of the table mean: `baseline` means those of all models."""
    found = set()
    for rule, *models in map(str.split, rules):
        found |= {job for job in jobs if job.split()[0] == rule and (not models or job.split()[-1] in (rule, *models))}
    return found


def edited(name: str, *files: Path) -> Change:
    """Return a change of what some files say, all of which work for the same rules."""
    package = SCRIPTS / "landex"
    inside = files[0].is_relative_to(package)
    rules = RULES_OF_MODULES[str(files[0].relative_to(package).with_suffix(""))] if inside else (files[0].stem,)

    def edit(project: Project) -> None:
        for file in files:
            in_file(str(file), lambda text: f"{text}\n_edited = 1\n")(project)

    return Change(name, edit, after(*rules))


def of_the_same_jobs() -> Iterator[Change]:
    """Yield a change a set of jobs: a dry run for every module would take most of the suite's time."""
    groups: dict[Jobs, list[str]] = {}
    for module, rules in RULES_OF_MODULES.items():
        groups.setdefault(after(*rules), []).append(module)
    for modules in groups.values():
        more = f" and {len(modules) - 1} more" if len(modules) > 1 else ""
        yield edited(modules[0] + more, *(SCRIPTS / "landex" / f"{module}.py" for module in modules))


MODULES = list(of_the_same_jobs())
RULE_SCRIPTS = [edited(f"{rule}.py", SCRIPTS / f"{rule}.py") for rule in EVERY_RULE]


def touch_all(project: Project) -> None:
    for file in all_python_files(project):
        file.touch()


def comment_all(project: Project) -> None:
    for file in all_python_files(project):
        text = file.read_text(encoding="utf-8")
        file.write_text(f"# A comment above.\n{text}\n\n# And one below.\n", encoding="utf-8")


def rewrite_all_docstrings(project: Project) -> None:
    """Change the first docstring of every file; all of them have one."""
    for file in all_python_files(project):
        text = file.read_text(encoding="utf-8")
        assert text.startswith('"""')
        file.write_text(text.replace('"""', '"""In other words: ', 1), encoding="utf-8")


NO_EDITS = [
    Change("touch", touch_all, NOTHING),
    Change("comments", comment_all, NOTHING),
    Change("docstrings", rewrite_all_docstrings, NOTHING),
]

PRESETS = [
    Change(
        f"a value of the preset {preset}",
        in_file(
            str(SCRIPTS / "landex" / "networks" / "presets.py"), lambda text, old=old, new=new: text.replace(old, new)
        ),
        jobs,
    )
    for preset, old, new, jobs in [
        ("relu_tanh", '"dropout": 0.2,', '"dropout": 0.3,', CHAIN.fit("relu_tanh")),
        ("deep", '"weight_decay": 0.05', '"weight_decay": 0.06', CHAIN.fit("deep")),
        ("dgex, of pieces", '"momentum": 0.5', '"momentum": 0.6', CHAIN.fit("pair-6")),
        ("taaf, which no model uses", '"dropout": 0.25', '"dropout": 0.35', NOTHING),
        ("all of them", '"input_noise": 0.0', '"input_noise": 0.1', CHAIN.network()),
    ]
]


@pytest.mark.parametrize("change", MODULES + RULE_SCRIPTS + PRESETS, ids=str)
def test_edited_code_reruns_exactly_the_rules_that_import_it_and_what_follows(
    change: Change, plans: dict[Change, Future[set[str]]]
) -> None:
    assert plans[change].result() == change.jobs


@pytest.mark.parametrize("change", NO_EDITS, ids=str)
def test_code_that_says_the_same_reruns_nothing(change: Change, plans: dict[Change, Future[set[str]]]) -> None:
    assert plans[change].result() == NOTHING


def test_every_module_works_for_exactly_the_rules_of_the_table() -> None:
    imported = modules_of_jobs()
    table = {module: jobs_of(rules, imported) for module, rules in RULES_OF_MODULES.items()}
    # A package is known by the name of its folder, and the outermost as `landex`.
    names = {module: module.removesuffix("__init__").rstrip("/") or "landex" for module in RULES_OF_MODULES}
    found = {module: {job for job, modules in imported.items() if name in modules} for module, name in names.items()}
    assert found == table


def test_every_module_and_every_script_stands_in_the_table() -> None:
    folder = REPOSITORY / SCRIPTS
    package = folder / "landex"
    modules = {str(file.relative_to(package).with_suffix("")) for file in package.rglob("*.py")}
    assert modules == set(RULES_OF_MODULES)
    assert {file.stem for file in folder.glob("*.py")} == set(EVERY_RULE)


def test_an_edit_taken_back_leaves_nothing_to_be_done(finished: Finished, tmp_path: Path) -> None:
    project = finished.project.copy(tmp_path / "project")
    files = all_python_files(project)
    texts = [file.read_text(encoding="utf-8") for file in files]
    for file, text in zip(files, texts, strict=True):
        file.write_text(f"{text}\n_edited = 1\n", encoding="utf-8")
    assert project.planned() == CHAIN.everything()
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    assert project.planned() == NOTHING
