"""How a build is started: once for all who want it, patiently, and again only when it was not carried out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instant import Instant
from world import (
    DIGEST,
    SHA,
    UUID,
    FakeClock,
    FakeCodeBuild,
    FakeGit,
    FakeMaker,
    FakePipelines,
    FakeStatus,
    FakeStore,
    make,
    project,
    record,
)

from orchestrator.errors import (
    AskedDifferently,
    BuildFailed,
    ConfigurationError,
    MachineryError,
    OrchestratorError,
    QueueFull,
    RoleUnknown,
    Superseded,
)
from orchestrator.plan.environments import quota_name
from orchestrator.records import BuildRecord, PhaseRecord
from orchestrator.redaction import Secrets
from orchestrator.stages.again import StartedAgain, give_another_chance
from orchestrator.stages.assembled import Workshop
from orchestrator.stages.build import BuildWorld, Request, StartedBuild, build
from orchestrator.stages.ending import check_ending
from orchestrator.stages.setback import Setback, setback

NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
PLAN = make()
REQUEST = Request(commit=SHA, ref="main", pipeline_id="99")
SNAPSHOT = hashlib.sha256(b"archive").hexdigest()

LOGS = "Service role r does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams"
EARLY = (PhaseRecord("SUBMITTED", "SUCCEEDED", 0), PhaseRecord("QUEUED", "SUCCEEDED", 1))


def ended(phase: str, code: str, message: str = "", *, ran: Sequence[str] = ()) -> tuple[PhaseRecord, ...]:
    """Return the phases of a build that failed in one of them, after others of them ran."""
    before = tuple(PhaseRecord(name, "SUCCEEDED", 1) for name in ran)
    return (*EARLY, *before, PhaseRecord(phase, "FAILED", 1, message, code), PhaseRecord("COMPLETED", "", None))


DENIED = ended("PROVISIONING", "ACCESS_DENIED", LOGS)


@dataclass
class Account(FakeCodeBuild):
    """CodeBuild as it counts: tokens live five minutes, other parameters are a mismatch, the list may lag behind."""

    instant: Instant = field(default_factory=Instant)
    known: dict[str, Any] = field(default_factory=lambda: {"demo-parser": project("demo-parser")})
    tokens: dict[str, tuple[dict[str, str], str, float]] = field(default_factory=dict)
    refusals: list[OrchestratorError] = field(default_factory=list)
    lag: int = 0
    looked: Callable[[str], object] = field(default=lambda _project: None)
    fates: list[Mapping[str, Any]] = field(default_factory=list)
    seconds: Callable[[], int] = field(default_factory=lambda: itertools.count().__next__)

    def start(self, name: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
        if self.refusals:
            raise self.refusals.pop(0)
        given, build_id, born = self.tokens.get(idempotency_token, ({}, "", -999.0))
        if self.instant.now - born < 300:
            if given != dict(variables):
                raise AskedDifferently("cannot start", detail="parameter mismatch")
            return self.records[build_id]
        number = self.seconds()
        build_id = f"{name}:{UUID[:-4]}{number:04}"
        arn = f"arn:aws:codebuild:eu-central-1:123456789012:build/{build_id}"
        new = record(name, id=build_id, arn=arn, variables=dict(variables), status="IN_PROGRESS", complete=False,
                     phases=EARLY, started=NOW + timedelta(seconds=number))  # fmt: skip
        self.records[build_id] = new
        self.tokens[idempotency_token] = (dict(variables), build_id, self.instant.now)
        return new

    def newest(self, project: str, *, limit: int) -> Sequence[BuildRecord]:
        self.looked(project)
        if self.lag:
            self.lag -= 1
            return []
        return super().newest(project, limit=limit)

    def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
        """Let a build meet its fate when somebody looks at it."""
        for build_id in build_ids:
            if self.fates and not self.records[build_id].complete:
                self.end(build_id, **self.fates.pop(0))
        return super().builds(build_ids)

    def end(self, build_id: str, **how: Any) -> BuildRecord:
        """End a build, or let it go on."""
        self.records[build_id] = replace(self.records[build_id], **{"complete": True, **how})
        return self.records[build_id]


@dataclass
class Job:
    """A job `build` of one of several pipelines, all in one account."""

    account: Account = field(default_factory=Account)
    kept: list[StartedBuild] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    store: FakeStore = field(default_factory=FakeStore)

    def run(self, request: Request = REQUEST) -> StartedBuild:
        instant = self.account.instant
        world = BuildWorld(
            codebuild=self.account,
            git=FakeGit(),
            open_store=lambda bucket, account: self.store,
            status=FakeStatus(),
            narrate=self.said.append,
            record=lambda started: self.kept.__setitem__(slice(None), started),
            workshop=Workshop(FakeMaker(), FakePipelines(), lambda: UUID, self.said.append, Path("none")),
            now=lambda: NOW,
            patience=instant.patience,
        )
        with TemporaryDirectory() as folder:
            (started,) = build(PLAN, DIGEST, request, world, Path(folder))
        return started


@pytest.mark.parametrize("lag", [0, 1, 2, 4])
def test_two_pipelines_that_search_at_once_share_a_build(lag: int) -> None:
    """Neither sees the other's build, both ask CodeBuild: one build is paid for, and the second attaches to it."""
    job = Job()
    first = job.run()
    job.account.lag = 1 + lag
    second = job.run(replace(REQUEST, pipeline_id="100"))
    assert second.build_id == first.build_id
    assert (first.ours, second.ours) == (True, False)
    assert len(job.account.records) == 1
    assert any(line.startswith(f"attached to {first.build_id}") for line in job.said)


