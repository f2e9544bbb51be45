"""`doctor`: what is wrong with this machine, the AWS account and the GitLab project, and what mends it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.check import checked, show
from orchestrator.cli.project import Project, config_option, load_project

if TYPE_CHECKING:
    from orchestrator.doctor.examine import Doctorable
    from orchestrator.doctor_ports import ExaminedProject
    from orchestrator.patience import Patience

# For all probes together: somebody sits and waits.
_SECONDS = 20.0


@click.command(epilog="Example: orchestrator doctor --json | jq '.findings[] | select(.weight == \"error\")'")
@config_option
@click.option("--offline", is_flag=True, help="Look at this machine and orchestrator.yml only.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(config: Path, *, offline: bool, as_json: bool) -> int:
    """Find what is wrong outside of orchestrator.yml as well, and say what mends it. Changes nothing.

    Ends with 2 if something is wrong, with 3 if something could not be looked at.
    """
    from orchestrator.doctor.examine import examine

    project = load_project(config, os.environ)
    world = _world(project, os.environ, offline=offline)
    return show([*checked(project.configuration), *examine(project.plan, world)], as_json=as_json)


def _world(project: Project, environment: Mapping[str, str], *, offline: bool) -> Doctorable:
    from orchestrator.doctor.examine import Doctorable
    from orchestrator.effects.account.examined import AwsAccount
    from orchestrator.effects.account.published import PublishedParameters
    from orchestrator.effects.local_machine import Machine

    region, patience = project.plan.region, _patience()
    named = (environment.get("AWS_REGION", ""), environment.get("AWS_DEFAULT_REGION", ""), "us-east-1")
    return Doctorable(
        machine=Machine(environment),
        account=None if offline else AwsAccount(region, patience),
        published=None if offline else PublishedParameters(region, patience),
        project=None if offline else _gitlab(project, environment, patience),
        elsewhere=[name for name in dict.fromkeys(named) if name],
        offline=offline,
        now=lambda: datetime.now(timezone.utc),
    )


def _gitlab(project: Project, environment: Mapping[str, str], patience: Patience) -> ExaminedProject | None:
    token = environment.get("ORCHESTRATOR_GITLAB_TOKEN") or environment.get("GITLAB_TOKEN")
    if not token:
        return None
    from orchestrator.effects.gitlab_examined import GitLabExamined

    return GitLabExamined(project.plan.gitlab.url, project.plan.gitlab.project, token, patience)


def _patience() -> Patience:
    from orchestrator.patience import Patience

    ends = time.monotonic() + _SECONDS
    return Patience(remaining_seconds=lambda: ends - time.monotonic())
