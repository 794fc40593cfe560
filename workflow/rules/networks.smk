"""Networks, one job a model, one training a card."""


rule network:
    input:
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
    output:
        weights="results/models/{model}/weights.h5",
        history="results/models/{model}/history.tsv",
        metrics="results/models/{model}/metrics.json",
    log:
        "results/logs/network/{model}.log",
    benchmark:
        "results/benchmarks/network/{model}.tsv"
    wildcard_constraints:
        model=one_of(NETWORKS),
    conda:
        "../../envs/networks.yaml"
    threads: 8
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=720,
    params:
        preset=lambda wildcards: MODELS[wildcards.model].get("preset"),
        settings=lambda wildcards: model_settings(MODELS[wildcards.model]),
        code=code("network"),
    script:
        "../scripts/network.py"
