"""Bundles: a model with all that scoring takes, in one file; and new profiles scored with them."""


rule bundle:
    input:
        weights="results/models/{model}/weights.h5",
        members=weights_of_members,
        normalised="results/normalised/compendium.h5ad",
        split="results/split/split.tsv",
        references="results/normalised/references.h5",
        trust="results/evaluation/trust/{model}.tsv",
        metrics="results/models/{model}/metrics.json",
        evaluations=expand("results/evaluation/{{model}}.{cohort}.tsv", cohort=EVALUATED),
        baseline=expand("results/evaluation/strata/{model}.{cohort}.tsv", model=BASELINE, cohort=EVALUATED),
        ids="resources/genes/ids.tsv.gz",
        landmarks="resources/genes/landmarks.tsv",
        targets="resources/genes/targets.tsv",
        own_features=own_features(),
    output:
        bundle="results/bundles/{model}.landex",
    log:
        "results/logs/bundle/{model}.log",
    benchmark:
        "results/benchmarks/bundle/{model}.tsv"
    conda:
        "../../envs/baselines.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("bundle"),
        runtime=runtime_of("bundle"),
    params:
        models=lambda wildcards: models_in_bundle(wildcards.model),
        kinds=lambda wildcards: [MODELS[name]["kind"] for name in models_in_bundle(wildcards.model)],
        cohorts=EVALUATED,
        collapse=COLLAPSE,
        baseline=BASELINE,
        origins=origins,
        code=code("bundle"),
    script:
        "../scripts/bundle.py"


rule infer:
    input:
        bundle=lambda wildcards: f"results/bundles/{INFERRED[wildcards.name]['model']}.landex",
        # Its fingerprint among the params tells whether it changed; its date does not.
        profiles=lambda wildcards: ancient(INFERRED[wildcards.name]["profiles"]),
    output:
        values="results/inferred/{name}.{format}",
        samples="results/inferred/{name}.{format}.samples.tsv",
        genes="results/inferred/{name}.{format}.genes.tsv",
        account="results/inferred/{name}.{format}.log",
    log:
        "results/logs/infer/{name}.{format}.log",
    benchmark:
        "results/benchmarks/infer/{name}.{format}.tsv"
    wildcard_constraints:
        name=one_of(name for name, entry in INFERRED.items() if not entry["intervals"]),
    conda:
        "../../envs/baselines.yaml"
    threads: 8
    resources:
        mem_mb=memory_of("infer", size_of_text("profiles")),
        runtime=runtime_of("infer", size_of_text("profiles")),
    params:
        file=lambda wildcards: file_fingerprint(INFERRED[wildcards.name]["profiles"]),
        reading=lambda wildcards: inference_of(
            wildcards, ["values", "names", "samples", "fewest_landmarks", "bad_samples"]
        ),
        settings=lambda wildcards: inference_of(wildcards, ["units", "targets", "intervals", "harmonise"]),
        code=lambda wildcards: code("infer", *modules_in_bundle(INFERRED[wildcards.name]["model"])),
    script:
        "../scripts/infer.py"


use rule infer as infer_with_intervals with:
    output:
        values="results/inferred/{name}.{format}",
        lower="results/inferred/{name}.lower.{format}",
        upper="results/inferred/{name}.upper.{format}",
        samples="results/inferred/{name}.{format}.samples.tsv",
        genes="results/inferred/{name}.{format}.genes.tsv",
        account="results/inferred/{name}.{format}.log",
    log:
        "results/logs/infer_with_intervals/{name}.{format}.log",
    benchmark:
        "results/benchmarks/infer_with_intervals/{name}.{format}.tsv"
    wildcard_constraints:
        name=one_of(name for name, entry in INFERRED.items() if entry["intervals"]),
