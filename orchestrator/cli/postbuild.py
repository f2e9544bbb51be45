"""`postbuild`: the packages of builds, verified, in the folder of the configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_builds
from orchestrator.cli.project import WORK_FOLDER, Project, config_option, load_project
from orchestrator.cli.screen import narrate
from orchestrator.cli.stages import expected_commit, refuse_fork
from orchestrator.effects.files import write_text
from orchestrator.errors import ConfigurationError
from orchestrator.render.dotenv import dotenv, fits_gitlab

if TYPE_CHECKING:
    from orchestrator.stages.delivery import Delivered
    from orchestrator.stages.together import Brought

_BUILDS = "builds.json"
_LIMIT_BYTES = 1024 * 1024


@click.command(epilog="Example: orchestrator postbuild --build-id lxml-function-parser:0f1e... --output dist")
@config_option
@click.option(
    "--build-id",
    envvar="ORCHESTRATOR_BUILD_ID",
    shell_complete=complete_builds,
    help="The build to bring home. [env: ORCHESTRATOR_BUILD_ID] [default: those that `orchestrator build` has noted]",
)
@click.option("--commit", help="Commit that the builds must be of. [default: the one that is checked out]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for package.zip and its documents. [default: the folder of the configuration]",
)
def postbuild(config: Path, build_id: str | None, commit: str | None, output: Path | None) -> None:
    """Verify the package of a build, and pull it back in.

    Several builds at once have a folder each below the output, named as the package. One that cannot be brought does
    not keep the others away.
    """
    from orchestrator.config.context import require_pipeline
    from orchestrator.stages.together import bring_together, worst

    project = load_project(config, os.environ)
    require_pipeline(os.environ)
    refuse_fork(project)
    build_ids = [build_id] if build_id else noted_builds(project)
    bring = _bringing(project, expected_commit(project, commit))
    outcomes: list[Brought] = []
    for outcome in bring_together(project.plan, build_ids, output or project.folder, bring):
        outcomes.append(outcome)
        if outcome.delivered:
            _tell(outcome.delivered)
    _report(project, [outcome.delivered for outcome in outcomes if outcome.delivered], alone=len(outcomes) == 1)
    errors = [outcome.error for outcome in outcomes if outcome.error]
    error = worst(errors)
    for other in errors:
        if other is not error:
            narrate(f"{other}\n")
    if error:
        raise error


def _bringing(project: Project, commit: str) -> Callable[[str, Path], Delivered]:
    """Return what brings the package of one build to a folder."""
    from orchestrator.cli import wire
    from orchestrator.stages.postbuild import postbuild as bring_home

    ref, world = project.context.ref or "", wire.postbuild_world(project, os.environ)
    return lambda build_id, output: bring_home(project.plan, build_id, commit, ref, world, output)


def noted_builds(project: Project) -> list[str]:
    """Return the ids of the builds that `orchestrator build` has noted; nothing else is taken from there.

    Raises `ConfigurationError` when there are none.
    """
    from orchestrator.stages.strict_json import strict_json

    path = project.work / _BUILDS
    if not path.is_file():
        raise ConfigurationError(
            "no build is named",
            detail=f"observed: neither `--build-id` nor ORCHESTRATOR_BUILD_ID, and no `{WORK_FOLDER}/{_BUILDS}`\n"
            "expected: the id of a build, or the file that `orchestrator build` leaves",
            hint="name it with `--build-id`, or let the job need the artifacts of the job `build`",
        )
    try:
        with path.open("rb") as file:
            found = strict_json(file.read(_LIMIT_BYTES))
        # In their order, and each once.
        ids = list(dict.fromkeys(str(one["build_id"]) for one in found["builds"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"`{WORK_FOLDER}/{_BUILDS}` cannot be read",
            detail=f"observed: {type(error).__name__}\nexpected: the file that `orchestrator build` leaves",
            hint="run the job `build` again",
        ) from error
    if not ids:
        raise ConfigurationError(
            f"`{WORK_FOLDER}/{_BUILDS}` names no build",
            detail="expected: one for each package",
            hint="look at the log of the job `build`",
        )
    return ids


def _tell(delivered: Delivered) -> None:
    manifest = delivered.manifest
    narrate(
        f"{delivered.package}: {manifest.package} for {manifest.architecture} {manifest.runtime}, "
        f"{manifest.size_bytes} bytes, sha256 {manifest.sha256}"
    )


def _report(project: Project, delivered: Sequence[Delivered], *, alone: bool) -> None:
    """Write the variables for the jobs that follow; of several packages each has its own, with its name behind `__`."""
    variables: dict[str, str] = {}
    for one in delivered:
        # No name of a variable has two underscores in a row, so no two become one.
        suffix = "" if alone else f"__{one.manifest.package.upper().replace('-', '_')}"
        variables |= {f"{name}{suffix}": value for name, value in _package_variables(one).items()}
    report = dotenv(variables)
    if not alone and not fits_gitlab(report):
        narrate("this is more than a dotenv report may hold: manifest.json of each package says the same")
        report = ""
    if delivered:
        write_text(project.work / "package.env", report)


def _package_variables(delivered: Delivered) -> dict[str, str]:
    manifest = delivered.manifest
    return {
        "ORCHESTRATOR_PACKAGE": manifest.package,
        "ORCHESTRATOR_PACKAGE_ARCHITECTURE": manifest.architecture,
        "ORCHESTRATOR_PACKAGE_RUNTIME": manifest.runtime,
        "ORCHESTRATOR_PACKAGE_COMMIT": manifest.commit,
        "ORCHESTRATOR_PACKAGE_SHA256": manifest.sha256,
        "ORCHESTRATOR_PACKAGE_SHA256_BASE64": manifest.sha256_base64,
        "ORCHESTRATOR_PACKAGE_BUCKET": manifest.bucket,
        "ORCHESTRATOR_PACKAGE_KEY": manifest.key,
        "ORCHESTRATOR_PACKAGE_VERSION_ID": manifest.version_id or "",
    }
