"""What became of builds, as a table that fits the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.render.sections import Paint

# What goes first where the screen is too narrow for all of it.
_DROPPED = ("target", "cost", "duration")
_GAP = "  "


@dataclass(frozen=True)
class Row:
    """One package: what it is for, how its build ended, how long that took, what it costs (empty: unknown)."""

    package: str
    target: str
    status: str
    duration: str
    cost: str
    good: bool


def outcome_table(rows: Sequence[Row], *, width: int | None, paint: Paint) -> str:
    """Return the table, at most `width` columns wide as far as names allow; an empty column is left out.

    No width means that nothing has to be left out: nobody looks at it in a terminal.
    """
    columns = ["package", "target", "status", "duration", "cost"]
    columns = [name for name in columns if any(getattr(row, name) for row in rows)]
    for dropped in _DROPPED:
        if width is not None and _width(rows, columns) > width and dropped in columns:
            columns.remove(dropped)
    sizes = {name: _column(rows, name) for name in columns}
    lines = [_GAP.join(name.ljust(sizes[name]) for name in columns).rstrip()]
    for row in rows:
        cells = [_cell(row, name, sizes[name], paint) for name in columns]
        lines.append(_GAP.join(cells).rstrip())
    return "\n".join(lines)


def duration(seconds: float | None) -> str:
    """Return a time as people say it: `47 s`, `3 min 05 s`, `2 h 07 min`; empty if nobody knows it."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def _cell(row: Row, name: str, size: int, paint: Paint) -> str:
    text = str(getattr(row, name)).ljust(size)
    if name != "status":
        return text
    return paint.good(text) if row.good else paint.bad(text)


def _column(rows: Sequence[Row], name: str) -> int:
    return max(len(name), *(len(getattr(row, name)) for row in rows))


def _width(rows: Sequence[Row], columns: Sequence[str]) -> int:
    return sum(_column(rows, name) for name in columns) + len(_GAP) * (len(columns) - 1)
