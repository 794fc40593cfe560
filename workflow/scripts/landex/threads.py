"""Threads: reading ahead, work on blocks in order, and how many cores there are to share."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def prefetched(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the items in order, one read ahead; HDF5 and NumPy let other threads work meanwhile."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(next, iterator, end)
        while (item := waiting.result()) is not end:
            waiting = reader.submit(next, iterator, end)
            yield item  # type: ignore[misc]


def mapped_in_threads(work: Callable[[_Item], _Result], items: Iterable[_Item], threads: int) -> Iterator[_Result]:
    """Yield the results of some work on items, in the items' order; few items are in memory at a time.

    Parameters
    ----------
    work
        What is done to one item, in any of the threads.
    items
        Read ahead by a thread of their own where there are several threads.
    threads
        How many items are worked on at a time; with one, all happens in the calling thread.
    """
    if threads == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(threads) as workers:
        waiting: deque[Future[_Result]] = deque()
        for item in prefetched(items):
            waiting.append(workers.submit(work, item))
            # One more than there are workers, so that none of them waits for the reader of the results.
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def blas_threads() -> int:
    """Return how many threads BLAS uses: what the job was given (OMP_NUM_THREADS), or all cores."""
    from threadpoolctl import threadpool_info

    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
