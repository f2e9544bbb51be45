"""Work that AWS does on its own time, after it has answered: threads that end with the emulator."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

_JOIN_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Background:
    """Starts threads, and lets them wait in a way that ends when the emulator does."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    @property
    def closed(self) -> bool:
        """Return whether the emulator is ending."""
        return self._closed.is_set()

    def start(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do `work` in a thread of its own; what it raises is logged."""

        def guarded() -> None:
            try:
                work(*arguments)
            except Exception:  # noqa: BLE001 - nobody waits for this thread, so the log has to tell
                if not self.closed:  # a service that is closing refuses, and that is no news
                    _log.exception("%s failed", work)

        with self._lock:
            if self.closed:
                return
            thread = threading.Thread(target=guarded, daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait; return False when the emulator ended meanwhile."""
        return not self._closed.wait(seconds)

    def end(self) -> None:
        """End every wait, and start nothing any more."""
        with self._lock:
            self._closed.set()

    def join(self) -> None:
        """Give the threads a moment to come to their end, after `end`."""
        for thread in list(self._threads):
            thread.join(timeout=_JOIN_SECONDS)
