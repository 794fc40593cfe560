"""What harnesses measure with: wall time, the rate of float32 products, and the peak memory of a process of its own."""

import json
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def seconds_of(work: Callable[[], object], times: int = 1) -> float:
    """Return the median wall time of some calls."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def sgemm_rate(rows: int = 2048, inner: int = 2048, columns: int = 8192) -> float:
    """Return float32 operations a second of NumPy's matrix product on all cores, the median of five."""
    random = np.random.default_rng(0)
    left, right = (random.standard_normal(shape, np.float32) for shape in ((rows, inner), (inner, columns)))
    left @ right
    return 2 * rows * inner * columns / seconds_of(lambda: left @ right, 5)


def in_own_process(work: Callable[..., Mapping[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run a function in a new process and return its result with `memory_gb`, that process's peak."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_with_memory, (work, arguments))


def _with_memory(work: Callable[..., Mapping[str, Any]], arguments: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(work(*arguments))
    return {**found, "memory_gb": _peak_memory() / 1e9}


def _peak_memory() -> int:
    """Return the most bytes that this process has held in memory."""
    # On Linux, what getrusage says begins with the memory of the process that this one was started from.
    status = Path("/proc/self/status")
    if status.exists():
        (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    # macOS counts in bytes, others in KiB.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget(path: str) -> None:
    """Take a file out of the system's cache, so that it comes from disk; where there is no such call, it may not."""
    if hasattr(os, "posix_fadvise"):
        with Path(path).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def print_figures(harness: str, figures: Mapping[str, float]) -> None:
    """Print the machine, and as the last line the figures as JSON."""
    print(f"{platform.machine()}, {cores()} cores, Python {platform.python_version()}, NumPy {np.__version__}")
    print(json.dumps({"harness": harness, "figures": {name: float(f"{value:.4g}") for name, value in figures.items()}}))
