"""The report: two tables, the page, and static figures for papers and for Snakemake's own report."""


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
        mem_mb=memory_of("summarise"),
        runtime=runtime_of("summarise"),
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
        classes="results/evaluation/trust.tsv",
        intervals="results/evaluation/intervals.tsv",
        generalisation="results/evaluation/generalisation.tsv",
        learning_curve="results/evaluation/learning_curve.tsv",
        trust=expand("results/evaluation/trust/{model}.tsv", model=MODELS),
        outliers=expand("results/evaluation/outliers/{cohort}.tsv", cohort=EVALUATED),
        importance=collect(
            "results/evaluation/importance/{model}.{table}",
            model=WEIGHED,
            table=["landmarks.tsv", "targets.tsv.gz", "ablation.tsv", "heatmap.tsv.gz"],
        ),
        metrics=expand("results/models/{model}/metrics.json", model=MODELS),
        histories=expand("results/models/{model}/history.tsv", model=NETWORKS),
        quality=expand("results/cohorts/{cohort}.qc.tsv", cohort=COHORTS),
        duplicates="results/compendium/duplicates.tsv",
        split="results/split/split.tsv",
        roles="results/split/genes.tsv",
        references="results/normalised/references.h5",
        # What the cards of genes and the figures of normalising show some samples of.
        matrices=["results/compendium/compendium.h5ad", *expand("results/cohorts/{cohort}.h5ad", cohort=EXTERNAL)],
        normalised=expand("results/normalised/{cohort}.h5ad", cohort=["compendium", *EXTERNAL]),
        predictions=expand("results/predictions/{model}.{cohort}.h5", model=MODELS, cohort=EVALUATED),
        ids="resources/genes/ids.tsv.gz",
        template="workflow/report/page.html.j2",
        parts=PARTS_OF_PAGE,
    output:
        page="results/report/report.html",
        density=[figure("density", cohort) for cohort in EVALUATED],
        scatter=[figure("scatter", cohort) for cohort in SCATTERED],
        whole=figures_of_run(),
        # The same figures as papers take them.
        papers=[f"results/report/figures/{name}.{ending}" for name in names_of_figures() for ending in ("pdf", "png")],
    log:
        "results/logs/report/report.log",
    benchmark:
        "results/benchmarks/report/report.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("report"),
        runtime=runtime_of("report"),
    params:
        baseline=BASELINE,
        sources=in_one_order(SOURCES),
        external=in_one_order(EXTERNAL),
        auxiliary=in_one_order(AUXILIARY),
        collapse=COLLAPSE,
        duplicates=in_one_order(DUPLICATES),
        landmarks=config["genes"]["landmarks"],
        targets=config["genes"]["targets"],
        preprocessing=config["preprocessing"],
        normalise=in_one_order(config["normalise"]),
        split=in_one_order(config["split"]),
        certainty=CERTAINTY,
        coverage=config["evaluation"]["coverage"],
        bars=BARS,
        code=code("report"),
    script:
        "../scripts/report.py"
