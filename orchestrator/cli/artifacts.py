"""`artifacts`: the packages that lie in the store: list, fetch, verify and prune them."""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_builds, complete_packages
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.errors import ConfigurationError, Superseded

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan
    from orchestrator.stages.delivery import Delivered
    from orchestrator.stages.postbuild import PostbuildWorld
    from orchestrator.stages.prune import Verdict

# As old as a configuration may let packages become: whoever has one in a folder may check it however old it is.
_MOST_DAYS = 36_500
# Every branch is a reason of its own why its newest package stays.
_REASONS = 5

_json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
_package_option = click.option(
    "--package",
    "packages",
    multiple=True,
    shell_complete=complete_packages,
    help="Only this package of the configuration; may be repeated.",
)


@click.group(epilog="Example: orchestrator artifacts list --package parser")
def artifacts() -> None:
    """List, fetch, verify and prune the packages of this configuration in the store."""


@artifacts.command("list", epilog="Example: orchestrator artifacts list --package parser")
@config_option
@_package_option
@_json_option
def list_command(config: Path, *, packages: tuple[str, ...], as_json: bool) -> None:
    """List the packages in the store, the newest first."""
    from orchestrator.cli import wire
    from orchestrator.cli.artifacts_shown import package_json, package_table, total
    from orchestrator.stages.artifacts import list_packages

    project = load_project(config, os.environ)
    found = list_packages(project.packages(packages), wire.artifacts_world(project))
    if as_json:
        print_document({"packages": [package_json(one) for one in found]})
        return
    if found:
        print_data(package_table(found))
    narrate(total(found))


@artifacts.command(epilog="Example: orchestrator artifacts get 0f1e2d3c --output dist")
@config_option
@click.argument("build", metavar="BUILD", shell_complete=complete_builds)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dist"),
    show_default=True,
    help="Folder for package.zip and its documents.",
)
@_json_option
def get(config: Path, build: str, output: Path, *, as_json: bool) -> None:
    """Fetch the package of a BUILD, and check all that `postbuild` checks.

    BUILD is an id, an ARN, a UUID, or at least 8 hex digits of its beginning. Nobody is told, and nothing is noted.
    """
    project = load_project(config, os.environ)
    delivered = _bring(project, project.plan, build, _postbuild_world(project), output)
    _print_delivered(delivered, as_json=as_json)


@artifacts.command(epilog="Example: orchestrator artifacts verify dist")
@config_option
@click.argument("subject", metavar="BUILD|FOLDER", shell_complete=complete_builds)
@_json_option
def verify(config: Path, subject: str, *, as_json: bool) -> None:
    """Check a package in the store, or one in a FOLDER that was brought here before.

    Digests, manifest, provenance and inspection are checked as `postbuild` does it, against what CodeBuild says of the
    build. A FOLDER holds package.zip, manifest.json and the other documents; write `./name` for one that looks like a
    build id. The exit code is 5 for a package that is not what it claims to be.
    """
    from orchestrator.cli import wire
    from orchestrator.effects.folder_store import FolderStore
    from orchestrator.packaging.documents.places import MANIFEST_NAME
    from orchestrator.stages.artifacts import MANIFEST_LIMIT_BYTES, vouched_id
    from orchestrator.stages.manifest import parse_manifest

    project = load_project(config, os.environ)
    plan, world = project.plan, _postbuild_world(project)
    folder = Path(subject)
    if folder.is_dir():
        content = FolderStore("", folder).read(MANIFEST_NAME, limit_bytes=MANIFEST_LIMIT_BYTES)
        subject = vouched_id(plan, parse_manifest(content).build_id, wire.artifacts_world(project))
        world = replace(world, open_store=lambda bucket, _account: FolderStore(bucket, folder))
        plan = replace(plan, artifacts=replace(plan.artifacts, retention_days=_MOST_DAYS))
    with tempfile.TemporaryDirectory(prefix="orchestrator-verify-") as scratch:
        delivered = _bring(project, plan, subject, world, Path(scratch))
        stored = f"s3://{delivered.manifest.bucket}/{delivered.manifest.key}"
        _print_verified(delivered, str(folder) if folder.is_dir() else stored, as_json=as_json)


