"""`platform`: what the projects of one AWS account and region share, made once by whoever owns the account."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import resources
from orchestrator.cli.screen import narrate, print_data, print_document, print_json
from orchestrator.cli.taking_away import artifacts_options, said_of_packages
from orchestrator.errors import ConfigurationError, Superseded

if TYPE_CHECKING:
    from orchestrator.plan.model import RenderedRoot, StatePlan
    from orchestrator.plan.platform import PlatformPlan
    from orchestrator.stages import platform as story

_WORK_FOLDER = Path(".orchestrator", "platform")

file_option = click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("platform.yml"),
    show_default=True,
    help="What the platform shall be.",
)


@click.group(epilog="Example: orchestrator platform plan --file platform.yml")
def platform() -> None:
    """Make what the projects of an AWS account and region share: bucket, key, roles, states. Once, by its owner."""


@platform.command("plan", epilog="Example: orchestrator platform plan --file platform.yml")
@file_option
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
def plan_command(file: Path, *, as_json: bool) -> None:
    """Show what apply would make or change, and do nothing."""
    from orchestrator.stages.platform import preview

    site = _open(file)
    lines = preview(site.plan, _render(site.plan), site.world)
    if as_json:
        # The first line counts the others, each of which is `  create/delete ADDRESS`.
        pairs = [line.split(maxsplit=1) for line in lines[1:]]
        changes = [{"actions": actions.split("/"), "address": address} for actions, address in pairs]
        print_document({"account_id": site.plan.account.id, "region": site.plan.region, "changes": changes})
    else:
        print_data("\n".join(lines))


@platform.command(epilog="Example: orchestrator platform apply --file platform.yml")
@file_option
@click.option("--json", "as_json", is_flag=True, help="Print what is published with the account and region around it.")
def apply(file: Path, *, as_json: bool) -> None:
    """Make it so, and publish in the SSM Parameter Store what projects need to know. Doing it again changes nothing."""
    from orchestrator.stages.platform import apply as make_it_so

    site = _open(file)
    published = make_it_so(site.plan, _render(site.plan), site.world)
    if as_json:
        print_document({"account_id": site.plan.account.id, "region": site.plan.region, "parameters": published})
    else:
        print_json(published)
    narrate(f"the platform of account {site.plan.account.id} in {site.plan.region} is as `{file}` says")


@platform.command("destroy", epilog="Example: orchestrator platform destroy --keep-artifacts")
@file_option
@artifacts_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy_command(file: Path, *, keep: bool, delete: bool, yes: bool) -> None:
    """Take it away, unless a project still uses it.

    Refused (exit 5) while there are CodeBuild projects or states of projects, and for a bucket that is not empty until
    somebody says what becomes of the packages.
    """
    from orchestrator.stages.platform_destroy import destroy

    packages = said_of_packages(keep=keep, delete=delete)
    site = _open(file)

    def agree(changes: Sequence[str]) -> None:
        for line in changes:
            narrate(line)
        if not yes:
            _ask(site.plan)

    outcome = destroy(site.plan, _render(site.plan), site.world, packages=packages, agree=agree)
    for line in outcome.stays:
        narrate(f"stays: {line}")
    narrate(f"the platform of account {site.plan.account.id} in {site.plan.region} is gone"
            + (", but for what stays" if outcome.stays else ""))  # fmt: skip


@platform.command(epilog="Example: orchestrator platform schema > platform.schema.json")
def schema() -> None:
    """Print the JSON Schema of platform.yml. Needs no network and no credentials."""
    from orchestrator.config.platform_file import SCHEMA

    print_json(SCHEMA.document)


@dataclass(frozen=True)
class _Site:
    """A `platform.yml`, planned for the account that the credentials belong to, and the real world."""

    plan: PlatformPlan
    world: story.PlatformWorld


def _open(file: Path) -> _Site:
    from orchestrator.config.load import load_file
    from orchestrator.config.platform_file import PLATFORM

    # boto3 takes a third of a second: mistakes in the file do not wait for it.
    wanted = load_file(file, os.environ, PLATFORM)
    from orchestrator.effects.account.buckets import AccountBuckets
    from orchestrator.effects.account.view import AwsAccountView
    from orchestrator.effects.infrastructure import TerraformInfrastructure
    from orchestrator.patience import Patience
    from orchestrator.plan.platform import plan_platform
    from orchestrator.stages import platform as story

    patience = Patience(tell=narrate)
    view = AwsAccountView(wanted.region, patience)
    plan = plan_platform(wanted, view.account())
    world = story.PlatformWorld(
        buckets=AccountBuckets(plan.account.id, plan.region, patience),
        view=view,
        infrastructure=TerraformInfrastructure(file.absolute().parent / _WORK_FOLDER, os.environ, narrate),
        narrate=narrate,
    )
    return _Site(plan, world)


def _render(plan: PlatformPlan) -> story.Render:
    from orchestrator.render.platform import platform_root

    def render(state: StatePlan, *, provider_managed: bool, imports: Mapping[str, str]) -> RenderedRoot:
        return platform_root(
            plan,
            modules=resources.terraform_files("platform"),
            backend_template=(resources.folder("terraform") / "backend.tf.j2").read_text(encoding="utf-8"),
            state=state,
            provider_managed=provider_managed,
            imports=imports,
        )

    return render


def _ask(plan: PlatformPlan) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is here to ask",
            detail="observed: standard input is no terminal\nexpected: an answer whether all of this shall go",
            hint="`orchestrator platform destroy --yes`, once somebody has read it",
        )
    question = f"Take away the platform of account {plan.account.id} in {plan.region}?"
    if not click.confirm(question, default=False, err=True):
        raise Superseded("nothing was taken away", detail="observed: the answer was no")
