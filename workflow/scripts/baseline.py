"""Rule baseline: fit one linear model."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.baselines import fit_baseline

    fit_baseline(
        snakemake.params.kind,
        snakemake.params.settings,
        snakemake.input.normalised,
        snakemake.input.split,
        snakemake.output.weights,
        snakemake.output.metrics,
    )
