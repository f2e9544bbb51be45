"""JSON that two programs could read differently is not read at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


def strict_json(content: bytes) -> Any:
    """Return what a JSON text in UTF-8 says.

    Raises ValueError for a key that stands twice in one object (RFC 8259 leaves open which one counts), for NaN and
    Infinity, for numbers and nesting without end, and for what is no JSON.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")
