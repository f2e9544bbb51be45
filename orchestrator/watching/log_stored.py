"""The log of an ended build as CodeBuild keeps it in S3, for when CloudWatch Logs has nothing of it."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from math import inf

from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.patience import Patience
from orchestrator.ports import LogPages
from orchestrator.records import LogLine
from orchestrator.watching.followed import Followed
from orchestrator.watching.log_alone import GIVE_UP_SECONDS
from orchestrator.watching.model import Missed, Seen, Wrote
from orchestrator.watching.pace import Rhythm

# A line may be longer than this; then it comes in pieces.
_LONGEST_LINE = 1024 * 1024


class StoredSource:
    """Reads a stored log, piece by piece. `why` is what is wrong with the log in CloudWatch Logs.

    A read that breaks off begins again at the beginning; lines that were told then are not told again.
    """

    def __init__(self, build: Followed, logs: LogPages, patience: Patience, why: str) -> None:
        self.build = build
        self.due = 0.0
        self._why = why
        self._logs, self._monotonic = logs, patience.monotonic
        self._rhythm = Rhythm(patience)
        self._pieces: Iterator[bytes] | None = None
        self._told = self._read = 0
        self._rest = ""
        self._begin()

    def ask(self) -> Callable[[], bytes | None]:
        """Return the call to make."""
        return self._next

    def answered(self, piece: bytes | None) -> Iterator[Seen]:
        """Take a piece (None: that was the last one), and tell its lines, as of when the build ended."""
        text = self._rest + self._decoder.decode(piece or b"", final=piece is None)
        *lines, self._rest = text.split("\n")
        lines = [f"{line}\n" for line in lines]
        if self._rest and (piece is None or len(self._rest) > _LONGEST_LINE):
            lines.append(self._rest)
            self._rest = ""
        self._read += len(lines)
        new = self._read - self._told
        if new > 0:
            self._told = self._read
            moment = self._moment()
            yield Wrote(self.build.id, [LogLine(moment, line) for line in lines[-new:]])
        if piece is None:
            self._end()

    def failed(self, error: OrchestratorError) -> Iterator[Seen]:
        """Take a failure; one that passes is waited for, because there is no other place to look."""
        pause = self._rhythm.after_failure()
        if isinstance(error, MachineryError) and self._rhythm.failing_seconds() < GIVE_UP_SECONDS:
            self._begin()
            self.due = self._monotonic() + pause
            return
        yield Missed(self.build.id, f"{self._why}; in S3: {error.in_short}")
        self._end()

    def _begin(self) -> None:
        self._pieces = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._read = 0

    def _next(self) -> bytes | None:
        if self._pieces is None:
            assert self.build.record is not None  # noqa: S101 - only what has ended is read here
            self._pieces = iter(self._logs.stored(self.build.record))
        return next(self._pieces, None)

    def _moment(self) -> int:
        ended = self.build.record.ended if self.build.record is not None else None
        return int(ended.timestamp() * 1000) if ended is not None else 0

    def _end(self) -> None:
        self.due = inf
        self.build.told_to_end = True
        self.build.fetched = True
