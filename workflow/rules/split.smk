"""Roles of genes and parts of samples."""


rule roles:
    input:
        compendium="results/compendium/compendium.h5ad",
        lost="results/compendium/lost_genes.tsv",
        landmarks=ancient(config["genes"]["landmarks"]),
        dgex="resources/genes/targets.tsv",
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
        mem_mb=1000,
        runtime=10,
    params:
        targets=config["genes"]["targets"],
        files=[file_fingerprint(path) for path in (config["genes"]["landmarks"], *own_targets())],
        code=code("roles"),
    script:
        "../scripts/roles.py"


rule split:
    input:
        compendium="results/compendium/compendium.h5ad",
        parts=[ancient(path) for path in own_split()],
    output:
        split="results/split/split.tsv",
    log:
        "results/logs/split/split.log",
    benchmark:
        "results/benchmarks/split/split.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        by=config["split"]["by"],
        fractions=config["split"]["fractions"],
        seed=config["split"]["seed"],
        files=[file_fingerprint(path) for path in own_split()],
        code=code("split"),
    script:
        "../scripts/split.py"
