"""Where moto reads logs otherwise than CloudWatch Logs does: streams that do not exist, and how much comes at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

# API reference, GetLogEvents and FilterLogEvents: 1 MB (or 10,000 events), and 1 to 100 names of streams.
_MOST_BYTES = 1024 * 1024
_MOST_STREAMS = 100
# What counts for an event besides its text (API reference, PutLogEvents).
_EVENT_BYTES = 26


@functools.cache
def keep_log_rules() -> None:
    """Make moto refuse streams that do not exist and too many of them, and end a piece after 1 MB."""
    from moto.logs.models import LogGroup, LogStream

    stream_class: Any = LogStream
    group_class: Any = LogGroup
    read, read_several = stream_class.get_log_events, group_class.filter_log_events

    def get_log_events(self: Any, start: Any, end: Any, limit: int | None, token: str | None, from_head: Any) -> Any:
        forward = token.startswith("f") if token else bool(from_head)

        def asked(most: int | None) -> Any:
            return read(self, start, end, most, token, from_head)

        return _bounded(asked, limit, from_end=not forward)

    def filter_log_events(
        self: Any,
        group: str,
        streams: Sequence[str],
        start: Any,
        end: Any,
        limit: int | None,
        token: str | None,
        pattern: str | None,
        *_interleaved: Any,
    ) -> Any:
        _check(self, streams)

        def asked(most: int | None) -> Any:
            # All streams are interleaved whatever is asked for (API reference, FilterLogEvents: interleaved).
            return read_several(self, group, streams, start, end, most, token, pattern, interleaved=True)

        return _bounded(asked, limit, from_end=False)

    stream_class.get_log_events = get_log_events
    group_class.filter_log_events = filter_log_events


def _check(group: Any, streams: Sequence[str]) -> None:
    from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException

    if len(streams) > _MOST_STREAMS:
        raise InvalidParameterException(
            constraint=f"Member must have length less than or equal to {_MOST_STREAMS}",
            parameter="logStreamNames",
            value=list(streams),
        )
    if any(name not in group.streams for name in streams):
        raise ResourceNotFoundException("The specified log stream does not exist.")


def _bounded(asked: Callable[[int | None], Any], limit: int | None, *, from_end: bool) -> Any:
    """Return what is asked for, or so many events of it as 1 MB holds, but one at least."""
    answer = asked(limit)
    events = answer[0]
    total = 0
    for number, event in enumerate(reversed(events) if from_end else events):
        total += len(event["message"].encode(errors="replace")) + _EVENT_BYTES
        if total > _MOST_BYTES and number:
            return asked(number)
    return answer
