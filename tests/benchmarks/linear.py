"""Speed, memory and accuracy of the baselines against scikit-learn, on simulated data of the paper's shape.

Usage: bin/python tests/benchmarks/linear.py [--quick] [--only ols,lasso,knn,sample_lasso,kernel]

943 landmarks and 9,520 targets whose correlations are those of real genes (see expression.py); 10,000 samples in
memory and 88,807 on disk. `--quick` takes a tenth of the samples and of the targets. Peers do the same work on the same
data in the same run; where a peer would take hours it is timed on some targets or samples and scaled, which is said.
The last line is JSON.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from expression import SAMPLES, TARGETS, Expression
from measure import cores, forget, in_own_process, print_figures, seconds_of, sgemm_rate
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge as TheirKernelRidge
from sklearn.linear_model import Lasso, LinearRegression, lasso_path
from sklearn.neighbors import KNeighborsRegressor

from landex.baselines.kernel_ridge import KernelRidge
from landex.baselines.least_squares import Ols, Ridge
from landex.baselines.sample_lasso import SampleLasso
from landex.baselines.sample_neighbours import Knn
from landex.baselines.sparse import ElasticNet
from landex.examples import Examples, StoredExamples
from landex.h5ad import open_matrix
from landex.kinds import KINDS
from landex.models import Estimator

Figures = dict[str, float]

# The peer's time is scaled from these; it differs by target and by sample, within a tenth for so many.
_TARGETS_OF_PEER = 24
_SAMPLES_OF_PEER = 8


@dataclass(frozen=True)
class Scale:
    """How much data a run takes."""

    disk_samples: int = SAMPLES
    samples: int = 10_000
    targets: int = TARGETS
    queries: int = 1000
    kernel_samples: int = 5000

    @classmethod
    def quick(cls) -> "Scale":
        """Return a tenth of everything."""
        return cls(SAMPLES // 10, 1000, TARGETS // 10, 100, 500)


def fit_from_disk(path: str, estimator: Estimator) -> Mapping[str, float]:
    """Fit to a whole file; return the seconds, and what products alone would have taken at sgemm's rate."""
    before = sgemm_rate()
    forget(path)
    with open_matrix(path) as matrix:
        training = StoredExamples(matrix)
        select = StoredExamples(matrix, np.arange(min(len(training.samples), SAMPLES // 16)))
        seconds = seconds_of(lambda: estimator.fit(training, select, cores()))
        samples, landmarks, targets = len(training.samples), training.landmarks, len(training.features)
    rate = (before + sgemm_rate()) / 2
    # Landmarks by targets, and the symmetric half of landmarks by landmarks.
    operations = samples * landmarks * (2 * targets + landmarks)
    return {"seconds": seconds, "floor": operations / rate, "gflops": rate / 1e9}


def least_squares_from_disk(scale: Scale) -> Figures:
    """Measure OLS and ridge's path of 30 penalties, each in a process of its own."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "compendium.h5ad")
        Expression(targets=scale.targets).write(path, scale.disk_samples)
        lambdas = KINDS["ridge"].defaults["lambdas"]
        for name, estimator in {
            "ols": Ols(),
            "ridge_gcv": Ridge(lambdas, "gcv"),
            "ridge_leave_one_out": Ridge(lambdas, "leave_one_out"),
            "ridge_select": Ridge(lambdas, "select"),
        }.items():
            found = in_own_process(fit_from_disk, str(path), estimator)
            fraction = found["floor"] / found["seconds"]
            print(
                f"{name}, n = {scale.disk_samples:,} from disk: {found['seconds']:.1f} s, {fraction:.2f} of sgemm "
                f"({found['gflops']:.0f} GFLOP/s), peak {found['memory_gb']:.2f} GB"
            )
            figures[f"{name}_sgemm_fraction"] = fraction
            figures[f"{name}_seconds"] = found["seconds"]
            figures[f"{name}_memory_gb"] = found["memory_gb"]
    return figures


def least_squares_in_memory(scale: Scale) -> Figures:
    """Measure OLS against scikit-learn's, and how far its coefficients are from a float64 solution."""
    examples = Expression(targets=scale.targets).examples(scale.samples)
    ours = seconds_of(lambda: Ols().fit(examples, examples, cores()), 3)
    inputs, targets = examples.inputs.astype(np.float64), examples.targets.astype(np.float64)
    theirs = seconds_of(lambda: LinearRegression().fit(inputs, targets))
    peer = LinearRegression()
    in_float32 = seconds_of(lambda: peer.fit(examples.inputs, examples.targets))
    exact = solved_in_float64(examples)

    def error(coefficients: NDArray[np.floating]) -> float:
        return float(np.linalg.norm(coefficients - exact) / np.linalg.norm(exact))

    found = Ols().fit(examples, examples, cores()).model
    print(
        f"ols, n = {scale.samples:,} in memory: {ours:.2f} s, {error(found.coefficients):.1e} of float64; scikit-learn "
        f"{theirs:.1f} s, in float32 {in_float32:.1f} s, {error(peer.coef_.T):.1e} of float64"
    )
    return {
        "ols_speed_vs_sklearn": theirs / ours,
        "ols_speed_vs_sklearn_float32": in_float32 / ours,
        "ols_relative_error": error(found.coefficients),
    }


def solved_in_float64(examples: Examples) -> NDArray[np.float64]:
    """Return the coefficients of least squares, solved by QR in float64."""
    inputs = examples.inputs.astype(np.float64)
    orthogonal, triangular = np.linalg.qr(inputs - inputs.mean(axis=0))
    return np.linalg.solve(triangular, orthogonal.T @ (examples.targets - examples.targets.mean(axis=0, dtype=float)))


def lasso(scale: Scale) -> Figures:
    """Measure the lasso's whole path, normal equations and choice included, against scikit-learn's coordinate descent.

    scikit-learn gets the Gram matrix and the products ready made, and as many iterations as it needs to reach the same
    duality gap.
    """
    simulated = Expression(targets=scale.targets)
    examples, select = simulated.examples(scale.samples), simulated.examples(scale.queries)
    settings = KINDS["lasso"].defaults
    estimator = ElasticNet(**settings, **KINDS["lasso"].fixed)
    found = estimator.fit(examples, select, cores())
    ours = seconds_of(lambda: estimator.fit(examples, select, cores()))
    inputs = examples.inputs.astype(np.float64)
    inputs -= inputs.mean(axis=0)
    gram = inputs.T @ inputs
    some = np.linspace(0, scale.targets - 1, _TARGETS_OF_PEER).astype(int)
    targets = examples.targets[:, some].astype(np.float64)
    targets -= targets.mean(axis=0)

    def their_paths() -> None:
        for target in targets.T:
            path = {"precompute": gram, "Xy": inputs.T @ target, "alphas": settings["lambdas"]}
            lasso_path(inputs, target, **path, tol=settings["tolerance"], max_iter=1_000_000)

    theirs = seconds_of(their_paths) * scale.targets / _TARGETS_OF_PEER
    print(
        f"lasso, n = {scale.samples:,}, {len(settings['lambdas'])} penalties: {ours:.1f} s, "
        f"{found.found['unsolved']} targets unsolved; scikit-learn {theirs:.0f} s (from {_TARGETS_OF_PEER} targets)"
    )
    return {"lasso_seconds": ours, "lasso_speed_vs_sklearn": theirs / ours}


def knn(scale: Scale) -> Figures:
    """Measure the prediction of new samples from their 10 nearest neighbours."""
    simulated = Expression(targets=scale.targets)
    examples, asked = simulated.examples(scale.samples), simulated.examples(scale.queries)
    model = Knn([10], "distance").fit(examples, asked, cores()).model
    peer = KNeighborsRegressor(10, weights="distance", algorithm="brute").fit(examples.inputs, examples.targets)
    ours = seconds_of(lambda: model.predict(asked.inputs), 3)
    theirs = seconds_of(lambda: peer.predict(asked.inputs), 3)
    apart = float(np.abs(model.predict(asked.inputs) - peer.predict(asked.inputs)).max())
    print(
        f"knn, n = {scale.samples:,}, {scale.queries:,} new samples: {ours:.2f} s, scikit-learn {theirs:.2f} s; "
        f"predictions at most {apart:.0e} apart"
    )
    return {"knn_speed_vs_sklearn": theirs / ours}


def sample_lasso(scale: Scale) -> Figures:
    """Measure SampleLASSO's predictions of new samples against scikit-learn's Lasso, a sample at a time."""
    simulated = Expression(targets=scale.targets)
    examples, asked = simulated.examples(scale.samples), simulated.examples(scale.queries)
    penalty = float(np.median(KINDS["sample_lasso"].defaults["lambdas"]))
    tolerance = KINDS["sample_lasso"].defaults["tolerance"]
    model = SampleLasso([penalty], tolerance).fit(examples, asked, cores()).model
    ours = seconds_of(lambda: model.predict(asked.inputs))
    features = np.asfortranarray(examples.inputs.T)

    def their_predictions() -> None:
        for profile in asked.inputs[:_SAMPLES_OF_PEER]:
            fitted = Lasso(penalty, tol=tolerance, max_iter=1_000_000).fit(features, profile)
            fitted.coef_ @ examples.targets + fitted.intercept_

    theirs = seconds_of(their_predictions) * scale.queries / _SAMPLES_OF_PEER
    print(
        f"sample_lasso, n = {scale.samples:,}, penalty {penalty:g}, {scale.queries:,} new samples: {ours:.1f} s, "
        f"scikit-learn {theirs:.0f} s (scaled from {_SAMPLES_OF_PEER} samples)"
    )
    return {"sample_lasso_speed_vs_sklearn": theirs / ours}


def kernel(scale: Scale) -> Figures:
    """Measure one exact fit of kernel ridge regression, one width and one penalty."""
    simulated = Expression(targets=scale.targets)
    examples, asked = simulated.examples(scale.kernel_samples), simulated.examples(scale.queries)
    estimator = KernelRidge([1e-3], [0.5])
    gamma = estimator.fit(examples, asked, cores()).model.gamma
    ours = seconds_of(lambda: estimator.fit(examples, asked, cores()), 3)
    peer = TheirKernelRidge(kernel="rbf", gamma=gamma, alpha=1e-3 * scale.kernel_samples)
    inputs, targets = examples.inputs.astype(np.float64), examples.targets.astype(np.float64)
    theirs = seconds_of(lambda: peer.fit(inputs, targets), 3)
    in_float32 = seconds_of(lambda: peer.fit(examples.inputs, examples.targets), 3)
    print(
        f"kernel_ridge, n = {scale.kernel_samples:,}, one fit in float64: {ours:.1f} s, scikit-learn {theirs:.1f} s, "
        f"in float32 {in_float32:.1f} s"
    )
    return {"kernel_speed_vs_sklearn": theirs / ours, "kernel_speed_vs_sklearn_float32": in_float32 / ours}


PARTS: dict[str, list[Callable[[Scale], Figures]]] = {
    "ols": [least_squares_from_disk, least_squares_in_memory],
    "lasso": [lasso],
    "knn": [knn],
    "sample_lasso": [sample_lasso],
    "kernel": [kernel],
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=lambda names: names.split(","), default=list(PARTS), help="some of the parts")
    arguments = parser.parse_args()
    scale = Scale.quick() if arguments.quick else Scale()
    figures: dict[str, Any] = {}
    for name in arguments.only:
        for measure in PARTS[name]:
            figures |= measure(scale)
    print_figures("linear", figures)


if __name__ == "__main__":
    main()
