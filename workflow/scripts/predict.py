"""Rules predict and predict_carried: one model's predictions on a part of the compendium or an external cohort."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.parts import rows_of_cohort
    from landex.predict import write_predictions

    write_predictions(
        snakemake.input.weights,
        snakemake.params.model,
        snakemake.input.normalised,
        snakemake.output.predictions,
        rows_of_cohort(snakemake.input.split, snakemake.wildcards.cohort),
        snakemake.output.get("carriers"),
    )
