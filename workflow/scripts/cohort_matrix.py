"""Rule cohort_matrix: a cohort from a matrix file."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.table import MatrixSource, write_matrix_cohort

    source = MatrixSource(
        name=snakemake.wildcards.cohort,
        path=snakemake.input.matrix,
        values=snakemake.params.scale,
        genes=snakemake.params.genes,
        series=snakemake.params.series,
        group=snakemake.params.group,
    )
    write_matrix_cohort(source, snakemake.input.names, snakemake.output.matrix, snakemake.output.qc)
