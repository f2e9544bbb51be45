"""A build is started over HTTP, by boto3, in an account where everything goes wrong that may go wrong."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Any

import pytest
from instant import Instant
from world import SHA, make

from orchestrator.effects import aws
from orchestrator.effects.codebuild import CodeBuildService
from orchestrator.emulator import faults
from orchestrator.emulator.control import Running
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError
from orchestrator.plan.digest import marker
from orchestrator.records import BuildRecord
from orchestrator.stages.again import StartedAgain, give_another_chance
from orchestrator.stages.earlier import Wish
from orchestrator.stages.start import Counter, Order, start
from orchestrator.stages.takeoff import see_off

REGION = "eu-central-1"


class Real(Instant):
    """Instant, except that a build gets a moment to go on between two looks at it."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.02)

    def monotonic(self) -> float:
        """Return the time of the same clock."""
        return self.now


class Job:
    """A job with a CodeBuild project of its own, whose builds succeed."""

    def __init__(self) -> None:
        self.project, self.clock = f"p-{uuid.uuid4().hex[:12]}", Real()
        aws.client("codebuild", REGION).create_project(
            name=self.project,
            source={
                "type": "NO_SOURCE",
                "buildspec": '{"version": "0.2", "phases": {"build": {"commands": ["true"]}}}',
            },
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "ARM_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole="arn:aws:iam::123456789012:role/build",
            tags=[{"key": "orchestrator-settings-digest", "value": "d"}],
        )
        self.codebuild = CodeBuildService(REGION, self.clock.patience)
        self.counter = Counter(self.codebuild, self.clock.said.append, self.clock.patience)
        self.item = replace(make().builds[0], codebuild_project=self.project)

    def order(self, pipeline: str = "7") -> Order:
        """Return what a pipeline wants."""
        return Order(Wish(marker(self.project, SHA, "d"), SHA, "main", pipeline, "a" * 64), self.item)

    def start(self, pipeline: str = "7") -> BuildRecord:
        """Start a build, as if nobody had looked what is there."""
        return start(self.order(pipeline), self.counter, lambda _: None)

    def begun(self) -> BuildRecord:
        """Return the first build, as it was accepted, even if it has ended by now."""
        wish = self.order().wish
        return self.codebuild.start(self.project, wish.variables, wish.token(0))

    @property
    def paid(self) -> list[str]:
        """All builds that there are, the newest first."""
        return [one.id for one in self.codebuild.newest(self.project, limit=50)]

    def ended(self, record: BuildRecord) -> BuildRecord:
        """Wait for the end of a build."""
        while not record.complete:
            self.clock.sleep(1)
            record = self.codebuild.builds([record.id])[record.id]
        return record


@pytest.fixture
def job(world: Running) -> Job:
    """Return a new job."""
    return Job()


def script(service: str, operation: str, *answers: Any) -> dict[str, Any]:
    """Return a script of one rule."""
    return {"rules": [{"service": service, "operation": operation, "answers": list(answers)}]}


def test_two_pipelines_get_one_build(job: Job) -> None:
    """The second pipeline's request is a mismatch to CodeBuild, and so it attaches to the build of the first."""
    assert job.start("7").id == job.start("8").id == job.start("7").id
    assert len(job.paid) == 1


@pytest.mark.parametrize(
    ("answers", "pauses", "raised"),
    [
        (["lost_response", "lost_response"], [], None),
        (["not_propagated", "not_propagated"], [5, 10], None),
        ([{"kind": "account_limit", "limit": 3}], [30], None),
        ([{"kind": "account_limit", "limit": 0}], [], ConfigurationError),
        (["not_propagated", {"kind": "account_limit", "limit": 3}, "lost_response"], [5, 30], None),
    ],
)
def test_a_start_outlasts_what_passes(
    job: Job, world: Running, answers: list[Any], pauses: list[float], raised: type[OrchestratorError] | None
) -> None:
    """Lost answers, a role that spreads, a full queue: one build; a quota of none ends at once with 2."""
    with faults.injected(world, script("codebuild", "StartBuild", *answers)):
        if raised:
            with pytest.raises(raised, match="cannot start") as caught:
                job.start()
            assert "AWS support" in caught.value.hint
        else:
            job.start()
    assert len(job.paid) == (0 if raised else 1)
    assert job.clock.slept == pauses


@pytest.mark.parametrize(
    ("answers", "builds", "raised"),
    [
        ([], 1, None),
        (["access_denied"], 2, None),
        (["access_denied", "access_denied"], 2, ConfigurationError),
        (["fault"], 2, None),
        (["fault", "fault"], 2, MachineryError),
    ],
)
def test_a_build_of_a_new_role_is_seen_off(
    job: Job, world: Running, answers: list[Any], builds: int, raised: type[OrchestratorError] | None
) -> None:
    """The project is a moment old: a build that CodeBuild could not begin is started again, once."""
    project = job.codebuild.projects([job.project])[job.project]
    with faults.injected(world, script("build", job.project, *(answers or ["pass"]))):
        record = replace(job.begun(), complete=False, phases=())
        if raised:
            with pytest.raises(raised):
                see_off(record, job.order(), project, job.counter, lambda _: None)
        else:
            see_off(record, job.order(), project, job.counter, lambda _: None)
        assert len(job.paid) == builds


def test_a_fault_that_comes_home_is_started_again(job: Job, world: Running) -> None:
    """Two pipelines that a fault came home to start one build, and the next fault is the end of it."""
    with faults.injected(world, script("build", job.project, "fault", {"kind": "fault", "phase": "FINALIZING"})):
        first = job.ended(job.begun())
        for _ in range(2):
            with pytest.raises(StartedAgain):
                give_another_chance(first, job.item, job.codebuild, job.clock, job.clock.said.append)
        second = job.ended(job.codebuild.builds(job.paid[:1])[job.paid[0]])
        assert second.status == first.status == "FAULT"
        give_another_chance(second, job.item, job.codebuild, job.clock, job.clock.said.append)
    assert job.paid == [second.id, first.id]
