"""Rule importance: which landmarks carry which targets of a model, and what it loses without them."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.evaluation.bootstrap import Certainty
    from landex.evaluation.weigh import write_importance

    write_importance(
        snakemake.input.weights,
        snakemake.params.model,
        snakemake.input.normalised,
        snakemake.input.split,
        snakemake.input.references,
        Certainty(**snakemake.params.certainty),
        dict(snakemake.output.items()),
    )
