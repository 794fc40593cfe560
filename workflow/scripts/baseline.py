"""Rule baseline: fit one baseline."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.baselines.fit import fit_baseline

    fit_baseline(
        snakemake.params.kind,
        snakemake.params.estimator,
        snakemake.params.settings,
        snakemake.threads,
        snakemake.input.normalised,
        snakemake.input.split,
        next(iter(snakemake.input.auxiliary), None),
        snakemake.output.weights,
        snakemake.output.metrics,
        snakemake.output.targets,
    )
