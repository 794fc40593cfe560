"""Kinds of models: which class fits, which class predicts, and the defaults of their settings.

Data for the rules and the config, without imports. A job gets the names of the classes that it needs and imports
just these, and its rule takes the fingerprint of just their modules: a change of one kind reruns no other.
"""

from dataclasses import dataclass, field
from typing import Any

NETWORK, BLEND = "network", "blend"


@dataclass(frozen=True)
class Kind:
    """A family of models.

    Attributes
    ----------
    model
        Module and class that predict, `module:Class`.
    estimator
        Module and class that fit; empty where a rule of its own does.
    defaults
        Settings with their defaults; networks have presets instead.
    fixed
        Settings of its estimator that make the kind, and are not for users.
    carries
        Whether it can say which training samples carry a prediction (`models.CarryingModel`).
    """

    model: str
    estimator: str = ""
    defaults: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    carries: bool = False


def _powers(low: float, high: float, count: int) -> list[float]:
    return [10 ** (low + (high - low) * step / (count - 1)) for step in range(count)]


_LINEAR = "landex.baselines.linear_model:LinearModel"
KINDS: dict[str, Kind] = {
    "ols": Kind(_LINEAR, "landex.baselines.least_squares:Ols"),
    "ridge": Kind(
        _LINEAR,
        "landex.baselines.least_squares:Ridge",
        {"lambdas": _powers(-4, 2, 30), "choose": "leave_one_out", "per_target": True},
    ),
    "lasso": Kind(
        _LINEAR,
        "landex.baselines.sparse:ElasticNet",
        {"lambdas": _powers(-3, 0, 10), "per_target": False, "tolerance": 1e-4},
        {"l1_ratio": 1},
    ),
    "elastic_net": Kind(
        _LINEAR,
        "landex.baselines.sparse:ElasticNet",
        # The less of the penalty is absolute, the better in cross-validation of
        # GDSC's training part; a tenth still leaves coefficients sparse.
        {"lambdas": _powers(-2.5, 0.5, 10), "l1_ratio": 0.1, "per_target": False, "tolerance": 1e-4},
    ),
    "knn": Kind(
        "landex.baselines.sample_neighbours:KnnModel",
        "landex.baselines.sample_neighbours:Knn",
        {"neighbours": [1, 2, 3, 5, 7, 10, 15, 20, 30, 50], "weights": "distance"},
        carries=True,
    ),
    "knn_ge": Kind(
        _LINEAR,
        "landex.baselines.gene_neighbours:KnnGe",
        {"neighbours": [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300], "per_target": True},
    ),
    "sample_lasso": Kind(
        "landex.baselines.sample_lasso:SampleLassoModel",
        "landex.baselines.sample_lasso:SampleLasso",
        {"lambdas": _powers(-2, 0, 9), "tolerance": 1e-4},
        carries=True,
    ),
    "kernel_ridge": Kind(
        "landex.baselines.kernel_model:KernelModel",
        "landex.baselines.kernel_ridge:KernelRidge",
        {
            "lambdas": _powers(-6, 0, 11),
            "widths": [0.35, 0.42, 0.5, 0.6, 0.7, 0.85, 1.0, 1.4],
            "choose": "leave_one_out",
            "per_target": True,
            "exact_up_to": 20_000,
            "centres": 4000,
            "seed": 1,
            "linear": 0.0,
            "centre": "mean",
        },
    ),
    "median_kernel": Kind(
        "landex.baselines.median_model:MedianModel",
        "landex.baselines.median_kernel:MedianKernel",
        {
            "lambdas": _powers(-5, 0, 11),
            "widths": [0.5, 0.6, 0.7, 0.85, 1.0, 1.4],
            "linear": 0.5,
            "normal_scores": 0.5,
            "exact_up_to": 8_000,
            "centres": 4000,
            "seed": 1,
        },
    ),
    BLEND: Kind("landex.baselines.blend:BlendModel", "", {"members": [], "per_target": False, "least": {}}),
    NETWORK: Kind("landex.networks.model:NetworkModel"),
}


def module_of(place: str) -> str:
    """Return the module of `module:Class`."""
    return place.partition(":")[0]
