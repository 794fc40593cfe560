"""Rule normalise: the compendium in z-scores."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.normalise import normalise_compendium

    normalise_compendium(
        snakemake.input.compendium, snakemake.input.references, snakemake.output.matrix, snakemake.threads
    )
