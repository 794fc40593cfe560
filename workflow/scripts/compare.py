"""Rule compare: all models against each other on the test part or an external cohort."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.evaluation.compare import Certainty, compare
    from landex.parts import rows_of_cohort
    from landex.predictions import by_model

    compare(
        by_model(snakemake.input.predictions),
        snakemake.input.normalised,
        snakemake.params.baseline,
        Certainty(**snakemake.params.certainty),
        rows_of_cohort(snakemake.input.split, snakemake.wildcards.cohort),
        snakemake.threads,
    ).write(snakemake.output.pairs, snakemake.output.genes)
