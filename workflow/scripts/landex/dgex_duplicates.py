"""Near-duplicates as D-GEX found them: within clusters, by Euclidean distance on all probes (Chen et al. 2016)."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from landex.files import allocate
from landex.formats.matrix_file import MatrixFile

_CLUSTERS = 100
_BATCH = 1000
# Passes over the samples; the paper's are at most ten, and it stops when the means rest.
_PASSES = 3
_DISTANCE = 1.0
_SEED = 1
# Rows of a cluster that are compared at a time: at 22,268 probes 90 MB.
_ROWS = 1024


def near_duplicates(file: MatrixFile, kept: NDArray[np.bool_], folder: Path) -> dict[int, int]:
    """Find the samples that fall as near-duplicates of an earlier one.

    Samples are clustered by mini-batch k-means: a cluster a thousand samples, at most the paper's 100, in batches of
    1,000. Inside a cluster a sample falls if any earlier one lies nearer than 1, even one that has fallen itself. The
    paper's clustering was not seeded; this one is.

    Parameters
    ----------
    file
        Values as they are in the file: the paper's are log2. A missing value counts as 0.
    kept
        Which samples take part.
    folder
        Where a copy of the values lies meanwhile, whose rows can be had in any order: 4 bytes a value.

    Returns
    -------
    dict
        For every sample that falls, the first one that it lies near to, both by row.
    """
    rows = np.flatnonzero(kept)
    if not len(rows):
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".partial.") as scratch:
        path, shape = Path(scratch, "values"), (len(rows), len(file.genes))
        allocate(path, 4 * shape[0] * shape[1])
        values = np.memmap(path, np.float32, "r+", shape=shape)
        done = 0
        for place, block in file.blocks():
            some = np.nan_to_num(block[kept[place]])
            values[done : done + len(some)] = some
            done += len(some)
        clusters = _clusters(values)
        fallen: dict[int, int] = {}
        for cluster in range(_CLUSTERS):
            fallen |= _fallen(values, np.flatnonzero(clusters == cluster))
    return {int(rows[later]): int(rows[earlier]) for later, earlier in fallen.items()}


def _clusters(values: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return the cluster of every row."""
    from sklearn.cluster import MiniBatchKMeans

    count = len(values)
    clusters = min(_CLUSTERS, max(1, count // _BATCH))
    means = MiniBatchKMeans(clusters, batch_size=_BATCH, random_state=_SEED, n_init=1)
    order = np.random.default_rng(_SEED).permutation(count)
    for _ in range(_PASSES if count > _BATCH else 1):
        for start in range(0, count, _BATCH):
            batch = np.sort(order[start : start + _BATCH])
            if len(batch) >= means.n_clusters:
                means.partial_fit(values[batch])
    return np.concatenate([means.predict(values[start : start + _BATCH]) for start in range(0, count, _BATCH)])


def _fallen(values: NDArray[np.float32], rows: NDArray[np.intp]) -> dict[int, int]:
    """Return the rows of one cluster that fall, each with the first one near it."""
    fallen: dict[int, int] = {}
    for start in range(0, len(rows), _ROWS):
        later = rows[start : start + _ROWS]
        ours = values[later]
        for other in range(0, start + 1, _ROWS):
            earlier = rows[other : other + _ROWS]
            for row, column in _near(ours, ours if other == start else values[earlier]):
                if earlier[column] < later[row]:
                    fallen.setdefault(int(later[row]), int(earlier[column]))
    return fallen


def _near(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the pairs of rows nearer than the limit; candidates by a product, then measured in double precision."""
    squares = [np.einsum("ij,ij->i", values, values, dtype=np.float64) for values in (ours, theirs)]
    apart = squares[0][:, None] + squares[1] - 2.0 * (ours @ theirs.T)
    slack = 1e-5 * max(float(some.max(initial=0)) for some in squares)
    return [
        (int(row), int(column))
        for row, column in np.argwhere(apart < _DISTANCE**2 + slack)
        if float(np.sum((ours[row].astype(np.float64) - theirs[column]) ** 2)) < _DISTANCE**2
    ]
