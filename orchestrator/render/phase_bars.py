"""The phases of a build as bars, drawn with characters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orchestrator.records import PhaseRecord
from orchestrator.render.builds_table import one_line
from orchestrator.render.outcome_table import duration
from orchestrator.render.sections import Paint
from orchestrator.vocabulary import BuildStatus

_LONGEST_BAR, _SHORTEST_BAR = 40, 4
_GAP = "  "
# What CodeBuild lists as the last phase of a build that has ended: no work is done in it.
_END = "COMPLETED"


def phase_bars(phases: Sequence[PhaseRecord], now: datetime, *, width: int | None, paint: Paint, bar: str) -> str:
    """Return a line for each phase: its name, a bar as long as it took, its duration, and what went wrong in one word.

    The longest bar is that of the longest phase; a phase that runs is measured until `now`. `bar` is the character that
    the output can show. Empty without phases.
    """
    shown = [phase for phase in phases if phase.name != _END]
    if not shown:
        return ""
    seconds = [_seconds(phase, now) for phase in shown]
    names = [one_line(phase.name) for phase in shown]
    times = [duration(value) for value in seconds]
    words = ["" if phase.status == BuildStatus.SUCCEEDED else one_line(phase.status) or "running" for phase in shown]
    taken = max(map(len, names)) + max(map(len, times)) + max(map(len, words)) + 3 * len(_GAP)
    room = max(_SHORTEST_BAR, min(_LONGEST_BAR, _LONGEST_BAR if width is None else width - taken))
    longest = max([value or 0.0 for value in seconds] + [1.0])
    sizes = max(map(len, names)), max(map(len, times))
    rows = zip(shown, names, seconds, times, words, strict=True)
    return "\n".join(
        _GAP.join(
            [
                name.ljust(sizes[0]),
                _painted(phase, (bar * _length(value, longest, room)).ljust(room), paint),
                time.rjust(sizes[1]),
                word,
            ]
        ).rstrip()
        for phase, name, value, time, word in rows
    )


def _painted(phase: PhaseRecord, text: str, paint: Paint) -> str:
    if not phase.status:
        return paint.quiet(text)
    return paint.good(text) if phase.status == BuildStatus.SUCCEEDED else paint.bad(text)


def _seconds(phase: PhaseRecord, now: datetime) -> float | None:
    if phase.seconds is not None:
        return float(phase.seconds)
    return max(0.0, (now - phase.began).total_seconds()) if phase.began else None


def _length(seconds: float | None, longest: float, room: int) -> int:
    """Return how many characters a phase gets: at least one for any that took time."""
    return max(1, round(seconds / longest * room)) if seconds else 0
