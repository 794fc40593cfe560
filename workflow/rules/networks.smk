"""Networks, one job a network, one training a card; the pieces of a model of several, joined."""


rule network:
    input:
        normalised=normalised_compendium,
        split="results/{variation}split/split.tsv",
        auxiliary=auxiliary_samples,
    output:
        weights="results/{variation}models/{model}/weights.h5",
        history="results/{variation}models/{model}/history.tsv",
        metrics="results/{variation}models/{model}/metrics.json",
    log:
        "results/{variation}logs/network/{model}.log",
    benchmark:
        "results/{variation}benchmarks/network/{model}.tsv"
    wildcard_constraints:
        model=one_of(name for name in NETWORKS if name not in JOINED),
    conda:
        "../../envs/networks.yaml"
    threads: 8
    resources:
        gpu=0 if config["train"]["device"] == "cpu" else config["train"]["gpus"],
        mem_mb=memory_of_training,
        runtime=runtime_of_training,
    params:
        preset=lambda wildcards: MODELS[wildcards.model].get("preset"),
        settings=lambda wildcards: piece_settings(MODELS[wildcards.model], piece_of(wildcards)),
        part=lambda wildcards: piece_part(MODELS[wildcards.model], piece_of(wildcards)),
        ridge=ridge_below,
        code=network_code,
    script:
        "../scripts/network.py"


use rule network as network_piece with:
    output:
        weights="results/{variation}models/{model}/pieces/{piece}/weights.h5",
        history="results/{variation}models/{model}/pieces/{piece}/history.tsv",
        metrics="results/{variation}models/{model}/pieces/{piece}/metrics.json",
    log:
        "results/{variation}logs/network_piece/{model}.{piece}.log",
    benchmark:
        "results/{variation}benchmarks/network_piece/{model}.{piece}.tsv"
    wildcard_constraints:
        model=one_of(JOINED),
        piece=r"\d+\.\d+",


rule join_network:
    input:
        weights=files_of_pieces("weights.h5"),
        histories=files_of_pieces("history.tsv"),
        metrics=files_of_pieces("metrics.json"),
        normalised=normalised_compendium,
        split="results/{variation}split/split.tsv",
    output:
        weights="results/{variation}models/{model}/weights.h5",
        history="results/{variation}models/{model}/history.tsv",
        metrics="results/{variation}models/{model}/metrics.json",
    log:
        "results/{variation}logs/join_network/{model}.log",
    benchmark:
        "results/{variation}benchmarks/join_network/{model}.tsv"
    wildcard_constraints:
        model=one_of(JOINED),
    conda:
        "../../envs/networks.yaml"
    threads: 1
    resources:
        mem_mb=memory_of("join_network"),
        runtime=runtime_of("join_network"),
    params:
        code=code("join_network"),
    script:
        "../scripts/join_network.py"
