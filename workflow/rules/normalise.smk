"""Frozen references from the training samples, and z-scores of everything."""


rule references:
    input:
        compendium="results/compendium/compendium.h5ad",
        genes="results/split/genes.tsv",
        split="results/{variation}split/split.tsv",
    output:
        references="results/{variation}normalised/references.h5",
    log:
        "results/{variation}logs/references/references.log",
    benchmark:
        "results/{variation}benchmarks/references/references.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=memory_of("references"),
        runtime=runtime_of("references"),
    params:
        preprocessing=config["preprocessing"],
        ties=config["normalise"]["ties"],
        code=code("references"),
    script:
        "../scripts/references.py"


rule normalise:
    input:
        compendium="results/compendium/compendium.h5ad",
        references="results/{variation}normalised/references.h5",
    output:
        matrix="results/{variation}normalised/compendium.h5ad",
    log:
        "results/{variation}logs/normalise/compendium.log",
    benchmark:
        "results/{variation}benchmarks/normalise/compendium.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=memory_of("normalise"),
        runtime=runtime_of("normalise"),
    params:
        code=code("normalise"),
    script:
        "../scripts/normalise.py"


rule normalise_external:
    input:
        cohort="results/cohorts/{cohort}.h5ad",
        compendium="results/compendium/compendium.h5ad",
        split="results/split/split.tsv",
        references="results/normalised/references.h5",
    output:
        matrix="results/normalised/{cohort}.h5ad",
    log:
        "results/logs/normalise_external/{cohort}.log",
    benchmark:
        "results/benchmarks/normalise_external/{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of([*EXTERNAL, *AUXILIARY]),
    conda:
        "../../envs/data.yaml"
    threads: 8
    resources:
        mem_mb=memory_of("normalise_external"),
        runtime=runtime_of("normalise_external"),
    params:
        harmonise=lambda wildcards: COHORTS[wildcards.cohort]["harmonise"],
        fewest_landmarks=fewest_landmarks,
        optional=lambda wildcards: wildcards.cohort in AUXILIARY,
        code=code("normalise_external"),
    script:
        "../scripts/normalise_external.py"


rule auxiliary:
    input:
        normalised=expand("results/normalised/{cohort}.h5ad", cohort=AUXILIARY),
        cohorts=expand("results/cohorts/{cohort}.h5ad", cohort=AUXILIARY),
        compendium="results/compendium/compendium.h5ad",
        external=expand("results/cohorts/{cohort}.h5ad", cohort=EXTERNAL),
    output:
        matrix="results/auxiliary/auxiliary.h5ad",
        duplicates="results/auxiliary/duplicates.tsv",
    log:
        "results/logs/auxiliary/auxiliary.log",
    benchmark:
        "results/benchmarks/auxiliary/auxiliary.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("auxiliary"),
        runtime=runtime_of("auxiliary"),
    params:
        auxiliary=list(AUXILIARY),
        external=list(EXTERNAL),
        distance=DUPLICATES["distance"],
        code=code("auxiliary"),
    script:
        "../scripts/auxiliary.py"
