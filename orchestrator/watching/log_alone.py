"""The log of one build, read by itself: from where it was told to, to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.patience import Patience
from orchestrator.ports import LogPages
from orchestrator.records import LogPage
from orchestrator.watching.cursor import Reading
from orchestrator.watching.followed import Followed
from orchestrator.watching.model import Missed, Seen, Trouble
from orchestrator.watching.pace import NEAR_SECONDS, Rhythm

LOG_SECONDS = 2.0
_NO_LOG_SECONDS = 3.0
# The longest that others have waited for their turn when somebody goes ahead of them.
AHEAD_SECONDS = 60.0
# A piece of this size is followed by another one: a whole one has 1 MB or 10,000 lines (API: GetLogEvents).
_LARGE_LINES = 2_000
_LARGE_CHARACTERS = 200_000
# CloudWatch Logs may give pieces without lines although more follow; not for ever.
_MOST_EMPTY_PIECES = 20
# A log that cannot be read after the end is given up after this time.
GIVE_UP_SECONDS = 60.0


@dataclass
class _Way:
    """One way through the log: from `since` (milliseconds) on, begun at a time, by the token of the next piece."""

    reading: Reading
    since: int
    begun: float
    token: str = ""
    empty_pieces: int = 0


class AloneSource:
    """Reads one log. It sleeps (`due` is never) while the log is read together with others.

    `caught_up` is that the last piece was the last one for then.
    """

    def __init__(self, build: Followed, logs: LogPages, patience: Patience) -> None:
        self.build = build
        self.due = inf
        self.caught_up = True
        self._logs, self._monotonic = logs, patience.monotonic
        self._rhythm = Rhythm(patience)
        self._way: _Way | None = None

    @property
    def awake(self) -> bool:
        """Whether this is who reads the log."""
        return self.due < inf

    def wake(self) -> None:
        """Begin to read where the log was told to, once before all that go on if the build has ended."""
        self._way = None
        self.caught_up = False
        self.due = self._monotonic()
        self.hurry()

    def hurry(self) -> None:
        """Read once before all that go on, if the log is read here and its build has ended."""
        if self.build.ended and self.awake and not self._rhythm.fails:
            self.due = min(self.due, self._monotonic() - AHEAD_SECONDS)

    def sleep(self) -> None:
        """Leave the log to somebody else."""
        self.due = inf
        self._rhythm.rest()

    def ask(self) -> Callable[[], LogPage | None]:
        """Return the call to make."""
        way = self._way = self._way or self._begin()
        record, since, token = self.build.record, way.since, way.token
        assert record is not None  # noqa: S101 - who has no record has no log
        return lambda: self._logs.page(record, since=since, token=token)

    def answered(self, page: LogPage | None) -> Iterator[Seen]:
        """Take a piece, and tell what is new; for a build that has ended, `told_to_end` says so at last."""
        now = self._monotonic()
        way = self._way
        if page is None:
            yield from self._no_log(now)
            return
        if way is None:  # it was left to the others meanwhile, or begins again
            self._rhythm.rest()
            return
        yield from self.build.write(way.reading.fresh(page.lines), now)
        same, way.token = page.token == way.token, page.token
        way.empty_pieces = 0 if page.lines else way.empty_pieces + 1
        self.caught_up = same or not self._more(page, way)
        pause = self._rhythm.after_success(NEAR_SECONDS if self._pressing(now) else LOG_SECONDS)
        self.due = now + pause if self.caught_up else now
        ended_at = self.build.ended_at
        if ended_at is not None and way.begun < ended_at:
            self._way = None
            self.due = now - AHEAD_SECONDS
        elif ended_at is not None and same:
            # What comes now may have been written earlier than what came last.
            self._way = None
            self.build.told_to_end = self.build.all_told(read_at=way.begun)

    def failed(self, error: OrchestratorError) -> Iterator[Seen]:
        """Take a failure, and begin again where the log was told to."""
        first = not self._rhythm.fails
        self._way = None
        self.due = self._monotonic() + self._rhythm.after_failure()
        if not isinstance(error, MachineryError):
            yield from self._give_up(error.in_short)
        elif self.build.ended and self._rhythm.failing_seconds() >= GIVE_UP_SECONDS:
            yield from self._give_up(f"{error.in_short} (for {GIVE_UP_SECONDS:.0f} seconds)")
        elif first:
            yield Trouble(error.in_short)

    def _no_log(self, now: float) -> Iterator[Seen]:
        self._way = None
        pause = self._rhythm.after_success(_NO_LOG_SECONDS)
        self.caught_up = False
        self.due = now + pause
        if self.build.wrote:
            yield from self._give_up("the rest of the log is gone: somebody has deleted its stream or its group")
        elif self.build.ended and now >= self.build.late_until:
            self.build.told_to_end = True

    def _begin(self) -> _Way:
        cursor = self.build.cursor
        return _Way(Reading(cursor), cursor.moment if cursor.seen else 0, self._monotonic())

    def _more(self, page: LogPage, way: _Way) -> bool:
        if not page.lines:
            return way.empty_pieces < _MOST_EMPTY_PIECES
        return self.build.ended or len(page.lines) >= _LARGE_LINES or _characters(page) >= _LARGE_CHARACTERS

    def _pressing(self, now: float) -> bool:
        return self.build.ended or self.build.near_end(now)

    def _give_up(self, why: str) -> Iterator[Seen]:
        self.build.gap = why
        self.sleep()
        kept = self.build.record.stored_log if self.build.record is not None and self.build.wrote else ""
        yield Missed(self.build.id, f"{why} (all of it is in s3://{kept} after the end)" if kept else why)


def _characters(page: LogPage) -> int:
    return sum(len(line.text) for line in page.lines)
