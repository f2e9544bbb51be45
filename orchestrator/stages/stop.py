"""stop: end builds that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused
from orchestrator.plan.model import Plan
from orchestrator.plan.names import split_build_id
from orchestrator.ports import CodeBuild, CommitStatus, Narrator
from orchestrator.records import BuildRecord
from orchestrator.vocabulary import BuildStatus, Return


@dataclass(frozen=True)
class StopWorld:
    """What stop touches."""

    codebuild: CodeBuild
    status: CommitStatus
    narrate: Narrator


def stop(plan: Plan, build_ids: Sequence[str], world: StopWorld) -> None:
    """Stop those of the builds that still run; the others are left as they have ended.

    Raises `Refused` for a build of another project before any is stopped, `ConfigurationError` for one that CodeBuild
    does not know, and `MachineryError` for one that could not be stopped, each after all others were.
    """
    for build_id in build_ids:
        _check(plan, build_id)
    known = world.codebuild.builds(build_ids) if build_ids else {}
    failed = [text for one in known.values() if (text := _stop(plan, one, world))]
    if failed:
        raise MachineryError("not every build was stopped", detail="\n".join(failed), hint="run the command again")
    unknown = [build_id for build_id in build_ids if build_id not in known]
    if unknown:
        raise ConfigurationError(
            "CodeBuild does not know every build", detail="unknown: " + ", ".join(unknown), hint="correct the id"
        )


def stop_older(records: Iterable[BuildRecord], codebuild: CodeBuild, narrate: Narrator) -> None:
    """Stop builds of older commits. One that goes on only costs money, so a failure is told and nothing more."""
    for record in records:
        commit = record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")
        try:
            codebuild.stop(record.id)
        except OrchestratorError as error:
            narrate(f"{record.id} of the older commit {commit} was not stopped: {error.what}")
        else:
            narrate(f"stopped {record.id}: it built the older commit {commit}")


def _check(plan: Plan, build_id: str) -> None:
    parts = split_build_id(build_id)
    if parts is None or parts[0] not in plan.by_codebuild_project():
        raise Refused(
            f"{build_id[:200]!r} is not a build of this project",
            detail=f"expected: `<project>:<uuid>` of {', '.join(sorted(plan.by_codebuild_project()))}",
            hint="name a build of this configuration; `orchestrator build` has printed its id",
        )


def _stop(plan: Plan, record: BuildRecord, world: StopWorld) -> str:
    """Stop one build; return why it could not be, or an empty string."""
    if record.complete:
        world.narrate(f"{record.id} has ended already: {record.status}")
        return ""
    try:
        ended = world.codebuild.stop(record.id)
    except OrchestratorError as error:
        return f"{error.what}: {error.detail}"
    if ended.complete and ended.status != BuildStatus.STOPPED:
        world.narrate(f"{record.id} has ended already: {ended.status}")
        return ""
    world.narrate(f"stopped {record.id}")
    # With `return: event` the end of the build comes home and reports itself.
    if plan.return_ is Return.TRIGGER:
        world.status.report(
            record.variables.get("ORCHESTRATOR_COMMIT_SHA", ""),
            state="canceled",
            name=f"codebuild/{plan.by_codebuild_project()[record.project].package}",
            ref=record.variables.get("ORCHESTRATOR_REF", ""),
            pipeline_id=record.variables.get("ORCHESTRATOR_PIPELINE_ID", ""),
            description="stopped",
            url=record.console_url,
        )
    return ""
