"""Rule cohort_series: a cohort from one platform of a GEO series."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from pathlib import Path

    from landex.cohort import Limits
    from landex.genes import GeneTables
    from landex.geo.series import SeriesFiles, SeriesSource, write_series_cohort

    given, params = snakemake.input, snakemake.params
    settings = ("series", "platform", "values", "group", "collapse", "file", "ambiguous")
    source = SeriesSource(
        snakemake.wildcards.cohort,
        **{name: params[name] for name in settings},
        limits=Limits(params.missing, params.outlier),
    )
    files = SeriesFiles(Path(given.values), *(next(map(Path, some), None) for some in (given.family, given.annotation)))
    tables = GeneTables(given.names, given.landmarks, given.targets)
    write_series_cohort(source, files, tables, snakemake.output.matrix, snakemake.output.qc, params.skip)
