"""Rule evaluate: one model's errors on the test part or an external cohort."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.evaluation.evaluate import evaluate
    from landex.evaluation.intervals import Intervals
    from landex.parts import rows_of_cohort

    trust = snakemake.input.trust
    evaluate(
        snakemake.input.predictions,
        snakemake.input.normalised,
        rows_of_cohort(snakemake.input.split, snakemake.wildcards.cohort),
        Intervals.read(trust, snakemake.input.references) if trust else None,
        snakemake.threads,
    ).write(snakemake.output.targets, snakemake.output.samples, snakemake.output.strata)
