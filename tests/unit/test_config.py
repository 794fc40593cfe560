"""The config: every mistake is one clear line before anything runs, and every key is described."""

import dataclasses
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from configs import DEFAULT, ROOT, SCHEMA, completed, merged
from jsonschema import Draft202012Validator

from landex.config import meaning_problems, schema_problems, with_preprocessing, without_dropped
from landex.geo.layout import series_path
from landex.inputs import input_problems
from landex.kinds import KINDS
from landex.model_entries import model_settings
from landex.models import load_class
from landex.networks.presets import DEFAULT_PRESET, PRESETS
from landex.networks.settings import NetworkSettings

SMALL = """
compendium: {sources: {gdsc: {matrix: resources/demo/gdsc.h5ad}}}
external: {kidney: {geo: GSE781, platform: GPL96}}
geo: {mirror: resources/demo/geo}
split: {by: sample}
models: {ridge: {kind: ridge}, deep: {kind: network}}
"""


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in a config are read from the folder where Snakemake is called."""
    monkeypatch.chdir(ROOT)


def problems_of(overlay: str) -> list[str]:
    """List the problems of the small config with an overlay, in the order of common.smk."""
    config = merged(yaml.safe_load(SMALL), yaml.safe_load(overlay) or {})
    if problems := schema_problems(config, SCHEMA):
        return problems
    config = completed(config)
    return meaning_problems(config) or input_problems(config)


def test_the_repositorys_config_has_no_problem() -> None:
    assert schema_problems(DEFAULT, SCHEMA) == []
    config = completed(DEFAULT)
    assert meaning_problems(config) == input_problems(config) == []


def test_a_small_config_has_no_problem_and_is_completed_by_defaults() -> None:
    assert problems_of("") == []
    config = completed(yaml.safe_load(SMALL))
    assert config["split"] == {"by": "sample", "fractions": [0.8, 0.1, 0.1], "seed": 1}
    assert config["compendium"]["sources"]["gdsc"] == {
        "matrix": "resources/demo/gdsc.h5ad", "values": "auto", "genes": "auto", "harmonise": "quantiles",
        "samples": "columns", "file": "soft",
    }  # fmt: skip
    assert config["external"]["kidney"]["values"] == "auto"
    assert config["report"]["baseline"] == "ridge"
    assert config["genes"] == {"landmarks": "resources/genes/landmarks.tsv", "targets": "measured"}
    assert config["train"] == {
        "device": "auto", "gpus": 1, "allow_cpu": False, "checkpoint_minutes": 1, "tensorboard": False,
    }  # fmt: skip


BAD = {
    # What the schema says.
    "modles: {}": "modles: unknown key; did you mean models?",
    "split: {fraction: [1]}": "split.fraction: unknown key; did you mean fractions?",
    "zzz: 1": (
        "zzz: unknown key; known are compendium, external, auxiliary, geo, quality, genes, preprocessing, normalise, "
        "split, models, train, evaluation, report, bundles, infer"
    ),
    "models: {deep: {lerning_rate: 0.1}}": "models.deep.lerning_rate: unknown key; did you mean learning_rate?",
    "external: {kidney: {platfrom: GPL96}}": "external.kidney.platfrom: unknown key; did you mean platform?",
    "models: {deep: {epochs: many}}": "models.deep.epochs: 'many' should be a whole number",
    "models: {deep: {epochs: 2.5}}": "models.deep.epochs: 2.5 should be a whole number",
    "models: {deep: {hidden: 500}}": "models.deep.hidden: 500 should be a list",
    "models: {deep: {hidden: [500, big]}}": "models.deep.hidden.1: 'big' should be a whole number",
    "models: {deep: ridge}": "models.deep: 'ridge' should be a mapping or null",
    "models: {deep: {learning_rate: 1e-4}}": (
        "models.deep.learning_rate: '1e-4' should be a number (YAML wants a dot in numbers such as 1.0e-4)"
    ),
    "models: {ridge: {lambdas: [0.1, 1e3]}}": (
        "models.ridge.lambdas.1: '1e3' should be a number (YAML wants a dot in numbers such as 1.0e-4)"
    ),
    "models: {deep: {learning_rate: true}}": "models.deep.learning_rate: True should be a number",
    "models: {deep: {kind: netwrok}}": (
        "models.deep.kind: 'netwrok' is not one of ols, ridge, lasso, elastic_net, knn, knn_ge, "
        "sample_lasso, kernel_ridge, median_kernel, blend, network; did you mean network?"
    ),
    "models: {deep: {preset: dgx}}": (
        "models.deep.preset: 'dgx' is not one of relu_tanh, dgex, taaf, deep; did you mean dgex?"
    ),
    "models: {new: {preset: deep}}": "models.new: the key kind is missing",
    "models: {a b: {kind: ols}}": "models.a b: names are made of letters, digits, _ and - only",
    "external: {a/b: {matrix: x.tsv}}": "external.a/b: names are made of letters, digits, _ and - only",
    "external: {kidney: {geo: ../../GSE781}}": (
        "external.kidney.geo: '../../GSE781' does not match ^(GSE|GDS)[0-9]+$"
    ),
    'external: {kidney: {geo: "GSE781\\n"}}': (
        "external.kidney.geo: 'GSE781\\n' does not match ^(GSE|GDS)[0-9]+$"
    ),
    'external: {kidney: {platform: "GPL96; touch pwned"}}': (
        "external.kidney.platform: 'GPL96; touch pwned' does not match ^GPL[0-9]+$"
    ),
    "external: {kidney: {file: GSE781_/../../secret.tsv.gz, values: counts}}": (
        "external.kidney.file: 'GSE781_/../../secret.tsv.gz' does not match "
        "^(soft|matrix|counts|GSE[0-9]+_[A-Za-z0-9._+-]+[.](tsv|csv|txt)[.]gz)$"
    ),
    "external: {../kidney: {geo: GSE781, platform: GPL96}}": (
        "external.../kidney: names are made of letters, digits, _ and - only"
    ),
    'models: {"$(touch pwned)": {kind: ols}}': (
        "models.$(touch pwned): names are made of letters, digits, _ and - only"
    ),
    'models: {"ols\\n": {kind: ols}}': "models.'ols\\n': names are made of letters, digits, _ and - only",
    "infer: {a/b: {profiles: resources/demo/gdsc.h5ad, model: ridge}}": (
        "infer.a/b: names are made of letters, digits, _ and - only"
    ),
    "external: {kidney: {geo: GSM781}}": "external.kidney.geo: 'GSM781' does not match ^(GSE|GDS)[0-9]+$",
    "external: {kidney: {geo: GDS781}}": (
        "external.kidney: the mirror resources/demo/geo has no file GDS781.soft.gz (no file "
        "resources/demo/geo/datasets/GDSnnn/GDS781/soft/GDS781.soft.gz)"
    ),
    "split: {fractions: [0.9, 0.1]}": "split.fractions: [0.9, 0.1] is too short",
    "split: {fractions: [1, 0, 0]}": None,
    "models: {deep: {dropout: 1}}": "models.deep.dropout: 1 is greater than or equal to the maximum of 1",
    "genes: {targets: 5}": None,
    "external: 5": "external: 5 should be a mapping",
    # What it cannot say.
    "report: {baseline: rigde}": "report.baseline: there is no model rigde; did you mean ridge?",
    "models: {ridge: null}": "report.baseline: there is no model ridge; known are deep",
    "models: {ridge: {epochs: 5}}": "models.ridge.epochs: a model of kind ridge has no such setting",
    "models: {deep: {lambdas: [1]}}": "models.deep.lambdas: a model of kind network has no such setting",
    "models: {knn: {kind: knn, lambdas: [1]}}": "models.knn.lambdas: a model of kind knn has no such setting",
    "models: {knn: {kind: knn, neighbours: [0]}}": "models.knn.neighbours.0: 0 is less than the minimum of 1",
    "models: {k: {kind: kernel_ridge, choose: gcv}}": (
        "models.k.choose: gcv goes with ridge only; choose leave_one_out or select"
    ),
    "models: {both: {kind: blend, members: [ridge]}}": "models.both.members: ['ridge'] is too short",
    "models: {both: {kind: blend}}": (
        "models.both.members: a blend combines at least two different models; name them"
    ),
    "models: {both: {kind: blend, members: [ridge, dep]}}": (
        "models.both.members: there is no model dep; did you mean deep?"
    ),
    "models: {both: {kind: blend, members: [ridge, deep], least: {rigde: 0.2}}}": (
        "models.both.least: rigde is no member of this blend; did you mean ridge?"
    ),
    "models: {both: {kind: blend, members: [ridge, deep], least: {ridge: 0.7, deep: 0.4}}}": (
        "models.both.least: the weights sum to 1.1; 1 is all there is"
    ),
    "models: {both: {kind: blend, members: [ridge, deep], least: {ridge: -0.1}}}": (
        "models.both.least.ridge: -0.1 is less than the minimum of 0"
    ),
    "models: {ridge: {kind: ridge, least: {knn: 1}}}": "models.ridge.least: a model of kind ridge has no such setting",
    "models: {both: {kind: blend, members: [ridge, deep]}, more: {kind: blend, members: [both, deep]}}": (
        "models.more.members: both is a blend itself; name its members instead"
    ),
    "models: {ridge: null, deep: null}": "models: name at least one model",
    "compendium: {sources: {gdsc: null}}": "compendium.sources: name at least one source to learn from",
    "external: {gdsc: {matrix: resources/demo/gdsc.h5ad}}": (
        "external.gdsc: is a source of the compendium too; an external cohort is never learnt from"
    ),
    "external: {test: {matrix: resources/demo/gdsc.h5ad}}": (
        "external.test: this name is taken; choose another for the cohort"
    ),
    "compendium: {sources: {compendium: {matrix: resources/demo/gdsc.h5ad}}}": (
        "compendium.sources.compendium: this name is taken; choose another for the cohort"
    ),
    "split: {fractions: [0.8, 0.1, 0.2]}": "split.fractions: [0.8, 0.1, 0.2] add up to 1.1, not to 1",
    "external: {kidney: {platform: null}}": "external.kidney.platform: None should be text",
    "external: {new: {geo: GSE781}}": (
        "external.new: say which platform of GSE781 to take (platform: GPL...)"
    ),
    "external: {kidney: {matrix: a.tsv}}": (
        "external.kidney: name either a GEO series (geo: GSE..., platform: GPL...) or a file (matrix: path)"
    ),
    "external: {new: {values: counts}}": (
        "external.new: name either a GEO series (geo: GSE..., platform: GPL...) or a file (matrix: path)"
    ),
    "external: {kidney: {values: counts}}": (
        "external.kidney: values: counts or tpm go with a matrix file, or a series' file: counts or NAME, only"
    ),
    "external: {kidney: {series: one}}": "external.kidney: series and lengths go with a matrix file only",
    "external: {kidney: {annotation: READ.me}}": "external.kidney.annotation: there is no file READ.me",
    "external: {kidney: {file: matrix}}": (
        "external.kidney: the mirror resources/demo/geo has no file GSE781-GPL96_series_matrix.txt.gz (no file "
        "resources/demo/geo/series/GSEnnn/GSE781/matrix/GSE781-GPL96_series_matrix.txt.gz)"
    ),
    "external: {kidney: {file: GSE782_counts.tsv.gz, values: counts}}": (
        "external.kidney.file: GSE782_counts.tsv.gz is no file of GSE781"
    ),
    "external: {kidney: {file: GSE781_counts.tsv.gz}}": (
        "external.kidney.values: say what GSE781_counts.tsv.gz holds (counts, tpm, linear or log2)"
    ),
    "external: {kidney: {file: counts, values: tpm}}": "external.kidney.values: file: counts are counts",
    "external: {new: {matrix: resources/demo/gdsc.h5ad, file: matrix}}": (
        "external.new.file: goes with a GEO series only"
    ),
    "external: {kidney: {genes: symbol}}": (
        "external.kidney.genes: goes with a matrix file only; a series' platform says it itself"
    ),
    "external: {new: {matrix: resources/demo/gdsc.h5ad, genes: symbol, annotation: README.md}}": (
        "external.new.annotation: names the genes of probes, and genes are said to be symbol"
    ),
    "external: {new: {matrix: resources/demo/gdsc.h5ad, samples: rows}}": (
        "external.new.samples: goes with .tsv, .txt and .csv only; the other formats say it themselves"
    ),
    "external: {new: {matrix: resources/demo/gdsc.h5ad, lengths: README.md}}": (
        "external.new.lengths: makes TPM of counts; say values: counts"
    ),
    "compendium: {sources: {gdsc: {harmonise: tdm}}}": (
        "compendium.sources.gdsc.harmonise: goes with external and auxiliary cohorts only; sources make the quantiles"
    ),
    "auxiliary: {test: {matrix: resources/demo/gdsc.h5ad}}": (
        "auxiliary.test: this name is taken; choose another for the cohort"
    ),
    "auxiliary: {more: {geo: GSE1}}": "auxiliary.more: say which platform of GSE1 to take (platform: GPL...)",
    "models: {two: {kind: blend, members: [ridge, deep], auxiliary: true}}": (
        "models.two.auxiliary: a model of kind blend has no such setting"
    ),
    "models: {ridge: {auxiliary: all}}": "models.ridge.auxiliary: 'all' should be a boolean",
    "external: {kidney: {harmonise: ranks}}": (
        "external.kidney.harmonise: 'ranks' is not one of quantiles, distinct_ranks, tdm; did you mean distinct_ranks?"
    ),
    "normalise: {ties: mean}": (
        "normalise.ties: 'mean' is not one of mean_rank, mean_value; did you mean mean_rank?"
    ),
    "normalise: {fewest_landmarks: 0}": (
        "normalise.fewest_landmarks: 0 is less than or equal to the minimum of 0"
    ),
    "preprocessing: dgx": "preprocessing: 'dgx' is not one of landex, dgex; did you mean dgex?",
    # Files.
    "compendium: {sources: {gdsc: {matrix: absent.h5ad}}}": "compendium.sources.gdsc: there is no file absent.h5ad",
    "compendium: {sources: {gdsc: {matrix: resources/demo/README.md}}}": (
        "compendium.sources.gdsc: resources/demo/README.md: not a matrix file that can be read; known endings are "
        ".h5ad, .gctx, .gct, .tsv, .csv, .txt, .gct.gz, .gct.xz, .tsv.gz, .tsv.xz, .csv.gz, .csv.xz, .txt.gz, .txt.xz"
    ),
    "external: {new: {matrix: resources/demo/gdsc.h5ad, annotation: GPL1.annot.gz}}": (
        "external.new.annotation: there is no file GPL1.annot.gz"
    ),
    "external: {new: {matrix: resources/demo/gdsc.h5ad, values: counts, lengths: lengths.tsv}}": (
        "external.new.lengths: there is no file lengths.tsv"
    ),
    "compendium: {collapse: probes.tsv}": "compendium.collapse: there is no file probes.tsv",
    "external: {kidney: {geo: GSE14618}}": (
        "external.kidney: the mirror resources/demo/geo has no series GSE14618 (no file "
        f"resources/demo/geo/{series_path('GSE14618')})"
    ),
    "external: {kidney: {platform: GPL570}}": (
        "external.kidney: GSE781: has no platform GPL570; it has GPL96, GPL97"
    ),
    "genes: {landmarks: absent.tsv}": "genes.landmarks: there is no file absent.tsv",
    "genes: {targets: absent.tsv}": "genes.targets: there is no file absent.tsv",
    "split: {by: absent.tsv}": "split.by: there is no file absent.tsv",
    # Names that YAML reads as numbers or truth values.
    "models: {2024: {kind: ols}}": "models.2024: this name is read as int, not as text; put it in quotes",
    "external: {no: {matrix: a.tsv}}": "external.False: this name is read as bool, not as text; put it in quotes",
    # Settings without effect, and splits that cannot be.
    "models: {deep: {momentum: 0.5}}": "models.deep.momentum: has no effect with optimiser: adamw; it goes with sgd",
    "models: {deep: {preset: dgex, warmup: 0.1}}": (
        "models.deep.warmup: has no effect with schedule: decay_on_rise; it goes with cosine"
    ),
    "models: {deep: {deeper_rate: 3}}": (
        "models.deep.deeper_rate: has no effect with optimiser: adamw; it goes with sgd"
    ),
    "models: {deep: {optimiser: sgd, weight_decay: 0.1}}": (
        "models.deep.weight_decay: has no effect with optimiser: sgd; it goes with adamw"
    ),
    "models: {deep: {huber_delta: 2}}": "models.deep.huber_delta: has no effect with loss: mae; it goes with huber",
    "models: {deep: {target_scaling: range}}": (
        "models.deep.target_scaling: range has no effect with output: linear; it goes with tanh"
    ),
    "models: {deep: {target_scaling: normal_scores, output: tanh, skip: none}}": (
        "models.deep.target_scaling: normal_scores do not fit into tanh's (-1, 1); they go with output: linear or taaf"
    ),
    "models: {deep: {target_scaling: normal_scores, skip: ridge}}": (
        "models.deep.target_scaling: normal_scores goes without skip: ridge, which predicts z-scores"
    ),
    "models: {deep: {mae_from: 0.5}}": (
        "models.deep.mae_from: has no effect with loss: mae; it goes with another loss"
    ),
    "models: {deep: {skip: ridge, output: taaf}}": (
        "models.deep.skip: goes with output: linear only, not with taaf"
    ),
    "models: {deep: {skip: linear, preset: relu_tanh}}": (
        "models.deep.skip: goes with output: linear only, not with tanh"
    ),
    "models: {deep: {hidden: [500, 300, 500], residual: true}}": (
        "models.deep.residual: has no effect with hidden: [500, 300, 500]; it goes with two neighbouring layers of one "
        "width"
    ),
    "models: {deep: {hidden: [], dropout: 0.1}}": (
        "models.deep.dropout: has no effect with hidden: []; it goes with hidden layers"
    ),
    "models: {deep: {hidden: [], activation: relu}}": (
        "models.deep.activation: has no effect with hidden: []; it goes with hidden layers"
    ),
    "models: {deep: {hidden: [], normalisation: batch}}": (
        "models.deep.normalisation: has no effect with hidden: []; it goes with hidden layers"
    ),
    # Networks and their training.
    "models: {deep: {rank: many}}": "models.deep.rank: 'many' should be a whole number or null",
    "models: {deep: {patience: 0}}": "models.deep.patience: 0 is less than the minimum of 1",
    "models: {deep: {ema: 1}}": "models.deep.ema: 1 is greater than or equal to the maximum of 1",
    "models: {deep: {mae_from: 2}}": "models.deep.mae_from: 2 is greater than the maximum of 1",
    "models: {deep: {residual: 1}}": "models.deep.residual: 1 should be a boolean",
    "models: {deep: {ensemble: 0}}": "models.deep.ensemble: 0 is less than the minimum of 1",
    "models: {deep: {target_jobs: 1.5}}": "models.deep.target_jobs: 1.5 should be a whole number",
    "models: {ridge: {ensemble: 2}}": "models.ridge.ensemble: a model of kind ridge has no such setting",
    "train: {gpus: 0}": "train.gpus: 0 is less than the minimum of 1",
    "train: {device: tpu}": "train.device: 'tpu' is not one of auto, gpu, cpu; did you mean gpu?",
    "train: {checkpoint_minutes: -1}": "train.checkpoint_minutes: -1 is less than the minimum of 0",
    "train: {epochs: 3}": (
        "train.epochs: unknown key; known are device, gpus, allow_cpu, checkpoint_minutes, tensorboard"
    ),
    # Grids.
    "models: {g: {kind: network, grid: {droput: [0.1]}}}": "models.g.grid.droput: unknown key; did you mean dropout?",
    "models: {g: {kind: network, grid: {dropout: [0.1, 1.5]}}}": (
        "models.g.grid.dropout.1: 1.5 is greater than or equal to the maximum of 1"
    ),
    "models: {g: {kind: network, grid: {hidden: [[5, big]]}}}": (
        "models.g.grid.hidden.0.1: 'big' should be a whole number"
    ),
    "models: {g: {kind: network, grid: {hidden: [100, 200]}}}": None,
    "models: {g: {kind: network, grid: {dropout: 0.1}}}": "models.g.grid.dropout: 0.1 should be a list",
    "models: {g: {kind: network, grid: {dropout: [0, 0.0]}}}": (
        "models.g.grid.dropout: [0, 0.0] names something twice"
    ),
    "models: {g: {kind: network, grid: {dropout: []}}}": "models.g.grid.dropout: [] should be non-empty",
    "models: {g: {kind: network, grid: {}}}": "models.g.grid: {} should be non-empty",
    "models: {g: {kind: network, grid: {kind: [network]}}}": None,
    "models: {g: {kind: ols, grid: {dropout: [0.1]}}}": "models.g.grid: a model of kind ols has no such setting",
    "models: {g: {kind: network, dropout: 0, grid: {dropout: [0, 0.1]}}}": (
        "models.g.grid.dropout: is a setting of models.g too; say it in one of the two places"
    ),
    "models: {g: {kind: network, grid: {optimiser: [sgd, adamw], momentum: [0.5, 0.9]}}}": (
        "models.g.grid.momentum: has no effect with optimiser: adamw; it goes with sgd"
    ),
    "models: {g: {kind: network, momentum: 0.5, grid: {dropout: [0, 0.1]}}}": (
        "models.g.momentum: has no effect with optimiser: adamw; it goes with sgd"
    ),
    "models: {g: {kind: network, grid: {epochs: [2]}}, g-2: {kind: ols}}": (
        "models.g-2: makes the model g-2, as models.g does; rename one of the two"
    ),
    "models: {g-1: {kind: network, grid: {seed: [2]}}, g: {kind: network, grid: {epochs: [1], seed: [2]}}}": (
        "models.g: makes the model g-1-2, as models.g-1 does; rename one of the two"
    ),
    "models: {g: {kind: network, grid: {dropout: [0.25, 0]}}, b: {kind: blend, members: [g, ridge]}}": (
        "models.b.members: g is a grid; name one of its models, such as g-0p25"
    ),
    "models: {g: {kind: network, grid: {dropout: [0.25]}}, b: {kind: blend, members: [g-0.25, ridge]}}": None,
    "models: {g: {kind: network, grid: {dropout: [0.25]}}, b: {kind: blend, members: [g-25, ridge]}}": (
        "models.b.members: there is no model g-25; did you mean g-0p25?"
    ),
    "{models: {ridge: null, g: {kind: network, grid: {epochs: [2, 3]}}}, report: {baseline: g}}": (
        "report.baseline: g is a grid; name one of its models, such as g-2"
    ),
    "models: {deep: {choose: select}}": "models.deep.choose: a model of kind network has no such setting",
    "split: {by: series}": (
        "split.by: series needs at least 4 series or groups, and the sources make 1; add sources or say by: sample"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("overlay", "line"), BAD.items(), ids=BAD.keys())
def test_a_bad_config_is_one_clear_line(overlay: str, line: str | None) -> None:
    problems = problems_of(overlay)
    if line is None:
        # Values that are refused in words of jsonschema's, or all together.
        section = overlay.partition(":")[0]
        assert problems
        assert all(problem.startswith(section) and "\n" not in problem for problem in problems)
    else:
        assert problems == [line]


@pytest.mark.parametrize(
    "settings",
    [
        "optimiser: sgd, momentum: 0.5, deeper_rate: 3",
        "loss: huber, huber_delta: 0.5, mae_from: 0.8",
        "output: tanh, target_scaling: none, skip: none",
        "skip: ridge, rank: 64",
        "hidden: [8, 16, 16], residual: true, normalisation: batch",
        "hidden: [8, 16], residual: false",
        "hidden: [], dropout: 0, normalisation: none",
        "mae_from: 1, patience: null, rank: null",
        "grid: {hidden: [[8], [8, 8]], dropout: [0, 0.5]}, ensemble: 2",
        "grid: {preset: [deep, dgex], rank: [null, 8], residual: [false]}",
        "ensemble: 3, target_jobs: 2, seed: 5, precision: mixed_bfloat16, ema: 0.999, input_noise: 0.1",
    ],
)
def test_settings_that_go_together_are_no_problem(settings: str) -> None:
    assert problems_of(f"models: {{deep: {{{settings}}}}}") == []


def test_least_weights_may_be_all_that_there_is_to_weigh() -> None:
    assert problems_of("models: {b: {kind: blend, members: [ridge, deep], least: {ridge: 0.7, deep: 0.3}}}") == []


def test_the_cell_of_a_grid_serves_as_baseline_and_in_a_blend() -> None:
    assert problems_of(
        "{models: {g: {kind: network, grid: {dropout: [0, 0.1]}}, b: {kind: blend, members: [g-0, g-0p1]}},"
        " report: {baseline: g-0p1}}"
    ) == []  # fmt: skip


def test_every_mistake_of_a_config_is_listed() -> None:
    assert problems_of("{modles: 1, split: {seed: x}, report: {basline: x}}") == [
        "modles: unknown key; did you mean models?",
        "report.basline: unknown key; did you mean baseline?",
        "split.seed: 'x' should be a whole number",
    ]


def test_a_series_whose_file_is_damaged_is_one_clear_line(tmp_path: Path) -> None:
    lies = tmp_path / series_path("GSE781")
    lies.parent.mkdir(parents=True)
    shutil.copy(ROOT / "resources/demo/geo" / series_path("GSE781"), lies)
    with lies.open("r+b") as file:
        file.seek(30)
        file.write(b"\xff" * 60)
    problems = problems_of(f"geo: {{mirror: {tmp_path}}}")
    assert len(problems) == 1
    assert problems[0].startswith(f"external.kidney: {lies}: not readable")


def test_what_an_address_has_is_not_asked_before_the_run() -> None:
    assert problems_of("{geo: {mirror: 'https://localhost:1/geo'}, external: {kidney: {geo: GSE999999}}}") == []


def test_entries_set_to_null_are_left_out_and_the_config_itself_is_not_changed() -> None:
    config = merged(yaml.safe_load(SMALL), {"models": {"deep": None}, "external": {"kidney": None}})
    found = without_dropped(config)
    assert list(found["models"]) == ["ridge"]
    assert found["external"] == {}
    assert config["models"]["deep"] is None


def described(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any], set[str]]]:
    """Yield every property of a schema, wherever it stands, with its place and its parent's required keys."""
    for key, value in schema.items():
        if key == "properties":
            for name, found in value.items():
                yield f"{place}.{name}", found, set(schema.get("required", []))
                yield from described(found, f"{place}.{name}")
        elif isinstance(value, dict):
            yield from described(value, f"{place}/{key}")
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    yield from described(item, f"{place}/{key}")


