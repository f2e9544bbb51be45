"""One build that is watched: what was seen of it, and whether all of its log has been told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.records import BuildRecord, LogLine
from orchestrator.watching.closing import Closing
from orchestrator.watching.cursor import Cursor
from orchestrator.watching.model import Changed, Seen, Wrote
from orchestrator.watching.pace import NEAR_SECONDS, SHORTEST_SECONDS

# CloudWatch Logs shows what a build wrote last up to so long after its end.
LATE_SECONDS = 15.0
# What is written after the log has said that the end is near comes within this time, or it was no end.
_NEAR_FOR_SECONDS = 30.0
_LONGEST_SECONDS = 5.0
# Without a log that tells of the end, only looking does.
_UNTOLD_SECONDS = 1.5
_SKEW_MILLISECONDS = 5000
_LAST_PHASES = {"POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING"}
_WAITING_PHASES = {"SUBMITTED", "QUEUED"}


class Followed:
    """A build by its id. `gap` is why its log will not be read any more; `over` is that nothing follows.

    `told_to_end` is that whoever read the log has found nothing more, `fetched` that it was looked for in S3 as well.
    """

    def __init__(self, build_id: str, *, logs: bool, now: float) -> None:
        self.id = build_id
        self.logs = logs
        self.record: BuildRecord | None = None
        self.cursor = Cursor(0)
        self.wrote = False
        self.gap = ""
        self.over = False
        self.told_to_end = False
        self.fetched = False
        self._said_near = False
        self._said_ended = False
        self.ended_at: float | None = None
        self.late_until = 0.0
        self._closing = Closing()
        self._changed_at = now
        self._near_until = 0.0

    @property
    def has_log(self) -> bool:
        """Whether there is something in CloudWatch Logs to be read (still)."""
        record = self.record
        wanted = self.logs and not self.over and not self.gap
        return wanted and record is not None and bool(record.log_group and record.log_stream)

    @property
    def ended(self) -> bool:
        """Whether the build is complete."""
        return self.ended_at is not None

    def see(self, record: BuildRecord, now: float, wall: float) -> Iterator[Seen]:
        """Take what CodeBuild says of the build; one that has ended stays as it is."""
        if self.ended:
            return
        before, self.record = self.record, record
        if not self.cursor.moment and record.started is not None:
            # Nothing is written before the start, give or take the clocks of two machines.
            self.cursor.moment = max(0, int(record.started.timestamp() * 1000) - _SKEW_MILLISECONDS)
        if before is None or _face(before) != _face(record):
            self._changed_at = now
            yield Changed(record)
        if record.complete:
            self.ended_at = now
            since = wall - record.ended.timestamp() if record.ended is not None else 0.0
            self.late_until = now + min(LATE_SECONDS, max(0.0, LATE_SECONDS - since))

    def write(self, lines: Sequence[LogLine], now: float) -> Iterator[Seen]:
        """Take lines of its log that were not told before."""
        if lines:
            self.wrote = True
            if self._closing.read(lines):
                self._near_until = now + _NEAR_FOR_SECONDS
            yield Wrote(self.id, lines)

    def near_end(self, now: float) -> bool:
        """Tell whether the log, or the phase, says that the build is about to end."""
        phases = self.record.phases if self.record is not None else ()
        late = bool(phases) and phases[-1].name in _LAST_PHASES and now < self._changed_at + _NEAR_FOR_SECONDS
        return not self.ended and (late or now < self._near_until)

    def comes_near_end(self, now: float) -> bool:
        """Tell once that the build is about to end."""
        before, self._said_near = self._said_near, self.near_end(now)
        return self._said_near and not before

    def has_just_ended(self) -> bool:
        """Tell once that the build has ended."""
        before, self._said_ended = self._said_ended, self.ended
        return self.ended and not before

    def look_within_seconds(self, now: float) -> float:
        """Return the longest pause before the build's status is worth another look: short after each change."""
        if self.near_end(now):
            return NEAR_SECONDS
        phases = self.record.phases if self.record is not None else ()
        waits = not phases or phases[-1].name in _WAITING_PHASES
        longest = _LONGEST_SECONDS if waits or (self.wrote and not self.gap) else _UNTOLD_SECONDS
        return min(longest, max(SHORTEST_SECONDS, (now - self._changed_at) / 4))

    def all_told(self, *, read_at: float | None = None) -> bool:
        """Tell whether nothing more is to be expected of the log of a build that has ended.

        `read_at` is when somebody last began to read it and found its end.
        """
        if self.record is None or not self.ended:
            return False
        return self._closing.is_last(self.record) or (read_at is not None and read_at >= self.late_until)


def _face(record: BuildRecord) -> tuple[object, ...]:
    last = record.phases[-1] if record.phases else None
    return record.status, record.complete, last.name if last else "", last.status if last else ""
