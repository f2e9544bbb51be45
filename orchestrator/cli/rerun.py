"""`rerun`: build a commit once more, from a laptop or from a job."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.completion import complete_builds, complete_packages
from orchestrator.cli.outcome_json import planned_json, started_json
from orchestrator.cli.project import Project, config_option, load_project
from orchestrator.cli.screen import narrate, print_document
from orchestrator.cli.stop import named
from orchestrator.cli.wait_options import output_option, timeout_option
from orchestrator.errors import ConfigurationError

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan
    from orchestrator.stages.build import StartedBuild
    from orchestrator.stages.rerun import Again, Known, Repeat, RerunWorld

_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class _Asked:
    """What somebody has written: at most one of the first three; `local` brings packages here and calls nobody."""

    ref: str
    commit: str
    build_id: str
    packages: tuple[str, ...]
    failed: bool
    local: bool


@dataclass(frozen=True)
class _Then:
    """What happens once the builds are started."""

    waits: bool
    timeout_minutes: float | None
    output: Path | None
    local: bool
    as_json: bool


@click.command(epilog="Example: orchestrator rerun --ref main --failed --wait")
@config_option
@click.option("--ref", callback=named, help="The commit that was built last for this branch or tag.")
@click.option("--commit", callback=named, help="This commit. [default: CI_COMMIT_SHA, else HEAD]")
@click.option(
    "--build",
    "build_id",
    callback=named,
    shell_complete=complete_builds,
    help="The commit and the package of this build.",
)
@click.option(
    "--package",
    "packages",
    multiple=True,
    shell_complete=complete_packages,
    help="Package to build; may be repeated. [default: all]",
)
@click.option("--failed", is_flag=True, help="Only packages whose newest build of the commit did not succeed.")
@click.option(
    "--wait/--no-wait",
    "waits",
    default=None,
    help="Show the builds until they have ended, and bring the packages here. [default: with `return: wait`]",
)
@click.option("--local", is_flag=True, help="Bring the packages here, and tell nobody else: no pipeline is started.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and start nothing.")
@timeout_option
@output_option
@click.option("--json", "as_json", is_flag=True, help="Print the builds as JSON; with `--wait` the log goes to stderr.")
def rerun(
    config: Path,
    *,
    ref: str,
    commit: str,
    build_id: str,
    packages: tuple[str, ...],
    failed: bool,
    waits: bool | None,
    local: bool,
    dry_run: bool,
    timeout_minutes: float | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Build a commit once more, with the settings that prebuild has applied.

    The stored snapshot of the commit is used where there is one, so nothing need be checked out. The result comes home
    the way the first one did. A rerun is always a new build.
    """
    from orchestrator.vocabulary import Return

    if sum(map(bool, (ref, commit, build_id))) > 1:
        raise click.UsageError("name a ref, a commit or a build, not two of them")
    project = load_project(config, os.environ)
    by_itself = local or project.plan.return_ is Return.WAIT
    then = _Then(local or (by_itself if waits is None else waits), timeout_minutes, output, local, as_json)
    return _again(project, _Asked(ref, commit, build_id, packages, failed, local), then, dry_run=dry_run)


def _again(project: Project, asked: _Asked, then: _Then, *, dry_run: bool) -> int:
    """Say what will run, and run it."""
    from orchestrator.cli import wire
    from orchestrator.cli.stages import record_builds, refuse_fork, require_gitlab_project, stopped_when_interrupted
    from orchestrator.stages.rerun import choose
    from orchestrator.stages.rerun import rerun as start_again

    if not asked.local:
        require_gitlab_project(project)
    refuse_fork(project)
    begun: list[StartedBuild] = []

    def record(started: Sequence[StartedBuild]) -> None:
        begun[:] = started
        record_builds(project, started)

    world = wire.rerun_world(project, {} if asked.local else os.environ, record)
    plan, again, known = _chosen(project, asked, world)
    repeats = choose(plan, again, known, world.open_store)
    for one in repeats:
        narrate(_description(project, one, again))
    if not repeats:
        narrate(f"nothing to do: each package of {again.commit} has a build that succeeded or runs")
    if dry_run or not repeats:
        if then.as_json:
            print_document({"builds": [planned_json(one.item.package, again.commit) for one in repeats]})
        return 0
    record(())
    with stopped_when_interrupted(project, begun):
        start_again(plan, again, repeats, world, project.work)
        if then.waits:
            return _stay(project, begun, again.ref, then)
        if then.as_json:
            print_document({"builds": [started_json(one) for one in begun]})
        return 0


