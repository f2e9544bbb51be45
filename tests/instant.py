"""Patience that costs no time."""

from __future__ import annotations

from orchestrator.patience import Patience


class Instant:
    """A clock that moves when somebody sleeps, pauses that are as long as they may be, and what was said of them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.said: list[str] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds

    @property
    def patience(self) -> Patience:
        """The same, as everything takes it."""
        return Patience(
            sleep=self.sleep, monotonic=lambda: self.now, jitter=lambda longest: longest, tell=self.said.append
        )
