"""`undeploy`: take an environment away, with the Terraform root that has made it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.deploy import environment_option, root_of, root_option
from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import refuse_fork
from orchestrator.cli.taking_away import STATE_STAYS, asking

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

    again = f"orchestrator undeploy --environment {environment} --yes"
    agree = asking(f"Take away {environment}?", yes=yes, again=again)
    world = UsersRoot(project.folder / root, os.environ, narrate)
    world.destroy(root_of(project, environment, packages), (), agree)
    narrate(f"{environment} runs nothing of {project.plan.project} any more")
    narrate(STATE_STAYS)


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
