"""Rule calibrate: a model's prediction intervals, and the trust in each target."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.evaluation.calibrate import write_trust
    from landex.evaluation.trust import Bars

    write_trust(
        snakemake.input.predictions,
        snakemake.input.normalised,
        snakemake.input.split,
        snakemake.input.references,
        snakemake.params.coverage,
        Bars(**snakemake.params.bars),
        snakemake.output.trust,
        snakemake.threads,
    )
