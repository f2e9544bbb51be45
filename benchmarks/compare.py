"""Two ways to do one thing, timed in turn in one run, and the ratio of their medians.

Only the ratio means anything: the seconds depend on the machine and on what else it does, which is why both sides run
in turn and never one after the other.

    from compare import Side, compare
    compare(Side("ours", run), Side("zip -qrX", other), rounds=5, goal=4)
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Side:
    """One way to do it; `run` is timed, `before` (such as emptying a directory) is not."""

    name: str
    run: Callable[[], object]
    before: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Comparison:
    """The seconds of every round, and what they say; `met` is None without a goal."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    goal: float | None

    @property
    def ratio(self) -> float:
        """How many times longer theirs takes."""
        return statistics.median(self.theirs) / statistics.median(self.ours)

    @property
    def met(self) -> bool | None:
        """Whether the goal is met."""
        return None if self.goal is None else self.ratio >= self.goal


def compare(ours: Side, theirs: Side, *, rounds: int, goal: float | None = None) -> Comparison:
    """Run both sides in turn, once each without the clock and then `rounds` times, and print what was seen.

    Never fails because of a time: whether the goal is met is printed and returned.
    """
    for side in (ours, theirs):
        _seconds(side)
    seen: list[tuple[float, float]] = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    result = Comparison(tuple(pair[0] for pair in seen), tuple(pair[1] for pair in seen), goal)
    width = max(len(ours.name), len(theirs.name))
    for side, seconds in ((ours, result.ours), (theirs, result.theirs)):
        print(f"{side.name:<{width}}  {', '.join(f'{value:.3f}' for value in seconds)} s", flush=True)
    print(f"ratio of medians: {result.ratio:.1f}{_verdict(result)}", flush=True)
    return result


def _seconds(side: Side) -> float:
    side.before()
    begin = time.perf_counter()
    side.run()
    return time.perf_counter() - begin


def _verdict(result: Comparison) -> str:
    if result.goal is None:
        return ""
    return f" (goal: {result.goal:g}, {'met' if result.met else 'NOT met'})"
