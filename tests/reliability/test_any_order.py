"""Pushes, cancels, faults, crashes and retries in any order, over the real stages and exact models of their neighbours.

Programs run at the same time, one call after another, and each call may fail, or be the last that the program makes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from delivery_of import package_of
from fibers import Fate
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from town import LAMBDA_ATTEMPTS, Job, Town

from orchestrator.packaging.documents.places import MANIFEST_NAME, PACKAGE_NAME
from orchestrator.records import BuildRecord

REFS = st.sampled_from(["main", "feature/ä"])
RELEASES = ["v1.0", "stable"]
FATES = st.sampled_from([Fate.RIGHT] * 4 + [fate for fate in Fate if fate is not Fate.INTERRUPTED])
ENDINGS = st.sampled_from(["SUCCEEDED", "SUCCEEDED", "FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
STATES = {"SUCCEEDED": "success", "FAILED": "failed", "TIMED_OUT": "failed", "FAULT": "failed", "STOPPED": "canceled"}
# GitLab runs a job again that ended so; and whatever was killed, somebody runs again.
REPEATED = {"3", "killed"}
# CodeBuild remembers a token for five minutes.
LONGEST_STILL_SECONDS = 280.0
MOST_ROUNDS = 30
MOST_RUNS = 60


class Pipelines(RuleBasedStateMachine):
    """A project whose team, runners and clouds behave as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="town-"))
        self.deleted = False
        self.still_seconds = 0.0

    @initialize(way=st.sampled_from(["event", "trigger"]), supersede=st.booleans())
    def found(self, way: str, supersede: bool) -> None:
        self.town = Town(self.folder, way=way, supersede=supersede)

    # People.

    @rule(ref=REFS, force=st.booleans())
    def push(self, ref: str, force: bool) -> None:
        self.town.push(ref, force=force).run()

    @precondition(lambda self: self.town.gitlab.branches)
    @rule(data=st.data(), ref=st.sampled_from(RELEASES))
    def release(self, data: st.DataObject, ref: str) -> None:
        """Let a release point to what a branch has: its pipeline may take the package of the branch."""
        branch = data.draw(st.sampled_from(sorted(self.town.gitlab.branches)))
        self.town.name(ref, branch).run()

    @precondition(lambda self: "feature/ä" in self.town.gitlab.branches)
    @rule()
    def delete_the_branch(self) -> None:
        del self.town.gitlab.branches["feature/ä"]
        self.deleted = True

    @precondition(lambda self: self.town.gitlab.branches)
    @rule(data=st.data())
    def another_pipeline(self, data: st.DataObject) -> None:
        """Run a second pipeline of the same commit, maybe at the same moment."""
        self.town.again(data.draw(st.sampled_from(sorted(self.town.gitlab.branches)))).run()

    @rule(ref=REFS, turns=st.lists(st.booleans(), min_size=6, max_size=16))
    def two_at_once(self, ref: str, turns: list[bool]) -> None:
        """Run two pipelines of one new commit at the same moment, call by call in any order."""
        pair = [self.town.push(ref), self.town.again(ref)]
        for job in pair:
            job.run()
        for turn in turns:
            fiber = pair[turn].fiber
            if fiber is not None and not fiber.ended:
                fiber.step()

    @precondition(lambda self: self._running("build"))
    @rule(data=st.data(), killed=st.booleans())
    def cancel(self, data: st.DataObject, killed: bool) -> None:
        """Cancel a pipeline: its job hears SIGTERM, or nothing before SIGKILL, and runs its `after_script`."""
        job = data.draw(st.sampled_from(self._running("build")))
        assert job.fiber is not None
        job.canceled = True
        job.fiber.step(Fate.KILLED_BEFORE if killed else Fate.INTERRUPTED)
        job.fiber.finish()
        self.town.stop_job(job).run()

    @precondition(lambda self: self._repeatable())
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        """Run a job again that has failed, as GitLab or somebody does."""
        data.draw(st.sampled_from(self._repeatable())).run()

    @precondition(lambda self: len([job for job in self.town.jobs if job.kind == "reconcile"]) < 4)
    @rule()
    def schedule(self) -> None:
        self.town.schedule().run()

    # Machines.

    @precondition(lambda self: self._running())
    @rule(data=st.data(), calls=st.sampled_from([0, 1, 2, 3, 5, 8, 30, 30]), fate=FATES)
    def go_on(self, data: st.DataObject, calls: int, fate: Fate) -> None:
        """Let a program make some calls, and then one that has its own fate."""
        job = data.draw(st.sampled_from(self._running()))
        assert job.fiber is not None
        for one in [Fate.RIGHT] * calls + [fate]:
            if not job.fiber.ended:
                job.faultless &= one is Fate.RIGHT
                job.fiber.step(one)
        self._settle(job)

    @precondition(lambda self: self._live())
    @rule(data=st.data(), status=ENDINGS, told=st.integers(0, 2))
    def end(self, data: st.DataObject, status: str, told: int) -> None:
        """End a build; its ending is told once, twice, or not at all."""
        self.town.end(data.draw(st.sampled_from(self._live())).id, status, told=told)

    @precondition(lambda self: len(self._stored()) > 1)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        """Put the package of one build where that of another one lies, as whoever may write to the bucket can."""
        build_id, other = data.draw(st.permutations(self._stored()))[:2]
        self.town.swap(build_id, other)

    @precondition(lambda self: self._waiting())
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Let an event arrive, or a runner take a job: not in the order in which they were sent."""
        data.draw(st.sampled_from(self._waiting())).run()

    @rule(minutes=st.sampled_from([0.2, 1, 3, 6, 20]))
    def time_passes(self, minutes: float) -> None:
        """Let time pass; no `build` stands still for so long that CodeBuild forgets what others have asked with."""
        if self._running("build"):
            minutes = min(minutes, (LONGEST_STILL_SECONDS - self.still_seconds) / 60)
            self.still_seconds += 60 * minutes
        self.town.clock.sleep(60 * minutes)
        for job in self.town.events:
            # Lambda ends what runs for too long.
            if job.running and self.town.clock.seconds > job.until:
                assert job.fiber is not None
                job.fiber.step(Fate.KILLED_BEFORE)
                self._settle(job)

    # What must hold.

    @invariant()
    def nothing_is_paid_twice(self) -> None:
        """See that a second build of a commit and its settings begins only when the first has left nothing to take."""
        seen: dict[tuple[str, str], BuildRecord] = {}
        for record in self.town.codebuild.records.values():
            key = (record.variables["ORCHESTRATOR_MARKER"], record.variables["ORCHESTRATOR_REF"])
            before = seen.get(key)
            if before is not None:
                assert before.complete, (before, record)
                assert before.status != "SUCCEEDED", (before, record)
                assert before.ended is not None
                assert record.started is not None
                assert before.ended <= record.started, (before, record)
            seen[key] = record

    @invariant()
    def success_is_a_verified_package_of_this_commit(self) -> None:
        for job in self.town.jobs:
            if job.kind == "postbuild" and job.outcome == "ok":
                assert job.pipeline is not None
                assert (job.folder / PACKAGE_NAME).read_bytes() == package_of(job.pipeline.sha)
                assert json.loads((job.folder / MANIFEST_NAME).read_bytes())["commit"] == job.pipeline.sha
        for report in self.town.reports:
            if report.state == "success":
                record = self.town.codebuild.records[report.build_id]
                assert record.status == "SUCCEEDED"
                assert record.variables["ORCHESTRATOR_COMMIT_SHA"] == report.commit

    @invariant()
    def at_most_one_pipeline_has_the_result(self) -> None:
        """See that a package comes home to a ref once, and once more for each pipeline of it that asks again."""
        takers: dict[tuple[str, str], set[str]] = {}
        for job in self.town.jobs:
            if job.kind == "postbuild" and job.outcome == "ok" and job.pipeline:
                takers.setdefault((job.build_id, job.pipeline.ref), set()).add(job.pipeline.id)
        refs = {pipeline.id: pipeline.ref for pipeline in self.town.gitlab.pipelines}
        for (build_id, ref), pipelines in takers.items():
            again = [
                one
                for one in self.town.reports
                if (one.build_id, one.by, one.state) == (build_id, "build", "success") and refs[one.pipeline_id] == ref
            ]
            # A run that died may have started a pipeline, and have said nothing.
            runs = sum(job.runs - 1 for job in self._builds_of(ref))
            own = ref == self.town.codebuild.records[build_id].variables["ORCHESTRATOR_REF"]
            assert len(pipelines) <= own + len(again) + runs, (build_id, ref, pipelines)

    def _builds_of(self, ref: str) -> list[Job]:
        return [job for job in self.town.jobs if job.kind == "build" and job.pipeline and job.pipeline.ref == ref]

    def _check_refs(self) -> None:
        """See that each pipeline which has taken a package again has it: no other ref has robbed its own of it."""
        for job in self.town.jobs:
            if job.kind != "build" or job.outcome != "ok" or job.pipeline is None:
                continue
            for one in job.begun:
                if not one.ours:
                    self._check_arrival(one.build_id, job.pipeline.ref, job.pipeline.sha)

    def _check_arrival(self, build_id: str, ref: str, sha: str) -> None:
        """See that a ref that still has the commit has the package, or has been told why not."""
        came = [
            job
            for job in self.town.jobs
            if job.kind == "postbuild" and job.build_id == build_id and job.pipeline and job.pipeline.ref == ref
        ]
        if build_id in self.town.spoiled or sha != self.town.gitlab.branches.get(ref, [""])[-1]:
            return
        if self.town.codebuild.records[build_id].status == "SUCCEEDED":
            assert any(job.outcome == "ok" for job in came), (build_id, ref, [job.outcome for job in came])

    def teardown(self) -> None:
        try:
            if hasattr(self, "town"):
                self._drain()
                self._check_reports()
                self._check_refs()
                self.nothing_is_paid_twice()
                self.success_is_a_verified_package_of_this_commit()
                self.at_most_one_pipeline_has_the_result()
        finally:
            for job in [*self.town.jobs, *self.town.events] if hasattr(self, "town") else []:
                if job.running:
                    assert job.fiber is not None
                    job.fiber.step(Fate.KILLED_BEFORE)
            shutil.rmtree(self.folder)

    def _drain(self) -> None:
        """Let everything go right from now on, with what people and schedules do, until nothing happens any more."""
        for _ in range(MOST_ROUNDS):
            before = self._state()
            for job in [*self.town.jobs, *self.town.events]:
                while job.fiber is None or job.running or job in self._repeatable():
                    assert job.runs < MOST_RUNS, f"{job.kind} never ends well: {job.fiber and job.fiber.failure}"
                    if not job.running:
                        job.run()
                    assert job.fiber is not None
                    job.fiber.finish()
                    self._settle(job)
            for record in self._live():
                self.town.end(record.id, "SUCCEEDED", told=0)
            self.town.clock.sleep(3600)
            reconciler = self.town.schedule()
            reconciler.run()
            assert reconciler.fiber is not None
            reconciler.fiber.finish()
            assert reconciler.outcome == "ok", reconciler.fiber.failure
            self._settle(reconciler)
            if self._state() == before:
                return
        raise AssertionError("it never comes to rest")

    def _check_reports(self) -> None:
        """See that every build has told its ending to its commit, in the pipeline that asked for it.

        A build that CodeBuild did not carry out is told by the one that was started in its place.
        """
        records = list(self.town.codebuild.records.values())
        refs = {pipeline.id: pipeline.ref for pipeline in self.town.gitlab.pipelines}
        for number, record in enumerate(records, start=1):
            if record.status == "FAULT" and any(later.variables == record.variables for later in records[number:]):
                continue
            told = [
                one
                for one in self.town.reports
                if one.build_id == record.id and refs.get(one.by) == record.variables["ORCHESTRATOR_REF"]
            ]
            if not told and self.deleted and record.variables["ORCHESTRATOR_REF"] == "feature/ä":
                continue  # GitLab starts no pipeline on a branch that is gone, and nobody waits for the package
            assert told, f"nobody has told of {record}"
            assert {one.commit for one in told} == {record.variables["ORCHESTRATOR_COMMIT_SHA"]}
            assert {one.pipeline_id for one in told} == {record.variables["ORCHESTRATOR_PIPELINE_ID"]}
            last = {one.by: one.state for one in told}
            right = {STATES[record.status]} | ({"failed"} if record.id in self.town.spoiled else set())
            assert set(last.values()) <= right | {"canceled"}, (record, told)
            assert len(set(last.values()) - {"canceled"}) <= 1, (record, told)

    def _state(self) -> tuple[int, ...]:
        return (
            len(self.town.reports),
            len(self.town.codebuild.records),
            len(self.town.gitlab.pipelines),
            len([job for job in self.town.jobs if job.kind != "reconcile" and job.outcome in {"", *REPEATED}]),
        )

    def _settle(self, job: Job) -> None:
        """Do what Lambda and GitLab do when a run has ended."""
        self.town.take_in()
        if not self._running("build"):
            self.still_seconds = 0.0
        if job.kind == "function" and job.outcome in REPEATED and job.runs >= LAMBDA_ATTEMPTS:
            self.town.dead_letters.append(job.build_id)

    def _running(self, *kinds: str) -> list[Job]:
        return [job for job in [*self.town.jobs, *self.town.events] if job.running and (not kinds or job.kind in kinds)]

    def _waiting(self) -> list[Job]:
        return [job for job in [*self.town.jobs, *self.town.events] if job.fiber is None]

    def _repeatable(self) -> list[Job]:
        def is_repeatable(job: Job) -> bool:
            if job.kind == "function":
                return job.outcome in REPEATED and job.runs < LAMBDA_ATTEMPTS
            again = job.outcome in REPEATED and not job.canceled and job.kind != "reconcile"
            # What ends so although nothing went wrong is the verdict about a build.
            return again and not (job.outcome == "3" and job.faultless)

        return [job for job in [*self.town.jobs, *self.town.events] if is_repeatable(job)]

    def _stored(self) -> list[str]:
        return [record.id for record in self.town.codebuild.records.values() if record.status == "SUCCEEDED"]

    def _live(self) -> list[BuildRecord]:
        return [record for record in self.town.codebuild.records.values() if not record.complete]


TestPipelines = Pipelines.TestCase
TestPipelines.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
