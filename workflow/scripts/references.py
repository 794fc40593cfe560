"""Rule references: learn the two references from the training samples."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.references import Rules, write_references

    write_references(
        snakemake.input.compendium,
        snakemake.input.genes,
        snakemake.input.split,
        Rules.of(snakemake.params.preprocessing, snakemake.params.ties),
        snakemake.threads,
        snakemake.output.references,
    )
