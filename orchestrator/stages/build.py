"""build: hand exactly this commit to CodeBuild, or make the package here if that is all that is needed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from orchestrator.errors import ConfigurationError
from orchestrator.packaging.documents.model import Origin
from orchestrator.packaging.documents.places import MANIFEST_NAME, PACKAGE_NAME
from orchestrator.plan.digest import marker
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import artifact_key, snapshot_key
from orchestrator.ports import (
    BuildRecord,
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
from orchestrator.stages.earlier import SEARCHED_BUILDS, Wish, age, check_repeatable, live, older, reusable
from orchestrator.stages.homecoming import Homecoming
from orchestrator.stages.start import start
from orchestrator.stages.stop import stop_older
from orchestrator.vocabulary import Return, Source


@dataclass(frozen=True)
class Request:
    """What to build: a full SHA, and the ref whose pipeline gets the result. The ids are empty outside CI.

    `fresh` asks for a new build, whatever earlier runs have left.
    """

    commit: str
    ref: str
    pipeline_id: str
    job_url: str = ""
    fresh: bool = False


@dataclass(frozen=True)
class StartedBuild:
    """A build that CodeBuild has accepted, or a package that was made here or earlier and is on its way home.

    `ours` says that this job, or an earlier run of it, has started the build: cancelling the job stops it.
    """

    package: str
    build_id: str
    commit: str
    console_url: str
    ours: bool = False


@dataclass(frozen=True)
class BuildWorld:
    """What build touches. `record` is called with all builds so far after each start, so that none is lost.

    Signals wait while `uninterrupted` is open: between the start of a build and its record nobody would stop it.
    """

    codebuild: CodeBuild
    git: GitRepository
    open_store: OpenStore
    status: CommitStatus
    narrate: Narrator
    record: Callable[[Sequence[StartedBuild]], None]
    workshop: Workshop
    now: Callable[[], datetime] = field(default=partial(datetime.now, timezone.utc))
    uninterrupted: Callable[[], AbstractContextManager[None]] = field(default=nullcontext)


def build(
    plan: Plan, settings_digest: str, request: Request, world: BuildWorld, scratch: Path
) -> tuple[StartedBuild, ...]:
    """Store the snapshot of the commit and start one build per package of the plan.

    A package with `where: auto` whose dependencies all have wheels is made on this machine instead. A build of the
    same commit and settings that still runs, or has left its package, is taken in place of a second one. Raises
    `ConfigurationError` when prebuild has not applied these settings, `BuildFailed` when this pipeline has built it
    already and it failed.
    """
    run = _Run(plan, settings_digest, request, world)
    here = [item for item in plan.builds if may_be_made_here(item)]
    remote = [item for item in plan.builds if item not in here]
    # What is made at a terminal stays there, and so needs no account.
    run.require_applied(remote if world.workshop.pipelines is None else plan.builds)
    run.supersede()
    remote = [item for item in remote if not run.take_earlier(item)]
    scratch.mkdir(parents=True, exist_ok=True)
    # A folder of its own: the same commit may be built here twice at once.
    with tempfile.TemporaryDirectory(dir=scratch, prefix="snapshot-") as folder:
        snapshot = None
        if here or (remote and plan.source is Source.SNAPSHOT):
            snapshot = world.git.snapshot(request.commit, Path(folder, "snapshot.tar.gz"))
        for item in here:
            if snapshot is None or not run.make(item, snapshot, Path(folder, item.package)):
                run.require_applied([item])
                remote += [] if run.take_earlier(item) else [item]
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
        self._listed: dict[str, Sequence[BuildRecord]] = {}
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
            self._record(done)
            self._report(done, "success", f"{item.target}, made in the job", self._request.pipeline_id)
        return made is not None

    def store(self, snapshot: Snapshot, item: BuildPlan) -> str:
        """Store the archive of the commit; return the digest of its tar."""
        store = self._store_of(item)
        key = snapshot_key(self._plan.artifacts.prefix, self._request.commit)
        new = store.put_new(key, snapshot.path, sha256=snapshot.tar_sha256)
        words = "stored" if new else "is stored already"
        self._world.narrate(f"snapshot of {self._request.commit} {words} in `{store.bucket}`")
        return snapshot.tar_sha256

    def supersede(self) -> None:
        """Stop running builds of older commits of the ref, if that is configured."""
        if not self._plan.supersede or not self._request.pipeline_id:
            return
        for item in self._plan.builds:
            stop_older(older(self._newest(item), self._wish(item)), self._world.codebuild, self._world.narrate)

    def take_earlier(self, item: BuildPlan) -> bool:
        """Take what an earlier run has left of this build; False if there is nothing and one has to be started.

        Raises `BuildFailed` or `MachineryError` for a failure that would only be repeated.
        """
        if self._request.fresh:
            return False
        wish = self._wish(item)
        alike = wish.alike(self._newest(item))
        running = live(alike, wish.ref)
        if running is not None:
            self._attach(item, running, ours=wish.asked_for(running))
            return True
        found = next((one for one in reusable(alike, item, self._world.now()) if self._is_stored(item, one)), None)
        if found is not None:
            self._bring_again(item, found)
            return True
        check_repeatable(alike, wish)
        return False

    def start(self, item: BuildPlan, snapshot_sha256: str) -> None:
        """Start the build of a package in CodeBuild."""
        world, request, wish = self._world, self._request, self._wish(item)
        variables = {
            "ORCHESTRATOR_COMMIT_SHA": request.commit,
            "ORCHESTRATOR_REF": request.ref,
            "ORCHESTRATOR_SNAPSHOT_SHA256": snapshot_sha256,
            "ORCHESTRATOR_PIPELINE_ID": request.pipeline_id,
            "ORCHESTRATOR_MARKER": wish.marker,
        }
        fresh = world.workshop.new_uuid() if request.fresh else ""
        with world.uninterrupted():
            record = start(wish, item.codebuild_project, variables, world.codebuild, world.narrate, fresh=fresh)
            started = self._started(item, record, ours=True)
        self._report(started, "running", f"{item.target} in CodeBuild", self._request.pipeline_id)

    def _attach(self, item: BuildPlan, record: BuildRecord, *, ours: bool) -> None:
        self._world.narrate(
            f"attached to {record.id}: it builds this commit with these settings, "
            f"started {age(record.started, self._world.now())}"
        )
        # The status belongs to the pipeline that the build reports its end to.
        pipeline = record.variables.get("ORCHESTRATOR_PIPELINE_ID", "")
        self._report(self._started(item, record, ours=ours), "running", f"{item.target} in CodeBuild", pipeline)

    def _bring_again(self, item: BuildPlan, record: BuildRecord) -> None:
        """Start the way home of a package that is there; outside of a job, say which command takes it."""
        ended = age(record.ended, self._world.now())
        self._world.narrate(
            f"took the package of {record.id}: it built this commit with these settings, and ended {ended} "
            "(`--fresh` builds again)"
        )
        pipelines = self._world.workshop.pipelines
        if pipelines is None:
            self._world.narrate(f"to bring it here: orchestrator postbuild --build-id {record.id}")
        else:
            if self._plan.return_ is Return.EVENT:  # the way that its first homecoming has closed
                Homecoming(record, self._plan.artifacts.prefix, self._store_of(item)).reopen()
            self._world.narrate(f"started the pipeline {pipelines.start(self._request.ref, record.id)}")
        started = self._started(item, record, ours=False)
        self._report(started, "success", f"{item.target}, built before", self._request.pipeline_id)

    def _is_stored(self, item: BuildPlan, record: BuildRecord) -> bool:
        store, prefix = self._store_of(item), self._plan.artifacts.prefix
        names = (MANIFEST_NAME, PACKAGE_NAME)
        commit = self._request.commit
        return all(store.exists(artifact_key(prefix, record.project, commit, record.uuid, name)) for name in names)

    def _newest(self, item: BuildPlan) -> Sequence[BuildRecord]:
        name = item.codebuild_project
        if name not in self._listed:
            self._listed[name] = self._world.codebuild.newest(name, limit=SEARCHED_BUILDS)
        return self._listed[name]

    def _wish(self, item: BuildPlan) -> Wish:
        request = self._request
        mark = marker(item.codebuild_project, request.commit, self._settings_digest)
        return Wish(mark, request.commit, request.ref, request.pipeline_id)

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

    def _started(self, item: BuildPlan, record: BuildRecord, *, ours: bool) -> StartedBuild:
        started = StartedBuild(item.package, record.id, self._request.commit, record.console_url, ours)
        self._record(started)
        return started

    def _record(self, started: StartedBuild) -> None:
        self.started.append(started)
        self._world.record(self.started)

    def _report(self, started: StartedBuild, state: str, description: str, pipeline_id: str) -> None:
        self._world.status.report(
            self._request.commit,
            state=state,
            name=f"codebuild/{started.package}",
            ref=self._request.ref,
            pipeline_id=pipeline_id,
            description=description,
            url=started.console_url,
        )
