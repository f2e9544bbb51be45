"""`onboard` and `offboard`: connect a GitLab project with AWS, and part them again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.project import config_option
from orchestrator.cli.screen import narrate, print_data, print_document

if TYPE_CHECKING:
    from orchestrator.onboarding.onboard import Outcome

COMPONENT = "$CI_SERVER_FQDN/platform/codebuild-orchestrator/codebuild@main"

_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
_json = click.option("--json", "as_json", is_flag=True, help="Print the steps, links and notes as JSON.")


@click.command(epilog="Example: orchestrator onboard --dry-run")
@config_option
@_dry_run
@click.option("--rotate", is_flag=True, help="Replace the trigger token, and whatever is stored in its place.")
@click.option(
    "--component",
    default=COMPONENT,
    show_default=True,
    envvar="ORCHESTRATOR_COMPONENT",
    help="Address of the CI/CD component with its version.",
)
@click.option(
    "--token-days",
    type=click.IntRange(0, 3650),
    default=365,
    show_default=True,
    help="Days until a new trigger token expires, where GitLab can do that; 0 for never.",
)
@_json
def onboard(config: Path, *, dry_run: bool, rotate: bool, component: str, token_days: int, as_json: bool) -> None:
    """Connect a GitLab project with AWS: a trigger token in SSM, CI/CD variables, and one merge request.

    Run it in a checkout of the project, with AWS credentials and ORCHESTRATOR_GITLAB_TOKEN (scope `api`, of a
    maintainer). It can be run again at any time: it finishes what is unfinished, and changes nothing else.
    """
    from orchestrator.cli.wire_onboarding import onboarding
    from orchestrator.onboarding.onboard import onboard as connect

    wanted, world = onboarding(config, os.environ, component=component, token_days=token_days)
    outcome = connect(wanted, world, rotate=rotate, dry_run=dry_run)
    _report(outcome, dry_run=dry_run, as_json=as_json, nothing="everything is there already: nothing was changed")


@click.command(epilog="Example: orchestrator offboard --dry-run")
@config_option
@_dry_run
@click.option("--delete-artifacts", is_flag=True, help="Delete the project's packages, too.")
@_json
def offboard(config: Path, *, dry_run: bool, delete_artifacts: bool, as_json: bool) -> None:
    """Take away what onboard has made, and nothing else; packages stay unless told otherwise.

    Tokens, parameters and variables are recognised by their descriptions. What was merged is undone by a merge request.
    """
    from orchestrator.cli.wire_onboarding import onboarding, packages_of
    from orchestrator.onboarding.offboard import offboard as part

    wanted, world = onboarding(config, os.environ, component=COMPONENT, token_days=0)
    artifacts = packages_of(wanted, config, os.environ) if delete_artifacts else None
    outcome = part(wanted, world, artifacts=artifacts, dry_run=dry_run)
    _report(outcome, dry_run=dry_run, as_json=as_json, nothing="nothing of ours is there: nothing was changed")


def _report(outcome: Outcome, *, dry_run: bool, as_json: bool, nothing: str) -> None:
    if as_json:
        steps = [str(step) for step in outcome.steps]
        told = {"steps": steps, "links": list(outcome.links), "notes": list(outcome.notes)}
        print_document({"dry_run": dry_run, **told})
    elif dry_run and outcome.steps:
        print_data("\n".join(str(step) for step in outcome.steps))
    if not outcome.steps:
        narrate(nothing)
    elif dry_run:
        narrate("nothing was done: without `--dry-run` it is")
    else:
        narrate(f"done: {len(outcome.steps)} step{'' if len(outcome.steps) == 1 else 's'}")
    for note in outcome.notes:
        narrate(f"note: {note}")
    if outcome.links and not dry_run and not as_json:
        print_data("\n".join(outcome.links))
