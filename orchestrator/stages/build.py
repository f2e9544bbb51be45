"""build: hand exactly this commit to CodeBuild."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigurationError
from orchestrator.plan.digest import digest, marker
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import snapshot_key
from orchestrator.ports import (
    CodeBuild,
    CommitStatus,
    GitRepository,
    Narrator,
    OpenStore,
    ProjectRecord,
)
from orchestrator.vocabulary import BuildStatus, Source


@dataclass(frozen=True)
class Request:
    """What to build: a full SHA, and the ref whose pipeline gets the result. `pipeline_id` is empty outside CI."""

    commit: str
    ref: str
    pipeline_id: str


@dataclass(frozen=True)
class StartedBuild:
    """A build that CodeBuild has accepted."""

    package: str
    build_id: str
    commit: str
    console_url: str


@dataclass(frozen=True)
class BuildWorld:
    """What build touches. `record` is called with all builds so far after each start, so that none is lost."""

    codebuild: CodeBuild
    git: GitRepository
    open_store: OpenStore
    status: CommitStatus
    narrate: Narrator
    record: Callable[[Sequence[StartedBuild]], None]


def build(
    plan: Plan, settings_digest: str, request: Request, world: BuildWorld, scratch: Path
) -> tuple[StartedBuild, ...]:
    """Store the snapshot of the commit and start one build per package of the plan.

    Raises `ConfigurationError` when prebuild has not applied these settings.
    """
    projects = _applied_projects(plan, settings_digest, world.codebuild)
    snapshot_sha256 = _store_snapshot(plan, request, next(iter(projects.values())), world, scratch)
    started: list[StartedBuild] = []
    for item in plan.builds:
        started.append(_start(item, settings_digest, request, snapshot_sha256, world))
        world.record(started)
        world.status.report(
            request.commit,
            state="running",
            name=f"codebuild/{item.package}",
            ref=request.ref,
            pipeline_id=request.pipeline_id,
            description=f"{item.target.architecture} {item.target.runtime} in CodeBuild",
            url=started[-1].console_url,
        )
    return tuple(started)


def _applied_projects(plan: Plan, settings_digest: str, codebuild: CodeBuild) -> dict[str, ProjectRecord]:
    names = sorted(plan.by_codebuild_project())
    known = codebuild.projects(names)
    for name in names:
        if name not in known:
            raise ConfigurationError(
                f"CodeBuild has no project `{name}` in {plan.region}",
                detail="expected: the project that prebuild makes",
                hint="run `orchestrator prebuild` first",
            )
        if known[name].settings_digest != settings_digest:
            raise ConfigurationError(
                f"the CodeBuild project `{name}` has other settings",
                detail=f"observed: {known[name].settings_digest[:12] or 'none'}\nexpected: {settings_digest[:12]}",
                hint="run `orchestrator prebuild`; another branch may have applied its own settings",
            )
    return {name: known[name] for name in names}


def _store_snapshot(plan: Plan, request: Request, project: ProjectRecord, world: BuildWorld, scratch: Path) -> str:
    """Store the archive of the commit; return the digest of its tar, or nothing when the build clones."""
    if plan.source is Source.CLONE:
        return ""
    store = world.open_store(project.bucket, project.account)
    key = snapshot_key(plan.artifacts.prefix, request.commit)
    scratch.mkdir(parents=True, exist_ok=True)
    # A folder of its own: the same commit may be built here twice at once.
    with tempfile.TemporaryDirectory(dir=scratch, prefix="snapshot-") as folder:
        snapshot = world.git.snapshot(request.commit, Path(folder, "snapshot.tar.gz"))
        new = store.put_new(key, snapshot.path, sha256=snapshot.tar_sha256)
    world.narrate(f"snapshot of {request.commit} {'stored' if new else 'is stored already'} in `{store.bucket}`")
    return snapshot.tar_sha256


def _start(
    item: BuildPlan, settings_digest: str, request: Request, snapshot_sha256: str, world: BuildWorld
) -> StartedBuild:
    mark = marker(item.codebuild_project, request.commit, settings_digest)
    variables = {
        "ORCHESTRATOR_COMMIT_SHA": request.commit,
        "ORCHESTRATOR_REF": request.ref,
        "ORCHESTRATOR_SNAPSHOT_SHA256": snapshot_sha256,
        "ORCHESTRATOR_PIPELINE_ID": request.pipeline_id,
        "ORCHESTRATOR_MARKER": mark,
    }
    # A retried job gives the same token, so within five minutes it gets the same build (StartBuild API). A build that
    # has failed in the meantime is no use to it: its id makes the next token, which a retry finds by the same way.
    failed: list[str] = []
    while True:
        token = digest([mark, request.ref, request.pipeline_id, *failed])
        record = world.codebuild.start(item.codebuild_project, variables, token)
        if record.id in failed or not record.complete or record.status == BuildStatus.SUCCEEDED:
            break
        world.narrate(f"{record.id} ended {record.status}: starting another")
        failed.append(record.id)
    world.narrate(f"started {record.id} for {request.commit}")
    return StartedBuild(item.package, record.id, request.commit, record.console_url)
