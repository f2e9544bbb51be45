"""The log of an ended build as CodeBuild keeps it in S3, for when CloudWatch Logs has nothing of it."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from math import inf

from orchestrator.errors import OrchestratorError
from orchestrator.ports import LogPages
from orchestrator.records import LogLine
from orchestrator.watching.followed import Followed
from orchestrator.watching.model import Missed, Seen, Wrote

# A line may be longer than this; then it comes in pieces.
_LONGEST_LINE = 1024 * 1024


class StoredSource:
    """Reads a stored log, piece by piece. `why` is what is wrong with the log in CloudWatch Logs."""

    cost = 0.0

    def __init__(self, build: Followed, logs: LogPages, why: str) -> None:
        self.build = build
        self.due = 0.0
        self._why = why
        self._logs = logs
        self._pieces: Iterator[bytes] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

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
        if lines:
            moment = self._moment()
            yield Wrote(self.build.id, [LogLine(moment, line) for line in lines])
        if piece is None:
            self._end()

    def failed(self, error: OrchestratorError) -> Iterator[Seen]:
        """Take a failure: there is no other place to look."""
        detail = f": {error.detail}" if error.detail else ""
        yield Missed(self.build.id, f"{self._why}; in S3: {error.what}{detail}")
        self._end()

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
