"""How many builds run at once; the others wait in the queue."""

from __future__ import annotations

import threading
import time

from orchestrator.emulator.aws.container.shell import Limits

_TICK_SECONDS = 0.1


class Slots:
    """A number of places for running builds."""

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    def take(self, stopped: threading.Event, timeout_seconds: float) -> None:
        """Wait for a place and take it; raise Interrupted when stopped, or after `timeout_seconds`."""
        limits = Limits(stopped, time.monotonic() + timeout_seconds)
        limits.check()
        while not self._free.acquire(timeout=_TICK_SECONDS):
            limits.check()

    def give_back(self) -> None:
        """Leave the place to the next build."""
        self._free.release()
