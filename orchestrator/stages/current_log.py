"""The log of a build as far as it is written, without waiting for more."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.ports import LogPages
from orchestrator.records import BuildRecord, LogLine


def current_log(record: BuildRecord, logs: LogPages) -> Iterator[LogLine]:
    """Give the lines that there are, the oldest first; none when there is no log yet.

    CloudWatch says that there is no more by giving the token that it was asked with (API: GetLogEvents).
    """
    token = ""
    while True:
        page = logs.page(record, since=0, token=token)
        if page is None:
            return
        yield from page.lines
        if page.token == token:
            return
        token = page.token
