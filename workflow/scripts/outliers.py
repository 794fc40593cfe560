"""Rule outliers: how unlike the training samples every sample of a cohort is."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.evaluation.outliers import write_outliers
    from landex.parts import rows_of_cohort

    write_outliers(
        snakemake.input.normalised,
        rows_of_cohort(snakemake.input.split, snakemake.wildcards.cohort),
        snakemake.input.compendium,
        snakemake.input.split,
        snakemake.input.references,
        snakemake.output.outliers,
    )
