"""postbuild: believe the id of a build, nothing more; read the rest from CodeBuild and S3, and check all of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchestratorError, Refused, Superseded
from orchestrator.packaging.documents.model import Origin
from orchestrator.packaging.documents.provenance import builder_of
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import AssembledId, artifact_key, assembled_key, split_assembled_id, split_build_id
from orchestrator.ports import BuildLogs, Clock, CodeBuild, CommitStatus, ObjectStore, OpenStore
from orchestrator.records import BuildRecord, ProjectRecord
from orchestrator.stages.delivery import Delivered, Desk, Expected, bring
from orchestrator.stages.doorstep import Doorstep, TakenAlready
from orchestrator.stages.ending import check_ending
from orchestrator.stages.follow import follow
from orchestrator.stages.homecoming import Homecoming
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
    pipeline_id: str = ""


@dataclass(frozen=True)
class _Told:
    """Whom the result is told to: the status of a commit, in the pipeline that asked for the package."""

    package: str
    commit: str
    ref: str
    pipeline_id: str
    url: str


def postbuild(
    plan: Plan, build_id: str, expected_commit: str, ref: str, world: PostbuildWorld, output: Path
) -> Delivered:
    """Bring the package of a build to `output` as `package.zip`, with its manifest and its other documents.

    Raises `Refused` when anything is not what it claims to be, `Superseded` for a build of another commit or
    a stopped one or one that another pipeline has taken, `BuildFailed` when the build failed.
    """
    made = split_assembled_id(build_id)
    if made is not None:
        return _bring_assembled(plan, made, expected_commit, ref, world, output)
    item = _expected_build(plan, build_id)
    record = follow(
        build_id,
        world.codebuild,
        world.clock,
        world.desk.narrate,
        deadline_seconds=60.0 * (item.timeout_minutes + item.queue_timeout_minutes + 5),
    )
    commit = _commit_of(record)

    def fetch() -> Delivered:
        door = _doorstep(plan, item, record, world)
        if door:
            door.look()
        # Only a pipeline of this commit may take the build: another one would keep it from those who wait for it.
        _check_commit(record.id, commit, expected_commit)
        if door:
            door.take()
        else:
            _note_arrival(plan, item, record, world)
        check_ending(record, world.logs)
        return bring(_expected_of(plan, item, record, commit), _store_of(plan, item, world), world.desk, output)

    told = _Told(
        item.package,
        commit,
        # The ref that the build was started for is known at a terminal, too.
        record.variables.get("ORCHESTRATOR_REF") or ref,
        record.variables.get("ORCHESTRATOR_PIPELINE_ID", ""),
        record.console_url,
    )
    return _reported(fetch, world.status, told)


def _bring_assembled(
    plan: Plan, made: AssembledId, expected_commit: str, ref: str, world: PostbuildWorld, output: Path
) -> Delivered:
    """Bring a package that the job `build` has made: nobody but such a job may write where it lies."""
    item = _planned(plan, made.codebuild_project, str(made))
    if item.where is not Where.AUTO:
        raise Refused(
            f"`{item.package}` is not made in jobs",
            detail="observed: a package that the job `build` has made\nexpected: `where: auto` in orchestrator.yml",
            hint="find out who started this pipeline",
        )

    def fetch() -> Delivered:
        _check_commit(str(made), made.commit, expected_commit)
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
        )
        return bring(expected, _store_of(plan, item, world), world.desk, output)

    return _reported(fetch, world.status, _Told(item.package, made.commit, ref, "", ""))


def _doorstep(plan: Plan, item: BuildPlan, record: BuildRecord, world: PostbuildWorld) -> Doorstep | None:
    """Return where the build is taken in, None where nobody else can come for it: at a terminal, or by a trigger."""
    if plan.return_ is not Return.EVENT or not world.pipeline_id:
        return None
    home = Homecoming(record, plan.artifacts.prefix, _store_of(plan, item, world))
    return Doorstep(home, world.pipeline_id, world.clock)


def _note_arrival(plan: Plan, item: BuildPlan, record: BuildRecord, world: PostbuildWorld) -> None:
    """Note for `reconcile` that the build's own trigger has worked; without the note one pipeline too many starts."""
    if not world.pipeline_id:
        return
    try:
        Homecoming(record, plan.artifacts.prefix, _store_of(plan, item, world)).arrive(world.pipeline_id)
    except OrchestratorError as error:
        world.desk.narrate(f"`orchestrator reconcile` will not know that {record.id} came home: {error.what}")


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
    )


def _expected_build(plan: Plan, build_id: str) -> BuildPlan:
    parts = split_build_id(build_id)
    if parts is None:
        raise Refused(
            "this is not a build id",
            detail=f"observed: {build_id[:200]!r}\nexpected: `<CodeBuild project>:<uuid>`",
            hint="find out who started this pipeline: only builds of this project do",
        )
    return _planned(plan, parts[0], build_id)


def _planned(plan: Plan, codebuild_project: str, build_id: str) -> BuildPlan:
    item = plan.by_codebuild_project().get(codebuild_project)
    if item is None:
        raise Refused(
            f"the build `{build_id}` is not one of this project's",
            detail=f"observed: project `{codebuild_project}`\n"
            f"expected: {', '.join(f'`{name}`' for name in sorted(plan.by_codebuild_project()))}",
            hint="find out who started this pipeline with a build id of another project",
        )
    return item


def _commit_of(record: BuildRecord) -> str:
    return record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")


def _check_commit(build_id: str, commit: str, expected: str) -> None:
    if commit != expected:
        raise Superseded(
            f"the build `{build_id}` is not of this commit",
            detail=f"built: {commit or 'unknown'}\nthis pipeline: {expected}",
            hint="nothing to do if the branch has moved on: the newer commit has a build of its own",
        )


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


def _reported(fetch: Callable[[], Delivered], status: CommitStatus, told: _Told) -> Delivered:
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


def _report(status: CommitStatus, told: _Told, state: str, text: str) -> None:
    if _SHA.fullmatch(told.commit):
        status.report(
            told.commit,
            state=state,
            name=f"codebuild/{told.package}",
            ref=told.ref,
            pipeline_id=told.pipeline_id,
            description=text,
            url=told.url,
        )
