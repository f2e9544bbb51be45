"""The story of stop."""

from __future__ import annotations

from dataclasses import replace

import pytest
from world import SHA, UUID, FakeClock, FakeCodeBuild, FakeStatus, make, project, record

from orchestrator.errors import ConfigurationError, MachineryError, Refused
from orchestrator.patience import Patience
from orchestrator.records import BuildRecord
from orchestrator.stages.stop import StopWorld, running, stop

PLAN = make()
RUNNING = record(status="IN_PROGRESS", complete=False)
ELSEWHERE = record(
    id=RUNNING.id[:-1] + "2", status="IN_PROGRESS", complete=False, variables={"ORCHESTRATOR_REF": "feature"}
)
SECOND = record(id=RUNNING.id[:-1] + "1", status="IN_PROGRESS", complete=False)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT", "FAULT", "STOPPED"])
def test_what_has_ended_is_left_alone(status: str) -> None:
    """A build that has ended already is told of, and is no failure."""
    codebuild, said = FakeCodeBuild(records={RUNNING.id: record(status=status)}), list[str]()
    stop(PLAN, [RUNNING.id], StopWorld(codebuild, FakeStatus(), said.append))
    assert codebuild.stopped == []
    assert said == [f"{RUNNING.id} has ended already: {status}"]


@pytest.mark.parametrize(
    ("text", "reports"), [("trigger", [(SHA, "canceled")]), ("event", []), ("wait", [(SHA, "canceled")])]
)
def test_what_runs_is_stopped(text: str, reports: list[tuple[str, str]]) -> None:
    """A running build is stopped; its commit is told here only if the build does not come home by itself."""
    plan = make(f"project: demo\nregion: eu-central-1\nreturn: {text}\npackages: {{parser: {{}}}}\n")
    codebuild, status = FakeCodeBuild(records={RUNNING.id: RUNNING}), FakeStatus()
    stop(plan, [RUNNING.id], StopWorld(codebuild, status, lambda line: None))
    assert codebuild.stopped == [RUNNING.id]
    assert status.reports == reports


def test_nobody_is_told_of_a_build_for_no_ref() -> None:
    """Of `rerun --local` no commit status was set, so none says that it was cancelled."""
    local = replace(RUNNING, variables={**RUNNING.variables, "ORCHESTRATOR_REF": ""})
    codebuild, status = FakeCodeBuild(records={local.id: local}), FakeStatus()
    stop(PLAN, [local.id], StopWorld(codebuild, status, lambda line: None))
    assert (codebuild.stopped, status.reports) == ([local.id], [])


@pytest.mark.parametrize("build_id", [f"other-parser:{UUID}", "demo-parser", "", "x\x1b[2J", f"demo-parser:{UUID}x"])
def test_a_foreign_build_is_never_stopped(build_id: str) -> None:
    """With a build of another project among them, none is stopped."""
    codebuild = FakeCodeBuild(records={RUNNING.id: RUNNING, build_id: RUNNING})
    with pytest.raises(Refused):
        stop(PLAN, [RUNNING.id, build_id], StopWorld(codebuild, FakeStatus(), lambda line: None))
    assert codebuild.stopped == []


def test_one_failure_does_not_keep_the_others_running() -> None:
    """A build that cannot be stopped ends the command with 3, after all others were stopped."""

    class Stubborn(FakeCodeBuild):
        def stop(self, build_id: str) -> BuildRecord:
            if build_id == RUNNING.id:
                raise MachineryError("throttled", hint="retry")
            return super().stop(build_id)

    codebuild = Stubborn(records={RUNNING.id: RUNNING, SECOND.id: SECOND})
    with pytest.raises(MachineryError, match="not every build") as caught:
        stop(PLAN, [RUNNING.id, SECOND.id], StopWorld(codebuild, FakeStatus(), lambda line: None))
    assert codebuild.stopped == [SECOND.id]
    assert caught.value.detail == "throttled"


def test_an_unknown_build_is_a_wrong_argument() -> None:
    """A build that CodeBuild does not know ends with 2 and is named, after the others were stopped."""
    codebuild = FakeCodeBuild(records={RUNNING.id: RUNNING})
    with pytest.raises(ConfigurationError) as caught:
        stop(PLAN, [SECOND.id, RUNNING.id], StopWorld(codebuild, FakeStatus(), lambda line: None))
    assert SECOND.id in caught.value.detail
    assert codebuild.stopped == [RUNNING.id]


class Slow(FakeCodeBuild):
    """Takes its time to stop a build, as CodeBuild does: it ends as `end` says, at the third look."""

    end = "STOPPED"

    def stop(self, build_id: str) -> BuildRecord:
        self.stopped.append(build_id)
        after = replace(self.records[build_id], status=self.end, complete=True)
        self.script = [self.records[build_id], MachineryError("throttled"), after]
        return self.records[build_id]


@pytest.mark.parametrize(("end", "words"), [("STOPPED", "stopped"), ("SUCCEEDED", "ended SUCCEEDED")])
def test_stopping_is_over_when_the_build_is(end: str, words: str) -> None:
    """A build that was told to stop is looked at until it has ended, and that is said; a failing look is repeated."""
    codebuild, said, clock = Slow(records={RUNNING.id: RUNNING}), list[str](), FakeClock()
    codebuild.end = end
    patience = Patience(sleep=clock.sleep, monotonic=clock.monotonic, jitter=lambda most: most)
    stop(PLAN, [RUNNING.id], StopWorld(codebuild, FakeStatus(), said.append, patience))
    assert (said[0], codebuild.script) == (f"{RUNNING.id} is told to stop", [])
    assert said[-1].startswith(words)


def test_a_build_that_does_not_stop_is_told() -> None:
    """After two minutes nobody waits any longer: the command ends with 3."""

    class Endless(Slow):
        def stop(self, build_id: str) -> BuildRecord:
            return self.records[build_id]

    clock = FakeClock()
    patience = Patience(sleep=clock.sleep, monotonic=clock.monotonic, jitter=lambda most: most)
    world = StopWorld(Endless(records={RUNNING.id: RUNNING}), FakeStatus(), lambda line: None, patience)
    with pytest.raises(MachineryError) as caught:
        stop(PLAN, [RUNNING.id], world)
    assert "still runs" in caught.value.detail
    assert 60 < clock.now <= 120


@pytest.mark.parametrize(
    ("ref", "expected"), [("main", [RUNNING]), ("gone", []), ("", [RUNNING, ELSEWHERE])], ids=["main", "gone", "any"]
)
def test_the_running_builds_of_a_ref(ref: str, expected: list[BuildRecord]) -> None:
    """Those that run are found by their ref, and those that have ended, or are of a project that is gone, are not."""
    ended = record(id=RUNNING.id[:-1] + "3")
    codebuild = FakeCodeBuild(
        known={"demo-parser": project("demo-parser")}, records={one.id: one for one in (ended, ELSEWHERE, RUNNING)}
    )
    assert running(PLAN, codebuild, ref=ref) == expected
