"""The few shapes that values of a configuration can have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.emulator.gitlab.ci import keywords


def is_scalar(value: Any) -> bool:
    """Tell whether a value is a text or a number."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def are_texts(value: Any) -> bool:
    """Tell whether a value is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def one_of(value: Any, words: frozenset[str]) -> bool:
    """Tell whether a value is one of the words."""
    return isinstance(value, str) and value in words


def unknown_keys(path: str, value: dict[str, Any], known: frozenset[str]) -> Iterator[str]:
    """Yield the problem of keys that nobody knows."""
    unknown = [key for key in value if key not in known]
    if unknown:
        yield f"{path} config contains unknown keys: {', '.join(unknown)}"


def flatten(value: Any, depth: int = 0) -> list[Any] | None:
    """Return a nested list flat, None when it is nested more than ten levels deep."""
    if not isinstance(value, list):
        return [value]
    if depth > keywords.MAX_SCRIPT_DEPTH:
        return None
    flat: list[Any] = []
    for item in value:
        inner = flatten(item, depth + 1)
        if inner is None:
            return None
        flat += inner
    return flat
