"""Rule predict_blend: a blend's predictions, from those of its members."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.blends import write_blended_predictions

    write_blended_predictions(snakemake.input.weights, snakemake.input.predictions, snakemake.output.predictions)
