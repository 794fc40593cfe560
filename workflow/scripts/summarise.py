"""Rule summarise: the report's two tables, cohort by cohort and gene by gene, from all evaluation tables."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.files import atomic
    from landex.summary import read_comparisons, read_evaluations, read_models, summarise, widen

    strata, pairs = read_evaluations(snakemake.input.strata), read_comparisons(snakemake.input.pairs)
    models = read_models(snakemake.input.metrics)
    tables = {
        snakemake.output.summary: summarise(strata, pairs, models, snakemake.params.baseline),
        snakemake.output.genes: widen(read_evaluations(snakemake.input.targets)),
    }
    for path, table in tables.items():
        with atomic(path) as temporary:
            # Six digits: more than a metric in single precision holds.
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
