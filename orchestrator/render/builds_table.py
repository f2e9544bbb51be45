"""Builds as a table that fits the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.costs.estimate import duration_seconds, estimate, money
from orchestrator.costs.prices import Prices
from orchestrator.plan.model import BuildPlan
from orchestrator.records import BuildRecord
from orchestrator.render.outcome_table import duration
from orchestrator.render.sections import Paint
from orchestrator.render.terminal import printable
from orchestrator.vocabulary import BuildStatus

COLUMNS = ("build", "package", "target", "ref", "commit", "status", "phase", "age", "duration", "cost")
# What goes first where the screen is too narrow for all of it; `build`, `package`, `status` and `age` stay.
DROPPED = ("target", "cost", "commit", "duration", "phase", "ref")
_GAP = "  "
_SHORT_UUID, _SHORT_COMMIT = 8, 8
_LONGEST_REF = 30
_NARROWEST_PACKAGE = 6
_ELLIPSIS = "…"


@dataclass(frozen=True)
class Shelf:
    """What turns records into rows: the plans of the packages by CodeBuild project, the prices, and the moment."""

    items: Mapping[str, BuildPlan]
    prices: Prices
    now: datetime


def builds_table(builds: Sequence[BuildRecord], shelf: Shelf, *, width: int | None, paint: Paint) -> str:
    """Return the table, at most `width` columns wide (None: as wide as it gets, with nothing cut off)."""
    rows = [_row(one, shelf, cut=width is not None) for one in builds]
    if len({row["build"] for row in rows}) < len({one.id for one in builds}):
        rows = [{**row, "build": one.uuid} for row, one in zip(rows, builds, strict=True)]
    columns = [name for name in COLUMNS if any(row[name] for row in rows)]
    for name in DROPPED:
        if width is not None and _width(rows, columns) > width and name in columns:
            columns.remove(name)
    if width is not None:
        rows = _squeezed(rows, _width(rows, columns) - width)
    sizes = {name: _size(rows, name) for name in columns}
    lines = [_GAP.join(name.ljust(sizes[name]) for name in columns).rstrip()]
    lines += [_GAP.join(_cell(row, name, sizes[name], paint) for name in columns).rstrip() for row in rows]
    return "\n".join(lines)


def short_age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was, in the largest unit that has passed: `40 s`, `3 min`, `5 h`, `2 d`."""
    if moment is None:
        return ""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def phase_of(record: BuildRecord) -> str:
    """Return where a build is, or which phase it failed in; empty for one that has succeeded."""
    if not record.complete:
        return record.phases[-1].name if record.phases else ""
    failed = record.failed_phase
    return failed.name if failed else ""


def painted(status: str, text: str, paint: Paint) -> str:
    """Return a text in the colour of a status."""
    if status == BuildStatus.SUCCEEDED:
        return paint.good(text)
    return paint.quiet(text) if status in {BuildStatus.IN_PROGRESS, BuildStatus.STOPPED} else paint.bad(text)


def one_line(text: str) -> str:
    """Return a text of others as a cell can show it."""
    return " ".join(printable(text).split())


def _row(record: BuildRecord, shelf: Shelf, *, cut: bool) -> dict[str, str]:
    item = shelf.items.get(record.project)
    found = estimate(record, shelf.prices, shelf.now, fleet=bool(item and item.fleet))
    ref = one_line(record.variables.get("ORCHESTRATOR_REF", ""))
    commit = one_line(record.variables.get("ORCHESTRATOR_COMMIT_SHA", ""))
    return {
        "build": record.uuid[:_SHORT_UUID],
        "package": item.package if item else record.project,
        "target": str(item.target) if item else "",
        "ref": _cut(ref, _LONGEST_REF) if cut else ref,
        "commit": commit[:_SHORT_COMMIT],
        "status": one_line(record.status),
        "phase": one_line(phase_of(record)),
        "age": short_age(record.started, shelf.now),
        "duration": duration(duration_seconds(record, shelf.now)),
        "cost": money(found.dollars) if found else "",
    }


def _squeezed(rows: list[dict[str, str]], excess: int) -> list[dict[str, str]]:
    """Return the rows with shorter names of packages, if that is what it takes."""
    if excess <= 0 or not rows:
        return rows
    longest = max(_NARROWEST_PACKAGE, _size(rows, "package") - excess)
    return [{**row, "package": _cut(row["package"], longest)} for row in rows]


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + _ELLIPSIS


def _cell(row: Mapping[str, str], name: str, size: int, paint: Paint) -> str:
    text = row[name].ljust(size)
    return painted(row["status"], text, paint) if name == "status" else text


def _size(rows: Sequence[Mapping[str, str]], name: str) -> int:
    return max(len(name), *(len(row[name]) for row in rows))


def _width(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    return sum(_size(rows, name) for name in columns) + len(_GAP) * (len(columns) - 1)
