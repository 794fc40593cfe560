"""Rule compendium: join the cohorts to learn from."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.compendium import CompendiumFiles, Joining, write_compendium

    given, params = snakemake.input, snakemake.params
    write_compendium(
        dict(zip(params.sources, map(Path, given.sources), strict=True)),
        dict(zip(params.external, map(Path, given.external), strict=True)),
        dict(zip(params.sources, map(Path, given.fates), strict=True)),
        Joining(params.join, params.missing_genes, params.distance),
        CompendiumFiles(*map(Path, snakemake.output)),
        snakemake.threads,
    )
