"""Rule compendium: join the cohorts to learn from."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__):
    from landex.compendium import write_compendium

    write_compendium(
        {name: Path(path) for name, path in zip(snakemake.params.sources, snakemake.input.sources, strict=True)},
        {name: Path(path) for name, path in zip(snakemake.params.external, snakemake.input.external, strict=True)},
        snakemake.params.distance,
        snakemake.output.matrix,
        snakemake.output.duplicates,
        snakemake.output.lost,
    )
