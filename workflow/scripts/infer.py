"""Rule infer: a file of new profiles, scored with a bundle."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.inference.infer import infer_file
    from landex.inference.jobs import Settings
    from landex.inference.profiles import Reading

    for warning in infer_file(
        snakemake.input.bundle,
        snakemake.input.profiles,
        snakemake.output.values,
        Settings(Reading(**snakemake.params.reading), **snakemake.params.settings),
        snakemake.threads,
    ):
        print(f"landex: warning: {warning}")
