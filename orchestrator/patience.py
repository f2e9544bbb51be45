"""How long a neighbour in trouble is asked again, how often and after which pauses: one rule for AWS, one for GitLab.

It travels with the Lambda function of `handback` and with the zipapp of a build, so it imports nothing but the standard
library.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

# The AWS errors that pass by themselves, without the `Exception` that some services close them with: the list of
# botocore's standard mode (botocore.retries.standard), and what S3 says of a write that another one crosses.
_PASSING_CODES = {
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",
    "EC2Throttled",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "OperationAborted",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttled",
    "Throttling",
    "TooManyRequests",
}
_EXPIRED = ("ExpiredToken", "RequestExpired", "TokenRefreshRequired")


@dataclass(frozen=True)
class Pace:
    """Pauses that double from `first_seconds` up to `longest_seconds`, each drawn from zero to that (full jitter).

    No attempt begins more than `deadline_seconds` after the first, and there are at most `attempts` (0: any number).
    Jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter.
    """

    first_seconds: float
    longest_seconds: float
    deadline_seconds: float = inf
    attempts: int = 0


# botocore has tried each of these attempts three times, seconds apart.
AWS = Pace(first_seconds=1.0, longest_seconds=20.0, deadline_seconds=120.0)
# As GitLab's own runner does it: five attempts.
GITLAB = Pace(first_seconds=2.0, longest_seconds=60.0, attempts=5)


def full_jitter(longest_seconds: float) -> float:
    """Return a pause between zero and `longest_seconds`."""
    return random.uniform(0, longest_seconds)  # noqa: S311 - jitter is no secret


def silent(_line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Patience:
    """What time is left, in seconds, how to let some of it pass, what draws the pauses, and who is told of them."""

    remaining_seconds: Callable[[], float] = lambda: inf
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[float], float] = full_jitter
    tell: Callable[[str], None] = silent


class Bout:
    """One run of bad luck with a neighbour, from the first attempt on; `over` begins the next one."""

    def __init__(self, pace: Pace, patience: Patience) -> None:
        self._pace, self._patience = pace, patience
        self.over()

    def over(self) -> None:
        """Note a success: the next pause is a short one again, and the deadline is far away."""
        self._failures = 0
        self._began = self._patience.monotonic()

    def spent_seconds(self) -> float:
        """Return how long this has been going on."""
        return self._patience.monotonic() - self._began

    def left_seconds(self) -> float:
        """Return how long attempts may still begin."""
        return min(self._pace.deadline_seconds - self.spent_seconds(), self._patience.remaining_seconds())

    def pause(self, at_least_seconds: float = 0.0, *, what: str = "") -> bool:
        """Wait before another attempt; False, at once, if there is none to make.

        `at_least_seconds` is what the neighbour asks for; more than the longest pause is not granted.
        """
        self._failures += 1
        grown = self._pace.first_seconds * 2.0 ** min(self._failures - 1, 30)
        jittered = self._patience.jitter(min(grown, self._pace.longest_seconds))
        seconds = min(max(at_least_seconds, jittered), self._pace.longest_seconds)
        if self._failures == self._pace.attempts or seconds >= self.left_seconds():
            return False
        if what:
            self._patience.tell(f"{what}: trying again in {seconds:.0f} seconds")
        self._patience.sleep(seconds)
        return True


def aws_passes(code: str, status: int) -> bool:
    """Tell whether what AWS answered will pass by itself: throttling, its own trouble, a write that crosses another."""
    return status in {408, 429} or status >= 500 or code.removesuffix("Exception") in _PASSING_CODES


def aws_expired(code: str) -> bool:
    """Tell whether AWS said that the credentials are too old."""
    return code.startswith(_EXPIRED)
