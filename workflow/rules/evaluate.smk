"""Predictions on samples never seen, their errors, what these are worth, and which landmarks they come from."""


rule predict:
    input:
        weights="results/{variation}models/{model}/weights.h5",
        normalised=normalised_cohort,
        split="results/{variation}split/split.tsv",
    output:
        predictions="results/{variation}predictions/{model}.{cohort}.h5",
    log:
        "results/{variation}logs/predict/{model}.{cohort}.log",
    benchmark:
        "results/{variation}benchmarks/predict/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(PREDICTED),
        model=one_of(name for name in MODELS if name not in BLENDS + CARRYING),
    conda:
        "../../envs/networks.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("predict"),
        runtime=runtime_of("predict"),
    params:
        model=lambda wildcards: kind_of(wildcards.model).model,
        code=lambda wildcards: code("predict", module_of(kind_of(wildcards.model).model)),
    script:
        "../scripts/predict.py"


use rule predict as predict_carried with:
    output:
        predictions="results/{variation}predictions/{model}.{cohort}.h5",
        carriers="results/{variation}predictions/{model}.{cohort}.carriers.tsv.gz",
    log:
        "results/{variation}logs/predict_carried/{model}.{cohort}.log",
    benchmark:
        "results/{variation}benchmarks/predict_carried/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(PREDICTED),
        model=one_of(CARRYING),


rule predict_blend:
    input:
        weights="results/{variation}models/{model}/weights.h5",
        predictions=lambda wildcards: [
            f"results/{wildcards.variation}predictions/{member}.{wildcards.cohort}.h5" for member in members(wildcards)
        ],
    output:
        predictions="results/{variation}predictions/{model}.{cohort}.h5",
    log:
        "results/{variation}logs/predict_blend/{model}.{cohort}.log",
    benchmark:
        "results/{variation}benchmarks/predict_blend/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(PREDICTED),
        model=one_of(BLENDS),
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("predict_blend"),
        runtime=runtime_of("predict_blend"),
    params:
        code=code("predict_blend"),
    script:
        "../scripts/predict_blend.py"


rule calibrate:
    # Prediction intervals and trust, on the part of validation that nothing else looked at.
    input:
        predictions="results/predictions/{model}.calibrate.h5",
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
        references="results/normalised/references.h5",
    output:
        trust="results/evaluation/trust/{model}.tsv",
    log:
        "results/logs/calibrate/{model}.log",
    benchmark:
        "results/benchmarks/calibrate/{model}.tsv"
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("calibrate"),
        runtime=runtime_of("calibrate"),
    params:
        coverage=config["evaluation"]["coverage"],
        bars=BARS,
        code=code("calibrate"),
    script:
        "../scripts/calibrate.py"


rule evaluate:
    input:
        predictions="results/{variation}predictions/{model}.{cohort}.h5",
        normalised=normalised_cohort,
        split="results/{variation}split/split.tsv",
        # Variations answer other questions than which targets to trust.
        trust=lambda wildcards: [] if wildcards.variation else f"results/evaluation/trust/{wildcards.model}.tsv",
        references=lambda wildcards: [] if wildcards.variation else "results/normalised/references.h5",
    output:
        targets="results/{variation}evaluation/{model}.{cohort}.tsv",
        samples="results/{variation}evaluation/samples/{model}.{cohort}.tsv",
        strata="results/{variation}evaluation/strata/{model}.{cohort}.tsv",
    log:
        "results/{variation}logs/evaluate/{model}.{cohort}.log",
    benchmark:
        "results/{variation}benchmarks/evaluate/{model}.{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("evaluate"),
        runtime=runtime_of("evaluate"),
    params:
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"


rule compare:
    input:
        predictions=lambda wildcards: expand(
            "results/predictions/{model}.{cohort}.h5", model=MODELS, cohort=wildcards.cohort
        ),
        normalised=lambda wildcards: normalised_matrix(wildcards.cohort),
        split="results/split/split.tsv",
    output:
        pairs="results/evaluation/comparisons/{cohort}.tsv",
        genes="results/evaluation/comparisons/{cohort}.genes.tsv.gz",
    log:
        "results/logs/compare/{cohort}.log",
    benchmark:
        "results/benchmarks/compare/{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
    conda:
        "../../envs/baselines.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("compare"),
        runtime=runtime_of("compare"),
    params:
        baseline=BASELINE,
        certainty=CERTAINTY,
        code=code("compare"),
    script:
        "../scripts/compare.py"


rule outliers:
    input:
        normalised=lambda wildcards: normalised_matrix(wildcards.cohort),
        compendium="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
        references="results/normalised/references.h5",
    output:
        outliers="results/evaluation/outliers/{cohort}.tsv",
    log:
        "results/logs/outliers/{cohort}.log",
    benchmark:
        "results/benchmarks/outliers/{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(EVALUATED),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("outliers"),
        runtime=runtime_of("outliers"),
    params:
        code=code("outliers"),
    script:
        "../scripts/outliers.py"


rule judge:
    input:
        pairs=expand("results/evaluation/comparisons/{cohort}.tsv", cohort=EVALUATED),
        metrics=expand("results/models/{model}/metrics.json", model=MODELS),
        targets=expand("results/evaluation/{model}.{cohort}.tsv", model=MODELS, cohort=EVALUATED),
        trust=expand("results/evaluation/trust/{model}.tsv", model=MODELS),
        samples=[f"results/{variation}evaluation/samples/{model}.{cohort}.tsv" for variation, model, cohort in TESTS],
        splits=[split_of(variation) for variation in (*RESPLIT, *THINNED)],
        quality=expand("results/cohorts/{cohort}.qc.tsv", cohort=COHORTS),
    output:
        verdict="results/evaluation/verdict.tsv",
        intervals="results/evaluation/intervals.tsv",
        trust="results/evaluation/trust.tsv",
        learning_curve="results/evaluation/learning_curve.tsv",
        generalisation="results/evaluation/generalisation.tsv",
    log:
        "results/logs/judge/judge.log",
    benchmark:
        "results/benchmarks/judge/judge.tsv"
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("judge"),
        runtime=runtime_of("judge"),
    params:
        baseline=BASELINE,
        split_by=RESPLIT,
        fractions=THINNED,
        certainty=CERTAINTY,
        coverage=config["evaluation"]["coverage"],
        bars=BARS,
        code=code("judge"),
    script:
        "../scripts/judge.py"


rule importance:
    input:
        weights="results/models/{model}/weights.h5",
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
        references="results/normalised/references.h5",
    output:
        landmarks="results/evaluation/importance/{model}.landmarks.tsv",
        targets="results/evaluation/importance/{model}.targets.tsv.gz",
        ablation="results/evaluation/importance/{model}.ablation.tsv",
        heatmap="results/evaluation/importance/{model}.heatmap.tsv.gz",
    log:
        "results/logs/importance/{model}.log",
    benchmark:
        "results/benchmarks/importance/{model}.tsv"
    wildcard_constraints:
        model=one_of(WEIGHED),
    conda:
        "../../envs/networks.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("importance"),
        runtime=runtime_of("importance"),
    params:
        model=lambda wildcards: kind_of(wildcards.model).model,
        certainty=CERTAINTY,
        code=lambda wildcards: code("importance", module_of(kind_of(wildcards.model).model)),
    script:
        "../scripts/importance.py"
