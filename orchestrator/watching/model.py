"""What a watcher has to say about builds, one value for each thing that happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.records import BuildRecord, LogLine


@dataclass(frozen=True)
class Changed:
    """A build is seen for the first time, or it has another status or another phase than before."""

    record: BuildRecord


@dataclass(frozen=True)
class Wrote:
    """A build has written these lines, in this order; no line is told twice."""

    build_id: str
    lines: Sequence[LogLine]


@dataclass(frozen=True)
class Missed:
    """A piece of a log will not be told, and why: never created, deleted, not readable, too late."""

    build_id: str
    why: str


@dataclass(frozen=True)
class Ended:
    """A build has ended, and all of its log that there is has been told. Nothing follows for this build."""

    record: BuildRecord


@dataclass(frozen=True)
class Lost:
    """A build cannot be watched any longer, or was never known; it may go on. Nothing follows for this build."""

    build_id: str
    why: str


@dataclass(frozen=True)
class Trouble:
    """Nobody answers for the moment; watching goes on."""

    what: str


Seen = Changed | Wrote | Missed | Ended | Lost | Trouble