def test_every_key_of_the_schema_is_described() -> None:
    found = list(described(SCHEMA))
    assert len(found) > 45
    assert [place for place, schema, _ in found if len(schema.get("description", "")) < 10] == []


def test_preprocessing_dgex_turns_the_keys_that_are_at_their_defaults() -> None:
    config = with_preprocessing(completed(yaml.safe_load(f"{SMALL}\npreprocessing: dgex\n")))
    assert config["compendium"]["collapse"] == config["compendium"]["duplicates"]["rule"] == "dgex"
    assert config["genes"] == {"landmarks": "dgex", "targets": "dgex"}
    own = completed(yaml.safe_load(f"{SMALL}\npreprocessing: dgex\ngenes: {{targets: [TP53]}}\n"))
    assert with_preprocessing(own)["genes"] == {"landmarks": "dgex", "targets": ["TP53"]}
    assert own["genes"]["landmarks"] == SCHEMA["properties"]["genes"]["properties"]["landmarks"]["default"]
    plain = completed(yaml.safe_load(SMALL))
    assert with_preprocessing(plain) == plain


def test_every_key_has_a_default_or_a_reason_to_have_none() -> None:
    without = {place for place, schema, required in described(SCHEMA) if "default" not in schema}
    # Which source, or which group of one: no default; settings of models come from presets.
    of_sources = ("geo", "list", "platform", "matrix", "series", "group", "annotation", "lengths", "licence")
    source = {f"/$defs/source.{key}" for key in of_sources}
    model = {f"/$defs/model.{key}" for key in SCHEMA["$defs"]["model"]["properties"]}
    inferred = {"/$defs/inference.profiles", "/$defs/inference.model"}
    assert without - source - model - inferred == {".genes.targets/anyOf.random"}


