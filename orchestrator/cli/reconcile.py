"""`reconcile`: bring home what has not come by itself, from a scheduled pipeline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.errors import MachineryError
from orchestrator.render.terminal import printable
from orchestrator.render.times import iso_time

if TYPE_CHECKING:
    from orchestrator.stages.reconcile import Finding


@click.command(epilog="Example: orchestrator reconcile --hours 24")
@config_option
@click.option(
    "--hours", type=click.IntRange(1, 8760), default=48, show_default=True, help="How far back builds are looked at."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def reconcile(config: Path, hours: int, *, as_json: bool) -> None:
    """Start the pipelines of builds that have ended and never came home.

    For a scheduled pipeline. Outside of a GitLab job it only prints what it finds.
    """
    from orchestrator.cli import wire
    from orchestrator.stages.reconcile import reconcile as find_and_start

    project = load_project(config, os.environ)
    world = wire.reconcile_world(project, os.environ)
    # All of it first: a reader of our output that has gone must not keep builds from coming home.
    found: list[Finding] = list(find_and_start(project.plan, world, hours=hours))
    if as_json:
        print_document({"hours": hours, "builds": [_as_json(finding) for finding in found]})
    elif found:
        print_data("\n".join(_line(finding) for finding in found))
    missing = [finding for finding in found if finding.outcome == "missing"]
    narrate(f"{len(found)} builds ended in the last {hours} hours")
    for finding in missing:
        narrate(f"to bring it here: orchestrator postbuild --build-id {finding.build_id}")
    failed = [finding for finding in found if finding.failed]
    if failed:
        raise MachineryError(
            f"{len(failed)} of them were not brought home",
            detail="\n".join(f"{finding.build_id}: {printable(finding.outcome)}" for finding in failed),
            hint="run the job again",
        )


def _line(finding: Finding) -> str:
    return (
        f"{finding.ended:%Y-%m-%d %H:%M}  {finding.status:<10}  {finding.build_id}  "
        f"{printable(finding.ref)}  {printable(finding.outcome)}"
    )


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "build_id": finding.build_id,
        "ended": iso_time(finding.ended),
        "failed": finding.failed,
        "outcome": finding.outcome,
        "ref": finding.ref,
        "status": finding.status,
    }
