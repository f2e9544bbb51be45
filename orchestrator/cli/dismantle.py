"""`dismantle`: take away what prebuild has made, from whatever machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import refuse_fork, refuse_tracked_work
from orchestrator.cli.taking_away import STATE_STAYS, artifacts_options, asking, said_of_packages

if TYPE_CHECKING:
    from orchestrator.platform_ports import Buckets


@click.command(epilog="Example: orchestrator dismantle --keep-artifacts")
@config_option
@artifacts_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def dismantle(config: Path, *, keep: bool, delete: bool, yes: bool) -> None:
    """Remove whatever `prebuild` has made of this project, by a plan that is shown first.

    Refused (exit 5) for a bucket that prebuild has made and that is not empty, until somebody says what becomes of the
    packages. What `deploy` has made is not touched: `undeploy` comes first.
    """
    from orchestrator.effects.infrastructure import TerraformInfrastructure
    from orchestrator.stages import dismantle as story

    packages = said_of_packages(keep=keep, delete=delete)
    project = load_project(config, os.environ)
    refuse_fork(project)
    refuse_tracked_work(project)

    agree = asking(f"Take away what builds {project.plan.project}?", yes=yes, again="orchestrator dismantle --yes")
    terraform = TerraformInfrastructure(project.work / "terraform", os.environ, narrate, project.binaries)
    world = story.DismantleWorld(terraform, lambda: _buckets(project.plan.region))
    stays = story.dismantle(project.root, world, packages=packages, agree=agree)
    narrate(f"nothing of {project.plan.project} is built any more")
    narrate(f"stays: {stays}" if stays else STATE_STAYS)


def _buckets(region: str) -> Buckets:
    # boto3 takes a third of a second, and a project in a bucket of somebody else does not need it.
    from orchestrator.effects.account.buckets import AccountBuckets
    from orchestrator.effects.account.view import AwsAccountView
    from orchestrator.patience import Patience

    patience = Patience(tell=narrate)
    return AccountBuckets(AwsAccountView(region, patience).account().id, region, patience)
