"""`explain`: why a build was run."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from orchestrator.cli.completion import complete_builds
from orchestrator.cli.project import config_option, load_project
from orchestrator.cli.screen import print_data, print_document


@click.command(epilog="Example: orchestrator explain 0f1e2d3c")
@config_option
@click.argument("build", metavar="BUILD", shell_complete=complete_builds)
@click.option("--json", "as_json", is_flag=True, help="Print reasons and differences as JSON.")
def explain(config: Path, build: str, *, as_json: bool) -> None:
    """Say why a BUILD was run and no earlier package taken: which input differs from the last comparable build.

    BUILD is an id, an ARN, a UUID, or at least 8 hex digits of its beginning.
    """
    from orchestrator.cli import wire
    from orchestrator.render.explanation import explanation_json, explanation_text
    from orchestrator.stages.artifacts import stored_manifest
    from orchestrator.stages.earlier import SEARCHED_BUILDS
    from orchestrator.stages.explain import History
    from orchestrator.stages.explain import explain as say_why
    from orchestrator.stages.which_build import find_build

    project = load_project(config, os.environ)
    world = wire.artifacts_world(project)
    record = find_build(project.plan, build, world.codebuild)
    history = History(
        listed=world.codebuild.newest(record.project, limit=SEARCHED_BUILDS),
        project=world.codebuild.projects([record.project]).get(record.project),
        manifest=partial(stored_manifest, project.plan, world=world),
    )
    found = say_why(record, project.plan.by_codebuild_project()[record.project], history)
    told = (
        found.build,
        found.reasons,
        found.compared,
        [(one.name, one.before, one.after) for one in found.differences],
    )
    if as_json:
        print_document(explanation_json(*told, manifests=found.manifests))
    else:
        print_data(explanation_text(*told, manifests=found.manifests))
