"""One build as a page: what it is, its phases, why it failed, what it left, where to look on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from orchestrator.costs.estimate import duration_seconds, estimate, in_words
from orchestrator.plan.model import GitLabPlan
from orchestrator.records import BuildRecord
from orchestrator.render.builds_table import Shelf, one_line, painted, phase_of, short_age
from orchestrator.render.listing_json import build_json, phase_json
from orchestrator.render.outcome_table import duration
from orchestrator.render.phase_bars import phase_bars
from orchestrator.render.sections import Paint
from orchestrator.render.terminal import printable

_LABEL = 10
_NARROWEST = 20


@dataclass(frozen=True)
class Artifact:
    """A package that a build has left in the store. `key` is its key in `bucket`; `sha256` is in hex."""

    bucket: str
    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Page:
    """What is known of a build. `failure` is why it failed in words, empty for one that did not."""

    record: BuildRecord
    shelf: Shelf
    gitlab: GitLabPlan
    artifact: Artifact | None = None
    failure: str = ""


def page_text(page: Page, *, width: int | None, paint: Paint, bar: str) -> str:
    """Return the page as text; only links and ids are ever wider than `width`."""
    bars = phase_bars(page.record.phases, page.shelf.now, width=width, paint=paint, bar=bar)
    blocks = [
        "\n".join(_fact(label, text, width) for label, text in _facts(page, paint) if text),
        *([f"{paint.header('phases')}\n{bars}"] if bars else []),
        *([f"{paint.header('contexts')}\n{contexts}"] if (contexts := _contexts(page.record)) else []),
        *([f"{paint.header('failure')}\n{printable(page.failure)}"] if page.failure else []),
        *([f"{paint.header('artifact')}\n{_artifact(page.artifact)}"] if page.artifact else []),
        "\n".join([paint.header("links"), *links(page.record, page.gitlab).values()]),
    ]
    return "\n\n".join(blocks)


def _fact(label: str, text: str, width: int | None) -> str:
    """Return a line, or several where it is wider than the screen; words such as ids stay whole."""
    room = len(text) if width is None else max(width - _LABEL - 1, _NARROWEST)
    lines = wrap(text, max(room, 1), break_long_words=False, break_on_hyphens=False)
    indent = "\n" + " " * (_LABEL + 1)
    return f"{label:<{_LABEL}} {indent.join(lines)}"


def page_json(page: Page) -> dict[str, Any]:
    """Return the page as JSON-like data."""
    record = page.record
    return {
        **build_json(record, page.shelf),
        "number": record.number,
        "initiator": record.initiator or None,
        "image": record.image or None,
        "environment_type": record.machine or None,
        "compute_type": record.size or None,
        "phases": [phase_json(phase) for phase in record.phases],
        "failure": page.failure or None,
        "artifact": None if page.artifact is None else dict(page.artifact.__dict__),
        "log_group": record.log_group,
        "log_stream": record.log_stream,
        "links": links(record, page.gitlab),
    }


def links(record: BuildRecord, gitlab: GitLabPlan) -> dict[str, str]:
    """Return where to look on: the build, its pipeline, its commit; the last two if GitLab's project has a path."""
    found = {"build": record.console_url}
    pipeline = record.variables.get("ORCHESTRATOR_PIPELINE_ID", "")
    commit = record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")
    if "/" in gitlab.project and pipeline.isascii() and pipeline.isdigit():
        found["pipeline"] = f"{gitlab.url}/{gitlab.project}/-/pipelines/{pipeline}"
    if "/" in gitlab.project and commit.isascii() and commit.isalnum():
        found["commit"] = f"{gitlab.url}/{gitlab.project}/-/commit/{commit}"
    return found


def size(size_bytes: int) -> str:
    """Return a size as people read it: `512 bytes`, `3.1 MB`."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"


def _facts(page: Page, paint: Paint) -> Iterator[tuple[str, str]]:
    record, shelf = page.record, page.shelf
    item, told = shelf.items.get(record.project), record.variables.get
    phase = phase_of(record)
    yield "build", f"{record.id}{f', number {record.number}' if record.number else ''}"
    yield "package", f"{item.package}, {item.target}" if item else record.project
    status = one_line(record.status)
    yield "status", painted(record.status, status, paint) + (f" in {one_line(phase)}" if phase else "")
    yield "ref", one_line(told("ORCHESTRATOR_REF", "")) or "none: it was started by hand"
    yield "commit", one_line(told("ORCHESTRATOR_COMMIT_SHA", ""))
    if record.started:
        yield "started", f"{record.started:%Y-%m-%d %H:%M:%S %Z}, {short_age(record.started, shelf.now)} ago"
    yield "duration", duration(duration_seconds(record, shelf.now)) + ("" if record.complete else " so far")
    yield "started by", one_line(record.initiator)
    yield "machine", ", ".join(one_line(text) for text in (record.machine, record.size) if text)
    yield "image", one_line(record.image)
    yield "cost", in_words(estimate(record, shelf.prices, shelf.now, fleet=bool(item and item.fleet)))


def _contexts(record: BuildRecord) -> str:
    """Return what CodeBuild says of phases that did not succeed, and of no others: it says something of each."""
    told = [phase for phase in record.phases if phase.status not in {"", "SUCCEEDED"} and (phase.code or phase.message)]
    return "\n".join(printable(f"{phase.name}: {phase.code}: {phase.message}".rstrip(": ")) for phase in told)


def _artifact(artifact: Artifact) -> str:
    return (
        f"s3://{printable(artifact.bucket)}/{printable(artifact.key)}\n"
        f"{size(artifact.size_bytes)}, sha256 {artifact.sha256}"
    )
