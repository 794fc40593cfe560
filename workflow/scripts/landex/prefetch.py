"""Read ahead: the next item of an iterator is made in a thread while the current one is used."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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
