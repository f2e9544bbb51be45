"""Builds that were started or waited for, in the words that `--json` promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.redaction import KNOWN

if TYPE_CHECKING:
    from orchestrator.stages.build import StartedBuild
    from orchestrator.stages.wait import Outcome


def planned_json(package: str, commit: str) -> dict[str, Any]:
    """Return what is known of a build that nobody has started."""
    unknown = dict.fromkeys(("build_id", "status", "exit_code", "duration_seconds", "error", "output"))
    return {**unknown, "package": package, "commit": commit}


def started_json(one: StartedBuild) -> dict[str, Any]:
    """Return what is known of a build that nobody has waited for."""
    return {**planned_json(one.package, one.commit), "build_id": one.build_id}


def outcome_json(one: Outcome, status: str) -> dict[str, Any]:
    """Return what became of a build; `status` is the word that the table has for it."""
    awaited = one.awaited
    return {
        "package": awaited.package,
        "build_id": awaited.build_id or None,
        "commit": awaited.commit or None,
        "status": status,
        "exit_code": one.exit_code,
        "duration_seconds": one.seconds,
        "error": KNOWN.cleaned(one.error.what) if one.error else None,
        "output": str(awaited.output) if awaited.output and not one.error else None,
    }
