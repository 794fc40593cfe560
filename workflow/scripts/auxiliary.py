"""Rule auxiliary: the samples of auxiliary cohorts that models may learn from."""

from pathlib import Path

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.auxiliary import AuxiliaryCohort, write_auxiliary

    files = zip(snakemake.params.auxiliary, snakemake.input.cohorts, snakemake.input.normalised, strict=True)
    external = zip(snakemake.params.external, snakemake.input.external, strict=True)
    write_auxiliary(
        [AuxiliaryCohort(name, Path(cohort), Path(normalised)) for name, cohort, normalised in files],
        {"compendium": Path(snakemake.input.compendium), **{name: Path(path) for name, path in external}},
        snakemake.params.distance,
        Path(snakemake.output.matrix),
        Path(snakemake.output.duplicates),
        snakemake.threads,
    )
