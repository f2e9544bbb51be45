"""The kinds of answers that a script of faults may give, and the members that each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

GITLAB = "gitlab"
BUILD = "build"
EVENT = "event"
_AWS = "aws"
_HTTP = (_AWS, GITLAB)
_REQUIRED = None
_LONGEST_SECONDS = 600


@dataclass(frozen=True)
class Member:
    """What a member may be, in words for the message, and its default (None where it must be given)."""

    expected: str
    accepts: Callable[[Any], bool]
    default: Any = _REQUIRED


@dataclass(frozen=True)
class Kind:
    """Which services can answer so, with which members."""

    services: tuple[str, ...]
    members: Mapping[str, Member] = field(default_factory=dict)


def _whole(low: int, high: int, default: int | None = None) -> Member:
    return Member(
        f"a whole number from {low} to {high}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
        default,
    )


def _is_header(value: object) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isprintable()
    return isinstance(value, int) and not isinstance(value, bool)


def _word(*words: str) -> Member:
    return Member(f"one of: {', '.join(words)}", lambda value: value in words, words[0])


_SECONDS = Member(
    f"a number from 0 to {_LONGEST_SECONDS}",
    lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LONGEST_SECONDS,
)
_TEXT = Member("a text", lambda value: isinstance(value, str) and value != "")
_RETRY_AFTER = Member(
    "a whole number of seconds, a date as HTTP writes it, or null for no such header",
    lambda value: value is None or _is_header(value),
)

KINDS: Mapping[str, Kind] = {
    "pass": Kind((*_HTTP, BUILD, EVENT)),
    "delay": Kind((*_HTTP, BUILD, EVENT), {"seconds": _SECONDS}),
    # answers of a server
    "status": Kind(_HTTP, {"status": _whole(400, 599), "retry_after": _RETRY_AFTER}),
    "html": Kind(_HTTP, {"status": _whole(200, 599, 200)}),
    "lost_request": Kind(_HTTP),
    "lost_response": Kind(_HTTP),
    "hold": Kind(_HTTP, {"until": _word("sent", "done"), "seconds": replace(_SECONDS, default=60)}),
    "reset": Kind(_HTTP, {"after_bytes": _whole(0, 2**31 - 1, 0)}),
    # errors of AWS, in the wire format of the service
    "error": Kind((_AWS,), {"code": _TEXT, "message": _TEXT, "status": _whole(400, 599, 400)}),
    "throttle": Kind((_AWS,)),
    "account_limit": Kind(("codebuild",), {"limit": _whole(0, 10_000, 1)}),
    "not_propagated": Kind(("codebuild",)),
    "missing_log_stream": Kind(("logs",)),
    # what happens to a build
    "fault": Kind((BUILD,), {"phase": _word("PROVISIONING", "FINALIZING")}),
    "access_denied": Kind((BUILD,)),
    # what happens to an event on its way
    "duplicate": Kind((EVENT,), {"copies": _whole(1, 100, 1)}),
    "lost": Kind((EVENT,)),
}