def test_a_build_that_is_never_listed_ends_with_three() -> None:
    """When CodeBuild says that somebody has asked, and lists nothing for a minute, nothing is started."""
    job = Job()
    job.run()
    job.account.lag = 1000
    with pytest.raises(MachineryError) as caught:
        job.run(replace(REQUEST, pipeline_id="100"))
    assert (caught.value.exit_code, len(job.account.records)) == (3, 1)
    assert 30 <= job.account.instant.now <= 60


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["99", "100", "101"]), st.integers(0, 2), st.sampled_from([0.0, 200.0, 400.0])),
        min_size=1,
        max_size=8,
    )
)
def test_however_many_ask_one_build_runs(jobs: list[tuple[str, int, float]]) -> None:
    """Jobs of several pipelines, early or late, with lists that lag for less than a token lives: one build."""
    job = Job()
    for pipeline, lag, later in jobs:
        # A list that is older than a token would be CodeBuild's breach of both its promises.
        job.account.lag = lag if job.account.instant.now < 300 else 0
        job.run(replace(REQUEST, pipeline_id=pipeline))
        job.account.instant.now += later
        assert len(job.account.records) == 1


@pytest.mark.parametrize("status", ["STOPPED", "FAULT", "FAILED"])
def test_another_attempt_has_another_token(status: str) -> None:
    """A build that has ended is no obstacle for another pipeline's, not even within the life of its token."""
    job = Job()
    first = job.run()
    job.account.end(first.build_id, status=status)
    for lag in (0, 1):
        job.account.lag = lag
        second = job.run(replace(REQUEST, pipeline_id="100"))
        assert second.build_id != first.build_id
    assert len(job.account.records) == 2


FULL = QueueFull("cannot start a build", detail="Cannot have more than 5 builds in queue for the account")


def test_a_full_queue_is_waited_for() -> None:
    """No room for builds is a reason to wait, with long pauses, and to start then."""
    job = Job(Account(refusals=[FULL] * 4))
    job.run()
    assert job.account.instant.slept == [30, 60, 120, 240]


def test_a_queue_that_stays_full_ends_with_three() -> None:
    """At the deadline of the queue the name of the quota is told, which AWS has to raise."""
    job = Job(Account(refusals=[FULL] * 1000))
    with pytest.raises(MachineryError) as caught:
        job.run()
    assert caught.value.exit_code == 3
    assert "Concurrently running builds for ARM/Small environment" in caught.value.hint
    assert 3000 < job.account.instant.now < 3600
    assert job.kept == []