def test_no_part_of_the_schema_takes_unknown_keys() -> None:
    def objects(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
        if isinstance(schema, dict):
            if "properties" in schema:
                yield place, schema
            for key, value in schema.items():
                yield from objects(value, f"{place}/{key}")
        elif isinstance(schema, list):
            for value in schema:
                yield from objects(value, place)

    found = list(objects(SCHEMA))
    assert len(found) >= 10
    assert [place for place, schema in found if schema.get("additionalProperties") is not False] == []


def test_defaults_of_the_schema_pass_it() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for place, schema, _ in described(SCHEMA):
        if "default" in schema and "$ref" not in schema:
            assert (
                list(Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]}).iter_errors(schema["default"])) == []
            ), place


@pytest.mark.parametrize("asked", ["pooled", "both"])
def test_what_learns_from_auxiliary_cohorts_is_fitted_to_the_runs_own_split_alone(asked: str) -> None:
    changes = {
        "models": {
            "pooled": {"kind": "ridge", "auxiliary": True},
            "both": {"kind": "blend", "members": ["ridge", "pooled"]},
        },
        "evaluation": {"generalisation": {"models": [asked], "by": ["sample"]}},
    }
    assert meaning_problems(completed(merged(DEFAULT, changes))) == [
        "evaluation.generalisation.models: pooled learns from auxiliary cohorts, which are normalised for the run's "
        "own split"
    ]


