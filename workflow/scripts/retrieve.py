"""Rule retrieve: one GEO series from a mirror."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.geo import fetch_series

    # Params hold what the series comes from; where a folder lies and how hard to try changes no result.
    geo = snakemake.config["geo"]
    fetch_series(snakemake.wildcards.series, geo["mirror"], snakemake.output.soft, geo["retries"], geo["timeout"])
