"""Rule cohort_matrix: a cohort from a matrix file."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.cohort import Limits
    from landex.genes import GeneTables
    from landex.matrix_cohort import MatrixSource, write_matrix_cohort

    settings = (
        "genes", "series", "group", "platform", "annotation", "lengths", "samples", "collapse", "dgex_duplicates",
    )  # fmt: skip
    source = MatrixSource(
        snakemake.wildcards.cohort,
        snakemake.input.matrix,
        snakemake.params.scale,
        **{name: snakemake.params[name] for name in settings},
        limits=Limits(snakemake.params.missing),
    )
    tables = GeneTables(snakemake.input.names, snakemake.input.landmarks, snakemake.input.targets)
    write_matrix_cohort(source, tables, snakemake.output.matrix, snakemake.output.qc, snakemake.threads)
