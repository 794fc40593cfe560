"""Rule normalise_external: an external cohort in z-scores, in both scalings."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.normalise import normalise_external

    normalise_external(
        snakemake.input.cohort,
        snakemake.input.compendium,
        snakemake.input.split,
        snakemake.input.references,
        snakemake.output.matrix,
        snakemake.params.harmonise,
        snakemake.params.fewest_landmarks,
        snakemake.params.optional,
        snakemake.threads,
    )
