"""GEO series from a mirror, whole and checked."""


rule retrieve:
    output:
        soft="resources/downloads/{series}_family.soft.gz",
    log:
        "results/logs/retrieve/{series}.log",
    benchmark:
        "results/benchmarks/retrieve/{series}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=60,
    params:
        origin=origin_of,
        code=code("retrieve"),
    script:
        "../scripts/retrieve.py"
