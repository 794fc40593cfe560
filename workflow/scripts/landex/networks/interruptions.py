"""Signals that end a training: it is told in time to keep what it has learnt."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# What Snakemake, schedulers and users send. Slurm warns with the signal that --signal names, commonly USR1.
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Interruptions:
    """Notes signals instead of ending the process, while it is open as a context manager.

    Attributes
    ----------
    pending
        Name of the signal that came; empty before.
    """

    def __init__(self) -> None:
        self.pending = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Interruptions":
        # Python lets only the main thread have handlers; in another one (a notebook's) nothing is noted.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pending = signal.Signals(number).name
