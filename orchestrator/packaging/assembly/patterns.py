"""The glob patterns of `exclude`, and what they keep out."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.errors import ConfigurationError


class Patterns:
    """What stays out of the zip, by name; remembers which patterns have matched.

    A pattern describes a whole name in the zip, such as `numpy/tests/test_a.py`. `?` is any character but a slash,
    `*` any number of them, `[a-z]` and `[!a-z]` one character of a set; `**` stands between slashes and is any
    number of directories, also none. A slash at the end means everything below. Case matters.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raise ConfigurationError for a pattern that can match nothing."""
        self._expressions = {pattern: re.compile(_expression(pattern)) for pattern in patterns}
        self._unused = set(self._expressions)

    def exclude(self, name: str) -> bool:
        """Whether this name stays out."""
        matching = [pattern for pattern, expression in self._expressions.items() if expression.fullmatch(name)]
        self._unused.difference_update(matching)
        return bool(matching)

    def notes(self) -> list[str]:
        """Say which patterns have kept nothing out."""
        return [
            f"`exclude: {pattern}` matches no file{_advice(pattern)}"
            for pattern in self._expressions
            if pattern in self._unused
        ]


def _advice(pattern: str) -> str:
    return "" if pattern.startswith("**/") else f"; at any depth it would be `**/{pattern}`"


def _expression(pattern: str) -> str:
    segments = (f"{pattern}**" if pattern.endswith("/") else pattern).split("/")
    if wrong := _wrong(pattern, segments):
        raise ConfigurationError(
            f"`{pattern}` under `exclude` can match no file",
            detail=f"observed: {wrong}\nexpected: a pattern of names in the package, such as `**/tests/**`",
            hint="correct the pattern, or remove it",
        )
    parts = []
    for segment in segments[:-1]:
        parts.append("(?:[^/]+/)*" if segment == "**" else f"{_segment(segment, pattern)}/")
    parts.append("(?:[^/]+/)*[^/]+" if segments[-1] == "**" else _segment(segments[-1], pattern))
    return "(?s:" + "".join(parts) + ")"


def _wrong(pattern: str, segments: list[str]) -> str:
    if not pattern or "" in segments:
        return "an empty part (names begin without a slash)"
    if "." in segments or ".." in segments:
        return "`.` or `..`"
    if "\\" in pattern:
        return "a backslash; a special character stands for itself in brackets: `[*]`"
    if any("**" in segment and segment != "**" for segment in segments):
        return "`**` beside other characters"
    return ""


def _segment(segment: str, pattern: str) -> str:
    """Translate what stands between two slashes."""
    parts, rest = [], segment
    while rest:
        if rest[0] == "[":
            characters, rest = _set(rest, pattern)
            parts.append(characters)
            continue
        parts.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0]) or re.escape(rest[0]))
        rest = rest[1:]
    return "".join(parts)


def _set(text: str, pattern: str) -> tuple[str, str]:
    """Translate a set of characters; as in a shell, `]` directly after the opening bracket belongs to it."""
    match = re.match(r"\[(!?)(\]?[^]]*)\]", text)
    members = _members(match[2]) if match else ""
    if match is None or not members:
        raise ConfigurationError(
            f"`{pattern}` under `exclude` has a wrong set of characters",
            detail=f"observed: `{text}`, expected: something like `[0-9]` or `[!a-z]`",
            hint="close the bracket; a bracket that means itself is `[[]`",
        )
    return f"(?!/)[{'^' if match[1] else ''}{members}]", text[match.end() :]


def _members(text: str) -> str:
    """Return the members of a set as `re` spells them; nothing if there are none, or for a range that is empty."""
    parts, position = [], 0
    while position < len(text):
        low = text[position]
        is_range = text[position + 1 : position + 2] == "-" and position + 2 < len(text)
        high = text[position + 2] if is_range else low
        if low > high:
            return ""
        parts.append(f"{re.escape(low)}-{re.escape(high)}")
        position += 3 if is_range else 1
    return "".join(parts)
