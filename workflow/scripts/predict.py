"""Rules predict and predict_carried: one model's predictions on the test part or an external cohort."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.parts import rows_of_part
    from landex.predict import write_predictions

    rows = rows_of_part(snakemake.input.split, "test") if snakemake.wildcards.cohort == "test" else None
    write_predictions(
        snakemake.input.weights,
        snakemake.params.model,
        snakemake.input.normalised,
        snakemake.output.predictions,
        rows,
        snakemake.output.get("carriers"),
    )
