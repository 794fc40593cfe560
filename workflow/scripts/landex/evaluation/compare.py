"""Every model against every other on one cohort: how much better, in how many genes, and how sure."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from landex.evaluation.bootstrap import Certainty, draws, interval, normal_interval
from landex.evaluation.paired import SignedRanks, adjusted, signed_ranks
from landex.evaluation.ranks import Floats, Mask
from landex.evaluation.targets import IDENTIFIERS, counted_targets, identifiers
from landex.evaluation.units import Units
from landex.examples import Examples, StoredExamples
from landex.files import atomic
from landex.h5ad import Block, open_matrix
from landex.predictions import StoredPredictions, open_predictions
from landex.vocabulary import NULL

# Targets at a time.
_TARGETS = 256
# Differences that are ranked at a time, 2 MB: of a few targets and samples a call is mostly numpy's own time.
_DIFFERENCES = 1 << 18
# Trues that an 8-bit number counts.
_EIGHT_BITS = 255


@dataclass(frozen=True)
class Comparison:
    """Tables of all models on one cohort, with a column `scaling`.

    Attributes
    ----------
    pairs
        A row an ordered pair, `model` against `other`, which may be `(mean)`, a model that says every gene's mean.
        Overlapping targets are left out. targets, samples; unit (series, or samples where there are fewer than six
        series) and units; mae and other_mae, means over targets; improvement_percent of the MAE and
        genes_better_percent, the paper's two figures, each with _low and _high; genes_significantly_better and _worse,
        by Wilcoxon's signed ranks of units' mean differences with Benjamini and Hochberg's q; median_effect, of the
        genes' rank-biserial correlations (positive where the model is better); and p of the differences of all genes
        together.
    genes
        A row a model and target, against the baseline: identifiers, mae, baseline_mae, improvement_percent with _low
        and _high, effect, p, q, unit and units.
    """

    pairs: pd.DataFrame
    genes: pd.DataFrame

    def write(self, pairs: str | Path, genes: str | Path) -> None:
        """Write both tables; `genes` gzipped, without the time of writing: the same run gives the same file."""
        with atomic(pairs) as temporary:
            self.pairs.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
        with atomic(genes) as temporary:
            compression = {"method": "gzip", "mtime": 0}
            self.genes.to_csv(temporary, sep="\t", index=False, float_format="%.6g", compression=compression)


def compare(
    predictions: Mapping[str, str | Path],
    normalised: str | Path,
    baseline: str,
    certainty: Certainty,
    rows: NDArray[np.intp] | None = None,
    threads: int = 1,
) -> Comparison:
    """Compare models on a cohort, in every scaling that it has.

    The truth is in memory; predictions are read some targets at a time.

    Parameters
    ----------
    predictions
        Files of predictions by model.
    normalised, rows
        The normalised matrix that was predicted, and its rows; all where None.
    baseline
        The model that the table of genes compares with.
    certainty
        How sure to be.
    threads
        Cores to use; they change no number.

    Raises
    ------
    UserError
        If predictions are of other samples or genes.
    """
    found = []
    with ExitStack() as opened:
        predicted = {name: opened.enter_context(open_predictions(path)) for name, path in predictions.items()}
        matrix = opened.enter_context(open_matrix(normalised))
        opened.enter_context(threadpool_limits(1))
        units = Units.of(matrix.obs if rows is None else matrix.obs.iloc[rows])
        for scaling in next(iter(predicted.values())).scalings:
            truth = StoredExamples(matrix, rows, scaling).load()
            for stored in predicted.values():
                stored.check_same(truth.samples, list(truth.features.index), normalised)
            contest = _Contest(predicted, scaling, truth, units, baseline, certainty)
            found.append((scaling, contest.held(threads)))
    return Comparison(
        pd.concat([each.pairs.assign(scaling=scaling) for scaling, each in found]),
        pd.concat([each.genes.assign(scaling=scaling) for scaling, each in found]),
    )


@dataclass(frozen=True)
class _Told:
    """What some targets tell of contestants (the models, the null last) and of pairs of them.

    Attributes
    ----------
    mae
        Shape (contestants, targets).
    p, effects
        Shape (pairs, targets).
    improvements
        Lower and upper bound of each model's improvement over the baseline, shape (2, models, targets).
    replicates, counts
        Sums, over the targets that count, of the contestants' replicated MAE, shape (contestants, resamples), and the
        number of targets that were measured in a resample, shape (resamples,).
    better
        Targets that count in which the first, or the second, of a pair is better, shape (2, pairs, resamples).
    unit_sums, unit_counts
        Sums of errors by unit, and numbers of values, over the targets that count, shape (contestants, units) and
        (units,).
    """

    mae: Floats
    p: Floats
    effects: Floats
    improvements: Floats
    replicates: Floats
    counts: NDArray[np.int_]
    better: NDArray[np.int_]
    unit_sums: Floats
    unit_counts: Floats

    @classmethod
    def together(cls, blocks: Sequence["_Told"]) -> "_Told":
        """Join what blocks of targets tell."""
        by_target = {"mae", "p", "effects", "improvements"}
        joined = {}
        for field in fields(cls):
            parts = [getattr(block, field.name) for block in blocks]
            joined[field.name] = np.concatenate(parts, axis=-1) if field.name in by_target else np.sum(parts, axis=0)
        return cls(**joined)


@dataclass(frozen=True)
class _Contest:
    """All models on one cohort in one scaling."""

    predicted: Mapping[str, StoredPredictions]
    scaling: str
    truth: Examples
    units: Units
    baseline: str
    certainty: Certainty

    @property
    def contestants(self) -> list[str]:
        return [*self.predicted, NULL]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.contestants)), 2))

    def held(self, threads: int) -> Comparison:
        drawn = draws(self.units.count, self.certainty.resamples, self.certainty.seed).T
        counted = counted_targets(self.truth.features) & self.truth.measured.any(axis=0)
        places = [slice(start, start + _TARGETS) for start in range(0, len(counted), _TARGETS)]
        with ThreadPoolExecutor(threads) as pool:
            blocks = list(pool.map(lambda place: self._block(place, drawn, counted[place]), places))
        whole = _Told.together(blocks)
        return Comparison(self._pairs(whole, counted), self._genes(whole))

    def _block(self, place: slice, drawn: NDArray[np.float32], counted: Mask) -> _Told:
        truth = np.ascontiguousarray(self.truth.targets[:, place].T)
        there = np.ascontiguousarray(self.truth.measured[:, place].T)
        n = self.units.sums(there)
        sums = []
        for stored in self.predicted.values():
            error = np.abs(np.ascontiguousarray(stored.scores(self.scaling, targets=place).T) - truth)
            sums.append(self.units.sums(np.where(there, error, 0)))
        sums.append(self.units.sums(np.where(there, np.abs(truth), 0)))
        with np.errstate(invalid="ignore", divide="ignore"):
            means = [total / n for total in sums]
            drawn_n = n.astype(np.float32) @ drawn
            replicates = [(total.astype(np.float32) @ drawn) / drawn_n for total in sums]
            mae = np.array([total.sum(axis=1) / n.sum(axis=1) for total in sums])
            reference = replicates[self.contestants.index(self.baseline)]
            bounds = [
                interval((1 - model.astype(np.float64) / reference).T, self.certainty.confidence, self.units.count)
                for model in replicates[:-1]
            ]
        tests = self._tests(np.array(means))
        some = [model[counted] for model in replicates]
        better = [[_times_below(some[a], some[b]) for a, b in (pair, pair[::-1])] for pair in self.pairs]
        return _Told(
            mae=mae,
            p=tests.p,
            effects=tests.effects,
            improvements=np.array(bounds).transpose(1, 0, 2),
            replicates=np.array([np.nansum(model, axis=0, dtype=np.float64) for model in some]),
            counts=(~np.isnan(some[0])).sum(axis=0),
            better=np.array(better).transpose(1, 0, 2),
            unit_sums=np.array([total[counted].sum(axis=0) for total in sums]),
            unit_counts=n[counted].sum(axis=0),
        )

    def _tests(self, means: Floats) -> SignedRanks:
        """Test all pairs of contestants by their mean errors, shape (contestants, targets, units); (pairs, targets)."""
        _, targets, units = means.shape
        pairs = np.array(self.pairs)
        at_once = max(1, _DIFFERENCES // max(1, targets * units))
        found = []
        for start in range(0, len(pairs), at_once):
            first, second = pairs[start : start + at_once].T
            found.append(signed_ranks((means[second] - means[first]).reshape(-1, units)))
        p, effects = (np.concatenate(parts) for parts in zip(*((each.p, each.effects) for each in found), strict=True))
        return SignedRanks(p.reshape(-1, targets), effects.reshape(-1, targets))

    def _pairs(self, whole: _Told, counted: Mask) -> pd.DataFrame:
        names, confidence = self.contestants, self.certainty.confidence
        with np.errstate(invalid="ignore", divide="ignore"):
            overall = whole.replicates / whole.counts
            unit_means = whole.unit_sums / whole.unit_counts
            mae = whole.mae[:, counted].mean(axis=1) if counted.any() else np.full(len(names), np.nan)
        rows = []
        for number, pair in enumerate(self.pairs):
            q = adjusted(whole.p[number, counted])
            surely = q < 1 - confidence
            effects = whole.effects[number, counted]
            together: SignedRanks = signed_ranks((unit_means[pair[1]] - unit_means[pair[0]])[None, :])
            for turn, (a, b) in enumerate((pair, pair[::-1])):
                sign = 1 if turn == 0 else -1
                low, high = interval(100 * (1 - overall[a] / overall[b]), confidence, self.units.count)
                shares = 100 * whole.better[turn, number] / np.maximum(whole.counts, 1)
                better = (
                    100 * float((whole.mae[a, counted] < whole.mae[b, counted]).mean()) if counted.any() else np.nan
                )
                better_low, better_high = normal_interval(better, shares, confidence, self.units.count)
                rows.append(
                    {
                        "model": names[a],
                        "other": names[b],
                        "targets": int(counted.sum()),
                        "samples": len(self.truth.samples),
                        "unit": self.units.kind,
                        "units": self.units.count,
                        "mae": mae[a],
                        "other_mae": mae[b],
                        "improvement_percent": 100 * (1 - mae[a] / mae[b]),
                        "improvement_low": float(low),
                        "improvement_high": float(high),
                        "genes_better_percent": better,
                        "genes_better_low": max(better_low, 0.0),
                        "genes_better_high": min(better_high, 100.0),
                        "genes_significantly_better": int((surely & (sign * effects > 0)).sum()),
                        "genes_significantly_worse": int((surely & (sign * effects < 0)).sum()),
                        "median_effect": sign * float(np.nanmedian(effects)) if counted.any() else np.nan,
                        "p": float(together.p[0]),
                    }
                )
        # The null is no model, only what models are held against.
        table = pd.DataFrame([row for row in rows if row["model"] != NULL])
        places = {name: place for place, name in enumerate(names)}
        return table.sort_values(["model", "other"], key=lambda column: column.map(places), ignore_index=True)

    def _genes(self, whole: _Told) -> pd.DataFrame:
        features = identifiers(self.truth.features)
        measured = self.truth.measured.any(axis=0)
        own = counted_targets(self.truth.features)
        reference = list(self.predicted).index(self.baseline)
        tables = []
        for place, name in enumerate(self.predicted):
            if place == reference:
                continue
            number = self.pairs.index((min(place, reference), max(place, reference)))
            sign = 1 if place < reference else -1
            p, q = whole.p[number], np.full(len(features), np.nan)
            # Overlapping targets would count as discoveries that are none.
            q[own] = adjusted(p[own])
            low, high = whole.improvements[:, place]
            figures = {
                "mae": whole.mae[place],
                "baseline_mae": whole.mae[reference],
                "improvement_percent": 100 * (1 - whole.mae[place] / whole.mae[reference]),
                "improvement_low": 100 * low,
                "improvement_high": 100 * high,
                "effect": sign * whole.effects[number],
                "p": p,
                "q": q,
                "unit": self.units.kind,
                "units": self.units.count,
            }
            table = features.assign(**figures)
            table.insert(0, "model", name)
            tables.append(table[measured])
        columns = ["model", *IDENTIFIERS]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def _times_below(first: Block, second: Block) -> NDArray[np.int_]:
    """Count, replicate by replicate, the targets in which the first is below the second.

    In 8 bits, as many targets as these count at a time: an eighth of the memory of numpy's own sum of truths.
    """
    below = (first < second).view(np.uint8)
    count = np.zeros(below.shape[1], np.int_)
    for start in range(0, len(below), _EIGHT_BITS):
        count += np.add.reduce(below[start : start + _EIGHT_BITS], axis=0, dtype=np.uint8)
    return count
