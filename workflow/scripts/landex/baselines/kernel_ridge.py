"""Ridge regression of all targets with a Gaussian kernel: exact up to some 20,000 samples, by Nystroem beyond."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from threadpoolctl import threadpool_limits

from landex.baselines.centred_kernel import CentredKernel
from landex.baselines.choices import best_values, describe_choice
from landex.baselines.kernel_model import Floats, KernelModel, kernel_of
from landex.baselines.measured_sets import Indices, measured_sets
from landex.baselines.nystroem import fit_nystroem
from landex.examples import ExampleSource, evenly_spaced
from landex.h5ad import Block
from landex.models import Fitted

_logger = logging.getLogger(__name__)

# Halves of GDSC's 780 samples have medians within 1.5 % of the whole's; the steps between widths are ten times that.
_DISTANCES_AMONG = 1000
# The width that is best depends little on how many samples there are (GDSC: .6 to .7 medians among 100 samples, .5 to
# .6 among 560), so that a part of many samples and targets finds it, in a minute or two. Twice as many samples would
# take eight times as long, more than the fit itself at 4,000.
_SAMPLES_FOR_WIDTH, _TARGETS_FOR_WIDTH = 2048, 512
# More samples left out choose no better penalty, and each costs two passes over the factor at every penalty.
_MOST_LEFT_OUT = 2048
# Targets whose errors are measured at once: with 20,000 samples 80 MB in float64.
_COLUMNS = 512
# Targets solved at once: with 20,000 samples 330 MB in float64.
_SOLVED_AT_ONCE = 2048


@dataclass(frozen=True)
class KernelRidge:
    """Kernel ridge regression: the minimum of ||y - b - Ka||^2 / n + lambda a'Ka for n training samples.

    K_ij = exp(-|x_i - x_j|^2 / (2 width^2)) + linear x_i x_j / median^2 on the landmarks' z-scores, `median` being the
    median distance between training samples. Saunders, Gammerman & Vovk 1998, with an
    intercept b that is not penalised (Suykens & Vandewalle 1999): a = (HKH + lambda n I)^-1 (y - mean y) with
    H = I - 11'/n, and b = mean y - m'a for K's column means m. This is scikit-learn's KernelRidge of centred targets
    on a kernel from KernelCenterer, with alpha = lambda n.

    Up to `exact_up_to` samples it is solved as it stands, beyond by Nystroem's method (`nystroem`).

    Attributes
    ----------
    lambdas
        Penalties to choose from. Of equal errors the larger penalty wins.
    widths
        Widths of the kernel to choose from, one for all targets, as multiples of the median distance between training
        samples. Of equal errors the larger width wins. Chosen on up to 2,048 samples and 512 targets, evenly spaced,
        and of these on the largest set of targets that are measured in the same samples.
    choose
        What has the lowest mean absolute error: training samples, each predicted by a fit to all others
        (`leave_one_out`, of up to 2,048, evenly spaced), or the `select` part. A target that `select` does not
        measure is chosen by leaving one out.
    per_target
        A penalty for every target, or one for all.
    exact_up_to
        Most training samples n for the exact solution, which takes 8 n^2 bytes and of the order of n^3 operations a
        penalty.
    centres
        Training samples that Nystroem's method draws.
    seed
        Draws them.
    linear
        Share of the linear kernel, which goes on where the Gaussian one ends: 0 for none.
    centre
        `mean`, or `median`: the intercept is moved so that half the training samples lie above what a fit to all
        others predicts of them (of up to 2,048, evenly spaced; with Nystroem's method what the fit itself does), which
        lowers absolute errors of skewed targets.
    """

    lambdas: Sequence[float]
    widths: Sequence[float]
    choose: str = "leave_one_out"
    per_target: bool = True
    exact_up_to: int = 20_000
    centres: int = 4000
    seed: int = 1
    linear: float = 0.0
    centre: str = "mean"

    def fit(self, training: ExampleSource, select: ExampleSource, threads: int = 1) -> Fitted[KernelModel]:
        """Fit to the training part; see `models.Estimator`."""
        path = np.sort(np.asarray(self.lambdas, np.float64))[::-1]
        with threadpool_limits(threads, "blas"):
            median = median_distance(training)
            slope = self.linear / median**2
            width = self._width(median, slope, path, training, select)
            gamma = 1 / (2 * (width * median) ** 2)
            if len(training.samples) <= self.exact_up_to:
                model, targets = self._exact(gamma, slope, path, training, select)
        if len(training.samples) > self.exact_up_to:
            model, targets = fit_nystroem(
                training,
                select,
                gamma,
                slope,
                path.tolist(),
                self.choose,
                self.per_target,
                self.centres,
                self.seed,
                threads,
            )
            if self.centre == "median":
                model = replace(model, intercept=model.intercept + fitted_medians(model, training))
        penalties = describe_choice(targets["lambda"].to_numpy(), path)
        return Fitted(model, targets, {"width": width, "lambda": penalties, "profiles": model.profiles})

    def _width(
        self, median: float, slope: float, path: Floats, training: ExampleSource, select: ExampleSource
    ) -> float:
        """Choose the width: each by its own best penalties."""
        widths = np.sort(np.asarray(self.widths, np.float64))[::-1]
        if len(widths) == 1:
            return float(widths[0])
        columns = np.arange(0, len(training.features), -(-len(training.features) // _TARGETS_FOR_WIDTH))
        some = Profiles.read(training, -(-len(training.samples) // _SAMPLES_FOR_WIDTH), columns)
        if some.sets:
            # One set finds it as well as all of them, each of which would take as long.
            rows, largest = some.sets[0]
            columns = columns[largest]
            some = replace(some, targets=some.targets[:, largest], sets=[(rows, np.arange(len(largest)))])
        selected = Selected.read(select, columns) if self.choose == "select" else None
        reached = []
        for width in widths:
            errors = path_errors(some, 1 / (2 * (width * median) ** 2), path, selected, slope)
            reached.append(errors.min(axis=0).mean() if self.per_target else errors.mean(axis=1).min())
            _logger.info("width %g: mean absolute error %.4f", width, reached[-1])
        return float(widths[np.argmin(reached)])

    def _exact(
        self, gamma: float, slope: float, path: Floats, training: ExampleSource, select: ExampleSource
    ) -> tuple[KernelModel, pd.DataFrame]:
        everything = Profiles.read(training)
        errors = np.zeros((len(path), len(training.features)))
        if len(path) > 1:
            selected = Selected.read(select) if self.choose == "select" else None
            errors = path_errors(everything, gamma, path, selected, slope)
        chosen = best_values(path, errors, self.per_target)
        targets = pd.DataFrame({"samples": 0, "lambda": chosen}, index=training.features.index)
        for rows, columns in everything.sets:
            targets.iloc[columns, 0] = len(rows)
        return solve(everything, gamma, chosen, slope, self.centre), targets


def median_distance(training: ExampleSource) -> float:
    """Return the median distance between up to 1,000 evenly spaced samples, of those that differ; 1 if none do."""
    distances = pdist(Profiles.read(training, -(-len(training.samples) // _DISTANCES_AMONG), np.arange(0)).inputs)
    differ = distances[distances > 0]
    return float(np.median(differ)) if len(differ) else 1.0


@dataclass(frozen=True)
class Profiles:
    """Training samples in memory.

    Attributes
    ----------
    inputs
        Shape (samples, landmarks).
    targets
        Shape (samples, targets); 0 where not measured.
    sets
        The samples that count, by number, and the targets that are measured in just these.
    """

    inputs: Block
    targets: Block
    sets: list[tuple[Indices, Indices]]

    @classmethod
    def read(cls, source: ExampleSource, step: int = 1, columns: Indices | None = None) -> "Profiles":
        """Read every `step`-th sample and some targets, by default all."""
        count = len(range(0, len(source.samples), step))
        columns = np.arange(len(source.features)) if columns is None else columns
        inputs = np.empty((count, source.landmarks), np.float32)
        targets = np.empty((count, len(columns)), np.float32)
        measured = np.ones((count, len(columns)), bool)
        first, done = 0, 0
        for block in source.blocks():
            rows = np.arange(-first % step, len(block.samples), step)
            place = slice(done, done + len(rows))
            first, done = first + len(block.samples), done + len(rows)
            inputs[place], measured[place] = block.inputs[rows], block.measured[np.ix_(rows, columns)]
            targets[place] = np.where(measured[place], block.targets[np.ix_(rows, columns)], 0)
        return cls(inputs, targets, _sets(measured))


def _sets(measured: NDArray[np.bool_]) -> list[tuple[Indices, Indices]]:
    """Return the samples that count and the targets that are measured in just these, for every such set."""
    if measured.all():
        return [(np.arange(measured.shape[0]), np.arange(measured.shape[1]))]
    return measured_sets(np.packbits(measured, axis=0), len(measured))


@dataclass(frozen=True)
class Selected:
    """Samples of the select part, in memory; shapes as in `Examples`."""

    inputs: Block
    targets: Block
    measured: NDArray[np.bool_]

    @classmethod
    def read(cls, select: ExampleSource, columns: Indices | slice = slice(None)) -> "Selected | None":
        """Read all samples and some targets; None where there are no samples."""
        blocks = [(block.inputs, block.targets[:, columns], block.measured[:, columns]) for block in select.blocks()]
        return cls(*(np.concatenate(parts) for parts in zip(*blocks, strict=True))) if blocks else None


def fitted_medians(model: KernelModel, training: ExampleSource) -> Block:
    """Return every target's median of what a model leaves over of up to 2,048 training samples, evenly spaced."""
    some = evenly_spaced(training, _MOST_LEFT_OUT)
    return _medians(np.where(some.measured, some.targets - model.predict(some.inputs), np.nan))


def _medians(left_over: NDArray[np.floating]) -> Block:
    """Return medians by column of what is not NaN; 0 where all is."""
    nothing = np.isnan(left_over).all(axis=0)
    medians = np.nanmedian(np.where(nothing, 0, left_over), axis=0)
    return medians.astype(np.float32)


def path_errors(
    profiles: Profiles, gamma: float, path: Floats, selected: Selected | None, slope: float = 0.0
) -> Floats:
    """Return every target's mean absolute error, shape (penalties, targets), on `selected` or by leaving one out.

    Leaving a sample out leaves it with the residual a_i / P_ii, P = (HKH + lambda n I)^-1 less the part along the
    constant, 11' / (lambda n^2): the intercept is fitted anew too (Cawley & Talbot 2004, eq. 9).
    """
    errors = np.zeros((len(path), profiles.targets.shape[1]))
    for rows, columns in profiles.sets:
        kernel = CentredKernel(profiles.inputs[rows], gamma, slope)
        left_out = np.arange(0, len(rows), -(-len(rows) // _MOST_LEFT_OUT))
        known = np.zeros(len(columns), bool) if selected is None else selected.measured[:, columns].any(axis=0)
        for number, penalty in enumerate(path * len(rows)):
            kernel.factorise(penalty)
            if selected is not None and known.any():
                right = kernel_of(profiles.inputs[rows], selected.inputs, gamma, slope) - kernel.mean[:, None]
                right = kernel.solve(right)
                errors[number, columns[known]] = _errors(profiles, rows, columns[known], right, selected)
            if not known.all():
                right = _leaving_out(kernel, left_out, penalty, len(rows))
                errors[number, columns[~known]] = _errors(profiles, rows, columns[~known], right, None)
    return errors


def _leaving_out(kernel: CentredKernel, left_out: Indices, penalty: float, samples: int) -> Floats:
    """Return what makes residuals of targets, right' y: each of some samples predicted by a fit to all others."""
    right = np.zeros((samples, len(left_out)), order="F")
    right[left_out, np.arange(len(left_out))] = 1
    right = kernel.solve(right)
    freedom = right[left_out, np.arange(len(left_out))] - 1 / (penalty * samples)
    # A sample alone leaves none, and its residual is 0.
    right /= np.maximum(freedom, 1e-12 / penalty)
    return right


def _errors(profiles: Profiles, rows: Indices, columns: Indices, right: Floats, selected: Selected | None) -> Floats:
    """Return mean absolute errors: of the predictions right' y + mean y of `selected`, or of the residuals right' y."""
    errors = np.empty(len(columns))
    for start in range(0, len(columns), _COLUMNS):
        place = slice(start, start + _COLUMNS)
        centred = profiles.targets[np.ix_(rows, columns[place])].astype(np.float64)
        means = centred.mean(axis=0)
        found = right.T @ (centred - means)
        if selected is None:
            errors[place] = np.abs(found).mean(axis=0)
            continue
        counts = selected.measured[:, columns[place]]
        found += means - np.where(counts, selected.targets[:, columns[place]], 0)
        errors[place] = np.where(counts, np.abs(found), 0).sum(axis=0) / counts.sum(axis=0)
    return errors


def solve(profiles: Profiles, gamma: float, chosen: Floats, slope: float = 0.0, centre: str = "mean") -> KernelModel:
    """Fit every target with the penalty chosen for it.

    The coefficients take the place of the profiles' targets in memory.
    """
    coefficients, intercept = profiles.targets, np.zeros(profiles.targets.shape[1], np.float32)
    for rows, columns in profiles.sets:
        kernel = CentredKernel(profiles.inputs[rows], gamma, slope)
        left_out = np.arange(0, len(rows), -(-len(rows) // _MOST_LEFT_OUT))
        for penalty in np.unique(chosen[columns]):
            kernel.factorise(penalty * len(rows))
            alike = columns[chosen[columns] == penalty]
            if centre == "median":
                leaving_out = _leaving_out(kernel, left_out, penalty * len(rows), len(rows))
            for start in range(0, len(alike), _SOLVED_AT_ONCE):
                some = alike[start : start + _SOLVED_AT_ONCE]
                place = np.ix_(rows, some)
                right = coefficients[place].astype(np.float64, order="F")
                means = right.mean(axis=0)
                right -= means
                moved = np.median(leaving_out.T @ right, axis=0) if centre == "median" else 0
                right = kernel.solve(right)
                coefficients[place] = right
                intercept[some] = means + moved - kernel.mean @ right
    return KernelModel(profiles.inputs, gamma, coefficients, intercept, slope)
