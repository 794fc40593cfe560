"""landex: infer the expression of unmeasured target genes from landmark genes."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


# Used with --software-deployment-method apptainer only; see docs/cluster.md.
container: "containers/landex.sif"


include: "workflow/rules/common.smk"
include: "workflow/rules/retrieve.smk"
include: "workflow/rules/cohort.smk"
include: "workflow/rules/compendium.smk"
include: "workflow/rules/split.smk"
include: "workflow/rules/normalise.smk"
include: "workflow/rules/baselines.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/infer.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "results/report/report.html",
        "results/report/summary.tsv",
        "results/report/genes.tsv",
        tables_of_evaluation(),
        expand("results/bundles/{model}.landex", model=BUNDLED),
        inferred(),


rule fetch:
    # Downloads only: for a machine with network before a run on one without.
    input:
        retrieved(),
