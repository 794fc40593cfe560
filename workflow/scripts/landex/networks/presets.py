"""Named settings of networks: data, so that a change of one preset reruns that preset's networks alone."""

from typing import Any

# What a preset has that does not say otherwise: a plain network on one seed, all targets at once.
_PLAIN: dict[str, Any] = {
    "input_noise": 0.0,
    "residual": False,
    "skip": "none",
    "rank": None,
    "target_scaling": "range",
    "huber_delta": 1.0,
    "mae_from": 1.0,
    "ema": 0.0,
    "patience": None,
    "precision": "float32",
    "seed": 1,
    "ensemble": 1,
    "target_jobs": 1,
}

# Fields are those of networks.settings.NetworkSettings, and how many networks make one model; the config's schema
# describes them.
PRESETS: dict[str, dict[str, Any]] = {
    # The Keras demo: 512-512 ReLU with dropout .2, TanH output, MSE, Adam with Keras' defaults, batch 1024,
    # 20 epochs, the last weights kept.
    "relu_tanh": {
        **_PLAIN,
        "hidden": [512, 512],
        "activation": "relu",
        "normalisation": "none",
        "dropout": 0.2,
        "output": "tanh",
        "loss": "mse",
        "optimiser": "adam",
        "learning_rate": 1e-3,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "deeper_rate": 1.0,
        "schedule": "constant",
        "warmup": 0.0,
        "batch": 1024,
        "epochs": 20,
        "initialisation": "glorot",
        "keep": "last",
        "monitored": 512,
    },
    # D-GEX (Chen et al. 2016, section 2.3 and their code): summed squares, SGD with momentum .5, batch 200,
    # 200 epochs, 5e-4 for one hidden layer (3e-4 for more), x .9 when the MAE of 5,000 training samples rises.
    "dgex": {
        **_PLAIN,
        "hidden": [3000],
        "activation": "tanh",
        "normalisation": "none",
        "dropout": 0.1,
        "output": "linear",
        "loss": "summed_squares",
        "optimiser": "sgd",
        "learning_rate": 5e-4,
        "momentum": 0.5,
        "weight_decay": 0.0,
        "deeper_rate": 3.0,
        "schedule": "decay_on_rise",
        "warmup": 0.0,
        "batch": 200,
        "epochs": 200,
        "initialisation": "dgex",
        "keep": "best",
        "monitored": 5000,
    },
    # TAAF-D-GEX (Kunc & Klema 2021, PLoS ONE 16:e0243915, and the example in their code): D-GEX's layers, with TAAFs on
    # logistic sigmoids in the hidden layers and the output, dropout .25, MAE, rate 5e-4, batch 64. They take 600 epochs
    # of Nadam, and lower the rate to a tenth and less from epoch 400 on; here it is Adam over 200 epochs, with a cosine
    # that falls as far, and one hidden layer of D-GEX's least width, for a workstation.
    "taaf": {
        **_PLAIN,
        "hidden": [3000],
        "activation": "taaf",
        "normalisation": "none",
        "dropout": 0.25,
        "output": "taaf",
        "loss": "mae",
        "optimiser": "adam",
        "learning_rate": 5e-4,
        "momentum": 0.0,
        "weight_decay": 0.0,
        "deeper_rate": 1.0,
        "schedule": "cosine",
        "warmup": 0.0,
        "batch": 64,
        "epochs": 200,
        "initialisation": "glorot",
        "keep": "best",
        "monitored": 512,
    },
    # landex's own: the best single network measured on GDSC's validation part. docs/research/ has what was tried.
    "deep": {
        **_PLAIN,
        "target_scaling": "normal_scores",
        "hidden": [1000, 1000],
        "activation": "gelu",
        "normalisation": "layer",
        "dropout": 0.5,
        "output": "linear",
        "loss": "mae",
        "optimiser": "adamw",
        "learning_rate": 1e-3,
        "momentum": 0.0,
        "weight_decay": 0.05,
        "deeper_rate": 1.0,
        "schedule": "cosine",
        "warmup": 0.1,
        "batch": 64,
        "epochs": 100,
        "initialisation": "glorot",
        "keep": "best",
        "monitored": 128,
    },
}

# Networks without a preset start from these.
DEFAULT_PRESET = "deep"
