"""Roles of genes and parts of samples."""


rule roles:
    input:
        compendium="results/compendium/compendium.h5ad",
        lost="results/compendium/lost_genes.tsv",
        landmarks=[ancient(path) for path in own_landmarks()],
        dgex_landmarks="resources/genes/landmarks.tsv",
        dgex_targets="resources/genes/targets.tsv",
        targets=[ancient(path) for path in own_targets()],
    output:
        genes="results/split/genes.tsv",
    log:
        "results/logs/roles/roles.log",
    benchmark:
        "results/benchmarks/roles/roles.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("roles"),
        runtime=runtime_of("roles"),
    params:
        targets=config["genes"]["targets"],
        collapse="dgex" if COLLAPSE == "dgex" else "mean",
        files=[file_fingerprint(path) for path in (*own_landmarks(), *own_targets())],
        code=code("roles"),
    script:
        "../scripts/roles.py"


rule split:
    input:
        compendium="results/compendium/compendium.h5ad",
        parts=lambda wildcards: [ancient(path) for path in own_split(wildcards)],
    output:
        split="results/{variation}split/split.tsv",
    log:
        "results/{variation}logs/split/split.log",
    benchmark:
        "results/{variation}benchmarks/split/split.tsv"
    wildcard_constraints:
        variation=one_variation_of(RESPLIT),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("split"),
        runtime=runtime_of("split"),
    params:
        by=split_by,
        fractions=config["split"]["fractions"],
        seed=config["split"]["seed"],
        files=lambda wildcards: [file_fingerprint(path) for path in own_split(wildcards)],
        code=code("split"),
    script:
        "../scripts/split.py"


rule thin_split:
    # The same split with fewer training samples, for a learning curve.
    input:
        split="results/split/split.tsv",
    output:
        split="results/{variation}split/split.tsv",
    log:
        "results/{variation}logs/thin_split/thin_split.log",
    benchmark:
        "results/{variation}benchmarks/thin_split/thin_split.tsv"
    wildcard_constraints:
        variation=one_variation_of(THINNED),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("thin_split"),
        runtime=runtime_of("thin_split"),
    params:
        fraction=lambda wildcards: THINNED[wildcards.variation],
        undivided=config["split"]["by"] == "series",
        seed=config["split"]["seed"],
        code=code("thin_split"),
    script:
        "../scripts/thin_split.py"
