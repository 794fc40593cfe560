"""Rule bundle: a model with all that scoring a new profile takes, in one file."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.bundles.write import Evidence, Normalised, Origin, StoredModel, write_bundle
    from landex.genes import GeneTables

    names, kinds = snakemake.params.models, snakemake.params.kinds
    cohorts = snakemake.params.cohorts
    weights = [snakemake.input.weights, *snakemake.input.members]
    model, *members = (StoredModel(*of_one) for of_one in zip(names, kinds, weights, strict=True))
    write_bundle(
        model,
        members,
        Normalised(snakemake.input.normalised, snakemake.input.split, snakemake.input.references),
        snakemake.input.trust,
        GeneTables(snakemake.input.ids, snakemake.input.landmarks, snakemake.input.targets),
        snakemake.params.collapse,
        Evidence(
            snakemake.input.metrics,
            dict(zip(cohorts, snakemake.input.evaluations, strict=True)),
            dict(zip(cohorts, snakemake.input.baseline, strict=True)),
            snakemake.params.baseline,
        ),
        [Origin(**origin) for origin in snakemake.params.origins],
        snakemake.output.bundle,
    )
