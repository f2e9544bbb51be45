"""Real time."""

from __future__ import annotations

import time


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
