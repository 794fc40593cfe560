"""Rule retrieve: one GEO series from a mirror."""

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.geo import fetch_series

    # How hard to try is no part of the result, so it is no param: changing it fetches nothing again.
    geo = snakemake.config["geo"]
    fetch_series(
        snakemake.wildcards.series,
        snakemake.params.mirror,
        snakemake.output.soft,
        retries=geo["retries"],
        timeout=geo["timeout"],
    )
