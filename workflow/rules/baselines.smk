"""Baselines, one job a model, and blends of models."""


rule baseline:
    input:
        normalised=normalised_compendium,
        split="results/{variation}split/split.tsv",
        auxiliary=auxiliary_samples,
    output:
        weights="results/{variation}models/{model}/weights.h5",
        metrics="results/{variation}models/{model}/metrics.json",
        targets="results/{variation}models/{model}/targets.tsv",
    log:
        "results/{variation}logs/baseline/{model}.log",
    benchmark:
        "results/{variation}benchmarks/baseline/{model}.tsv"
    wildcard_constraints:
        model=one_of(BASELINES),
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        mem_mb=memory_of(more=size_learnt_from),
        runtime=runtime_of(more=size_learnt_from),
    params:
        kind=lambda wildcards: MODELS[wildcards.model]["kind"],
        settings=lambda wildcards: model_settings(MODELS[wildcards.model]),
        estimator=lambda wildcards: kind_of(wildcards.model).estimator,
        code=lambda wildcards: code("baseline", module_of(kind_of(wildcards.model).estimator)),
    script:
        "../scripts/baseline.py"


rule blend:
    input:
        members=weights_of_members,
        normalised=normalised_compendium,
        split="results/{variation}split/split.tsv",
    output:
        weights="results/{variation}models/{model}/weights.h5",
        metrics="results/{variation}models/{model}/metrics.json",
        targets="results/{variation}models/{model}/targets.tsv",
    log:
        "results/{variation}logs/blend/{model}.log",
    benchmark:
        "results/{variation}benchmarks/blend/{model}.tsv"
    wildcard_constraints:
        model=one_of(BLENDS),
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("blend"),
        runtime=runtime_of("blend"),
    params:
        settings=lambda wildcards: model_settings(MODELS[wildcards.model]),
        models=lambda wildcards: [kind_of(member).model for member in members(wildcards)],
        code=lambda wildcards: code("blend", *(module_of(kind_of(member).model) for member in members(wildcards))),
    script:
        "../scripts/blend.py"
