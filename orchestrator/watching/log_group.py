"""The logs of up to a hundred builds of one log group, read together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from orchestrator.errors import Denied, Gone, OrchestratorError
from orchestrator.patience import Patience
from orchestrator.ports import LogPages
from orchestrator.records import LogLine
from orchestrator.watching.cursor import Reading
from orchestrator.watching.log_alone import AHEAD_SECONDS, LOG_SECONDS, AloneSource
from orchestrator.watching.model import Seen, Trouble
from orchestrator.watching.pace import NEAR_SECONDS, Rhythm

Answer = tuple[Mapping[str, Sequence[LogLine]], str]
MOST_BUILDS = 100
# How far back the next reading looks, so that what shows late is seen: as far as costs no more than this.
_LOOK_BACK_CHARACTERS = 250_000
_LOOK_BACK_SECONDS = (2.0, 60.0)


@dataclass
class _Way:
    """One way through the logs of some builds: from `since` (milliseconds) on, begun at a time.

    `readings` are those of the builds that are still told here, `latest` and `characters` are of what was read,
    `news` is that some of it was not told before.
    """

    read: list[AloneSource]
    readings: dict[str, Reading]
    since: int
    begun: float
    token: str = ""
    pieces: int = 0
    latest: int = 0
    characters: int = 0
    news: bool = False


class GroupSource:
    """Reads logs together, from a moment on that is the same for all of them.

    A build whose log was told to an earlier moment than that, and which speaks again, may have said something in
    between that shows only now. It is left out then and read by itself, by its `AloneSource`, and comes back when
    that has caught up. `members` may sleep or not; those that sleep are read here.
    """

    def __init__(self, name: str, logs: LogPages, patience: Patience, wall: Callable[[], float]) -> None:
        self.due = inf
        self.members: list[AloneSource] = []
        self.denied = False
        self._name, self._logs, self._wall = name, logs, wall
        self._monotonic = patience.monotonic
        self._rhythm = Rhythm(patience)
        self._way: _Way | None = None
        self._look_back_seconds = _LOOK_BACK_SECONDS[1]

    @property
    def crowd(self) -> list[AloneSource]:
        """Those of the members whose logs are read at all."""
        return [member for member in self.members if member.build.has_log]

    def join(self, member: AloneSource) -> None:
        """Take one more log; alone at first, if the others are being read just now."""
        self.members.append(member)
        if self._way is not None:
            member.wake()

    def arrange(self) -> None:
        """Decide who is read together, and who alone."""
        crowd = self.crowd
        together = not self.denied and len(crowd) > 1
        for member in crowd:
            if not together and not member.awake:
                self._leave(member)
            elif together and self._may_join(member):
                member.sleep()
        asleep = together and any(not member.awake for member in crowd)
        if not asleep:
            self.due, self._way = inf, None
        elif self.due == inf:
            self.due = self._monotonic()

    def hurry(self, member: AloneSource, *, alone: bool) -> None:
        """Read the log of this build at once, if it is read here and not elsewhere: it has ended."""
        if self.due == inf or member.awake or self._rhythm.fails:
            return
        if alone:
            self._leave(member)
        else:
            self.due = min(self.due, self._monotonic() - AHEAD_SECONDS)

    def ask(self) -> Callable[[], Answer]:
        """Return the call to make."""
        way = self._way = self._way or self._begin()
        builds = [member.build.record for member in way.read if member.build.record is not None]
        return lambda: self._logs.several(self._name, builds, since=way.since, token=way.token)

    def answered(self, answer: Answer) -> Iterator[Seen]:
        """Take a piece, and tell what is new."""
        now = self._monotonic()
        self.due = now
        way = self._way
        if way is None:  # those who were read are read alone by now
            return
        pieces, way.token = answer
        way.pieces += 1
        for member in way.read:
            lines = pieces.get(member.build.id, ())
            reading = way.readings.get(member.build.id)
            if lines and reading is not None and not member.build.over:
                way.characters += sum(len(line.text) for line in lines)
                way.latest = max(way.latest, lines[-1].moment)
                yield from self._told(member, reading, lines, way)
        if not way.token:
            self._end(way, now)
        elif len(way.readings) < len(way.read) / 2:
            # Most of what comes is of logs that are read alone by now: begin again with the others.
            self._way = None
        elif way.characters and not way.news:
            self._look_back_less()

    def failed(self, error: OrchestratorError) -> Iterator[Seen]:
        """Take a failure, and begin again where the logs were told to; without permission read each log alone."""
        first = not self._rhythm.fails
        read = self._way.read if self._way is not None else []
        self._way = None
        self.due = self._monotonic() + self._rhythm.after_failure()
        if isinstance(error, Denied):
            self.denied = True
        elif isinstance(error, Gone):
            for member in read:
                self._leave(member)
        elif first:
            yield Trouble(error.in_short)

    def _told(self, member: AloneSource, reading: Reading, lines: Sequence[LogLine], way: _Way) -> Iterator[Seen]:
        more = reading.finds_more(lines)
        way.news = way.news or more
        # Since the first piece something may have shown at a place that is behind us by now, before these lines.
        if member.build.cursor.moment < way.since or (more and way.pieces > 1):
            self._leave(member)
        else:
            yield from member.build.write(reading.fresh(lines), self._monotonic())

    def _may_join(self, member: AloneSource) -> bool:
        # Not in the middle of a reading: that one has left lines of this build out, and may last.
        return self._way is None and member.awake and member.caught_up and not member.build.ended

    def _begin(self) -> _Way:
        read = [member for member in self.crowd if not member.awake]
        readings = {member.build.id: Reading(member.build.cursor) for member in read}
        moments = [member.build.cursor.moment for member in read]
        # A clock that runs ahead, of whoever wrote the newest line, must not make us look too late.
        newest = min(max(moments, default=0), int(self._wall() * 1000))
        since = max(min(moments, default=0), newest - int(self._look_back_seconds * 1000))
        return _Way(read, readings, since, self._monotonic())

    def _end(self, way: _Way, now: float) -> None:
        span_seconds = max(1.0, (way.latest - way.since) / 1000)
        affordable = _LOOK_BACK_CHARACTERS * span_seconds / max(1, way.characters)
        longest = min(2 * self._look_back_seconds, _LOOK_BACK_SECONDS[1])
        self._look_back_seconds = min(longest, max(_LOOK_BACK_SECONDS[0], affordable))
        self._way = None
        near = any(member.build.near_end(now) for member in way.read)
        self.due = now + self._rhythm.after_success(NEAR_SECONDS if near else LOG_SECONDS)
        for member in way.read:
            if not member.awake:
                self._look_at_end(member, way)

    def _look_back_less(self) -> None:
        """Begin again later, if all that came was told before and there is more of it than one piece."""
        if self._look_back_seconds > _LOOK_BACK_SECONDS[0]:
            self._look_back_seconds = _LOOK_BACK_SECONDS[0]
            self._way = None

    def _look_at_end(self, member: AloneSource, way: _Way) -> None:
        build = member.build
        if build.ended_at is None:
            return
        if build.all_told(read_at=way.begun):
            build.told_to_end = True
        elif way.begun >= build.ended_at:
            member.wake()
        else:
            self.due = self._monotonic() - AHEAD_SECONDS

    def _leave(self, member: AloneSource) -> None:
        """Have a log read by itself, until that has caught up."""
        if self._way is not None:
            self._way.readings.pop(member.build.id, None)
        member.wake()
