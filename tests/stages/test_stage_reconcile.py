"""The story of reconcile."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from world import UUID, FakeCodeBuild, FakePipelines, FakeStore, make, project, record

from orchestrator.errors import MachineryError, Superseded
from orchestrator.stages.homecoming import Homecoming
from orchestrator.stages.reconcile import Finding, ReconcileWorld, reconcile

NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)
KEY = f"handback/demo-parser/{UUID}.json"
LOST = replace(record(), variables={"ORCHESTRATOR_REF": "main"}, ended=NOW - timedelta(hours=1), status="TIMED_OUT")


@dataclass
class Schedule:
    """A scheduled pipeline; `pipelines` None makes it a terminal."""

    built: Any = LOST
    pipelines: FakePipelines | None = field(default_factory=FakePipelines)
    store: FakeStore = field(default_factory=FakeStore)

    def run(self, hours: int = 48, *, return_: str = "trigger") -> list[Finding]:
        codebuild = FakeCodeBuild({"demo-parser": project("demo-parser")}, {self.built.id: self.built})
        world = ReconcileWorld(codebuild, lambda bucket, account: self.store, self.pipelines, lambda: NOW)
        plan = make(f"project: demo\nregion: eu-central-1\nreturn: {return_}\npackages: {{parser: {{}}}}\n")
        return list(reconcile(plan, world, hours=hours))

    def note(self, **fields: Any) -> None:
        self.store.objects[KEY] = json.dumps({"build_id": LOST.id, **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        (None, "started"),
        ({"state": "released"}, "started"),
        ({"state": "claimed", "until": NOW.timestamp() - 1}, "started"),
        ({"state": "claimed", "until": NOW.timestamp() + 1}, "on its way"),
        ({"state": "triggered", "pipeline_id": "5"}, "on its way"),
        ({"state": "home", "pipeline_id": "5"}, "home"),
        ({"state": "superseded"}, "the branch or tag is gone"),
    ],
)
def test_only_what_nobody_brings_is_brought(fields: dict[str, Any] | None, outcome: str) -> None:
    """A pipeline is started for a build that nobody has told of, or whose teller has died, and for no other."""
    schedule = Schedule()
    if fields:
        schedule.note(**fields)
    (finding,) = schedule.run()
    assert finding.outcome.startswith(outcome)
    assert schedule.pipelines is not None
    assert schedule.pipelines.started == ([("main", LOST.id)] if outcome == "started" else [])


def test_there_is_nothing_to_bring_for_those_who_wait() -> None:
    """With `return: wait` no pipeline is started for a build: the job that has waited has told its end."""
    schedule = Schedule()
    assert schedule.run(return_="wait") == []
    assert schedule.pipelines is not None
    assert schedule.pipelines.started == []


def test_again_starts_nothing() -> None:
    """A second run, or one after postbuild has noted the build, starts no second pipeline."""
    schedule = Schedule()
    outcomes = [finding.outcome.split()[0] for _ in range(3) for finding in schedule.run()]
    Homecoming(LOST, "", schedule.store).arrive("7")
    outcomes += [finding.outcome for finding in schedule.run()]
    assert outcomes == ["started", "on", "on", "home"]
    assert json.loads(schedule.store.objects[KEY])["pipeline_id"] == "7"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"ended": NOW - timedelta(hours=49)}, []),
        ({"ended": None, "complete": False, "status": "IN_PROGRESS"}, []),
        ({"variables": {}}, []),
        ({"ended": NOW - timedelta(minutes=5)}, ["on its way"]),
    ],
    ids=["too old", "running", "started by hand", "just ended"],
)
def test_nobody_waits_for_these(changes: dict[str, Any], found: list[str]) -> None:
    """What is old, runs, belongs to no ref, or has just ended is not brought."""
    schedule = Schedule(replace(LOST, **changes))
    assert [finding.outcome for finding in schedule.run()] == found
    assert schedule.pipelines is not None
    assert schedule.pipelines.started == []


def test_a_terminal_only_looks() -> None:
    """Outside of a job nothing is started and nothing is written."""
    schedule = Schedule(pipelines=None)
    assert [finding.outcome for finding in schedule.run()] == ["missing"]
    assert schedule.store.objects == {}


@pytest.mark.parametrize(
    ("error", "outcome", "failed", "next_time"),
    [
        (MachineryError("GitLab is down"), "failed: GitLab is down", True, "started"),
        (Superseded("x"), "the branch or tag is gone", False, "the branch or tag is gone"),
    ],
)
def test_a_refused_pipeline_is_tried_again_while_that_can_help(
    error: Exception, outcome: str, failed: bool, next_time: str
) -> None:
    """When GitLab starts no pipeline the next run tries again, but not for a ref that is gone: that is noted."""

    class Down(FakePipelines):
        def start(self, ref: str, build_id: str) -> str:
            raise error

    schedule = Schedule(pipelines=Down())
    (finding,) = schedule.run()
    assert (finding.outcome, finding.failed) == (outcome, failed)
    schedule.pipelines = FakePipelines()
    assert schedule.run()[0].outcome.startswith(next_time)
