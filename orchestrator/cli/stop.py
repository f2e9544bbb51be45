"""`stop`: end builds, by their ids or those that this job has started."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.errors import ConfigurationError


@click.command(epilog="Example: orchestrator stop lxml-function-parser:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0")
@config_option
@click.option("--if-canceled", is_flag=True, help="Do nothing unless CI_JOB_STATUS is `canceled`, for `after_script`.")
@click.argument("builds", nargs=-1, metavar="[BUILD]...")
def stop(config: Path, *, if_canceled: bool, builds: tuple[str, ...]) -> None:
    """Stop builds that are running.

    Without a BUILD, those that `orchestrator build` has started here. A build that has ended already is no failure.
    """
    # A job that ended well pays for none of the imports below.
    if if_canceled and os.environ.get("CI_JOB_STATUS") != "canceled":
        return
    project = load_project(config, os.environ)
    stop_builds(project, builds or _started(project.work / "builds.json"))


def stop_builds(project: Project, build_ids: Sequence[str]) -> None:
    """Stop builds of a project; raises what `orchestrator.stages.stop.stop` raises."""
    from orchestrator.cli import wire
    from orchestrator.stages import stop as stage

    if not build_ids:
        narrate("no build was started here")
        return
    stage.stop(project.plan, build_ids, wire.stop_world(project, os.environ))


def _started(path: Path) -> list[str]:
    """Return the builds that the job has started, from what `orchestrator build` has left."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [str(item["build_id"]) for item in document["builds"] if item["ours"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"`{path}` cannot be read",
            detail=f"observed: {type(error).__name__}\nexpected: the file that `orchestrator build` writes",
            hint="name the builds: `orchestrator stop BUILD`",
        ) from error
