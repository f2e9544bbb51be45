"""What build takes in place of a second build of the same commit and settings."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import (
    DIGEST,
    OTHER_SHA,
    SHA,
    UUID,
    FakeCodeBuild,
    FakeGit,
    FakeMaker,
    FakePipelines,
    FakeStatus,
    FakeStore,
    deliver,
    make,
    project,
    record,
)

from orchestrator.errors import BuildFailed, MachineryError, OrchestratorError
from orchestrator.handback.record import record_key
from orchestrator.plan.digest import marker
from orchestrator.plan.model import Plan
from orchestrator.records import BuildRecord
from orchestrator.stages.assembled import Workshop
from orchestrator.stages.build import BuildWorld, Request, StartedBuild, build
from orchestrator.stages.earlier import age, is_locked

NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
SMALL = "project: demo\nregion: eu-central-1\npackages: {parser: {}}\n"
PLAN = make(SMALL)
REQUEST = Request(commit=SHA, ref="main", pipeline_id="99")
MARK = marker("demo-parser", SHA, DIGEST)
SNAPSHOT = hashlib.sha256(b"archive").hexdigest()


def unlocked(plan: Plan) -> Plan:
    """Return the plan with requirements that a later build could resolve to something else."""
    return replace(plan, builds=tuple(replace(item, requirements="requirements.txt") for item in plan.builds))


def earlier(status: str = "SUCCEEDED", *, hours: float = 1, uid: str = UUID, **variables: str) -> BuildRecord:
    """Return a build of the same commit and settings that the same pipeline has started some hours ago."""
    given = {
        "ORCHESTRATOR_COMMIT_SHA": SHA,
        "ORCHESTRATOR_REF": "main",
        "ORCHESTRATOR_PIPELINE_ID": "99",
        "ORCHESTRATOR_MARKER": MARK,
        "ORCHESTRATOR_SNAPSHOT_SHA256": SNAPSHOT,
    }
    moment = NOW - timedelta(hours=hours)
    ended = None if status == "IN_PROGRESS" else moment
    name = f"demo-parser:{uid}"
    return record(id=name, arn=f"arn:aws:codebuild:eu-central-1:123456789012:build/{name}", status=status,
                  complete=status != "IN_PROGRESS", variables={**given, **variables},
                  started=moment, ended=ended)  # fmt: skip


@dataclass
class Job:
    """A job in which `build` runs, with what earlier ones have left; `pipelines` None makes it a terminal."""

    codebuild: FakeCodeBuild = field(default_factory=lambda: FakeCodeBuild({"demo-parser": project("demo-parser")}))
    store: FakeStore = field(default_factory=FakeStore)
    pipelines: FakePipelines | None = field(default_factory=FakePipelines)
    status: FakeStatus = field(default_factory=FakeStatus)
    said: list[str] = field(default_factory=list)

    def left(self, built: BuildRecord, *, delivered: bool = True) -> None:
        """Let an earlier build be known, with its package if it has succeeded."""
        if built.status == "SUCCEEDED" and delivered:
            built = deliver(self.store, built)
        self.codebuild.records[built.id] = built

    def build(self, plan: Plan = PLAN, request: Request = REQUEST) -> tuple[StartedBuild, ...]:
        world = BuildWorld(
            codebuild=self.codebuild,
            git=FakeGit(),
            open_store=lambda bucket, account: self.store,
            status=self.status,
            narrate=self.said.append,
            record=lambda started: None,
            workshop=Workshop(FakeMaker(), self.pipelines, lambda: str(uuid.uuid4()), self.said.append, Path("none")),
            now=lambda: NOW,
        )
        with TemporaryDirectory() as folder:
            return build(plan, DIGEST, request, world, Path(folder))


@pytest.mark.parametrize(
    ("change", "attached"),
    [
        ({}, True),
        ({"ORCHESTRATOR_PIPELINE_ID": "98"}, True),
        ({"ORCHESTRATOR_REF": "other"}, False),
        ({"ORCHESTRATOR_MARKER": "0" * 32}, False),
        ({"ORCHESTRATOR_COMMIT_SHA": OTHER_SHA}, False),
        ({"ORCHESTRATOR_SNAPSHOT_SHA256": "0" * 64}, False),
    ],
    ids=["same pipeline", "another pipeline", "another ref", "other settings", "another commit", "another archive"],
)
def test_a_running_build_is_joined(change: dict[str, str], attached: bool) -> None:
    """A build of the same commit, archive, settings and ref that still runs is taken, however long ago it began."""
    job = Job()
    job.left(earlier("IN_PROGRESS", hours=0.2, **change))
    (started,) = job.build()
    assert (job.codebuild.started == []) is attached
    assert any("attached to" in line and "started 12 minutes ago" in line for line in job.said) is attached
    assert started.ours is (change.get("ORCHESTRATOR_PIPELINE_ID") is None)


@pytest.mark.parametrize(
    ("plan", "hours", "delivered", "reused"),
    [
        (unlocked(PLAN), 23.9, True, True),
        (unlocked(PLAN), 24.1, True, False),
        (PLAN, 1000, True, True),
        (PLAN, 1000, False, False),
        (unlocked(make(SMALL + "build: {reuse_hours: 2000}\n")), 1000, True, True),
        (make(SMALL + "build: {reuse_hours: 0}\n"), 1, True, False),
    ],
    ids=["young", "old", "locked", "expired", "configured", "switched off"],
)
def test_a_package_that_is_there_is_not_built_again(plan: Plan, hours: float, delivered: bool, reused: bool) -> None:
    """A stored package is taken again while it is young enough or locked, and its way home is started again."""
    job = Job()
    job.left(earlier(hours=hours), delivered=delivered)
    job.build(plan)
    assert (job.codebuild.started == []) is reused
    assert job.pipelines is not None
    assert job.pipelines.started == ([("main", f"demo-parser:{UUID}")] if reused else [])
    assert any("took the package of" in line and "--fresh" in line for line in job.said) is reused
    assert job.status.reports == [(SHA, "success" if reused else "running")]


def test_at_a_terminal_the_command_is_told() -> None:
    """Where no pipeline can be started, the command that brings the package is printed."""
    job = Job(pipelines=None)
    job.left(earlier())
    job.build(request=replace(REQUEST, pipeline_id=""))
    assert f"to bring it here: orchestrator postbuild --build-id demo-parser:{UUID}" in job.said


def test_with_events_the_next_pipeline_may_take_it_again() -> None:
    """With `return: event` a build that is noted as home is opened for the pipeline that is started now."""
    job = Job()
    job.left(earlier())
    key = f"handback/demo-parser/{UUID}.json"
    job.store.objects[key] = b'{"build_id": "demo-parser:%s", "state": "home", "pipeline_id": "5"}' % UUID.encode()
    job.build(make(SMALL + "return: event\n"))
    assert b'"state": "triggered"' in job.store.objects[key]


@pytest.mark.parametrize("state", [None, "claimed", "released", "triggered"])
def test_what_nobody_has_settled_is_left_to_the_function(state: str | None) -> None:
    """Taking a package again notes nothing before the build has come home: its own ref would never be told."""
    job = Job()
    job.left(earlier())
    key = f"handback/demo-parser/{UUID}.json"
    if state:
        job.store.objects[key] = b'{"build_id": "demo-parser:%s", "state": "%s"}' % (UUID.encode(), state.encode())
    before = dict(job.store.objects)
    job.build(make(SMALL + "return: event\n"))
    assert job.store.objects.get(key) == before.get(key)


def test_another_ref_does_not_open_the_record_of_the_first() -> None:
    """A tag that takes the package of a branch opens its own record, and leaves that of the branch alone."""
    job, own = Job(), f"handback/demo-parser/{UUID}.json"
    tags = record_key("", "demo-parser", UUID, "v1.0")
    job.left(earlier(ORCHESTRATOR_REF="main"))
    home = b'{"build_id": "demo-parser:%s", "state": "home", "pipeline_id": "5"}' % UUID.encode()
    job.store.objects |= {own: home, tags: home}
    job.build(make(SMALL + "return: event\n"), request=replace(REQUEST, ref="v1.0"))
    assert job.store.objects[own] == home
    assert b'"state": "triggered"' in job.store.objects[tags]


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED", "FAILED", "FAULT"])
def test_fresh_asks_nobody(status: str) -> None:
    """`--fresh` starts a new build whatever is there, with a token that no earlier request had."""
    job = Job()
    job.left(earlier(status))
    for _ in range(2):
        job.build(request=replace(REQUEST, fresh=True))
    assert len({token for _, _, token in job.codebuild.started}) == 2


@pytest.mark.parametrize(
    ("statuses", "pipeline", "raised"),
    [
        (["FAILED"], "99", BuildFailed),
        (["TIMED_OUT"], "99", BuildFailed),
        (["FAULT"], "99", None),
        (["FAULT", "FAULT"], "99", MachineryError),
        (["FAULT", "FAILED"], "99", BuildFailed),
        (["STOPPED"], "99", None),
        (["FAILED", "STOPPED"], "99", BuildFailed),
        (["FAILED"], "100", None),
        (["FAILED"], "", None),
    ],
)
def test_a_failure_is_not_repeated(statuses: list[str], pipeline: str, raised: type[OrchestratorError] | None) -> None:
    """In one pipeline a build that failed is never repeated, and a fault of CodeBuild once; a new pipeline tries."""
    job = Job()
    for number, status in enumerate(statuses):
        job.left(earlier(status, uid=UUID[:-1] + str(number)))
    request = replace(REQUEST, pipeline_id=pipeline)
    if raised:
        with pytest.raises(raised) as caught:
            job.build(request=request)
        assert "--fresh" in caught.value.hint
    else:
        job.build(request=request)
    assert len(job.codebuild.started) == (0 if raised else 1)


@pytest.mark.parametrize(
    ("variables", "configured", "stopped"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"ORCHESTRATOR_REF": "other"}, True, False),
        ({"ORCHESTRATOR_COMMIT_SHA": SHA}, True, False),
        ({"ORCHESTRATOR_PIPELINE_ID": "100"}, True, False),
        ({"ORCHESTRATOR_PIPELINE_ID": ""}, True, False),
    ],
    ids=["older", "not asked for", "another ref", "same commit", "newer", "by hand"],
)
def test_older_commits_are_superseded(variables: dict[str, str], configured: bool, stopped: bool) -> None:
    """With `supersede: true` running builds of older commits of the ref are stopped, and nothing else is."""
    job = Job()
    old = earlier(
        "IN_PROGRESS", **{"ORCHESTRATOR_COMMIT_SHA": OTHER_SHA, "ORCHESTRATOR_PIPELINE_ID": "98", **variables}
    )
    job.left(old)
    job.build(make(SMALL + f"supersede: {str(configured).lower()}\n"))
    assert job.codebuild.stopped == ([old.id] if stopped else [])
    assert any(OTHER_SHA in line and old.id in line for line in job.said) is stopped


def test_a_build_that_cannot_be_stopped_stops_nobody() -> None:
    """The newer commit is built although CodeBuild refuses to stop the older build."""

    class Stubborn(FakeCodeBuild):
        def stop(self, build_id: str) -> BuildRecord:
            raise MachineryError("cannot stop", hint="retry")

    job = Job(codebuild=Stubborn({"demo-parser": project("demo-parser")}))
    job.left(earlier("IN_PROGRESS", ORCHESTRATOR_COMMIT_SHA=OTHER_SHA, ORCHESTRATOR_PIPELINE_ID="98"))
    job.build(make(SMALL + "supersede: true\n"))
    assert len(job.codebuild.started) == 1


class Paid(FakeCodeBuild):
    """Starts builds that count, forgets tokens when asked to, and loses answers."""

    def __init__(self) -> None:
        super().__init__({"demo-parser": project("demo-parser")})
        self.tokens: dict[str, str] = {}
        self.loses = False

    def start(self, name: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        if idempotency_token not in self.tokens:
            new = earlier("IN_PROGRESS", hours=0, uid=str(uuid.uuid4()), **dict(variables))
            self.records[new.id] = new
            self.tokens[idempotency_token] = new.id
        if self.loses:
            raise MachineryError("the answer was lost", hint="retry")
        return self.records[self.tokens[idempotency_token]]

    def turn(self, status: str, store: FakeStore) -> None:
        """Let whatever runs come to this end."""
        for name, one in self.records.items():
            if not one.complete:
                done = replace(one, status=status, complete=True, ended=NOW)
                self.records[name] = deliver(store, done) if status == "SUCCEEDED" else done


STEPS = st.lists(
    st.sampled_from(["run", "run and lose the answer", "five minutes pass", "SUCCEEDED", "FAILED", "TIMED_OUT"]),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_commit_is_paid_for_once(steps: list[str]) -> None:
    """Whatever retries, lost answers and pauses come in whatever order, a pipeline pays for one build of its commit."""
    codebuild = Paid()
    job = Job(codebuild=codebuild)
    for step in steps:
        if step.startswith("run"):
            codebuild.loses = step != "run"
            try:
                job.build(unlocked(PLAN))
            except OrchestratorError:
                assert codebuild.loses or {one.status for one in codebuild.records.values()} & {"FAILED", "TIMED_OUT"}
        elif step == "five minutes pass":
            codebuild.tokens.clear()
        else:
            codebuild.turn(step, job.store)
    assert len(codebuild.records) <= 1


@pytest.mark.parametrize(
    ("changes", "locked"),
    [
        ({"requirements": None}, True),
        ({"requirements": "src/pylock.toml"}, True),
        ({"requirements": "pylock.prod.toml"}, True),
        ({"requirements": "uv.lock"}, True),
        ({"requirements": "requirements.txt"}, False),
        ({"requirements": "uv.lock", "system_packages": ("gcc",)}, False),
        ({"requirements": None, "commands": ("make",)}, False),
    ],
)
def test_only_what_is_written_down_is_locked(changes: dict[str, Any], locked: bool) -> None:
    """A package is locked if neither its requirements, system packages nor commands can bring anything newer."""
    assert is_locked(replace(PLAN.builds[0], **changes)) is locked


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(None, "just now"), (0, "0 minutes ago"), (1, "1 minute ago"), (119, "119 minutes ago"), (180, "3 hours ago")],
)
def test_ages_are_told_in_words(minutes: int | None, words: str) -> None:
    """An age is told in minutes, then in hours; CodeBuild may not know it yet."""
    assert age(None if minutes is None else NOW - timedelta(minutes=minutes), NOW) == words
