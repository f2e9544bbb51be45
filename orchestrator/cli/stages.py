"""`prebuild` and `build`: the stages that lead to CodeBuild."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.boundary import Interrupted
from orchestrator.cli.completion import complete_packages
from orchestrator.cli.outcome_json import started_json
from orchestrator.cli.project import WORK_FOLDER, Project, config_option, load_project
from orchestrator.cli.screen import narrate, print_document
from orchestrator.cli.stop import stop_builds
from orchestrator.cli.wait_options import output_option, timeout_option
from orchestrator.effects.files import write_json, write_text
from orchestrator.errors import ConfigurationError, OrchestratorError, Refused
from orchestrator.render.dotenv import dotenv, fits_gitlab

# Whatever takes long to load is imported where it is used: `--help` and a shell that completes do not wait for it.
if TYPE_CHECKING:
    from orchestrator.stages.build import Request, StartedBuild


@click.command(epilog="Example: orchestrator prebuild --config services/parser/orchestrator.yml")
@config_option
def prebuild(config: Path) -> None:
    """Apply the CodeBuild projects with Terraform, if anything changed since the last time."""
    from orchestrator.cli import wire
    from orchestrator.cli.check import checked
    from orchestrator.cli.waiting_job import require_fitting_jobs
    from orchestrator.render.terraform import with_editor
    from orchestrator.stages.fitness import require_fit
    from orchestrator.stages.prebuild import prebuild as apply_plan

    project = load_project(config, os.environ)
    require_gitlab_project(project)
    refuse_fork(project)
    refuse_tracked_work(project)
    require_fitting_jobs(project.plan, os.environ)
    require_fit(checked(project.configuration), narrate)
    write_json(project.work / "plan.json", project.plan.as_json())
    done = apply_plan(
        project.plan,
        with_editor(project.root, project.context.user_login),
        project.tool.content,
        wire.prebuild_world(project, os.environ),
    )
    write_json(project.work / "prebuild.json", done.__dict__)
    narrate(f"ready: {', '.join(done.codebuild_projects)}")


@click.command(epilog="Example: orchestrator build --package parser --wait --output dist")
@config_option
@click.option("--commit", help="Commit to build. [default: CI_COMMIT_SHA, else HEAD]")
@click.option(
    "--ref", help="Branch or tag whose pipeline gets the result. [default: CI_COMMIT_REF_NAME, else the branch]"
)
@click.option(
    "--package",
    "packages",
    multiple=True,
    shell_complete=complete_packages,
    help="Package to build; may be repeated. [default: all]",
)
@click.option(
    "--fresh",
    is_flag=True,
    envvar="ORCHESTRATOR_FRESH",
    help="Start new builds, whatever earlier ones have left. [env: ORCHESTRATOR_FRESH]",
)
@click.option(
    "--wait/--no-wait",
    "waits",
    default=None,
    help="Show the builds until they have ended, and bring the packages here. [default: with `return: wait`]",
)
@timeout_option
@output_option
@click.option("--json", "as_json", is_flag=True, help="Print the builds as JSON; with `--wait` the log goes to stderr.")
def build(
    config: Path,
    *,
    commit: str | None,
    ref: str | None,
    packages: tuple[str, ...],
    fresh: bool,
    waits: bool | None,
    timeout_minutes: float | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Start the build of exactly one commit, and return without waiting for it.

    A package with `where: auto` of which nothing has to be compiled is made right here instead. A build of the same
    commit and settings that runs already, or has left its package, is taken in place of a new one.

    With `--wait` its log is shown, and Ctrl-C at a terminal asks whether to stop the builds or to leave them alone.
    """
    from orchestrator.cli import wire
    from orchestrator.cli.waiting_job import require_fitting_jobs, warn_of_short_job
    from orchestrator.stages.build import build as start_builds
    from orchestrator.vocabulary import Return

    project = load_project(config, os.environ)
    require_gitlab_project(project)
    refuse_fork(project)
    require_fitting_jobs(project.plan, os.environ)
    request = replace(_request(project, commit, ref), fresh=fresh)
    begun: list[StartedBuild] = []

    def record(started: Sequence[StartedBuild]) -> None:
        begun[:] = started
        record_builds(project, started)

    record(())
    plan = project.packages(packages)
    stays = plan.return_ is Return.WAIT if waits is None else waits
    if stays:
        warn_of_short_job(plan, os.environ)
    with stopped_when_interrupted(project, begun):
        world = wire.build_world(project, os.environ, record)
        start_builds(plan, project.root.settings_digest, request, world, project.work)
        if not stays:
            if as_json:
                print_document({"builds": [started_json(one) for one in begun]})
            return 0
        from orchestrator.cli.waiting import stay_with

        return stay_with(
            project, plan, begun, ref=request.ref, timeout_minutes=timeout_minutes, output=output, as_json=as_json
        )


