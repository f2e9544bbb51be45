"""`attach`: come back to builds that run, see what they write, and wait for their end."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_builds
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate, print_document
from orchestrator.cli.wait_options import timeout_option
from orchestrator.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan
    from orchestrator.ports import CodeBuild
    from orchestrator.records import BuildRecord


@click.command(epilog="Example: orchestrator attach 0f1e2d3c --output dist")
@config_option
@timeout_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Verify the packages, and bring them to this folder. [default: leave them where they are]",
)
@click.option("--json", "as_json", is_flag=True, help="Print what became of the builds as JSON, the log on stderr.")
@click.argument("builds", nargs=-1, metavar="[BUILD]...", shell_complete=complete_builds)
def attach(
    config: Path, *, timeout_minutes: float | None, output: Path | None, as_json: bool, builds: tuple[str, ...]
) -> int:
    """Show builds that run until they have ended; the exit code is theirs.

    A BUILD is an id, or the first 8 characters of its UUID. Without one, the builds that `orchestrator build` has
    started here; else the newest running one of each package. Ctrl-C asks whether to stop them or to leave them alone.
    """
    from orchestrator.cli.waiting import Waiting, left_alone, places, wait_for
    from orchestrator.effects.codebuild import CodeBuildService
    from orchestrator.stages.earlier import wish_behind
    from orchestrator.stages.wait import Awaited
    from orchestrator.stages.which_build import find_builds

    project = load_project(config, os.environ)
    codebuild = CodeBuildService(project.plan.region)
    named = builds or _begun(project)
    records = find_builds(project.plan, named, codebuild) if named else _newest_running(project.plan, codebuild)
    if not records:
        narrate("no build of this configuration is running")
        if as_json:
            print_document({"builds": []})
        return 0
    by_project = project.plan.by_codebuild_project()
    packages = {record.id: by_project[record.project].package for record in records}
    if output:
        _require_one_each(list(packages.values()))
    where = places(list(dict.fromkeys(packages.values())), output) if output else {}
    awaited = [
        Awaited(
            package=packages[record.id],
            build_id=record.id,
            commit=wish_behind(record).commit,
            output=where.get(packages[record.id]),
            ended=record if record.complete else None,
        )
        for record in records
    ]
    for record in records:
        narrate(f"{packages[record.id]}: {record.console_url}")
    # Whoever looks on has nothing to say beside a commit that another pipeline, or nobody, has asked to be built.
    own = {wish_behind(record).pipeline_id for record in records} == {project.context.pipeline_id}
    how = Waiting(timeout_minutes=timeout_minutes, untold=not own, quit_with_reader=True, as_json=as_json)
    return left_alone(lambda: wait_for(project, awaited, how))


def _require_one_each(packages: Sequence[str]) -> None:
    """Make sure that no two packages go to one folder."""
    twice = sorted({name for name in packages if packages.count(name) > 1})
    if twice:
        raise ConfigurationError(
            "several of the builds are of one package, and would come to one folder",
            detail=f"observed: {', '.join(twice)}\nexpected: one build of each package with `--output`",
            hint="leave `--output` out, and fetch each: `orchestrator artifacts get BUILD --output FOLDER`",
        )


def _newest_running(plan: Plan, codebuild: CodeBuild) -> list[BuildRecord]:
    """Return the newest build of each package that runs."""
    from orchestrator.stages.stop import running

    newest: dict[str, BuildRecord] = {}
    for record in running(plan, codebuild):
        newest.setdefault(record.project, record)
    return list(newest.values())


def _begun(project: Project) -> Sequence[str]:
    """Return the builds that were started here, without those packages that were made in a job."""
    from orchestrator.cli.stop import begun_here
    from orchestrator.plan.names import split_build_id

    return [one["build_id"] for one in begun_here(project.work / "builds.json") if split_build_id(one["build_id"])]
