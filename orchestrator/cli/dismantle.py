"""`dismantle`: take away what prebuild has made, from whatever machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import refuse_fork
from orchestrator.errors import ConfigurationError, Superseded


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

    def agree(changes: Sequence[str]) -> None:
        for line in changes:
            narrate(line)
        if not yes:
            _ask(project.plan.project)

    world = TerraformInfrastructure(project.work / "terraform", os.environ, narrate, project.binaries)
    world.destroy(project.root, (), agree)
    narrate(f"nothing of {project.plan.project} is built any more")


def _ask(name: str) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is here to ask",
            detail="observed: standard input is no terminal\nexpected: an answer whether all of this shall go",
            hint="`orchestrator dismantle --yes`, once somebody has read it",
        )
    if not click.confirm(f"Take away what builds {name}?", default=False, err=True):
        raise Superseded("nothing was taken away", detail="observed: the answer was no")