def _stay(project: Project, begun: Sequence[StartedBuild], ref: str, then: _Then) -> int:
    from orchestrator.cli.waiting import stay_with

    plan = project.packages(tuple(one.package for one in begun))
    return stay_with(
        project,
        plan,
        begun,
        ref=ref,
        timeout_minutes=then.timeout_minutes,
        output=then.output,
        as_json=then.as_json,
        untold=then.local,
    )


def _chosen(project: Project, asked: _Asked, world: RerunWorld) -> tuple[Plan, Again, Known]:
    """Return the packages, the commit and the ref that somebody means, and what CodeBuild says of them."""
    from orchestrator.stages.earlier import wish_behind
    from orchestrator.stages.rerun import look
    from orchestrator.stages.which_build import find_build

    plan = project.packages(asked.packages)
    if not asked.build_id:
        known = look(plan, world.codebuild)
        return plan, _of_commit(project, asked, known), known
    record = find_build(plan, asked.build_id, world.codebuild)
    commit, ref = wish_behind(record).commit, wish_behind(record).ref
    if not _SHA.fullmatch(commit):
        raise ConfigurationError(
            f"`{record.id}` was not started by `orchestrator build`",
            detail="observed: no full commit SHA among its variables",
            hint="name a commit instead: `orchestrator rerun --commit SHA`",
        )
    plan = project.packages((plan.by_codebuild_project()[record.project].package,))
    known = look(plan, world.codebuild)
    ref = ref or ("" if asked.local else _ref_for(project, known, commit))  # it was itself a `rerun --local`
    return plan, _going_home(project, asked, commit, ref), known


def _of_commit(project: Project, asked: _Asked, known: Known) -> Again:
    """Return what to build: the newest of a ref as builds tell, a commit as it is named, or what is checked out."""
    from orchestrator.config.refs import check_ref
    from orchestrator.stages.earlier import wish_behind

    if asked.ref:
        ref = check_ref(asked.ref)
        newest = known.newest(REF=ref)
        told = wish_behind(newest).commit if newest else ""
        return _going_home(project, asked, told if _SHA.fullmatch(told) else _checked_out(project, ref), ref)
    context = project.context
    named = asked.commit or context.commit or "HEAD"
    commit = named if _SHA.fullmatch(named) else _checked_out(project, named)
    return _going_home(project, asked, commit, _ref_for(project, known, commit))


def _ref_for(project: Project, known: Known, commit: str) -> str:
    """Return who gets the result of a commit: the ref that it was built for, else the one that is checked out."""
    return known.ref_of(commit) or project.context.ref or project.git.current_ref() or ""


def _checked_out(project: Project, revision: str) -> str:
    return project.git.commit(revision).sha


def _going_home(project: Project, asked: _Asked, commit: str, ref: str) -> Again:
    """Return what to build, and who gets the result: nobody with `--local`, else the ref."""
    from orchestrator.config.refs import check_ref
    from orchestrator.stages.rerun import Again

    if asked.local:
        return Again(commit, "", "", asked.ref, asked.failed)
    if not ref:
        raise ConfigurationError(
            "it is not known which branch or tag gets the result",
            detail=f"observed: no earlier build of {commit} for one, and no branch is checked out",
            hint="bring it here and nowhere else: `orchestrator rerun --local`",
        )
    return Again(commit, check_ref(ref), project.context.pipeline_id or "", asked.ref, asked.failed)


def _description(project: Project, one: Repeat, again: Again) -> str:
    """Return what will run, from what, why, and what it probably costs."""
    from orchestrator.cli import looks
    from orchestrator.render.rerun_text import Facts, rerun_text

    facts = Facts(
        commit=again.commit,
        ref=again.ref,
        known_as=again.known_as,
        settings=one.project.settings_digest,
        own_settings=project.root.settings_digest,
        snapshot_sha256=one.snapshot_sha256,
        earlier=one.earlier,
        succeeded=one.succeeded,
    )
    return rerun_text(one.item, facts, looks.prices(project.configuration))
