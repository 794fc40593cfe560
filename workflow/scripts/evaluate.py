"""Rule evaluate: one model's errors on the test part or an external cohort."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.evaluate import write_evaluation
    from landex.parts import rows_of_part

    rows = rows_of_part(snakemake.input.split, "test") if snakemake.wildcards.cohort == "test" else None
    write_evaluation(snakemake.input.predictions, snakemake.input.normalised, snakemake.output.metrics, rows)
