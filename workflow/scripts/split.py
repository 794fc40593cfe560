"""Rule split: which samples train, validate and test."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.parts import write_parts

    write_parts(
        snakemake.input.compendium,
        snakemake.params.by,
        snakemake.params.fractions,
        snakemake.params.seed,
        snakemake.output.split,
    )
