"""Rule network: train one network."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.training import fit_network

    fit_network(
        snakemake.params.preset,
        snakemake.params.settings,
        snakemake.threads,
        snakemake.input.normalised,
        snakemake.input.split,
        snakemake.output.weights,
        snakemake.output.history,
        snakemake.output.metrics,
    )
