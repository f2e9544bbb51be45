"""The story of stop."""

from __future__ import annotations

import pytest
from world import SHA, UUID, FakeCodeBuild, FakeStatus, make, record

from orchestrator.errors import ConfigurationError, MachineryError, Refused
from orchestrator.records import BuildRecord
from orchestrator.stages.stop import StopWorld, stop

PLAN = make()
RUNNING = record(status="IN_PROGRESS", complete=False)
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
    with pytest.raises(MachineryError, match="not every build"):
        stop(PLAN, [RUNNING.id, SECOND.id], StopWorld(codebuild, FakeStatus(), lambda line: None))
    assert codebuild.stopped == [SECOND.id]


def test_an_unknown_build_is_a_wrong_argument() -> None:
    """A build that CodeBuild does not know ends with 2 and is named, after the others were stopped."""
    codebuild = FakeCodeBuild(records={RUNNING.id: RUNNING})
    with pytest.raises(ConfigurationError) as caught:
        stop(PLAN, [SECOND.id, RUNNING.id], StopWorld(codebuild, FakeStatus(), lambda line: None))
    assert SECOND.id in caught.value.detail
    assert codebuild.stopped == [RUNNING.id]
