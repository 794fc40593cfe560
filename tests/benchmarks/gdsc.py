"""Kernel ridge and networks against ridge on GDSC, split once at random: figures that others measured too.

Usage: bin/python tests/benchmarks/gdsc.py [--quick]

The 975 cell lines as they are in the demo file, without quantile normalisation; NumPy's default_rng(0).permutation
gives 780 to training, 97 to validation and 98 to the test. Inputs are D-GEX's landmarks and targets all other genes, in
z-scores of the training samples; errors are MAE in these. Settings are the kinds' defaults, which were chosen by
cross-validation inside the training samples, and the presets: nothing here is to be tuned by what it prints. `--quick`
takes every tenth target and no networks. The last line is JSON.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
from expression import ROOT
from measure import cores, print_figures, seconds_of
from numpy.typing import NDArray

from landex.examples import Examples
from landex.genes import GeneNames
from landex.h5ad import open_matrix
from landex.kinds import KINDS
from landex.model_entries import network_settings
from landex.models import load_class, validation_error
from landex.networks.devices import DeviceWishes, choose_device
from landex.networks.network import Network
from landex.networks.settings import NetworkSettings
from landex.networks.trainer import Trainer

MODELS = {
    "kernel_ridge": ("kernel_ridge", {}),
    "ridge_select": ("ridge", {"choose": "select"}),
    "ridge_leave_one_out": ("ridge", {"choose": "leave_one_out"}),
}
# D-GEX's network of one layer, and landex's own.
NETWORKS = {"dgex": {"hidden": (1000,)}, "deep": {}}


def read_parts(step: int) -> list[Examples]:
    """Return training, validation and test, with every `step`-th target."""
    with open_matrix(ROOT / "resources" / "demo" / "gdsc.h5ad") as matrix:
        values, symbols = matrix.read().astype(np.float64), list(matrix.var.index)
    listed = pd.read_csv(ROOT / "resources" / "genes" / "landmarks.tsv", sep="\t", dtype=str)
    genes = GeneNames.read(ROOT / "resources" / "genes" / "ids.tsv.gz").identify(symbols, "symbol")["gene"]
    landmark = genes.isin(listed.loc[listed["dgex"] == "1", "entrez"]).to_numpy()
    rows = np.split(np.random.default_rng(0).permutation(len(values)), [780, 877])
    mean, deviation = values[rows[0]].mean(axis=0), values[rows[0]].std(axis=0)
    scores = ((values - mean) / np.where(deviation > 0, deviation, 1)).astype(np.float32)
    targets = np.flatnonzero(~landmark)[::step]
    return [examples_of(scores[some][:, landmark], scores[some][:, targets]) for some in rows]


def examples_of(inputs: NDArray[np.float32], targets: NDArray[np.float32]) -> Examples:
    """Return samples of which every target is measured."""
    names = [f"s{row}" for row in range(len(inputs))]
    features = pd.DataFrame(index=[f"t{column}" for column in range(targets.shape[1])])
    return Examples(inputs, targets, np.ones(targets.shape, bool), names, features)


def train(preset: str, changes: dict[str, Any], training: Examples, select: Examples) -> Network:
    """Return a preset's network, trained."""
    settings = network_settings({"kind": "network", "preset": preset, **changes})
    return Trainer(NetworkSettings.from_mapping(settings), training, select).train().network


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    training, select, test = read_parts(10 if arguments.quick else 1)
    print(f"{training.landmarks} landmarks, {len(training.features)} targets; {len(test.samples)} test samples")
    figures = {"mean_mae": float(np.abs(test.targets).mean())}
    for name, (kind, settings) in MODELS.items():
        estimator = load_class(KINDS[kind].estimator)(**{**KINDS[kind].defaults, **settings})
        fits = []
        seconds = seconds_of(
            lambda estimator=estimator, fits=fits: fits.append(estimator.fit(training, select, cores()))
        )
        figures[f"{name}_mae"] = validation_error(fits[0].model, test)
        print(f"{name}: MAE {figures[f'{name}_mae']:.4f}, fitted in {seconds:.1f} s", flush=True)
    choose_device(DeviceWishes("auto", 1, False), cores())
    for preset, changes in ({} if arguments.quick else NETWORKS).items():
        network = train(preset, changes, training, select)
        figures[f"{preset}_mae"] = validation_error(network, test)
        print(f"{preset}: MAE {figures[f'{preset}_mae']:.4f}", flush=True)
    print_figures("gdsc", figures)


if __name__ == "__main__":
    main()
