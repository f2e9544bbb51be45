"""Inspecting a package that came from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.packaging.inspection.inspect import inspect, refuse_findings
from orchestrator.packaging.inspection.model import Severity
from orchestrator.plan.model import BuildPlan


def inspect_package(package: Path, item: BuildPlan) -> Sequence[str]:
    """Raise `Refused` for a package that cannot run on its target; return warnings, and what was allowed and why."""
    target = item.target.resolved
    inspection = inspect(package, target, allowed=[allowed.allowance for allowed in item.allow])
    refuse_findings(inspection, target)
    warnings = [f"warning: {found}" for found in inspection.findings if found.severity is Severity.WARNING]
    allowed = [f"allowed: {found.finding} ({found.reason})" for found in inspection.allowed]
    return [*warnings, *allowed, f"inspected {inspection.files} files, {inspection.native_files} with machine code"]
