"""Threads: reading ahead, and how many cores there are to share."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_info

_Item = TypeVar("_Item")


def prefetched(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the items in order, one read ahead; HDF5 and NumPy let other threads work meanwhile."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, iterator, end)
        while (item := waiting.result()) is not end:
            waiting = reader.submit(next, iterator, end)
            yield item  # type: ignore[misc]


def blas_threads() -> int:
    """Return how many threads BLAS uses: what the job was given (OMP_NUM_THREADS), or all cores."""
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
