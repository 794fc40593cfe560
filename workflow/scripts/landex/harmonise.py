"""Harmonising: how the values of a sample are brought onto a reference that was learnt on another platform."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landex.orders import ROWS_AT_ONCE, Orders, orders_of
from landex.quantiles import Block, Reference, Ties, map_onto

# Maps samples, shape (rows, genes), onto a reference of shape (genes,).
Method = Callable[[Block, Reference], Block]

# Names of the methods, as in the config.
METHODS = ("quantiles", "distinct_ranks", "tdm")


def by_quantiles(ties: Ties) -> Method:
    """Return the method of quantile normalisation; see `map_onto`."""
    return lambda block, reference: map_onto(block, reference, ties)


def map_distinct_ranks(block: Block, reference: Reference, as_published: bool = False) -> Block:
    """Replace values by the reference at their rank among the sample's distinct values (Chen et al. 2016).

    Of u distinct values the r-th takes value number floor(r n / u) of the n of the reference. So the many zeros of
    RNA-seq count as one value, the lowest, where quantiles give them the middle of their share.

    Parameters
    ----------
    block
        Shape (rows, genes), NaN where missing.
    reference
        Shape (n,), increasing.
    as_published
        Whether r / u is rounded to a float before n multiplies it and the fraction is cut, as D-GEX's scripts do:
        where r n / u is whole that may give the value before (650 of 10,463 at n = u). Else whole numbers are
        used throughout.

    Returns
    -------
    array
        Shape (rows, genes), float32, NaN where missing.
    """
    mapped = np.empty(block.shape, np.float32)
    values = reference.astype(np.float32)
    for start in range(0, len(block), ROWS_AT_ONCE):
        piece = slice(start, start + ROWS_AT_ONCE)
        orders = orders_of(block[piece])
        mapped[piece].ravel()[orders.places] = _at_distinct_ranks(orders, values, as_published)
    return mapped


def _at_distinct_ranks(orders: Orders, reference: Block, as_published: bool) -> Block:
    ranks = np.cumsum(~orders.tied, axis=1, dtype=np.int64)
    there = np.arange(ranks.shape[1]) < orders.counts[:, None]
    distinct = np.max(np.where(there, ranks, 1), axis=1, initial=1)[:, None]
    if as_published:
        numbers = (ranks / distinct * len(reference)).astype(np.int64)
    else:
        numbers = ranks * len(reference) // distinct
    # More distinct values than the reference has would ask for value number 0.
    taken = reference[np.clip(numbers, 1, len(reference)) - 1]
    return np.where(there, taken, np.float32(np.nan))


@dataclass(frozen=True)
class Spread:
    """Where a set of values lies: minimum, quartiles and maximum."""

    lowest: float
    lower_quartile: float
    upper_quartile: float
    highest: float

    @classmethod
    def of_reference(cls, reference: Reference) -> "Spread":
        """Return the spread of samples that are normalised onto a reference."""
        return cls(*np.quantile(reference, [0, 0.25, 0.75, 1]).tolist())

    @classmethod
    def of(cls, blocks: Callable[[], Iterable[NDArray[np.float32]]]) -> "Spread":
        """Return the spread of all values of some blocks, missing ones left out.

        Exact, in memory that does not grow with the number of blocks: the first pass counts the upper 16 bits of all
        values, the second collects the counts of the lower 16 where a quantile lies (radix selection).

        Parameters
        ----------
        blocks
            Called once a pass.

        Raises
        ------
        ValueError
            If there are no values.
        """
        upper = _counted(bits >> np.uint32(16) for bits in map(_ordered, blocks()))
        total = int(upper.sum())
        if not total:
            raise ValueError("no values to take quartiles of")
        # R's default and NumPy's: linear between the two values around (total - 1) q.
        places = [(total - 1) * share for share in (0, 0.25, 0.75, 1)]
        wanted = sorted({int(np.floor(place)) for place in places} | {int(np.ceil(place)) for place in places})
        ends = np.cumsum(upper)
        found: dict[int, float] = {}
        for head in sorted({int(np.searchsorted(ends, rank, side="right")) for rank in wanted}):
            alike = (bits[bits >> np.uint32(16) == head] for bits in map(_ordered, blocks()))
            lower = np.cumsum(_counted(bits & np.uint32(0xFFFF) for bits in alike))
            before = int(ends[head] - upper[head])
            for rank in wanted:
                if before <= rank < ends[head]:
                    found[rank] = _value(head << 16 | int(np.searchsorted(lower, rank - before, side="right")))
        corners = []
        for place in places:
            low, high = found[int(np.floor(place))], found[int(np.ceil(place))]
            corners.append(low + (high - low) * (place - np.floor(place)))
        return cls(*corners)


def _counted(heads: Iterable[NDArray[np.uint32]]) -> NDArray[np.int64]:
    total = np.zeros(1 << 16, np.int64)
    for some in heads:
        total += np.bincount(some.ravel(), minlength=1 << 16)
    return total


def _ordered(block: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return the measured values' bits, turned so that they order as the values do."""
    bits = (block[~np.isnan(block)].astype(np.float32) + np.float32(0)).view(np.uint32)
    return np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(0x80000000))


def _value(bits: int) -> float:
    turned = bits & 0x7FFFFFFF if bits >> 31 else ~bits & 0xFFFFFFFF
    return float(np.array(turned, np.uint32).view(np.float32))


def by_training_distribution(cohort: Spread) -> Method:
    """Return the method TDM, Training Distribution Matching (Thompson, Tan & Greene 2016, PeerJ 4:e1621).

    In linear units, values beyond the cohort's quartiles by more interquartile ranges than the reference's extremes
    are beyond its own are cut off; then the range that is left is stretched to the reference's. Unlike the other
    methods it looks at the whole cohort, so a sample alone is scaled by the cohort that it came with.

    Parameters
    ----------
    cohort
        Spread of all values of the cohort, log2.
    """

    def map_block(block: Block, reference: Reference) -> Block:
        learnt = Spread.of_reference(reference)
        low, first, third, high = np.exp2([learnt.lowest, learnt.lower_quartile, learnt.upper_quartile, learnt.highest])
        own_low, own_first, own_third = np.exp2([cohort.lowest, cohort.lower_quartile, cohort.upper_quartile])
        # A distribution without a width has nothing to be stretched by.
        width = third - first if third > first else 1.0
        top = own_third + (high - third) / width * (own_third - own_first)
        bottom = max(own_first - (first - low) / width * (own_third - own_first), own_low)
        span = top - bottom if top > bottom else 1.0
        linear = np.clip(np.exp2(block.astype(np.float64)), bottom, top)
        return np.log2((linear - bottom) / span * (high - low) + low).astype(np.float32)

    return map_block
