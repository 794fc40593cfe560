"""Auxiliary cohorts: samples that models may learn from beside the compendium, in their own scaling."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.copies import Part, find_copies
from landex.files import atomic
from landex.h5ad import create_matrix, open_matrix

Mask = NDArray[np.bool_]

_logger = logging.getLogger(__name__)

# Least distance up to which two samples are copies. One that was normalised otherwise here than there lies farther from
# itself than a copy within a compendium does (a correlation of .995 instead of .9998), and leaving a stranger out costs
# little.
DISTANCE = 0.1
# Models are fitted to every set of targets that count in the same cohorts by itself: with kernels this takes as many
# times as long. Seven cohorts of four platforms make a dozen sets, most of them of a few targets.
MOST_SETS = 6


@dataclass(frozen=True)
class AuxiliaryCohort:
    """One auxiliary cohort: its name, its values as they came, and normalised with its own scaling."""

    name: str
    cohort: Path
    normalised: Path


def write_auxiliary(
    auxiliary: Sequence[AuxiliaryCohort],
    others: Mapping[str, Path],
    distance: float,
    matrix: Path,
    duplicates: Path,
    threads: int = 1,
) -> None:
    """Gather the samples of auxiliary cohorts that no other cohort holds.

    A sample that the compendium or an external cohort holds too goes, and so does one that an auxiliary cohort before
    its own holds: nothing is learnt from what is tested on, and nothing twice. A target counts in a cohort that
    measures it in all samples, or in fewer cohorts than that (`in_few_sets`): models are fitted set by set.

    Parameters
    ----------
    auxiliary
        The auxiliary cohorts, in their order; those without own scaling (too small, too little measured) are left out.
    others
        The compendium and the external cohorts, log2, by name.
    distance
        Root mean square difference of normal scores up to which two samples are copies, .1 at least.
    matrix
        Result: X in z-scores by each cohort's own mean and deviation, genes as in the normalised compendium; layer
        `measured`; samples named `{cohort}:{sample}`. It may have no samples.
    duplicates
        Result: a table of the copies, see `copies.COLUMNS`.
    threads
        Threads; the result is the same with any number.
    """
    matrix.parent.mkdir(parents=True, exist_ok=True)
    known = [Part.read(name, path) for name, path in others.items()]
    chosen, tables = list[_Chosen](), list[pd.DataFrame]()
    for cohort in auxiliary:
        part = Part.read(cohort.name, cohort.cohort)
        copies = find_copies([part], known, part.var.index, max(distance, DISTANCE), matrix, threads)
        known.append(part)
        tables.append(copies.table)
        chosen += _chosen(cohort, np.flatnonzero(copies.kept))
    if not chosen:
        _logger.warning("no auxiliary sample is left; models learn from the compendium alone")
    with atomic(duplicates) as temporary:
        pd.concat(tables).to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    with open_matrix(auxiliary[0].normalised) as first:
        var = first.var
    _write_matrix(chosen, var, matrix)


@dataclass(frozen=True)
class _Chosen:
    """Samples of one cohort to learn from: their rows in its normalised matrix, and their table."""

    normalised: Path
    rows: NDArray[np.intp]
    obs: pd.DataFrame


def _chosen(cohort: AuxiliaryCohort, rows: NDArray[np.intp]) -> Iterator[_Chosen]:
    with open_matrix(cohort.normalised) as matrix:
        if not matrix.has_layer("own"):
            # Too few samples for it, or too little measured, as the log of normalising says.
            _logger.warning("%s: has no scaling of its own; left out", cohort.name)
            return
        _logger.info("%s: %d of %d samples kept", cohort.name, len(rows), len(matrix.obs))
        if len(rows):
            names = pd.Index(f"{cohort.name}:" + matrix.obs.index[rows].astype(str), name="sample")
            yield _Chosen(cohort.normalised, rows, matrix.obs.iloc[rows].set_axis(names, axis=0))


def _write_matrix(chosen: Sequence[_Chosen], var: pd.DataFrame, path: Path) -> None:
    obs = pd.concat([cohort.obs for cohort in chosen]) if chosen else pd.DataFrame(index=pd.Index([], name="sample"))
    is_landmark = (var["role"] == "landmark").to_numpy()
    counts = np.array([_complete(cohort) for cohort in chosen], bool).reshape(len(chosen), len(var))
    counts[:, ~is_landmark] = in_few_sets(counts[:, ~is_landmark], [len(cohort.rows) for cohort in chosen])
    with create_matrix(path, obs, var) as out:
        start = 0
        for cohort, counted in zip(chosen, counts, strict=True):
            with open_matrix(cohort.normalised) as matrix:
                for place, values in matrix.blocks(cohort.rows, "own"):
                    at = slice(start + place.start, start + place.stop)
                    # Landmarks that were not measured were filled in; targets that do not count are 0.
                    out.write(at, np.where(counted | is_landmark, values, 0))
                    out.write(at, np.broadcast_to(counted, values.shape), "measured")
            start += len(cohort.rows)


def _complete(cohort: _Chosen) -> Mask:
    """Tell which genes are measured in all chosen samples of a cohort."""
    with open_matrix(cohort.normalised) as matrix:
        complete = np.ones(len(matrix.var), bool)
        for _, measured in matrix.blocks(cohort.rows, "measured"):
            complete &= measured.astype(bool).all(axis=0)
    return complete


def in_few_sets(counts: Mask, samples: Sequence[int], most: int = MOST_SETS) -> Mask:
    """Let targets count in fewer cohorts until not too many sets of cohorts are left.

    The set with the fewest targets is given up, time after time: its targets count in that one of the other sets within
    it that has the most samples, or in no cohort where there is none.

    Parameters
    ----------
    counts
        Which targets count in which cohorts, shape (cohorts, targets).
    samples
        Of every cohort.
    most
        Sets of cohorts that may be left, at least 1.

    Returns
    -------
    array
        Shape as `counts`; True nowhere else.
    """
    patterns, of_target = np.unique(counts.T, axis=0, return_inverse=True)
    sets = {tuple(pattern): np.flatnonzero(of_target == number) for number, pattern in enumerate(patterns.tolist())}
    while len(sets) > most:
        fewest = min(filter(any, sets), key=lambda pattern: len(sets[pattern]))
        targets = sets.pop(fewest)
        within = [other for other in sets if all(had for has, had in zip(other, fewest, strict=True) if has)]
        taken = max(within, key=lambda other: np.dot(other, samples), default=(False,) * len(fewest))
        sets[taken] = np.concatenate([sets.get(taken, np.array([], np.intp)), targets])
    few = np.zeros_like(counts)
    for pattern, targets in sets.items():
        few[np.ix_(np.flatnonzero(pattern), targets)] = True
    return few