@contextmanager
def stopped_when_interrupted(project: Project, begun: Sequence[StartedBuild]) -> Iterator[None]:
    """Stop the builds that were begun when somebody cancels: nobody will ask for them."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        ids = [item.build_id for item in begun if item.ours]
        try:
            if ids:
                stop_builds(project, ids)
        except OrchestratorError as error:
            narrate(f"the builds may go on until their time-out: {error}")
        raise


def require_gitlab_project(project: Project) -> None:
    """Make sure that a build knows where it comes home to."""
    if not project.plan.gitlab.project:
        raise ConfigurationError(
            "the GitLab project is not known",
            detail="observed: neither `gitlab.project` in orchestrator.yml nor CI_PROJECT_ID",
            hint="write `gitlab: {project: group/name}` in orchestrator.yml, or run this in a GitLab job",
        )


def refuse_fork(project: Project) -> None:
    """Make sure that this is code of the project itself."""
    if project.context.is_fork:
        raise Refused(
            "this pipeline runs for a merge request of a fork",
            detail="expected: code of this project, because the build gets roles and tokens of this project",
            hint="review the code, and push it to a branch of this project",
        )


def refuse_tracked_work(project: Project) -> None:
    """Make sure that no commit brings files that Terraform would take for ours."""
    tracked = project.git.tracked(WORK_FOLDER)
    if tracked:
        raise Refused(
            f"the repository has files in `{WORK_FOLDER}`",
            detail=f"observed: {', '.join(tracked[:5])}{' and more' if len(tracked) > 5 else ''}\n"
            "expected: none, because the orchestrator works there",
            hint=f"`git rm -r --cached {WORK_FOLDER}`, and name it in .gitignore",
        )


def _request(project: Project, commit: str | None, ref: str | None) -> Request:
    from orchestrator.config.refs import check_ref
    from orchestrator.stages.build import Request

    context = project.context
    name = ref or context.ref or project.git.current_ref()
    if not name:
        raise ConfigurationError(
            "no branch or tag is checked out",
            detail="expected: the ref whose pipeline gets the result",
            hint="name it with `--ref`",
        )
    checked = check_ref(name)
    found = project.git.commit(commit or context.commit or "HEAD")
    changed = project.git.changed_files()
    if changed:
        raise ConfigurationError(
            "the checkout has changes that are not committed",
            detail=f"observed: {', '.join(changed[:5])}{' and more' if len(changed) > 5 else ''}\n"
            "expected: none, because a build is of a commit and would not have them",
            hint="commit or stash them",
        )
    return Request(found.sha, checked, context.pipeline_id or "", context.job_url or "")


def expected_commit(project: Project, commit: str | None) -> str:
    """Return the commit that is checked out, which no pipeline variable can change."""
    checked_out = project.git.commit(commit or "HEAD").sha
    told = project.context.commit
    if commit is None and told and told != checked_out:
        raise Refused(
            "CI_COMMIT_SHA is not the commit that is checked out",
            detail=f"CI_COMMIT_SHA: {told}\nchecked out: {checked_out}",
            hint="somebody has overridden CI_COMMIT_SHA: look at the variables of this pipeline",
        )
    return checked_out


def record_builds(project: Project, started: Sequence[StartedBuild]) -> None:
    """Note the builds that were begun, for the jobs and commands that come after this one."""
    write_json(project.work / "builds.json", {"builds": [item.__dict__ for item in started]})
    # Package names have no underscore, so no two of them become one variable.
    variables = {f"ORCHESTRATOR_BUILD_ID_{item.package.upper().replace('-', '_')}": item.build_id for item in started}
    if len(started) == 1:
        variables["ORCHESTRATOR_BUILD_ID"] = started[0].build_id
    report = dotenv(variables)
    if not fits_gitlab(report):
        narrate("these are more builds than a dotenv report may hold: their ids are in builds.json alone")
        report = ""
    write_text(project.work / "build.env", report)
