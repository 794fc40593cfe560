"""Rules network and network_piece: train one network."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.networks.fit import fit_network

    # Params hold what makes the network; how it is trained changes no result.
    fit_network(
        snakemake.params.preset,
        snakemake.params.settings,
        tuple(snakemake.params.part),
        snakemake.params.ridge,
        snakemake.config["train"],
        snakemake.threads,
        snakemake.input.normalised,
        snakemake.input.split,
        next(iter(snakemake.input.auxiliary), None),
        Path("results", "scratch", ".".join(snakemake.wildcards)),
        snakemake.params.code,
        snakemake.output.weights,
        snakemake.output.history,
        snakemake.output.metrics,
    )
