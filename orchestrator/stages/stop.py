"""stop: end builds that nobody waits for any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused
from orchestrator.patience import Bout, Pace, Patience
from orchestrator.plan.model import Plan
from orchestrator.plan.names import split_build_id
from orchestrator.ports import CodeBuild, CommitStatus, Narrator
from orchestrator.records import BuildRecord
from orchestrator.stages.commit_status import PackageStatus
from orchestrator.stages.earlier import SEARCHED_BUILDS, wish_behind
from orchestrator.vocabulary import BuildStatus, Return

# A build is told to stop, and stops a little later: its machine is taken away.
_LOOKING = Pace(first_seconds=1.0, longest_seconds=5.0, deadline_seconds=120.0)


@dataclass(frozen=True)
class StopWorld:
    """What stop touches. `patience` says how long the end of the builds may be waited for."""

    codebuild: CodeBuild
    status: CommitStatus
    narrate: Narrator
    patience: Patience = field(default_factory=Patience)


def stop(plan: Plan, build_ids: Sequence[str], world: StopWorld) -> None:
    """Stop those of the builds that still run, and look until they have ended; the others are left as they ended.

    Raises `Refused` for a build of another project before any is stopped, `ConfigurationError` for one that CodeBuild
    does not know, and `MachineryError` for one that could not be stopped or goes on, each after all others were.
    """
    for build_id in build_ids:
        _check(plan, build_id)
    known = world.codebuild.builds(build_ids) if build_ids else {}
    told: list[str] = []
    failed = [text for one in known.values() if (text := _stop(plan, one, world, told))]
    failed += _look(told, world)
    if failed:
        raise MachineryError("not every build was stopped", detail="\n".join(failed), hint="run the command again")
    unknown = [build_id for build_id in build_ids if build_id not in known]
    if unknown:
        raise ConfigurationError(
            "CodeBuild does not know every build", detail="unknown: " + ", ".join(unknown), hint="correct the id"
        )


def running(plan: Plan, codebuild: CodeBuild, *, ref: str = "") -> list[BuildRecord]:
    """Return the builds of the plan's packages that run, the newest of each first; of one ref if it is named."""
    existing = codebuild.projects(sorted(plan.by_codebuild_project()))
    return [
        one
        for name in sorted(existing)
        for one in codebuild.newest(name, limit=SEARCHED_BUILDS)
        if not one.complete and (not ref or one.variables.get("ORCHESTRATOR_REF") == ref)
    ]


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


def _stop(plan: Plan, record: BuildRecord, world: StopWorld, told: list[str]) -> str:
    """Tell one build to stop, and note it in `told` if it has not ended by that; return why it could not be told."""
    if record.complete:
        world.narrate(f"{record.id} has ended already: {record.status}")
        return ""
    try:
        ended = world.codebuild.stop(record.id)
    except OrchestratorError as error:
        return error.in_short
    if ended.complete and ended.status != BuildStatus.STOPPED:
        world.narrate(f"{record.id} has ended already: {ended.status}")
        return ""
    if ended.complete:
        world.narrate(f"stopped {record.id}")
    else:
        world.narrate(f"{record.id} is told to stop")
        told.append(record.id)
    # With `return: event` the end of the build comes home and reports itself; of one for no ref nobody was told.
    if plan.return_ is not Return.EVENT and record.variables.get("ORCHESTRATOR_REF"):
        wish = wish_behind(record)
        package = plan.by_codebuild_project()[record.project].package
        place = PackageStatus(package, wish.commit, wish.ref, wish.pipeline_id, record.console_url)
        place.show("canceled", "stopped", world.status)
    return ""


def _look(told: list[str], world: StopWorld) -> list[str]:
    """Look until the builds have ended, and say how; return what is to be said of those that go on."""
    bout = Bout(_LOOKING, world.patience)
    left = list(told)
    while left and bout.pause():
        try:
            seen = world.codebuild.builds(left)
        except OrchestratorError as error:
            world.narrate(f"{error.what}: trying again")
            continue
        for one in seen.values():
            if one.complete:
                left.remove(one.id)
                words = "stopped" if one.status == BuildStatus.STOPPED else f"ended {one.status}, before it stopped:"
                world.narrate(f"{words} {one.id}")
    return [f"{build_id} was told to stop, and still runs" for build_id in left]