@pytest.mark.parametrize(
    ("kind", "size", "name"),
    [
        ("ARM_CONTAINER", "BUILD_GENERAL1_SMALL", "ARM/Small"),
        ("LINUX_CONTAINER", "BUILD_GENERAL1_MEDIUM", "Linux/Medium"),
        ("ARM_CONTAINER", "BUILD_GENERAL1_XLARGE", "ARM/XLarge"),
        ("LINUX_CONTAINER", "BUILD_GENERAL1_2XLARGE", "Linux/2XLarge"),
    ],
)
def test_quotas_have_the_names_of_service_quotas(kind: str, size: str, name: str) -> None:
    """The name can be pasted into the search field of Service Quotas."""
    assert quota_name(kind, size) == f"Concurrently running builds for {name} environment"


@pytest.mark.parametrize(("times", "started"), [(1, True), (6, True), (1000, False)])
def test_a_role_that_is_not_known_yet_is_waited_for(times: int, started: bool) -> None:
    """For five minutes; then both causes are told."""
    unknown = RoleUnknown("cannot start", detail="sts:AssumeRole", hint="either …; or …")
    job = Job(Account(refusals=[unknown] * times))
    if started:
        job.run()
    else:
        with pytest.raises(RoleUnknown, match="either"):
            job.run()
    assert job.account.instant.now < 300


@pytest.mark.parametrize(
    ("status", "phases", "found"),
    [
        ("FAULT", (*EARLY, PhaseRecord("BUILD", "FAULT", 1)), Setback.FAULT),
        ("FAILED", DENIED, Setback.ROLE),
        ("FAILED", ended("DOWNLOAD_SOURCE", "ACCESS_DENIED", "x"), Setback.ROLE),
        (
            "FAILED",
            ended("QUEUED", "VPC_CLIENT_ERROR", "Not authorized to perform Describe"),
            Setback.ROLE,
        ),
        ("FAILED", ended("PROVISIONING", "CLIENT_ERROR", "sts:AssumeRole"), Setback.ROLE),
        ("FAILED", ended("PROVISIONING", "CLIENT_ERROR", "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"), None),
        ("FAILED", ended("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", "access denied"), None),
        ("FAILED", ended("BUILD", "ACCESS_DENIED", LOGS), None),
        ("FAILED", ended("PROVISIONING", "ACCESS_DENIED", LOGS, ran=["INSTALL"]), None),
        ("FAILED", ended("INSTALL", "COMMAND_EXECUTION_ERROR", "exit status 1"), None),
        ("TIMED_OUT", ended("BUILD", "BUILD_TIMED_OUT"), None),
        ("STOPPED", EARLY, None),
        ("SUCCEEDED", EARLY, None),
    ],
)
def test_a_setback_is_told_from_a_failure(status: str, phases: Any, found: Setback | None) -> None:
    """Only a fault, and a denial before the first command, say nothing about the package."""
    one = record(status=status, phases=phases)
    assert setback(one) is found
    if found is Setback.ROLE:
        with pytest.raises(ConfigurationError, match="either") as caught:
            check_ending(one, _NoLogs())
        assert "or the role lacks" in caught.value.hint


def test_the_last_lines_are_shown_as_the_log_is() -> None:
    """A line of a megabyte fills no screen and no report, no secret is cut in half, and nothing hides what follows."""

    class Loud:
        def last_lines(self, _build: BuildRecord, _count: int) -> Sequence[str]:
            return ["x" * 4090 + "s3kret-value-1", "section_start:1700000000:x\r\x1b[0Khidden", "section_end:1:x"]

    with pytest.MonkeyPatch.context() as patched, pytest.raises(BuildFailed) as caught:
        known = Secrets()
        known.learn({"MY_TOKEN": "s3kret-value-1"})
        patched.setattr("orchestrator.stages.ending.KNOWN", known)
        check_ending(record(status="FAILED", phases=ended("BUILD", "COMMAND_EXECUTION_ERROR")), Loud())
    assert max(map(len, caught.value.detail.splitlines())) < 4200
    assert "s3k" not in caught.value.detail
    assert caught.value.detail.splitlines()[-2:] == ["  hidden", "  section_end :1:x"]


