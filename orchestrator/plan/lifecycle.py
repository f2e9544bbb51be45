"""What AWS has announced about the runtimes of a plan: told in time, and never a reason to stop."""

from __future__ import annotations

from datetime import date

from orchestrator.packaging.runtimes import checked_on
from orchestrator.plan.model import BuildPlan, Plan


def runtime_warnings(plan: Plan, today: date) -> list[str]:
    """Return one sentence for each package whose runtime is deprecated, or can no longer be created or updated."""
    return [sentence for build in plan.builds for sentence in _of(build, today)]


def _of(build: BuildPlan, today: date) -> list[str]:
    row = build.target.resolved.runtime
    past = [
        f"{what} since {day.isoformat()}"
        for what, day in (
            ("is deprecated", row.deprecated),
            ("cannot be chosen for new functions", row.block_create),
            ("cannot be updated", row.block_update),
        )
        if day is not None and day <= today
    ]
    if not past:
        return []
    told = "your `runtimes:`" if build.target.row else f"the table of {checked_on().isoformat()}"
    return [f"warning: package `{build.package}`: Lambda's `{row.name}` {' and '.join(past)} (says {told})"]
