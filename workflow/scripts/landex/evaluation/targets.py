"""Targets as tables name them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

IDENTIFIERS = ("gene", "symbol", "ensembl", "cmap", "overlapping")


def identifiers(features: pd.DataFrame) -> pd.DataFrame:
    """Return `IDENTIFIERS` of examples' features, `overlapping` as 0 or 1."""
    return features[list(IDENTIFIERS[1:])].astype({"overlapping": int}).reset_index(names="gene")


def counted_targets(features: pd.DataFrame) -> NDArray[np.bool_]:
    """Tell which targets count in averages: all but overlapping ones, whose gene is an input too."""
    return features["overlapping"].astype(int).to_numpy() == 0
