"""The compendium: the cohorts to learn from, joined on genes, every sample once."""


rule compendium:
    input:
        sources=expand("results/cohorts/{cohort}.h5ad", cohort=SOURCES),
        external=expand("results/cohorts/{cohort}.h5ad", cohort=EXTERNAL),
        fates=expand("results/cohorts/{cohort}.qc.tsv", cohort=SOURCES),
    output:
        matrix="results/compendium/compendium.h5ad",
        duplicates="results/compendium/duplicates.tsv",
        lost="results/compendium/lost_genes.tsv",
        provenance="results/compendium/provenance.tsv",
    log:
        "results/logs/compendium/compendium.log",
    benchmark:
        "results/benchmarks/compendium/compendium.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("compendium"),
        runtime=runtime_of("compendium"),
    params:
        sources=list(SOURCES),
        external=list(EXTERNAL),
        join=config["compendium"]["join"],
        missing_genes=config["compendium"]["missing_genes"],
        distance=DUPLICATES["distance"] if DUPLICATES["rule"] == "profiles" else None,
        code=code("compendium"),
    script:
        "../scripts/compendium.py"
