"""Stored packages as a table that fits the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What goes first where the screen is too narrow for all of it; `build`, `package` and `size` stay.
DROPPED = ("why", "made", "commit", "ref", "age", "state")
_GAP = "  "
_NARROWEST = 6


def artifacts_table(rows: Sequence[Mapping[str, str]], *, width: int | None) -> str:
    """Return rows of equal keys as a table, at most `width` columns wide (None: as wide as it gets)."""
    columns = [name for name in rows[0] if any(row[name] for row in rows)] if rows else []
    for name in DROPPED:
        if width is not None and _width(rows, columns) > width and name in columns:
            columns.remove(name)
    excess = 0 if width is None else _width(rows, columns) - width
    if excess > 0:
        longest = max(_NARROWEST, _size(rows, "package") - excess)
        rows = [{**row, "package": _cut(row["package"], longest)} for row in rows]
    lines = [_GAP.join(name.ljust(_size(rows, name)) for name in columns).rstrip()]
    lines += [_GAP.join(row[name].ljust(_size(rows, name)) for name in columns).rstrip() for row in rows]
    return "\n".join(lines)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _size(rows: Sequence[Mapping[str, str]], name: str) -> int:
    return max(len(name), *(len(row[name]) for row in rows))


def _width(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    return sum(_size(rows, name) for name in columns) + len(_GAP) * (len(columns) - 1)
