"""build: hand exactly this commit to CodeBuild, or make the package here if that is all that is needed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.documents.model import Origin
from orchestrator.plan.digest import digest, marker
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import snapshot_key
from orchestrator.ports import (
    CodeBuild,
    CommitStatus,
    GitRepository,
    Narrator,
    ObjectStore,
    OpenStore,
    ProjectRecord,
    Snapshot,
)
from orchestrator.stages.assembled import Workshop, make_here, may_be_made_here
from orchestrator.vocabulary import BuildStatus, Source


@dataclass(frozen=True)
class Request:
    """What to build: a full SHA, and the ref whose pipeline gets the result. The ids are empty outside CI."""

    commit: str
    ref: str
    pipeline_id: str
    job_url: str = ""


@dataclass(frozen=True)
class StartedBuild:
    """A build that CodeBuild has accepted, or a package that was made here and is on its way home."""

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
    workshop: Workshop


def build(
    plan: Plan, settings_digest: str, request: Request, world: BuildWorld, scratch: Path
) -> tuple[StartedBuild, ...]:
    """Store the snapshot of the commit and start one build per package of the plan.

    A package with `where: auto` whose dependencies all have wheels is made on this machine instead. Raises
    `ConfigurationError` when prebuild has not applied these settings.
    """
    run = _Run(plan, settings_digest, request, world)
    here = [item for item in plan.builds if may_be_made_here(item)]
    remote = [item for item in plan.builds if item not in here]
    # What is made at a terminal stays there, and so needs no account.
    run.require_applied(remote if world.workshop.pipelines is None else plan.builds)
    scratch.mkdir(parents=True, exist_ok=True)
    # A folder of its own: the same commit may be built here twice at once.
    with tempfile.TemporaryDirectory(dir=scratch, prefix="snapshot-") as folder:
        snapshot = None
        if here or plan.source is Source.SNAPSHOT:
            snapshot = world.git.snapshot(request.commit, Path(folder, "snapshot.tar.gz"))
        for item in here:
            if snapshot is None or not run.make(item, snapshot, Path(folder, item.package)):
                remote.append(item)
        run.require_applied(remote)
        # A build that clones has no use for a snapshot.
        sha256 = run.store(snapshot, remote[0]) if snapshot and remote and plan.source is Source.SNAPSHOT else ""
    for item in remote:
        run.start(item, sha256)
    return tuple(run.started)


class _Run:
    """One run of the stage: what is known of the projects so far, and what was started."""

    def __init__(self, plan: Plan, settings_digest: str, request: Request, world: BuildWorld) -> None:
        self._plan = plan
        self._settings_digest = settings_digest
        self._request = request
        self._world = world
        self._projects: dict[str, ProjectRecord] = {}
        self.started: list[StartedBuild] = []

    def require_applied(self, items: Sequence[BuildPlan]) -> None:
        """Make sure that prebuild has applied these settings to the projects of all of them."""
        names = sorted({item.codebuild_project for item in items} - set(self._projects))
        known = self._world.codebuild.projects(names) if names else {}
        for name in names:
            if name not in known:
                raise ConfigurationError(
                    f"CodeBuild has no project `{name}` in {self._plan.region}",
                    detail="expected: the project that prebuild makes",
                    hint="run `orchestrator prebuild` first",
                )
            if known[name].settings_digest != self._settings_digest:
                raise ConfigurationError(
                    f"the CodeBuild project `{name}` has other settings",
                    detail=f"observed: {known[name].settings_digest[:12] or 'none'}\n"
                    f"expected: {self._settings_digest[:12]}",
                    hint="run `orchestrator prebuild`; another branch may have applied its own settings",
                )
            self._projects[name] = known[name]

    def make(self, item: BuildPlan, snapshot: Snapshot, folder: Path) -> bool:
        """Make a package on this machine; False if CodeBuild has to do it."""
        folder.mkdir()
        made = make_here(
            item,
            self._plan.artifacts.prefix,
            self._origin(item, snapshot),
            snapshot,
            self._world.workshop,
            lambda: self._store_of(item),
            folder,
        )
        if made is not None and made.build_id:
            done = StartedBuild(item.package, made.build_id, self._request.commit, made.url)
            self._note(done, "success", f"{item.target}, made in the job")
        return made is not None

    def store(self, snapshot: Snapshot, item: BuildPlan) -> str:
        """Store the archive of the commit; return the digest of its tar."""
        store = self._store_of(item)
        key = snapshot_key(self._plan.artifacts.prefix, self._request.commit)
        new = store.put_new(key, snapshot.path, sha256=snapshot.tar_sha256)
        words = "stored" if new else "is stored already"
        self._world.narrate(f"snapshot of {self._request.commit} {words} in `{store.bucket}`")
        return snapshot.tar_sha256

    def start(self, item: BuildPlan, snapshot_sha256: str) -> None:
        """Start the build of a package in CodeBuild."""
        started = _start(item, self._settings_digest, self._request, snapshot_sha256, self._world)
        self._note(started, "running", f"{item.target} in CodeBuild")

    def _store_of(self, item: BuildPlan) -> ObjectStore:
        project = self._projects[item.codebuild_project]
        return self._world.open_store(project.bucket, project.account)

    def _origin(self, item: BuildPlan, snapshot: Snapshot) -> Origin:
        return Origin(
            project=self._plan.project,
            package=item.package,
            commit=self._request.commit,
            ref=self._request.ref,
            repository=self._plan.gitlab.repository,
            snapshot_sha256=snapshot.tar_sha256,
            pipeline_id=self._request.pipeline_id,
            job_url=self._request.job_url,
            tool_sha256=self._plan.tool_sha256,
        )

    def _note(self, started: StartedBuild, state: str, description: str) -> None:
        self.started.append(started)
        self._world.record(self.started)
        self._world.status.report(
            self._request.commit,
            state=state,
            name=f"codebuild/{started.package}",
            ref=self._request.ref,
            pipeline_id=self._request.pipeline_id,
            description=description,
            url=started.console_url,
        )


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
