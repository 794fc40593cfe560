"""Rule retrieve: one file of GEO from a mirror."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.geo.download import Access
    from landex.geo.retrieve import retrieve

    # Params hold what the file comes from; where a folder lies and how hard to try changes no result.
    geo = snakemake.config["geo"]
    keys = ("mirror", "retries", "timeout", "offline", "largest_mb", "largest_unpacked_mb")
    access = Access(*(geo[key] for key in keys))
    skip = geo["on_error"] == "skip"
    retrieve(snakemake.wildcards.file, access, snakemake.output.receipt, snakemake.params.attempt, skip)
