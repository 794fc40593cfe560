"""Rule join_network: the pieces of a network as one model."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.networks.join import join_networks

    folders = [Path(weights).parent for weights in snakemake.input.weights]
    join_networks(
        {folder.name: folder for folder in folders},
        snakemake.input.normalised,
        snakemake.input.split,
        snakemake.output.weights,
        snakemake.output.history,
        snakemake.output.metrics,
    )
