"""Rule roles: which genes are landmarks and which are targets."""

from landex.job import job

with job(snakemake.log[0], __file__, snakemake.input, snakemake.output):
    from landex.roles import GeneRoles, write_roles

    roles = GeneRoles(
        next(iter(snakemake.input.landmarks), None),
        snakemake.params.targets,
        snakemake.input.dgex_landmarks,
        snakemake.input.dgex_targets,
        snakemake.params.collapse == "dgex",
    )
    write_roles(snakemake.input.compendium, snakemake.input.lost, roles, snakemake.output.genes)
