"""An account of an inference: what is said of its profiles and genes, its log, and what users are warned of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

import landex
from landex.bundles.bundle import Bundle
from landex.formats.matrix_file import Content
from landex.inference.profiles import Profiles

# Columns of a table.
Columns = dict[str, Sequence[str] | NDArray[np.float64]]

# A correlation with the training samples' means below which profiles seem to be no human expression.
_UNLIKE = 0.2
# Share of profiles beyond all calibration samples that is worth a warning; of samples like these hardly any lie there.
_MANY = 0.1


@dataclass(frozen=True)
class Account:
    """What there is to say of one file scored with one bundle.

    Attributes
    ----------
    bundle, profiles
        The two.
    targets
        Places of the targets asked for.
    units, harmonise
        Of the result; how profiles were mapped.
    told
        Whether the scale of the values was told and not found.
    """

    bundle: Bundle
    profiles: Profiles
    targets: NDArray[np.intp]
    units: str
    harmonise: str
    told: bool

    @cached_property
    def genes(self) -> list[str]:
        """Landmarks, then the targets asked for."""
        return [*self.bundle.landmarks.genes, *(self.bundle.targets.genes[place] for place in self.targets)]

    def table_of_samples(self, figures: NDArray[np.float64]) -> Columns:
        """Return what is known of every profile."""
        profiles = self.profiles
        return {
            "sample": profiles.samples,
            "scale": profiles.scales,
            "landmarks": [str(count) for count in profiles.counts],
            "distance": figures[:, 0],
            "p": figures[:, 1],
        }

    def table_of_genes(self) -> Columns:
        """Return what is known of every gene."""
        landmarks, targets, trust = self.bundle.landmarks, self.bundle.targets, self.bundle.trust
        there = set(self.profiles.found.places.tolist())
        inputs = ["landmark" if place in there else "landmark, filled in" for place in range(len(landmarks.genes))]
        none, nothing = [""] * len(inputs), np.full(len(inputs), np.nan)
        chosen = self.targets.tolist()

        def texts(values: list[str]) -> list[str]:
            return [*none, *(values[place] for place in chosen)]

        def numbers(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.concatenate([nothing, values[self.targets]])

        units = self.bundle.targets.deviation if self.units == "quantile" else np.float32(1)
        return {
            "gene": self.genes,
            "symbol": [*landmarks.symbols, *(targets.symbols[place] for place in chosen)],
            "ensembl": [*landmarks.ensembl, *(targets.ensembl[place] for place in chosen)],
            "role": [*inputs, *["target"] * len(chosen)],
            "trust": texts(trust.classes),
            "reason": texts(trust.reasons),
            "r_gene": numbers(trust.r_gene),
            "r2": numbers(trust.r2),
            "half_width": numbers(trust.half_width * units),
            "guarantee": texts(trust.guarantees),
        }

    def content(self, figures: NDArray[np.float64]) -> Content:
        """Return names and annotations of the result."""
        samples, genes = self.table_of_samples(figures), self.table_of_genes()
        fields = [
            {name: _texts(values) for name, values in table.items() if name not in ("sample", "gene")}
            for table in (samples, genes)
        ]
        return Content(self.profiles.samples, self.genes, *fields)

    def warnings(self, figures: NDArray[np.float64]) -> list[str]:
        """Return what a user should know before they use the result."""
        profiles, found = self.profiles, []
        if profiles.units.likeness < _UNLIKE and profiles.units.scale != "zscores":
            found.append(
                f"{profiles.file.path}: its landmarks are ranked unlike the training samples' (correlation "
                f"{profiles.units.likeness:.2f}); are these human expression values?"
            )
        if profiles.bad:
            row, reason = next(iter(profiles.bad.items()))
            found.append(f"{len(profiles.bad)} samples were left out (first: {profiles.file.samples[row]}: {reason})")
        usual = self.bundle.distances
        far = float(np.mean(figures[:, 0] > usual[-1])) if len(usual) and len(figures) else 0.0
        if far > _MANY:
            found.append(
                f"{far:.0%} of the profiles lie farther from the training samples than any calibration sample: expect "
                "larger errors than the bundle's card says of held-out samples"
            )
        if self.bundle.about["joint"]:
            found.append(
                "the model was trained with landmarks normalised together with targets (the paper's way); see the card"
            )
        return found

    def log(self, before: int, seconds: float, warnings: Sequence[str]) -> Iterator[str]:
        """Yield what was done, a line each."""
        bundle, profiles = self.bundle, self.profiles
        file, found = profiles.file, profiles.found
        yield f"landex {landex.__version__}"
        yield f"bundle: {bundle.path} (model {bundle.about['model']}, fingerprint {bundle.fingerprint})"
        yield f"profiles: {file.path} ({len(file.samples)} samples x {len(file.genes)} genes)"
        if profiles.turned:
            yield "orientation: genes stood where samples belong; turned"
        where = f"in the field {found.field}" if found.field else "as the genes' names"
        yield f"names: {found.kind}, {where}; {len(found.places)} of {len(bundle.names)} landmarks found"
        averaged = len(found.columns) - len(found.starts)
        if averaged:
            yield f"names: {averaged} columns more than landmarks, averaged per landmark in log2"
        missing = sorted(set(range(len(bundle.names))) - set(found.places.tolist()))
        if missing:
            told = ", ".join(bundle.landmarks.symbols[place] or bundle.landmarks.genes[place] for place in missing)
            yield f"landmarks filled in with their mean given the others: {len(missing)} ({told})"
        gaps = int(np.count_nonzero(profiles.counts < len(found.places)))
        if gaps:
            yield f"samples with missing landmarks besides, filled in alike: {gaps}"
        said = "as told" if self.told else "as found"
        counted = {scale: profiles.scales.count(scale) for scale in dict.fromkeys(profiles.scales)}
        yield f"values, {said}: {', '.join(f'{scale} ({count})' for scale, count in counted.items())}"
        if profiles.units.scale == "zscores":
            yield "mapping: none; z-scores are taken as inputs"
        else:
            yield f"mapping: {self.harmonise}, from the landmarks alone onto the input reference"
        for row, reason in profiles.bad.items():
            yield f"left out: {file.samples[row]}: {reason}"
        if before:
            yield f"taken up after {before} samples of an earlier call"
        yield f"result: {len(profiles.rows)} samples x {len(self.genes)} genes, units {self.units}, {seconds:.1f} s"
        for warning in warnings:
            yield f"warning: {warning}"


def _texts(values: Sequence[str] | NDArray[np.float64]) -> list[str]:
    if isinstance(values, np.ndarray):
        return ["" if np.isnan(value) else f"{value:.6g}" for value in values.tolist()]
    return list(values)
