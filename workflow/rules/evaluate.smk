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
        model=one_of(name for name in MODELS if name not in BLENDS + CARRYING),
    conda:
        "../../envs/networks.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        model=lambda wildcards: kind_of(wildcards.model).model,
        code=lambda wildcards: code("predict", module_of(kind_of(wildcards.model).model)),
    script:
        "../scripts/predict.py"


use rule predict as predict_carried with:
    output:
        predictions="results/predictions/{model}.{cohort}.h5",
        carriers="results/predictions/{model}.{cohort}.carriers.tsv.gz",
    log:
        "results/logs/predict_carried/{model}.{cohort}.log",
    benchmark:
        "results/benchmarks/predict_carried/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
        model=one_of(CARRYING),


rule predict_blend:
    input:
        weights="results/models/{model}/weights.h5",
        predictions=lambda wildcards: expand(
            "results/predictions/{member}.{cohort}.h5", member=members(wildcards), cohort=wildcards.cohort
        ),
    output:
        predictions="results/predictions/{model}.{cohort}.h5",
    log:
        "results/logs/predict_blend/{model}.{cohort}.log",
    benchmark:
        "results/benchmarks/predict_blend/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
        model=one_of(BLENDS),
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        code=code("predict_blend"),
    script:
        "../scripts/predict_blend.py"


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
