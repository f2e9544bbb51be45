"""`deploy`: the verified packages of the commit to one environment, with the project's own Terraform root."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import resources
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import expected_commit, refuse_fork
from orchestrator.errors import ConfigurationError
from orchestrator.packaging.documents.places import MANIFEST_NAME
from orchestrator.vocabulary import Return, StateBackend

if TYPE_CHECKING:
    from orchestrator.plan.model import RenderedRoot, StatePlan
    from orchestrator.stages.verified import Verified

_EVENTS = "events"


def _checked(_context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    from orchestrator.plan.deployment import is_environment

    # Empty is none for an option that may be left out; for the others it is a variable that was not set.
    if (value or parameter.required) and not is_environment(value or ""):
        raise click.BadParameter("1 to 63 letters, digits, hyphens and underscores, with a letter first")
    return value or ""


environment_option = click.option(
    "--environment", required=True, callback=_checked, help="Where; the alias of the functions there has this name."
)
root_option = click.option(
    "--terraform",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("terraform"),
    show_default=True,
    help="The project's Terraform root, beside the configuration.",
)


@click.command(epilog="Example: orchestrator deploy --environment production --after test")
@config_option
@environment_option
@click.option("--after", callback=_checked, help="Environment that these packages must have passed before.")
@root_option
@click.option("--call", is_flag=True, help="Call each function with events/<package>.json of the Terraform root.")
def deploy(config: Path, environment: str, after: str, root: Path, *, call: bool) -> None:
    """Deploy the packages of this commit, exactly as postbuild has verified them.

    Plans and applies the Terraform root of the project, then compares what runs with what was verified.
    """
    from orchestrator.cli import wire
    from orchestrator.config.context import require_pipeline
    from orchestrator.stages.belonging import Asking, check_commit
    from orchestrator.stages.deploy import Deployment
    from orchestrator.stages.deploy import deploy as apply_and_look

    project = load_project(config, os.environ)
    require_pipeline(os.environ)
    refuse_fork(project)
    folder = project.folder / root
    commit = expected_commit(project, None)
    asking = Asking(commit, project.context.ref or "", project.context.pipeline_id or "")
    own = _own(project)
    check_commit(str(own.key), own.commit, asking)

    def render(packages: Mapping[str, Verified]) -> RenderedRoot:
        return root_of(project, environment, {name: package.as_variables for name, package in packages.items()})

    wanted = Deployment(environment, after, own, asking, _events(folder) if call else None, render)
    done = apply_and_look(project.plan, wanted, wire.deploy_world(project, folder, os.environ))
    narrate(f"{environment} runs {', '.join(done)} of {commit}")


def root_of(project: Project, environment: str, packages: Mapping[str, Mapping[str, str | None]]) -> RenderedRoot:
    """Return what is written beside the root of the project for one environment."""
    from orchestrator.render.deployment import MODULE, deployment_files

    return deployment_files(
        environment,
        packages,
        _state(project, environment),
        module=resources.module_files(MODULE),
        backend_template=(resources.folder("terraform") / "backend.tf.j2").read_text(encoding="utf-8"),
        boundary=project.plan.functions_boundary,
    )


def _own(project: Project) -> Verified:
    """Return the package that postbuild has brought to this folder: a file of its job, not a variable of anybody."""
    from orchestrator.stages.manifest import parse_manifest
    from orchestrator.stages.verified import verified_of

    path = next((place for place in manifest_places(project) if place.is_file()), None)
    if path is None:
        raise ConfigurationError(
            f"there is no `{MANIFEST_NAME}`",
            detail="expected: the files that `orchestrator postbuild` leaves beside the configuration",
            hint="let the job need `postbuild`, or run `orchestrator postbuild` first",
        )
    manifest = parse_manifest(path.read_bytes())
    if manifest.project != project.plan.project:
        raise ConfigurationError(
            f"`{MANIFEST_NAME}` is of another project",
            detail=f"observed: {manifest.project!a:.200}\nexpected: {project.plan.project!a}",
            hint="run `orchestrator postbuild` for this project",
        )
    return verified_of(manifest)


def manifest_places(project: Project) -> Iterator[Path]:
    """Yield where postbuild leaves a manifest; any one will do, because all packages of a commit are deployed.

    A file of this name that git tracks is the user's own: postbuild replaces none.
    """
    from orchestrator.effects.git import tracked_in

    several = [project.folder / item.package for item in project.plan.builds]
    for folder in (project.folder, *(several if project.plan.return_ is Return.WAIT else ())):
        if not tracked_in(folder, [MANIFEST_NAME], os.environ):
            yield folder / MANIFEST_NAME


def _state(project: Project, environment: str) -> StatePlan:
    from orchestrator.plan.deployment import state_of

    state = state_of(project.plan.state, environment)
    if state.backend is StateBackend.LOCAL:
        # Named from the folder in which prebuild works, which is another one than the root's.
        path = (project.work / "terraform" / str(state.settings["path"])).resolve()
        return replace(state, settings={"path": str(path)})
    return state


def _events(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((folder / _EVENTS).glob("*.json"))}
