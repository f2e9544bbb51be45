"""`dismantle`: take away what prebuild has made, from whatever machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import refuse_fork, refuse_tracked_work
from orchestrator.cli.taking_away import STATE_STAYS, asking


@click.command(epilog="Example: orchestrator dismantle")
@config_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def dismantle(config: Path, *, yes: bool) -> None:
    """Remove whatever `prebuild` has made of this project, by a plan that is shown first.

    A bucket that prebuild has made must be empty. What `deploy` has made is not touched: `undeploy` comes first.
    """
    from orchestrator.effects.infrastructure import TerraformInfrastructure

    project = load_project(config, os.environ)
    refuse_fork(project)
    refuse_tracked_work(project)

    agree = asking(f"Take away what builds {project.plan.project}?", yes=yes, again="orchestrator dismantle --yes")
    world = TerraformInfrastructure(project.work / "terraform", os.environ, narrate, project.binaries)
    world.destroy(project.root, (), agree)
    narrate(f"nothing of {project.plan.project} is built any more")
    narrate(STATE_STAYS)
