"""Rule blend: combine models by what they predict for the select part."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.blends import Member, write_blend

    settings = snakemake.params.settings
    members = map(Member, settings["members"], snakemake.params.models, snakemake.input.members)
    write_blend(
        list(members),
        settings,
        snakemake.input.normalised,
        snakemake.input.split,
        snakemake.output.weights,
        snakemake.output.metrics,
        snakemake.output.targets,
    )
