"""Builds that run and write on a schedule, seen through ports that behave as CodeBuild and CloudWatch Logs do."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from instant import Instant
from world import FakeCodeBuild

from orchestrator.errors import Gone
from orchestrator.patience import Patience
from orchestrator.records import BuildRecord, LogLine, LogPage, PhaseRecord
from orchestrator.watching.model import Changed, Ended, Seen, Wrote
from orchestrator.watching.watch import WatchWorld, watch

EPOCH = 1_700_000_000
_CONTAINER = "[Container] 2026/01/02 03:04:05.000000"
LAST = (
    f"{_CONTAINER} Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED\n",
    f"{_CONTAINER} Phase context status code:  Message: \n",
)


@dataclass
class Written:
    """A line: when it was written and when it shows, in seconds since the build began."""

    at: float
    text: str
    late: float = 0.0


@dataclass
class Running:
    """A build: what it writes, and when it ends, in seconds from the beginning of the world."""

    id: str
    ends: float = 60.0
    lines: list[Written] = field(default_factory=list)
    group: str | None = "/aws/codebuild/p"
    status: str = "SUCCEEDED"
    has_stream: Callable[[float], bool] = lambda _now: True
    members: dict[str, Any] = field(default_factory=dict)
    known_from: float = 0.0

    def record(self, now: float) -> BuildRecord:
        """Return what CodeBuild says of it now."""
        over = now >= self.ends
        phases = [("SUBMITTED", "SUCCEEDED"), ("QUEUED", "SUCCEEDED"), ("PROVISIONING", "SUCCEEDED")]
        phases += (
            [("BUILD", "SUCCEEDED"), ("UPLOAD_ARTIFACTS", "SUCCEEDED"), ("COMPLETED", "")] if over else [("BUILD", "")]
        )
        logs = {"log_group": self.group, "log_stream": self.id.rpartition(":")[2]} if self.group else {}
        return BuildRecord(
            **{
                "id": self.id,
                "arn": f"arn:aws:codebuild:eu-central-1:123456789012:build/{self.id}",
                "project": self.id.partition(":")[0],
                "status": self.status if over else "IN_PROGRESS",
                "complete": over,
                "phases": tuple(PhaseRecord(name, status, None) for name, status in phases),
                "variables": {},
                "exported": {},
                "started": datetime.fromtimestamp(EPOCH, timezone.utc),
                "ended": datetime.fromtimestamp(EPOCH + self.ends, timezone.utc) if over else None,
                **logs,
                **self.members,
            }
        )

    def shown(self, now: float) -> list[LogLine]:
        """Return the lines that can be read now, in the order of CloudWatch Logs."""
        return [LogLine(int((EPOCH + line.at) * 1000), line.text) for line in self.lines if line.at + line.late <= now]

    @property
    def texts(self) -> list[str]:
        """All that it writes."""
        return [line.text for line in self.lines]


class Sky(FakeCodeBuild):
    """All of it, with a clock that moves when somebody sleeps. `trips` is called with the name of each call."""

    def __init__(self, builds: Sequence[Running], *, piece: int = 50) -> None:
        super().__init__()
        self.time = Instant()
        self.running = {build.id: build for build in builds}
        self.piece = piece
        self.calls: list[tuple[float, str]] = []
        self.asked: list[Sequence[str]] = []
        self.trips: Callable[[str], None] = lambda _name: None
        self.kept: dict[str, list[bytes]] = {}

    @property
    def patience(self) -> Patience:
        """Return what the watcher waits by."""
        return self.time.patience

    def world(self, **members: Any) -> WatchWorld:
        """Return it as a watcher takes it."""
        given = {"patience": self.patience, "wall": lambda: EPOCH + self.time.now, **members}
        return WatchWorld(codebuild=self, logs=self, **given)

    def watch(self, *, most_seconds: float = 4000.0, **members: Any) -> list[tuple[float, Seen]]:
        """Watch all builds to the end; return what was told and when."""
        told = []
        with watch(list(self.running), self.world(), **members) as watching:
            for seen in watching:
                told.append((self.time.now, seen))
                assert self.time.now < most_seconds, told[-5:]
        return told

    def called(self, name: str) -> list[float]:
        """Return when a call was made."""
        return [at for at, called in self.calls if called == name]

    def _call(self, name: str) -> float:
        self.calls.append((self.time.now, name))
        self.trips(name)
        return self.time.now

    # What the watcher asks.

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        now = self._call("builds")
        self.asked.append(build_ids)
        return {
            name: self.running[name].record(now)
            for name in build_ids
            if name in self.running and now >= self.running[name].known_from
        }

    def page(self, build: BuildRecord, *, since: int, token: str) -> LogPage | None:
        now = self._call("page")
        running = self.running[build.id]
        if not running.has_stream(now):
            return None
        lines = [line for line in running.shown(now) if line.moment >= since]
        begin = int(token or 0)
        piece = lines[begin : begin + self.piece]
        return LogPage(piece, str(begin + len(piece)) if piece or not token else token)

    def several(
        self, group: str, builds: Sequence[BuildRecord], *, since: int, token: str
    ) -> tuple[Mapping[str, Sequence[LogLine]], str]:
        now = self._call("several")
        assert 1 <= len(builds) <= 100
        read = [self.running[build.id] for build in builds]
        if not all(running.has_stream(now) for running in read):
            raise Gone("no such stream")
        assert {running.group for running in read} == {group}
        lines = sorted(
            ((line.moment, running.id, number), line)
            for running in read
            for number, line in enumerate(running.shown(now))
            if line.moment >= since
        )
        # The token is a place, not a number: what shows late, at an earlier place, moves nothing.
        rest = [pair for pair in lines if not token or pair[0] > literal_eval(token)]
        found: dict[str, list[LogLine]] = {}
        for (_, build_id, _), line in rest[: self.piece]:
            found.setdefault(build_id, []).append(line)
        return found, repr(rest[self.piece - 1][0]) if len(rest) > self.piece else ""

    def stored(self, build: BuildRecord) -> Iterator[bytes]:
        self._call("stored")
        if build.id not in self.kept:
            raise Gone("there is no stored log")
        yield from self.kept[build.id]


def log_of(told: Sequence[tuple[float, Seen]], build_id: str) -> list[str]:
    """Return the lines that were told of a build."""
    return [
        line.text for _, seen in told if isinstance(seen, Wrote) and seen.build_id == build_id for line in seen.lines
    ]


def ends_of(told: Sequence[tuple[float, Seen]]) -> dict[str, float]:
    """Return when the end of each build was told."""
    return {seen.record.id: at for at, seen in told if isinstance(seen, Ended)}


def changes_of(told: Sequence[tuple[float, Seen]], build_id: str) -> list[str]:
    """Return the statuses and phases that were told of a build."""
    records = [seen.record for _, seen in told if isinstance(seen, Changed) and seen.record.id == build_id]
    return [f"{record.status} {record.phases[-1].name}" for record in records]
