"""Simulated expression of the paper's shape, with the correlations of real genes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
# The package is never installed; a harness that imports this module finds it.
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from landex.examples import Examples  # noqa: E402
from landex.h5ad import create_matrix, open_matrix  # noqa: E402

# D-GEX's (Chen et al. 2016): landmarks, targets, training samples.
LANDMARKS, TARGETS, SAMPLES = 943, 9520, 88_807
# Share of every gene's variance that it has for itself: real genes are not exact combinations of 975 others.
_OWN_VARIANCE = 0.15
_ROWS = 2048


class Expression:
    """Draws z-scores of samples whose genes correlate as in the demo's cell lines (GDSC).

    A sample is a random combination of the real samples, so that the covariance of its genes is theirs, plus
    noise of every gene's own. The real matrix has fewer genes than the paper: some stand in for two, as two probes
    of a gene do. Landmarks and targets are drawn from all genes.
    """

    def __init__(self, landmarks: int = LANDMARKS, targets: int = TARGETS, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        with open_matrix(ROOT / "resources" / "demo" / "gdsc.h5ad") as matrix:
            values = matrix.read().astype(np.float64)
        scores = (values - values.mean(axis=0)) / values.std(axis=0)
        self.landmarks, self.targets = landmarks, targets
        chosen = self._random.permutation(np.resize(np.arange(scores.shape[1]), landmarks + targets))
        signal = np.sqrt((1 - _OWN_VARIANCE) / len(scores))
        self._factors = (signal * scores[:, chosen]).astype(np.float32)

    def blocks(self, samples: int) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield rows of z-scores, landmarks first, with their place."""
        noise = np.float32(np.sqrt(_OWN_VARIANCE))
        for start in range(0, samples, _ROWS):
            rows = min(_ROWS, samples - start)
            weights = self._random.standard_normal((rows, len(self._factors)), np.float32)
            values = weights @ self._factors
            values += noise * self._random.standard_normal(values.shape, np.float32)
            yield slice(start, start + rows), values

    def examples(self, samples: int) -> Examples:
        """Draw samples into memory."""
        values = np.concatenate([block for _, block in self.blocks(samples)])
        inputs, targets = values[:, : self.landmarks], values[:, self.landmarks :]
        names = [f"s{row}" for row in range(samples)]
        features = pd.DataFrame(index=[f"t{column}" for column in range(self.targets)])
        return Examples(inputs, targets, np.ones(targets.shape, bool), names, features)

    def write(self, path: Path, samples: int, series: int = 1) -> None:
        """Draw samples into a file like results/normalised/compendium.h5ad, as so many series of one size."""
        roles = ["landmark"] * self.landmarks + ["target"] * self.targets
        names = [f"g{column}" for column in range(len(roles))]
        of_series = [f"GSE{row * series // samples + 1}" for row in range(samples)]
        obs = pd.DataFrame({"series": of_series, "group": of_series}, index=[f"s{row}" for row in range(samples)])
        identifiers = {"symbol": names, "ensembl": "", "cmap": "", "overlapping": "0"}
        var = pd.DataFrame({"role": roles, **identifiers}, index=names)
        with create_matrix(path, obs, var) as out:
            for place, block in self.blocks(samples):
                out.write(place, block)
                out.write(place, np.ones(block.shape, bool), "measured")
