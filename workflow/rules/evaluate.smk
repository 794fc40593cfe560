"""Predictions on samples never seen, and their errors, gene by gene."""


rule predict:
    input:
        weights="results/models/{model}/weights.h5",
        normalised=normalised_cohort,
        split="results/split/split.tsv",
    output:
        predictions="results/predictions/{model}.{cohort}.h5",
    log:
        "results/logs/predict/{model}.{cohort}.log",
    benchmark:
        "results/benchmarks/predict/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
    conda:
        "../../envs/networks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code("predict"),
    script:
        "../scripts/predict.py"


rule evaluate:
    input:
        predictions="results/predictions/{model}.{cohort}.h5",
        normalised=normalised_cohort,
        split="results/split/split.tsv",
    output:
        metrics="results/evaluation/{model}.{cohort}.tsv",
    log:
        "results/logs/evaluate/{model}.{cohort}.log",
    benchmark:
        "results/benchmarks/evaluate/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"
