"""Builds as data, in the words that `--json` promises."""

from __future__ import annotations

from typing import Any

from orchestrator.costs.estimate import Estimate, duration_seconds, estimate
from orchestrator.records import BuildRecord, PhaseRecord
from orchestrator.render.builds_table import Shelf, phase_of
from orchestrator.render.times import iso_time


def build_json(record: BuildRecord, shelf: Shelf) -> dict[str, Any]:
    """Return a build as JSON-like data; what nobody knows is null."""
    item = shelf.items.get(record.project)
    seconds = duration_seconds(record, shelf.now)
    told = record.variables.get
    return {
        "build_id": record.id,
        "codebuild_project": record.project,
        "package": item.package if item else None,
        "architecture": str(item.target.architecture) if item else None,
        "runtime": item.target.runtime if item else None,
        "ref": told("ORCHESTRATOR_REF") or None,
        "commit": told("ORCHESTRATOR_COMMIT_SHA") or None,
        "pipeline_id": told("ORCHESTRATOR_PIPELINE_ID") or None,
        "status": record.status,
        "complete": record.complete,
        "phase": phase_of(record) or None,
        "started": iso_time(record.started),
        "ended": iso_time(record.ended),
        "duration_seconds": None if seconds is None else round(seconds),
        "cost": cost_json(estimate(record, shelf.prices, shelf.now, fleet=bool(item and item.fleet))),
        "console_url": record.console_url,
    }


def cost_json(found: Estimate | None) -> dict[str, Any] | None:
    """Return an estimate as data: US dollars, and where the price comes from. None stands for no figure."""
    if found is None:
        return None
    other = found.dollars_on_x86
    return {
        "currency": "USD",
        "estimate": float(found.dollars),
        "machine": found.price.machine,
        "per_minute": float(found.price.per_minute),
        "billed_seconds": found.billed_seconds,
        "prices_as_of": found.price.as_of or None,
        "on_x86": None if other is None else float(other),
    }


def phase_json(phase: PhaseRecord) -> dict[str, Any]:
    """Return a phase as data."""
    return {
        "name": phase.name,
        "status": phase.status or None,
        "started": iso_time(phase.began),
        "duration_seconds": phase.seconds,
        "code": phase.code or None,
        "message": phase.message or None,
    }
