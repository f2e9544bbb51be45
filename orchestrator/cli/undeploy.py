"""`undeploy`: take an environment away, with the Terraform root that has made it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.deploy import environment_option, root_of, root_option
from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import refuse_fork
from orchestrator.errors import ConfigurationError, Superseded

if TYPE_CHECKING:
    from orchestrator.plan.model import BuildPlan

# Bytes that no package has: what goes is in the state, and the root is only read for what it names.
_NOTHING = "A" * 43 + "="


@click.command(epilog="Example: orchestrator undeploy --environment test")
@config_option
@environment_option
@root_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def undeploy(config: Path, environment: str, root: Path, *, yes: bool) -> None:
    """Remove whatever `deploy` has made in an environment, by a plan that is shown first."""
    from orchestrator.effects.users_root import UsersRoot

    project = load_project(config, os.environ)
    refuse_fork(project)
    packages = {item.package: _placeholder(item) for item in project.plan.builds}

    def agree(changes: Sequence[str]) -> None:
        for line in changes:
            narrate(line)
        if not yes:
            _ask(environment)

    world = UsersRoot(project.folder / root, os.environ, narrate)
    world.destroy(root_of(project, environment, packages), (), agree)
    narrate(f"{environment} runs nothing of {project.plan.project} any more")


def _placeholder(item: BuildPlan) -> Mapping[str, str | None]:
    return {
        "architecture": str(item.target.architecture),
        "bucket": "none",
        "commit": "0" * 40,
        "key": "none",
        "kind": str(item.kind),
        "runtime": item.target.runtime,
        "source_code_hash": _NOTHING,
        "version_id": None,
    }


def _ask(environment: str) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is here to ask",
            detail="observed: standard input is no terminal\nexpected: an answer whether all of this shall go",
            hint=f"`orchestrator undeploy --environment {environment} --yes`, once somebody has read it",
        )
    if not click.confirm(f"Take away {environment}?", default=False, err=True):
        raise Superseded("nothing was taken away", detail="observed: the answer was no")
