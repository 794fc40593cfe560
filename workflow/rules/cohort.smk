"""Cohorts: samples x genes of one source, in log2."""


rule cohort_series:
    input:
        values=lambda wildcards: receipt_of(file_of(SERIES[wildcards.cohort])),
        family=lambda wildcards: list(map(receipt_of, family_of(SERIES[wildcards.cohort]))),
        annotation=annotation_of,
        names="resources/genes/ids.tsv.gz",
        landmarks="resources/genes/landmarks.tsv",
        targets="resources/genes/targets.tsv",
        features=[ancient(path) for path in own_features()],
    output:
        matrix="results/cohorts/{cohort}.h5ad",
        qc="results/cohorts/{cohort}.qc.tsv",
    log:
        "results/logs/cohort_series/{cohort}.log",
    benchmark:
        "results/benchmarks/cohort_series/{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(SERIES),
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("cohort_series", size_of_downloads),
        runtime=runtime_of("cohort_series", size_of_downloads),
    params:
        series=lambda wildcards: SERIES[wildcards.cohort]["geo"],
        platform=lambda wildcards: SERIES[wildcards.cohort]["platform"],
        values=lambda wildcards: SERIES[wildcards.cohort]["values"],
        file=lambda wildcards: SERIES[wildcards.cohort]["file"],
        group=lambda wildcards: SERIES[wildcards.cohort].get("group", ""),
        ambiguous=config["compendium"]["ambiguous_probes"],
        collapse=COLLAPSE,
        missing=QUALITY["missing"],
        outlier=QUALITY["outlier"],
        # What is tested on has to be there; a source may be left out.
        skip=lambda wildcards: config["geo"]["on_error"] == "skip" and wildcards.cohort in SOURCES,
        files=lambda wildcards: list(map(file_fingerprint, (*own_annotation(wildcards), *own_features()))),
        code=code("cohort_series"),
    script:
        "../scripts/cohort_series.py"


rule cohort_matrix:
    input:
        # Its fingerprint among the params tells whether it changed; its date does not.
        matrix=lambda wildcards: ancient(MATRICES[wildcards.cohort]["matrix"]),
        names="resources/genes/ids.tsv.gz",
        landmarks="resources/genes/landmarks.tsv",
        targets="resources/genes/targets.tsv",
        features=[ancient(path) for path in own_features()],
        tables=lambda wildcards: [ancient(path) for path in tables_of(wildcards)],
    output:
        matrix="results/cohorts/{cohort}.h5ad",
        qc="results/cohorts/{cohort}.qc.tsv",
    log:
        "results/logs/cohort_matrix/{cohort}.log",
    benchmark:
        "results/benchmarks/cohort_matrix/{cohort}.tsv"
    wildcard_constraints:
        cohort=one_of(MATRICES),
    conda:
        "../../envs/data.yaml"
    threads: 2
    resources:
        mem_mb=memory_of("cohort_matrix", size_of_text("matrix")),
        runtime=runtime_of("cohort_matrix", size_of_text("matrix")),
    params:
        file=lambda wildcards: file_fingerprint(MATRICES[wildcards.cohort]["matrix"]),
        files=lambda wildcards: [file_fingerprint(path) for path in (*tables_of(wildcards), *own_features())],
        scale=lambda wildcards: MATRICES[wildcards.cohort]["values"],
        genes=lambda wildcards: MATRICES[wildcards.cohort]["genes"],
        series=lambda wildcards: MATRICES[wildcards.cohort].get("series"),
        group=lambda wildcards: MATRICES[wildcards.cohort].get("group"),
        platform=lambda wildcards: MATRICES[wildcards.cohort].get("platform", ""),
        annotation=lambda wildcards: MATRICES[wildcards.cohort].get("annotation"),
        lengths=lambda wildcards: MATRICES[wildcards.cohort].get("lengths"),
        samples=lambda wildcards: MATRICES[wildcards.cohort]["samples"],
        collapse=COLLAPSE,
        missing=QUALITY["missing"],
        dgex_duplicates=lambda wildcards: wildcards.cohort in SOURCES and DUPLICATES["rule"] == "dgex",
        code=code("cohort_matrix"),
    script:
        "../scripts/cohort_matrix.py"