@artifacts.command(epilog="Example: orchestrator artifacts prune --gone-refs --older-than 14 --dry-run")
@config_option
@_package_option
@click.option("--older-than", "days", type=click.IntRange(0, 36_500), help="Take away what is older than so many days.")
@click.option("--gone-refs", is_flag=True, help="Take away what was built for branches and tags that are gone.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json_option
def prune(
    config: Path,
    *,
    packages: tuple[str, ...],
    days: int | None,
    gone_refs: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take packages out of the store for good, with all of their versions.

    What a running build writes stays, and so do the newest package of every branch and tag that is there, and every
    package of a commit that one of them points to. Which ones are there is asked of the remote `origin`.
    """
    from orchestrator.cli import wire
    from orchestrator.cli.artifacts_shown import package_json, total, verdict_table
    from orchestrator.render.build_page import size
    from orchestrator.stages.prune import PruneRule, survey
    from orchestrator.stages.prune import prune as take_away

    if days is None and not gone_refs:
        raise click.UsageError("say what shall go: `--older-than DAYS`, `--gone-refs`, or both")
    project = load_project(config, os.environ)
    world = wire.artifacts_world(project)
    heads = wire.refs(project, os.environ).heads
    verdicts = survey(project.packages(packages), PruneRule(days, gone_refs), heads, world)
    going = [verdict for verdict in verdicts if verdict.goes]
    if going and not as_json:
        print_data(verdict_table(going))
    narrate(f"to go: {total([one.package for one in going])}; {len(verdicts) - len(going)} stay")
    for why, count in Counter(one.why for one in verdicts if not one.goes).most_common(_REASONS):
        narrate(f"  {count} stay{'s' if count == 1 else ''}: {why}")
    freed = 0
    if going and not dry_run:
        if not yes:
            _ask(going)
        freed = take_away(going, project.plan, world)
        narrate(f"taken away, with all versions {size(freed)}")
    if as_json:
        print_document(
            {
                "dry_run": dry_run,
                "packages": [{**package_json(one.package), "goes": one.goes, "why": one.why} for one in verdicts],
                "size_bytes": sum(verdict.package.size_bytes for verdict in going),
                "freed_bytes": freed,
            }
        )


def _bring(project: Project, plan: Plan, text: str, world: PostbuildWorld, output: Path) -> Delivered:
    from orchestrator.cli import wire
    from orchestrator.stages.artifacts import which_package
    from orchestrator.stages.postbuild import postbuild

    build_id, commit = which_package(plan, text, wire.artifacts_world(project))
    return postbuild(plan, build_id, commit, "", world, output)


def _postbuild_world(project: Project) -> PostbuildWorld:
    """Return what `postbuild` touches, without anybody who would be told, and without a pipeline that takes it."""
    from orchestrator.cli import wire
    from orchestrator.effects.status import NoStatus

    return replace(wire.postbuild_world(project, os.environ), status=NoStatus(), pipeline_id="")


def _print_delivered(delivered: Delivered, *, as_json: bool) -> None:
    from orchestrator.cli.artifacts_shown import delivered_json, summary

    if as_json:
        print_document({**delivered_json(delivered), "package_file": str(delivered.package)})
        return
    print_data(str(delivered.package))
    narrate(summary(delivered))


def _print_verified(delivered: Delivered, place: str, *, as_json: bool) -> None:
    from orchestrator.cli.artifacts_shown import delivered_json, summary

    if as_json:
        print_document({**delivered_json(delivered), "place": place})
        return
    print_data(f"{place}: what {delivered.build_id} has made of {delivered.manifest.commit}")
    narrate(summary(delivered))


def _ask(going: Sequence[Verdict]) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(
            "nobody is here to ask",
            detail="observed: standard input is no terminal\nexpected: an answer whether these packages shall go",
            hint="`orchestrator artifacts prune … --yes`, once somebody has read the list of `--dry-run`",
        )
    if not click.confirm(f"Take away {len(going)} packages for good?", default=False, err=True):
        raise Superseded("nothing was taken away", detail="observed: the answer was no")
