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
from orchestrator.patience import Patience
from orchestrator.plan.digest import marker
from orchestrator.plan.model import BuildPlan, Plan
from orchestrator.plan.names import artifact_key
from orchestrator.ports import CodeBuild, CommitStatus, GitRepository, Narrator, ObjectStore, OpenStore
from orchestrator.records import BuildRecord, ProjectRecord, Snapshot
from orchestrator.stages.assembled import Workshop, make_here, may_be_made_here
from orchestrator.stages.commit_status import PackageStatus
from orchestrator.stages.earlier import SEARCHED_BUILDS, Wish, age, check_repeatable, live, older, reusable
from orchestrator.stages.homecoming import Homecoming, noting
from orchestrator.stages.start import Counter, Order, start
from orchestrator.stages.stop import stop_older
from orchestrator.stages.storing import store_snapshot
from orchestrator.stages.takeoff import see_off
from orchestrator.vocabulary import Source


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
    patience: Patience = field(default_factory=Patience)
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
    scratch.mkdir(parents=True, exist_ok=True)
    # A folder of its own: the same commit may be built here twice at once.
    with tempfile.TemporaryDirectory(dir=scratch, prefix="snapshot-") as folder:
        snapshot = None
        if here or (remote and plan.source is Source.SNAPSHOT):
            snapshot = world.git.snapshot(request.commit, Path(folder, "snapshot.tar.gz"))
        # A build that clones has no use for a snapshot.
        if snapshot and plan.source is Source.SNAPSHOT:
            run.snapshot_sha256 = snapshot.tar_sha256
        remote = [item for item in remote if not run.take_earlier(item)]
        for item in here:
            if snapshot is None or not run.make(item, snapshot, Path(folder, item.package)):
                run.require_applied([item])
                remote += [] if run.take_earlier(item) else [item]
        if snapshot and remote and run.snapshot_sha256:
            run.store(snapshot, remote[0])
    for item in remote:
        run.start(item)
    run.see_off()
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
        self._counter = Counter(world.codebuild, world.narrate, world.patience, world.uninterrupted)
        self._begun: list[tuple[Order, BuildRecord]] = []
        self.snapshot_sha256 = ""
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

    def store(self, snapshot: Snapshot, item: BuildPlan) -> None:
        """Store the archive of the commit."""
        prefix, store = self._plan.artifacts.prefix, self._store_of(item)
        store_snapshot(snapshot, self._request.commit, prefix, store, self._world.narrate)

    def supersede(self) -> None:
        """Stop running builds of older commits of the ref, if that is configured."""
        if not self._plan.supersede or not self._request.pipeline_id:
            return
        for item in self._plan.builds:
            stop_older(older(self._newest(item), self._wish(item)), self._world.codebuild, self._world.narrate)

    def take_earlier(self, item: BuildPlan) -> bool:
        """Take what an earlier run has left, False if there is nothing; raises what `check_repeatable` raises."""
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

    def start(self, item: BuildPlan) -> None:
        """Start the build of a package in CodeBuild, or take the one that somebody else has started meanwhile."""
        world, request, wish = self._world, self._request, self._wish(item)
        fresh = world.workshop.new_uuid() if request.fresh else ""
        order = Order(wish, item, () if fresh else wish.alike(self._newest(item)), fresh)
        begun: list[StartedBuild] = []
        record = start(order, self._counter, lambda new: begun.append(self._started(item, new, ours=True)))
        if begun:
            self._begun.append((order, record))
            world.narrate(f"started {record.id} for {request.commit}")
            self._report(begun[0], "running", f"{item.target} in CodeBuild", request.pipeline_id)
        else:
            self._attach(item, record, ours=wish.asked_for(record))

    def see_off(self) -> None:
        """Stay with the builds that have a role which CodeBuild may not know yet."""
        for order, record in self._begun:
            project = self._projects[order.item.codebuild_project]
            see_off(record, order, project, self._counter, partial(self._started, order.item, ours=True))

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
            with noting(self._plan.return_, self._world.narrate):  # the way that its first homecoming has closed
                Homecoming(record, self._plan.artifacts.prefix, self._store_of(item), self._request.ref).reopen()
            url = pipelines.start(self._request.ref, record.id)
            if url:
                self._world.narrate(f"started the pipeline {url}")
        started = self._started(item, record, ours=False)
        self._report(started, "success", f"{item.target}, built before", self._request.pipeline_id)

    def _is_stored(self, item: BuildPlan, record: BuildRecord) -> bool:
        store = self._store_of(item)
        key = partial(artifact_key, self._plan.artifacts.prefix, record.project, self._request.commit, record.uuid)
        return all(store.exists(key(name)) for name in (MANIFEST_NAME, PACKAGE_NAME))

    def _newest(self, item: BuildPlan) -> Sequence[BuildRecord]:
        name = item.codebuild_project
        if name not in self._listed:
            self._listed[name] = self._world.codebuild.newest(name, limit=SEARCHED_BUILDS)
        return self._listed[name]

    def _wish(self, item: BuildPlan) -> Wish:
        request = self._request
        mark = marker(item.codebuild_project, request.commit, self._settings_digest)
        return Wish(mark, request.commit, request.ref, request.pipeline_id, self.snapshot_sha256)

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
        self.started = [*(one for one in self.started if one.package != started.package), started]
        self._world.record(self.started)

    def _report(self, started: StartedBuild, state: str, description: str, pipeline_id: str) -> None:
        place = PackageStatus(started.package, started.commit, self._request.ref, pipeline_id, started.console_url)
        place.show(state, description, self._world.status)
