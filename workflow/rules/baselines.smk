"""Linear baselines, one job a model."""


rule baseline:
    input:
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
    output:
        weights="results/models/{model}/weights.h5",
        metrics="results/models/{model}/metrics.json",
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
        code=code("baseline"),
    script:
        "../scripts/baseline.py"
