"""The report: two tables, the page, and static figures for Snakemake's own report."""


rule summarise:
    input:
        targets=expand("results/evaluation/{model}.{cohort}.tsv", model=MODELS, cohort=EVALUATED),
        strata=expand("results/evaluation/strata/{model}.{cohort}.tsv", model=MODELS, cohort=EVALUATED),
        pairs=expand("results/evaluation/comparisons/{cohort}.tsv", cohort=EVALUATED),
        metrics=expand("results/models/{model}/metrics.json", model=MODELS),
    output:
        summary=report(
            "results/report/summary.tsv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "by model and cohort"},
        ),
        genes=report(
            "results/report/genes.tsv",
            caption="../report/genes.rst",
            category="Tables",
            labels={"table": "by gene"},
        ),
    log:
        "results/logs/summarise/summarise.log",
    benchmark:
        "results/benchmarks/summarise/summarise.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        baseline=BASELINE,
        code=code("summarise"),
    script:
        "../scripts/summarise.py"


rule report:
    input:
        summary="results/report/summary.tsv",
        genes="results/report/genes.tsv",
        verdict="results/evaluation/verdict.tsv",
        metrics=expand("results/models/{model}/metrics.json", model=MODELS),
        histories=expand("results/models/{model}/history.tsv", model=NETWORKS),
        quality=expand("results/cohorts/{cohort}.qc.tsv", cohort=COHORTS),
        duplicates="results/compendium/duplicates.tsv",
        split="results/split/split.tsv",
        roles="results/split/genes.tsv",
        template="workflow/report/page.html.j2",
        style="workflow/report/page.css",
        behaviour="workflow/report/page.js",
    output:
        page="results/report/report.html",
        density=[figure("density", cohort) for cohort in EVALUATED],
        scatter=[figure("scatter", cohort) for cohort in SCATTERED],
        learning_curves=learning_curves(),
    log:
        "results/logs/report/report.log",
    benchmark:
        "results/benchmarks/report/report.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        baseline=BASELINE,
        external=list(EXTERNAL),
        split_by=config["split"]["by"],
        fractions=config["split"]["fractions"],
        seed=config["split"]["seed"],
        code=code("report"),
    script:
        "../scripts/report.py"