def test_a_file_of_an_auxiliary_cohort_is_missed_where_a_model_would_learn_from_it() -> None:
    changes = {"auxiliary": {"more": {"matrix": "no/such.h5ad"}}}
    assert input_problems(completed(merged(DEFAULT, changes))) == ["auxiliary.more: there is no file no/such.h5ad"]
    without = {**changes, "models": {"pooled_kernel": None, "deep": None}}
    assert input_problems(completed(merged(DEFAULT, without))) == []


def test_presets_have_exactly_the_settings_of_networks_and_the_schema_knows_all() -> None:
    fields = {field.name for field in dataclasses.fields(NetworkSettings)}
    model = SCHEMA["$defs"]["model"]["properties"]
    # How many networks make a model is no setting of one.
    of_models = {"ensemble", "target_jobs"}
    of_baselines = {key for kind in KINDS.values() for key in kind.defaults}
    assert fields | of_models | of_baselines | {"kind", "preset", "grid", "auxiliary"} == model.keys()
    assert list(KINDS) == model["kind"]["enum"]
    assert list(PRESETS) == model["preset"]["enum"]
    validator = Draft202012Validator(SCHEMA["$defs"]["model"])
    for name, preset in PRESETS.items():
        assert preset.keys() == fields | of_models, name
        assert list(validator.iter_errors({"kind": "network", **preset})) == [], name


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.estimator])
def test_the_defaults_of_a_baseline_are_settings_that_its_estimator_takes_and_the_schema_allows(name: str) -> None:
    kind = KINDS[name]
    estimator = load_class(kind.estimator)
    settings = model_settings({"kind": name})
    assert settings == kind.defaults | kind.fixed
    assert all(getattr(estimator(**settings), key) == value for key, value in settings.items())
    assert settings.keys() == {field.name for field in dataclasses.fields(estimator)}
    assert list(Draft202012Validator(SCHEMA["$defs"]["model"]).iter_errors({"kind": name, **settings})) == []
    assert hasattr(load_class(kind.model), "carriers") == kind.carries


