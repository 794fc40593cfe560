"""Rule cohort_series: a cohort from one platform of a GEO series."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.genes import GeneTables
    from landex.series import SeriesSource, write_series_cohort

    source = SeriesSource(
        name=snakemake.wildcards.cohort,
        series=snakemake.params.series,
        platform=snakemake.params.platform,
        values=snakemake.params.scale,
        group=snakemake.params.group,
        collapse=snakemake.params.collapse,
    )
    tables = GeneTables(snakemake.input.names, snakemake.input.landmarks, snakemake.input.targets)
    write_series_cohort(source, snakemake.input.soft, tables, snakemake.output.matrix, snakemake.output.qc)
