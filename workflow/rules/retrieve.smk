"""Files of GEO from a mirror, whole and checked."""


rule retrieve:
    # The file itself lies beside its receipt: no output, so that Snakemake leaves what is there and whole alone.
    output:
        receipt="resources/downloads/{file}.json",
    log:
        "results/logs/retrieve/{file}.log",
    benchmark:
        "results/benchmarks/retrieve/{file}.tsv"
    conda:
        "../../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("retrieve"),
        runtime=runtime_of("retrieve"),
        # A request a second: all jobs together make as many as there are of this, see profiles/default.
        geo_requests=1,
    params:
        origin=origin_of,
        # A file that the network failed to give is tried again at the next call.
        attempt=attempt_of,
        code=code("retrieve"),
    script:
        "../scripts/retrieve.py"