def test_a_whole_number_with_a_point_is_a_whole_number() -> None:
    found = model_settings({"kind": "network", "hidden": [8.0], "epochs": 2.0, "rank": 4.0, "dropout": 0})
    assert [type(value) for value in (*found["hidden"], found["epochs"], found["rank"], found["batch"])] == [int] * 4
    assert found["dropout"] == 0
    assert found["patience"] is None


def test_series_from_a_column_may_make_groups_enough() -> None:
    assert problems_of("{split: {by: series}, compendium: {sources: {gdsc: {series: study}}}}") == []


def test_a_networks_own_settings_lie_over_its_preset() -> None:
    found = model_settings({"kind": "network", "preset": "relu_tanh", "epochs": 3})
    assert found == {**PRESETS["relu_tanh"], "epochs": 3}
    assert model_settings({"kind": "network"}) == PRESETS[DEFAULT_PRESET]
    assert PRESETS["relu_tanh"]["epochs"] == 20


@pytest.mark.parametrize(
    ("entry", "rate"),
    [
        ({}, 5e-4),
        ({"hidden": [1000]}, 5e-4),
        ({"hidden": [1000, 1000]}, 3e-4),
        ({"hidden": [9, 9, 9], "learning_rate": 0.01}, 0.01),
    ],
)
def test_the_papers_deeper_networks_learn_at_the_papers_lower_rate(entry: dict[str, Any], rate: float) -> None:
    assert model_settings({"kind": "network", "preset": "dgex", **entry})["learning_rate"] == rate


def test_ridge_chooses_among_30_lambdas_from_1e_minus_4_to_100() -> None:
    lambdas = model_settings({"kind": "ridge"})["lambdas"]
    assert len(lambdas) == 30
    assert (lambdas[0], lambdas[-1]) == pytest.approx((1e-4, 100))
    ratios = [two / one for one, two in itertools.pairwise(lambdas)]
    assert ratios == pytest.approx([10 ** (6 / 29)] * 29)
    assert model_settings({"kind": "ridge", "lambdas": [1, 2]}) == {
        "lambdas": [1, 2],
        "choose": "leave_one_out",
        "per_target": True,
    }
    assert model_settings({"kind": "ols"}) == {}
