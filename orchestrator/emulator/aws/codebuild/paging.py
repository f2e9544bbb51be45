"""Cut a list of names into pages, with a token that says where the next page starts."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from orchestrator.emulator.aws.codebuild.faults import InvalidInput

PAGE_SIZE = 100


def page(items: Sequence[str], token: str | None) -> tuple[list[str], str | None]:
    """Return up to 100 items from where `token` points, and the token of the next page (None at the end).

    Raises InvalidInput for a token that was not made here.
    """
    start = _offset(token) if token else 0
    end = start + PAGE_SIZE
    following = base64.urlsafe_b64encode(f"offset:{end}".encode()).decode() if end < len(items) else None
    return list(items[start:end]), following


def _offset(token: str) -> int:
    try:
        kind, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if kind == "offset" and number.isdigit():
            return int(number)
    except ValueError:
        pass
    raise InvalidInput("Invalid nextToken")
