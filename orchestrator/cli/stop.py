"""`stop`: end builds, by their ids, of a ref, or those that this job has started."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from orchestrator.cli.completion import complete_builds, complete_packages
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.errors import ConfigurationError


def named(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    """Return what an option names, empty without it; with a variable that is not set, nobody has meant everything."""
    if value == "":
        raise click.BadParameter("it is empty")
    return value or ""


@click.command(epilog="Example: orchestrator stop --ref feature/numpy-2")
@config_option
@click.option("--ref", callback=named, help="Stop the builds of this branch or tag that run.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    shell_complete=complete_packages,
    help="Stop builds of this package only; may be repeated.",
)
@click.option("--if-canceled", is_flag=True, help="Do nothing unless CI_JOB_STATUS is `canceled`, for `after_script`.")
@click.argument("builds", nargs=-1, metavar="[BUILD]...", shell_complete=complete_builds)
def stop(config: Path, *, ref: str, packages: tuple[str, ...], if_canceled: bool, builds: tuple[str, ...]) -> None:
    """Stop builds that are running, and look until they have ended.

    A BUILD is an id, or the first 8 characters of its UUID. Without one, the builds of a ref or package that run; else
    those that `orchestrator build` has started here. A build that has ended already is no failure.
    """
    # A job that ended well pays for none of the imports below.
    if if_canceled and os.environ.get("CI_JOB_STATUS") != "canceled":
        return
    if builds and (ref or packages):
        raise click.UsageError("name either builds, or a ref and packages")
    project = load_project(config, os.environ)
    if builds or ref or packages:
        named = _named(project, builds, ref, packages)
        if named:
            stop_builds(project, named)
        else:
            narrate("no such build is running")
    else:
        stop_builds(project, [one["build_id"] for one in begun_here(project.work / "builds.json") if one["ours"]])


def _named(project: Project, builds: Sequence[str], ref: str, packages: tuple[str, ...]) -> list[str]:
    """Return the ids of the builds that somebody means."""
    from orchestrator.config.refs import check_ref
    from orchestrator.effects.codebuild import CodeBuildService
    from orchestrator.plan.names import split_build_id
    from orchestrator.stages.stop import running
    from orchestrator.stages.which_build import find_builds

    if builds and all(split_build_id(text) for text in builds):
        return list(builds)
    codebuild = CodeBuildService(project.plan.region)
    if builds:
        return [record.id for record in find_builds(project.plan, builds, codebuild)]
    # No build is for a name that no build takes: whoever writes `refs/heads/main` is told, and not that nothing runs.
    return [record.id for record in running(project.packages(packages), codebuild, ref=ref and check_ref(ref))]


def stop_builds(project: Project, build_ids: Sequence[str]) -> None:
    """Stop builds of a project; raises what `orchestrator.stages.stop.stop` raises."""
    from orchestrator.cli import wire
    from orchestrator.stages import stop as stage

    if not build_ids:
        narrate("no build was started here; a BUILD, `--ref` or `--package` names others")
        return
    stage.stop(project.plan, build_ids, wire.stop_world(project, os.environ))


def begun_here(path: Path) -> list[dict[str, Any]]:
    """Return what `orchestrator build` has left about the builds it has begun; nothing if it never ran here."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [{"build_id": str(one["build_id"]), "ours": bool(one["ours"])} for one in document["builds"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"`{path}` cannot be read",
            detail=f"observed: {type(error).__name__}\nexpected: the file that `orchestrator build` writes",
            hint="name the builds: `orchestrator stop BUILD`",
        ) from error
