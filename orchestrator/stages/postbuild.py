"""postbuild: believe the id of a build, nothing more; read the rest from CodeBuild and S3, and check all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from orchestrator.errors import OrchestratorError, Refused, Superseded
from orchestrator.packaging.documents.model import Origin
from orchestrator.packaging.documents.provenance import builder_of
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import AssembledId, artifact_key, assembled_key, split_assembled_id, split_build_id
from orchestrator.ports import BuildLogs, Clock, CodeBuild, CommitStatus, History, ObjectStore, OpenStore
from orchestrator.records import BuildRecord, ProjectRecord
from orchestrator.stages.again import give_another_chance
from orchestrator.stages.belonging import Asking, check_age, check_commit, check_reachable, check_ref
from orchestrator.stages.commit_status import PackageStatus
from orchestrator.stages.delivery import Delivered, Desk, Expected, bring, refuse_tracked
from orchestrator.stages.doorstep import Doorstep, TakenAlready
from orchestrator.stages.ending import check_ending
from orchestrator.stages.follow import follow
from orchestrator.stages.homecoming import Homecoming, noting
from orchestrator.stages.verified import Notes, verified_of
from orchestrator.vocabulary import Return, Where

_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class PostbuildWorld:
    """What postbuild touches. `pipeline_id` is the pipeline that it runs in, empty at a terminal."""

    codebuild: CodeBuild
    logs: BuildLogs
    open_store: OpenStore
    status: CommitStatus
    clock: Clock
    desk: Desk
    history: History
    pipeline_id: str = ""
    now: Callable[[], datetime] = field(default=partial(datetime.now, timezone.utc))


def postbuild(
    plan: Plan, build_id: str, expected_commit: str, ref: str, world: PostbuildWorld, output: Path
) -> Delivered:
    """Bring the package of a build to `output` as `package.zip`, with its manifest and its other documents.

    Raises `Refused` when anything is not what it claims to be, `Superseded` for a build of another commit, of one
    that the ref no longer has, a stopped one or one that another pipeline has taken, `Gone` for a package that has
    expired, `BuildFailed` when the build failed, `ConfigurationError` when a file of the user would be replaced.
    """
    asking = Asking(expected_commit, ref, world.pipeline_id)
    made = split_assembled_id(build_id)
    if made is not None:
        return _bring_assembled(plan, made, asking, world, output)
    item = _expected_build(plan, build_id)
    refuse_tracked(world.desk, output)
    record = follow(
        build_id,
        world.codebuild,
        world.clock,
        world.desk.narrate,
        deadline_seconds=60.0 * (item.timeout_minutes + item.queue_timeout_minutes + 5),
    )
    commit = _commit_of(record)

    def fetch() -> Delivered:
        door = _doorstep(plan, item, record, ref, world)
        if door:
            with noting(plan.return_, world.desk.narrate):
                door.look()
        # Only a pipeline of this commit may take the build: another one would keep it from those who wait for it.
        check_commit(record.id, commit, asking)
        check_ref(record, item, asking, world.now(), world.desk.narrate)
        check_reachable(commit, asking, world.history, world.desk.narrate)
        if door:
            with noting(plan.return_, world.desk.narrate):
                door.take()
        if world.pipeline_id:
            give_another_chance(record, item, world.codebuild, world.clock, world.desk.narrate)
        check_ending(record, world.logs)
        check_age(record.id, commit, record.ended, world.now(), plan.artifacts.retention_days)
        store = _store_of(plan, item, world)
        delivered = bring(_expected_of(plan, item, record, commit), store, world.desk, output)
        return _noted(plan, item, delivered, store, world)

    return _reported(fetch, world.status, _told(item, record, asking))


def _bring_assembled(plan: Plan, made: AssembledId, asking: Asking, world: PostbuildWorld, output: Path) -> Delivered:
    """Bring a package that the job `build` has made: nobody but such a job may write where it lies."""
    item = _planned(plan, made.codebuild_project)
    if item.where is not Where.AUTO:
        raise Refused(
            f"`{item.package}` is not made in jobs",
            detail="observed: a package that the job `build` has made\nexpected: `where: auto` in orchestrator.yml",
            hint="find out who started this pipeline",
        )
    refuse_tracked(world.desk, output)

    def fetch() -> Delivered:
        check_commit(made.build_id, made.commit, asking)
        check_reachable(made.commit, asking, world.history, world.desk.narrate)
        origin = Origin(build_id=made.build_id)
        expected = Expected(
            item=item,
            project=plan.project,
            commit=made.commit,
            build_id=made.build_id,
            manifest_sha256=made.manifest_sha256,
            key=lambda name: assembled_key(plan.artifacts.prefix, made, name),
            invocation=origin.invocation,
            builder=builder_of("", made.build_id),
            bound={"ref": asking.ref} if asking.ref else {},
            accept=lambda manifest: check_age(
                made.build_id, made.commit, manifest.created_at, world.now(), plan.artifacts.retention_days
            ),
        )
        store = _store_of(plan, item, world)
        return _noted(plan, item, bring(expected, store, world.desk, output), store, world)

    return _reported(fetch, world.status, PackageStatus(item.package, made.commit, asking.ref, "", ""))


def _noted(plan: Plan, item: BuildPlan, delivered: Delivered, store: ObjectStore, world: PostbuildWorld) -> Delivered:
    """Note what was verified, for the pipelines that deploy this commit; at a terminal nothing is written."""
    if world.pipeline_id:
        package = verified_of(delivered.manifest)
        with noting(plan.return_, world.desk.narrate):
            Notes(package.commit, plan.artifacts.prefix, store).note_verified(item, package)
    return delivered


def _told(item: BuildPlan, record: BuildRecord, asking: Asking) -> PackageStatus:
    """Return whom the result of a build is told to.

    That is the pipeline it was started for; one of another ref that takes the package again is told itself.
    """
    commit = _commit_of(record)
    built_for = record.variables.get("ORCHESTRATOR_REF", "")
    # The ref that the build was started for is known at a terminal, too.
    ref, pipeline_id = built_for or asking.ref, record.variables.get("ORCHESTRATOR_PIPELINE_ID", "")
    if asking.ref and asking.pipeline_id and asking.ref != built_for and asking.commit == commit:
        ref, pipeline_id = asking.ref, asking.pipeline_id
    return PackageStatus(item.package, commit, ref, pipeline_id, record.console_url)


def _doorstep(plan: Plan, item: BuildPlan, record: BuildRecord, ref: str, world: PostbuildWorld) -> Doorstep | None:
    """Return where the build is taken in, None at a terminal, where nobody else comes for it.

    Nobody tells a pipeline of a build that it waits for itself, so any number of them may take it.
    """
    if not world.pipeline_id:
        return None
    home = Homecoming(record, plan.artifacts.prefix, _store_of(plan, item, world), ref)
    return Doorstep(home, world.pipeline_id, world.clock, shared=plan.return_ is Return.WAIT)


def _expected_of(plan: Plan, item: BuildPlan, record: BuildRecord, commit: str) -> Expected:
    return Expected(
        item=item,
        project=plan.project,
        commit=commit,
        build_id=record.id,
        manifest_sha256=record.exported.get("ORCHESTRATOR_MANIFEST_SHA256", ""),
        key=lambda name: artifact_key(plan.artifacts.prefix, record.project, commit, record.uuid, name),
        invocation=record.arn,
        builder=builder_of(record.arn, record.id),
        bound={
            "ref": record.variables.get("ORCHESTRATOR_REF") or None,
            "pipeline_id": record.variables.get("ORCHESTRATOR_PIPELINE_ID", ""),
            "build_arn": record.arn,
        },
    )


def package_of(plan: Plan, build_id: str) -> BuildPlan:
    """Return whose build this is, or whose package if the job `build` has made it; raises `Refused` for any other."""
    made = split_assembled_id(build_id)
    return _expected_build(plan, build_id) if made is None else _planned(plan, made.codebuild_project)


def _expected_build(plan: Plan, build_id: str) -> BuildPlan:
    parts = split_build_id(build_id)
    if parts is None:
        raise Refused(
            "this is not a build id",
            detail=f"observed: {build_id[:200]!a:.200}\nexpected: `<CodeBuild project>:<uuid>`",
            hint="find out who started this pipeline: only builds of this project do",
        )
    return _planned(plan, parts[0])


def _planned(plan: Plan, codebuild_project: str) -> BuildPlan:
    item = plan.by_codebuild_project().get(codebuild_project)
    if item is None:
        raise Refused(
            "this build is not one of this project's",
            detail=f"observed: one of the CodeBuild project `{codebuild_project}`\n"
            f"expected: {', '.join(f'`{name}`' for name in sorted(plan.by_codebuild_project()))}",
            hint="find out who started this pipeline with a build id of another project",
        )
    return item


def _commit_of(record: BuildRecord) -> str:
    return record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")


def _store_of(plan: Plan, item: BuildPlan, world: PostbuildWorld) -> ObjectStore:
    """Open the bucket that the CodeBuild project, not the build, names: a build could be started with another."""
    project: ProjectRecord | None = world.codebuild.projects([item.codebuild_project]).get(item.codebuild_project)
    if project is None or not project.bucket:
        raise Refused(
            f"the CodeBuild project `{item.codebuild_project}` names no bucket",
            detail=f"expected: a project that `orchestrator prebuild` made in {plan.region}",
            hint="run `orchestrator prebuild`",
        )
    return world.open_store(project.bucket, project.account)


_STATES: dict[type[OrchestratorError], str] = {Superseded: "canceled"}


def _state_of(error: OrchestratorError) -> str:
    return _STATES.get(type(error), "failed")


def _reported(fetch: Callable[[], Delivered], status: CommitStatus, told: PackageStatus) -> Delivered:
    """Return what `fetch` returns, and show beside the commit how it went."""
    try:
        delivered = fetch()
    except TakenAlready:
        raise
    except OrchestratorError as error:
        _report(status, told, _state_of(error), error.what)
        raise
    _report(status, told, "success", f"package {delivered.manifest.sha256[:12]}")
    return delivered


def _report(status: CommitStatus, told: PackageStatus, state: str, text: str) -> None:
    if _SHA.fullmatch(told.commit):
        told.show(state, text, status)
