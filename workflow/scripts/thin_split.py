"""Rule thin_split: the split with fewer training samples, for a learning curve."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.parts import thin_parts

    thin_parts(
        snakemake.input.split,
        snakemake.params.fraction,
        snakemake.params.undivided,
        snakemake.params.seed,
        snakemake.output.split,
    )
