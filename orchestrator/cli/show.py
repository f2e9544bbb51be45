"""`show`: one build as a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import looks
from orchestrator.cli.completion import complete_builds
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import print_data, print_document
from orchestrator.errors import OrchestratorError

if TYPE_CHECKING:
    from orchestrator.records import BuildRecord
    from orchestrator.render.build_page import Artifact


@click.command(epilog="Example: orchestrator show 0f1e2d3c")
@config_option
@click.argument("build", metavar="BUILD", shell_complete=complete_builds)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(config: Path, build: str, *, as_json: bool) -> None:
    """Show a BUILD: its phases as bars, why it failed, what it has left, what it costs, where to look on.

    BUILD is an id, an ARN, a UUID, or at least 8 hex digits of its beginning. That a build has failed is no failure of
    this command.
    """
    from orchestrator.cli import wire
    from orchestrator.render.build_page import Page, page_json, page_text
    from orchestrator.stages.which_build import find_build

    project = load_project(config, os.environ)
    record = find_build(project.plan, build, wire.codebuild(project))
    page = Page(
        record, looks.shelf(project), project.plan.gitlab, _artifact(project, record), _failure(project, record)
    )
    if as_json:
        print_document(page_json(page))
    else:
        print_data(page_text(page, width=looks.width(), paint=looks.paint(), bar=looks.bar()))


def _failure(project: Project, record: BuildRecord) -> str:
    """Return why a build failed, in the words that `postbuild` has for it; empty for one that did not."""
    from orchestrator.effects.codebuild import CloudWatchLogs
    from orchestrator.stages.ending import check_ending

    if not record.complete:
        return ""
    try:
        check_ending(record, CloudWatchLogs(project.plan.region))
    except OrchestratorError as error:
        return str(error)
    return ""


def _artifact(project: Project, record: BuildRecord) -> Artifact | None:
    from orchestrator.cli import wire
    from orchestrator.render.build_page import Artifact
    from orchestrator.stages.artifacts import stored_manifest

    manifest = stored_manifest(project.plan, record, wire.artifacts_world(project))
    if manifest is None:
        return None
    return Artifact(manifest.bucket, manifest.key, manifest.size_bytes, manifest.sha256)