class _NoLogs:
    def last_lines(self, _build: BuildRecord, _count: int) -> Sequence[str]:
        return []


FAILED, FAULT = {"status": "FAILED", "phases": DENIED}, {"status": "FAULT"}
RUNS = {"complete": False, "phases": (*EARLY, PhaseRecord("INSTALL", "", None))}


@pytest.mark.parametrize(
    ("minutes", "fates", "builds", "raised"),
    [
        (1, [RUNS], 1, None),
        (1, [FAILED, RUNS], 2, None),
        (1, [FAULT, RUNS], 2, None),
        (1, [FAILED, FAILED], 2, ConfigurationError),
        (1, [FAULT, FAULT], 2, MachineryError),
        (1, [{"status": "FAILED", "phases": ended("DOWNLOAD_SOURCE", "YAML_FILE_ERROR", "x")}], 1, BuildFailed),
        (1, [{"status": "FAILED", "phases": ended("BUILD", "COMMAND_EXECUTION_ERROR", "x", ran=["INSTALL"])}], 1, None),
        (1, [], 1, None),
        (6, [FAILED], 1, None),
    ],
    ids=["runs", "role new", "fault", "role wrong", "two faults", "no buildspec", "own fault", "queue", "old role"],
)
def test_the_first_build_of_a_new_role_is_seen_off(
    minutes: float, fates: list[Any], builds: int, raised: type[OrchestratorError] | None
) -> None:
    """A build whose role is new is watched until its first command, and started once more if the role was the cause."""
    changed = project("demo-parser", modified=NOW - timedelta(minutes=minutes))
    job = Job(Account(known={"demo-parser": changed}, fates=list(fates)))
    if raised:
        with pytest.raises(raised) as caught:
            job.run()
        assert type(caught.value) is raised
    else:
        job.run()
    assert len(job.account.records) == builds
    assert [one.build_id for one in job.kept] == [list(job.account.records)[-1]]
    assert job.account.instant.now <= 400
    if minutes > 5:
        assert job.account.instant.now == 0


def test_a_watch_that_fails_decides_nothing() -> None:
    """A poll that fails ends the watch, not the job."""

    class Silent(Account):
        def builds(self, build_ids: Sequence[str]) -> Mapping[str, BuildRecord]:
            raise MachineryError("cannot read the builds")

    job = Job(Silent(known={"demo-parser": project("demo-parser", modified=NOW)}))
    assert job.run().ours
    assert any("not watched any longer" in line for line in job.said)


@dataclass
class Home:
    """A build that has come home to a pipeline, which may give it another chance."""

    job: Job = field(default_factory=Job)
    said: list[str] = field(default_factory=list)

    def chance(self, one: BuildRecord) -> str:
        """Return the id of the build that does its work, empty if its ending stands."""
        before = set(self.job.account.records)
        try:
            give_another_chance(one, PLAN.builds[0], self.job.account, FakeClock(), self.said.append)
        except Superseded as error:
            assert error.exit_code == Superseded.exit_code == 4
            (other,) = set(self.job.account.records) - before or {list(self.job.account.records)[-1]}
            assert other in error.what
            return other
        assert set(self.job.account.records) == before
        return ""


def test_a_fault_is_given_one_more_chance() -> None:
    """Whoever comes for the fault, in whatever order and however often: one more build, and the second fault stands."""
    home = Home()
    first = home.job.account.end(home.job.run().build_id, status="FAULT")
    second = home.chance(first)
    assert second
    assert home.chance(first) == second
    assert home.job.run().build_id == second
    assert home.job.account.records[second].variables == first.variables
    again = home.job.account.end(second, status="FAULT")
    assert home.chance(again) == ""
    assert home.chance(first) == second
    with pytest.raises(MachineryError, match="2 builds"):
        home.job.run()
    assert len(home.job.account.records) == 2


@pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCEEDED"])
def test_a_fault_that_another_pipeline_has_made_good_is_not_built_again(status: str) -> None:
    """The commit was built for the same ref by a later pipeline already: the fault points there, nobody pays twice."""
    home = Home()
    first = home.job.account.end(home.job.run().build_id, status="FAULT")
    other = home.job.run(replace(REQUEST, pipeline_id="100")).build_id
    home.job.account.end(other, status=status, complete=status != "IN_PROGRESS")
    assert home.chance(first) == other
    assert len(home.job.account.records) == 2
    with pytest.raises(Superseded) as caught:
        give_another_chance(first, PLAN.builds[0], home.job.account, FakeClock(), home.said.append)
    # Its own pipeline waits for an end, and the other build tells of itself in the other one.
    assert not isinstance(caught.value, StartedAgain)


def test_what_was_built_while_a_job_waited_for_room_is_taken() -> None:
    """A queue stays full for longer than CodeBuild remembers a token: what another pipeline got meanwhile is shared."""
    job = Job(Account(refusals=[QueueFull("CodeBuild takes no more builds")] * 6))
    waiting, other = job.account.instant, Job(job.account)
    begun: list[str] = []

    def room(_name: str) -> None:
        if waiting.now > 60 and not begun:
            job.account.looked = lambda _project: None
            job.account.refusals.clear()
            begun.append(other.run(replace(REQUEST, pipeline_id="100")).build_id)
            job.account.end(begun[0], status="SUCCEEDED")
            waiting.now += 400

    job.account.looked = room
    assert job.run().build_id == begun[0]
    assert len(job.account.records) == 1


@pytest.mark.parametrize(
    ("how", "changes"),
    [
        ({"status": "FAILED", "phases": ended("BUILD", "COMMAND_EXECUTION_ERROR")}, {}),
        ({"status": "TIMED_OUT"}, {}),
        ({"status": "STOPPED"}, {}),
        ({"status": "SUCCEEDED"}, {}),
        ({"status": "SOMETHING_NEW"}, {}),
        (FAILED, {}),
        (FAILED, {"modified": NOW - timedelta(minutes=6)}),
        (FAULT, {"tags": {"orchestrator-settings-digest": "e" * 64}}),
    ],
    ids=["own fault", "time-out", "stopped", "success", "unknown", "role of unknown age", "old role", "other settings"],
)
def test_what_failed_by_itself_is_not_repeated(how: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """An own failure, an old role, settings that have changed since: the ending stands, and nothing is started."""
    home = Home()
    one = home.job.account.end(home.job.run().build_id, **how)
    home.job.account.known = {"demo-parser": project("demo-parser", **changes)}
    assert home.chance(one) == ""


def test_a_new_role_is_given_one_more_chance() -> None:
    """A build that died because its role was new is started again by the pipeline it came home to."""
    home = Home()
    one = home.job.account.end(home.job.run().build_id, **FAILED)
    home.job.account.known = {"demo-parser": project("demo-parser", modified=NOW - timedelta(seconds=90))}
    assert home.chance(one)


def test_made_up_builds_start_nothing() -> None:
    """A fault of a build that somebody started with variables of his own gets no second build."""
    home = Home()
    one = home.job.account.end(home.job.run().build_id, status="FAULT")
    for name in one.variables:
        forged = replace(one, variables={**one.variables, name: "0" * 40})
        home.job.account.records = {one.id: forged}
        if name in {"ORCHESTRATOR_MARKER", "ORCHESTRATOR_COMMIT_SHA"}:
            assert home.chance(forged) == ""


def test_without_the_permission_the_ending_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that may not list or start builds leaves the fault as it is, and says so."""

    def refused(*_: object, **__: object) -> Sequence[BuildRecord]:
        raise ConfigurationError("cannot list", hint="allow it")

    home = Home()
    one = home.job.account.end(home.job.run().build_id, status="FAULT")
    home.job.account.refusals = [ConfigurationError("cannot start a build", hint="allow it")]
    assert home.chance(one) == ""
    assert home.said[-1] == f"{one.id} is not started again: cannot start a build"
    monkeypatch.setattr(Account, "newest", refused)
    assert home.chance(one) == ""
    assert home.said[-1] == f"{one.id} is not started again: cannot list"
