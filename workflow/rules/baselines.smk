"""Baselines, one job a model, and blends of models."""


rule baseline:
    input:
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
    output:
        weights="results/models/{model}/weights.h5",
        metrics="results/models/{model}/metrics.json",
        targets="results/models/{model}/targets.tsv",
    log:
        "results/logs/baseline/{model}.log",
    benchmark:
        "results/benchmarks/baseline/{model}.tsv"
    wildcard_constraints:
        model=one_of(BASELINES),
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        kind=lambda wildcards: MODELS[wildcards.model]["kind"],
        settings=lambda wildcards: model_settings(MODELS[wildcards.model]),
        estimator=lambda wildcards: kind_of(wildcards.model).estimator,
        code=lambda wildcards: code("baseline", module_of(kind_of(wildcards.model).estimator)),
    script:
        "../scripts/baseline.py"


rule blend:
    input:
        members=lambda wildcards: expand("results/models/{member}/weights.h5", member=members(wildcards)),
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
    output:
        weights="results/models/{model}/weights.h5",
        metrics="results/models/{model}/metrics.json",
        targets="results/models/{model}/targets.tsv",
    log:
        "results/logs/blend/{model}.log",
    benchmark:
        "results/benchmarks/blend/{model}.tsv"
    wildcard_constraints:
        model=one_of(BLENDS),
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=lambda wildcards: model_settings(MODELS[wildcards.model]),
        models=lambda wildcards: [kind_of(member).model for member in members(wildcards)],
        code=lambda wildcards: code("blend", *(module_of(kind_of(member).model) for member in members(wildcards))),
    script:
        "../scripts/blend.py"
