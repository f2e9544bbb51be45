"""A whole town in memory: the real stages over the neighbours, and the people, runners and clouds that move them.

Every run of a stage is a `Fiber` over the real code of the stage; time passes only when the test says so.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from delivery_of import Acted, files_of
from fibers import Fiber, Interrupted, Killed, Port, meet, shield
from neighbours import Clock, CodeBuild, GitLab, Objects, Pipeline, Report, Status, TownMarkers
from world import BUCKET, DIGEST, FakeGit, FakeLogs, FakeMaker, make

from orchestrator.errors import OrchestratorError, Superseded
from orchestrator.gitlab_trigger import Pipeline as Called
from orchestrator.handback.bring_home import Outcome, World, bring_home
from orchestrator.handback.build import Ended
from orchestrator.handback.event import BuildId
from orchestrator.handback.log import Log
from orchestrator.packaging.documents.places import MANIFEST_NAME, PACKAGE_NAME
from orchestrator.patience import Patience
from orchestrator.records import BuildRecord
from orchestrator.stages.assembled import Workshop
from orchestrator.stages.build import BuildWorld, Request, StartedBuild, build
from orchestrator.stages.delivery import Desk
from orchestrator.stages.postbuild import PostbuildWorld, postbuild
from orchestrator.stages.reconcile import ReconcileWorld, reconcile
from orchestrator.stages.stop import StopWorld, stop

LEASE_SECONDS = 125.0
LAMBDA_ATTEMPTS = 3


@dataclass
class Job:
    """A job of a pipeline, or a run of the function, with what it leaves to its next run."""

    kind: str
    begin: Callable[[Job], Any]
    pipeline: Pipeline | None = None
    build_id: str = ""
    folder: Path = Path()
    until: float = float("inf")
    runs: int = 0
    begun: list[StartedBuild] = field(default_factory=list)
    fiber: Fiber | None = None
    canceled: bool = False
    faultless: bool = True

    def run(self) -> None:
        """Begin the next run."""
        self.runs += 1
        self.faultless = True
        self.fiber = Fiber(lambda: self.begin(self))

    @property
    def running(self) -> bool:
        return self.fiber is not None and not self.fiber.ended

    @property
    def outcome(self) -> str:
        """`ok`, `killed`, `interrupted`, the exit code as text, or nothing while it runs or waits."""
        if self.fiber is None or not self.fiber.ended:
            return ""
        failure = self.fiber.failure
        if isinstance(failure, (Killed, Interrupted)):
            return type(failure).__name__.lower()
        if isinstance(failure, OrchestratorError):
            return str(failure.exit_code)
        if failure is not None:
            raise failure
        return "ok"


class Town:
    """Everything at once, and the people who push, cancel and repeat."""

    def __init__(self, folder: Path, *, way: str, supersede: bool) -> None:
        self.clock = Clock()
        self.codebuild = CodeBuild(self.clock)
        self.store = Objects()
        self.gitlab = GitLab()
        self.reports: list[Report] = []
        self.events: list[Job] = []
        self.jobs: list[Job] = []
        self.dead_letters: list[str] = []
        self.spoiled: set[str] = set()
        self.way = way
        self._folder, self._numbers = folder, itertools.count()
        text = f"project: demo\nregion: eu-central-1\nreturn: {way}\nsupersede: {str(supersede).lower()}\n"
        self.plan = make(f"{text}packages: {{parser: {{}}}}\n")

    # What people and neighbours do.

    def push(self, ref: str, *, force: bool = False) -> Job:
        """Push a commit; its pipeline has a job that builds."""
        return self._added(Job("build", self._build, pipeline=self.gitlab.push(ref, force=force)))

    def name(self, ref: str, existing: str) -> Job:
        """Let another ref point to a commit; its pipeline has a job that builds."""
        return self._added(Job("build", self._build, pipeline=self.gitlab.name(ref, existing)))

    def again(self, ref: str) -> Job:
        """Run another pipeline of the commit that the branch has."""
        return self._added(Job("build", self._build, pipeline=self.gitlab.run(ref)))

    def schedule(self) -> Job:
        """Run a scheduled pipeline that reconciles."""
        return self._added(Job("reconcile", self._reconcile))

    def end(self, build_id: str, status: str, *, told: int) -> None:
        """End a build, whose ending is told so many times."""
        ended = self.codebuild.end(build_id, status)
        if status == "SUCCEEDED":
            self._deliver(ended)
        for _ in range(told):
            if self.way == "event":
                self.tell(build_id)
            else:
                with suppress(Superseded):
                    self.gitlab.start(ended.variables["ORCHESTRATOR_REF"], build_id)
        self.take_in()

    def _deliver(self, record: BuildRecord) -> None:
        built = Acted(record.id, record.arn, record.variables)
        for name, content in files_of(
            built, project="demo", package="parser", bucket=BUCKET, made=self.clock.now()
        ).items():
            self.store.objects[built.key(name)] = content
        exported = {"ORCHESTRATOR_MANIFEST_SHA256": hashlib.sha256(content).hexdigest()}
        self.codebuild.records[record.id] = replace(record, exported=exported)

    def swap(self, build_id: str, other_id: str) -> None:
        """Put what one build has stored in the place of what another one has."""
        one, other = (Acted(name, "", self.codebuild.records[name].variables) for name in (build_id, other_id))
        for name in (MANIFEST_NAME, PACKAGE_NAME):
            self.store.objects[one.key(name)] = self.store.objects[other.key(name)]
        self.spoiled.add(build_id)

    def tell(self, build_id: str) -> None:
        """Put an event about a build on its way."""
        self.events.append(Job("function", self._function, build_id=build_id))

    def take_in(self) -> None:
        """Give every pipeline that was told a build its job."""
        known = {id(job.pipeline) for job in self.jobs}
        for pipeline in self.gitlab.pipelines:
            if pipeline.build_id and id(pipeline) not in known:
                folder = self._folder / f"{next(self._numbers)}"
                folder.mkdir(parents=True)
                self._added(
                    Job("postbuild", self._postbuild, pipeline=pipeline, build_id=pipeline.build_id, folder=folder)
                )

    def _added(self, job: Job) -> Job:
        self.jobs.append(job)
        return job

    # The runs of the product.

    def _build(self, job: Job) -> Any:
        assert job.pipeline is not None
        world = BuildWorld(
            codebuild=Port(self.codebuild),
            git=FakeGit(),
            open_store=self._open,
            status=Port(Status(self.reports, "build"), lossless=True),
            narrate=_silent,
            record=lambda started: job.begun.__setitem__(slice(None), started),
            workshop=Workshop(FakeMaker(), Port(self.gitlab), lambda: "", _silent, self._folder),
            now=self.clock.now,
            patience=self._patience(),
            uninterrupted=shield,
        )
        asked = Request(job.pipeline.sha, job.pipeline.ref, job.pipeline.id)
        job.begun.clear()
        try:
            return build(self.plan, DIGEST, asked, world, self._folder / "scratch")
        except Interrupted:
            self._stop([item.build_id for item in job.begun if item.ours])
            raise

    def _stop(self, build_ids: list[str]) -> None:
        # Best effort, as in the command: the time-out of the build is the last net.
        with suppress(OrchestratorError):
            stop(self.plan, build_ids, StopWorld(Port(self.codebuild), Status(self.reports, "stop"), _silent))

    def stop_job(self, job: Job) -> Job:
        """Return the job's `after_script`, which a cancelled job runs in a program of its own."""
        return self._added(Job("stop", lambda _: self._stop([item.build_id for item in job.begun if item.ours])))

    def _postbuild(self, job: Job) -> Any:
        assert job.pipeline is not None
        world = PostbuildWorld(
            codebuild=Port(self.codebuild),
            logs=FakeLogs(),
            open_store=self._open,
            status=Port(Status(self.reports, job.pipeline.id), lossless=True),
            clock=self.clock,
            desk=Desk(write=Path.write_bytes, inspect=lambda *_: [], narrate=_silent),
            history=Port(self.gitlab),
            pipeline_id=job.pipeline.id,
            now=self.clock.now,
        )
        return postbuild(self.plan, job.build_id, job.pipeline.sha, job.pipeline.ref, world, job.folder)

    def _function(self, job: Job) -> Outcome:
        job.until = self.clock.seconds + LEASE_SECONDS - 5
        build_id = BuildId(*job.build_id.split(":"))
        world = World(
            read=lambda asked: meet("read", lambda: self._ended(asked)),
            markers=TownMarkers(self.store, self.clock),
            call=lambda ended: meet("call", lambda: self._called(ended)),
            lease_seconds=lambda: LEASE_SECONDS,
            log=_Quiet(),
        )
        return bring_home(build_id, world)

    def _ended(self, build_id: BuildId) -> Ended:
        record = self.codebuild.records[str(build_id)]
        told = record.variables
        return Ended(
            build_id,
            record.status,
            told["ORCHESTRATOR_REF"],
            told["ORCHESTRATOR_COMMIT_SHA"],
            told["ORCHESTRATOR_PIPELINE_ID"],
        )

    def _called(self, ended: Ended) -> Called:
        made = self.gitlab.run(ended.ref, str(ended.id))
        return Called(made.id, "")

    def _reconcile(self, _job: Job) -> Any:
        world = ReconcileWorld(Port(self.codebuild), self._open, Port(self.gitlab), self.clock.now)
        return list(reconcile(self.plan, world, hours=8000))

    def _open(self, _bucket: str, _account: str) -> Any:
        return Port(self.store)

    def _patience(self) -> Patience:
        return Patience(sleep=self.clock.sleep, monotonic=self.clock.monotonic, jitter=lambda most: most)


class _Quiet(Log):
    def __init__(self) -> None:
        super().__init__("town")

    def say(self, level: str, message: str, **fields: object) -> None:
        pass


def _silent(_line: str) -> None:
    pass
