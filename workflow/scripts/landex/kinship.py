"""Groups of samples that a split must not part: series that share a superseries, a sample or a near-duplicate."""

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from landex.duplicates import Pair, groups_of


def joined_groups(obs: pd.DataFrame, leaders: NDArray[np.intp]) -> list[str]:
    """Give groups that are kin the name of the first of them.

    Parameters
    ----------
    obs
        A row a sample: group, series, and superseries (several joined with `|`; empty where the user said the group).
    leaders
        For every sample the first sample of its group of copies.
    """
    groups = obs["group"].astype(str).to_numpy()
    # Groups come first, so that they lend their names.
    accessions = [
        [f"of {name}" for name in (series, *of.split("|")) if name] if of or group == series else []
        for group, series, of in zip(groups, obs["series"].astype(str), obs["superseries"].astype(str), strict=True)
    ]
    codes, names = pd.factorize(np.array([*groups, *(name for some in accessions for name in some)], object))
    ties = {(int(codes[leader]), int(codes[row])) for row, leader in enumerate(leaders)}
    place = len(groups)
    for row, some in enumerate(accessions):
        nodes = [int(codes[row]), *codes[place : place + len(some)].tolist()]
        ties.update(pairwise(nodes))
        place += len(some)
    joined = groups_of([Pair(*tie, 0.0) for tie in sorted(ties)], len(names))
    return [str(names[joined[code]]) for code in codes[: len(groups)]]
