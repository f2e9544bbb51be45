"""How often something is looked at: drawn anew each time, slower while nobody answers, within what a region takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator.patience import AWS, Patience

SHORTEST_SECONDS = 0.5
NEAR_SECONDS = 0.75
# Towards a neighbour who does not answer, as everywhere; a build goes on meanwhile, so there is time.
SILENCE = replace(AWS, longest_seconds=15.0, deadline_seconds=600.0)
_SLOWEST = 8.0


class Rhythm:
    """The pauses between two looks at one thing."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._slow = 1.0
        self._failures = 0
        self._failing_since: float | None = None

    def after_success(self, longest_seconds: float) -> float:
        """Return the pause until the next look, drawn from the shortest up to `longest_seconds`.

        After failures it is longer than that, and comes back with each success.
        """
        self._slow = max(1.0, self._slow / 2)
        self._failures, self._failing_since = 0, None
        return self._drawn(longest_seconds * self._slow)

    def after_failure(self) -> float:
        """Return the pause until it is tried again: up to twice as long each time."""
        self._failures += 1
        self._slow = min(_SLOWEST, self._slow * 2)
        if self._failing_since is None:
            self._failing_since = self._patience.monotonic()
        return self._drawn(min(SILENCE.longest_seconds, 2.0 ** min(self._failures - 1, 10)))

    def rest(self) -> None:
        """Note that nothing is tried for a while: what failed before does not count as failing since then."""
        self._failures, self._failing_since = 0, None

    def failing_seconds(self) -> float:
        """Return for how long every try has failed."""
        return 0.0 if self._failing_since is None else self._patience.monotonic() - self._failing_since

    @property
    def fails(self) -> bool:
        """Whether the last try failed."""
        return self._failures > 0

    def _drawn(self, longest_seconds: float) -> float:
        return SHORTEST_SECONDS + self._patience.jitter(max(0.0, longest_seconds - SHORTEST_SECONDS))


class Bucket:
    """Allows so many calls in a second, and as many at once after a second of rest.

    It is asked by the one thread that decides what is called next, so that nothing waits inside of a call.
    """

    def __init__(self, per_second: float, monotonic: Callable[[], float]) -> None:
        self._rate, self._monotonic = per_second, monotonic
        self._most = max(2.0, per_second)
        self._tokens, self._at = self._most, monotonic()

    def wait_seconds(self) -> float:
        """Return how long it takes until a call is allowed."""
        now = self._monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        missing = 1.0 - self._tokens
        # A wait is a sum of floats: a millionth less than whole is whole.
        return missing / self._rate if missing > 1e-6 else 0.0

    def take(self) -> None:
        """Note that a call is made."""
        self._tokens -= 1.0
