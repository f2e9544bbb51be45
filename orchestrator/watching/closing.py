"""What the log of a build says about its end, in the lines that CodeBuild itself writes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.records import BuildRecord, LogLine

_COMPLETE = re.compile(r"\[Container\] \S+ \S+ Phase complete: ([A-Z_]+) (?:State|Success): (\S+)")
_CONTEXT = re.compile(r"\[Container\] \S+ \S+ Phase context status code:")
_GOOD = {"SUCCEEDED", "true"}
# What happens inside of the container, and is therefore told in the log.
_IN_CONTAINER = ("DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS")
_LAST_ONES = ("POST_BUILD", "UPLOAD_ARTIFACTS")


class Closing:
    """Reads along. A build can write such lines itself: all it gains is that its own log is told less well."""

    def __init__(self) -> None:
        self._complete = ""
        self._closed = ""

    def read(self, lines: Iterable[LogLine]) -> bool:
        """Take the next lines; return whether they say that the build is about to end."""
        near = False
        for line in lines:
            if "Phase co" not in line.text:
                if line.text.strip():
                    self._complete = self._closed = ""
                continue
            for text in line.text.splitlines():
                near = self._read(text) or near
        return near

    def is_last(self, record: BuildRecord) -> bool:
        """Tell whether the last line that was read is the last line that CodeBuild writes into the log of this build.

        That is what became of the last phase inside of the container, which the record of an ended build names.
        """
        names = [phase.name for phase in record.phases if phase.name in _IN_CONTAINER]
        return bool(names) and names[-1] == self._closed

    def _read(self, text: str) -> bool:
        complete = _COMPLETE.match(text)
        if complete:
            self._complete, self._closed = complete[1], ""
            return complete[1] in _LAST_ONES or complete[2] not in _GOOD
        if _CONTEXT.match(text) and self._complete:
            self._closed, self._complete = self._complete, ""
        elif text.strip():
            self._complete = self._closed = ""
        return False
