"""Cancelling: signals wait while a build is started, and what a job has started is stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from orchestrator.cli import stages, wire
from orchestrator.cli import stop as command
from orchestrator.cli.boundary import Interrupted, postponed
from orchestrator.cli.main import cli
from orchestrator.cli.project import load_project
from orchestrator.errors import MachineryError, Refused
from orchestrator.stages.build import StartedBuild

OURS = StartedBuild("parser", "demo-parser:1", "0" * 40, "https://console", ours=True)
ANOTHER = "demo-parser:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
THEIRS = StartedBuild("images", "demo-images:2", "0" * 40, "https://console")


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids that were to be stopped, by a job and by the command."""
    ids: list[str] = []
    for module in (command, stages):
        monkeypatch.setattr(module, "stop_builds", lambda project, build_ids: ids.extend(build_ids))
    return ids


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a small configuration, and go there."""
    (tmp_path / "orchestrator.yml").write_text("project: demo\nregion: eu-central-1\npackages: {parser: {}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI_JOB_STATUS", raising=False)
    return tmp_path


def left(place: Path, text: str) -> None:
    """Write what `orchestrator build` leaves."""
    (place / ".orchestrator").mkdir()
    (place / ".orchestrator" / "builds.json").write_text(text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_waits_for_the_record(number: signal.Signals) -> None:
    """A signal that arrives while a build is started takes effect when its id is known, and not before."""
    done: list[str] = []

    def interrupt(_signal: int, _frame: Any) -> None:
        raise Interrupted

    before = signal.signal(number, interrupt)
    try:
        with pytest.raises(Interrupted), postponed():
            signal.raise_signal(number)
            done.append("recorded")
        assert signal.getsignal(number) is interrupt
    finally:
        signal.signal(number, before)
    assert done == ["recorded"]


@pytest.mark.parametrize("cause", [KeyboardInterrupt, Interrupted])
def test_an_interrupted_build_stops_what_it_started(stopped: list[str], cause: type[BaseException]) -> None:
    """Whoever cancels `orchestrator build` stops the builds it has started, and none that it has only found."""
    with pytest.raises(cause), stages.stopped_when_interrupted(SimpleNamespace(), [OURS, THEIRS]):
        raise cause
    assert stopped == [OURS.build_id]


def test_a_build_that_cannot_be_stopped_hides_no_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    """When stopping fails, the command still ends as cancelled, and says which net is left."""
    said: list[str] = []

    def fail(project: Any, build_ids: Sequence[str]) -> None:
        raise MachineryError("throttled", hint="retry")

    monkeypatch.setattr(stages, "stop_builds", fail)
    monkeypatch.setattr(stages, "narrate", said.append)
    with pytest.raises(Interrupted), stages.stopped_when_interrupted(SimpleNamespace(), [OURS]):
        raise Interrupted
    assert "time-out" in said[0]


@pytest.mark.parametrize(
    ("status", "arguments", "expected"),
    [
        ("success", ["--if-canceled"], []),
        (None, ["--if-canceled"], []),
        ("canceled", ["--if-canceled"], [OURS.build_id]),
        (None, [], [OURS.build_id]),
        (None, [ANOTHER], [ANOTHER]),
    ],
)
def test_stop_takes_what_the_job_has_started(
    place: Path, stopped: list[str], status: str | None, arguments: list[str], expected: list[str]
) -> None:
    """Without ids the builds that `build` started here are stopped; with `--if-canceled` in a cancelled job only."""
    left(place, json.dumps({"builds": [OURS.__dict__, THEIRS.__dict__]}))
    outcome = CliRunner().invoke(cli, ["stop", *arguments], env={"CI_JOB_STATUS": status})
    assert outcome.exit_code == 0, outcome.output
    assert stopped == expected


def test_a_job_that_has_started_nothing_has_nothing_to_stop(place: Path) -> None:
    """A job that was cancelled before its first build ends well, and asks nobody."""
    outcome = CliRunner().invoke(cli, ["stop", "--if-canceled"], env={"CI_JOB_STATUS": "canceled"})
    assert outcome.exit_code == 0
    assert "no build was started here; a BUILD, `--ref` or" in outcome.output


@pytest.mark.parametrize("text", ["", "[]", '{"builds": [{}]}', "\x00"])
def test_a_broken_record_is_told(place: Path, text: str) -> None:
    """A builds.json that is not ours is a wrong argument, not a bug."""
    left(place, text)
    outcome = CliRunner().invoke(cli, ["stop"])
    assert "builds.json" in str(outcome.exception)
    assert getattr(outcome.exception, "exit_code", None) == 2


@pytest.mark.parametrize(("environment", "most"), [({"GITLAB_CI": "true"}, 10.0), ({}, inf)], ids=["job", "terminal"])
def test_a_job_that_is_cancelled_looks_for_ten_seconds(
    place: Path, environment: dict[str, str], most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no more time, and must say what goes on before it is killed; at a terminal the stage says how long."""
    monkeypatch.setattr(wire, "CodeBuildService", lambda *_: None)
    world = wire.stop_world(load_project(Path("orchestrator.yml"), environment), environment)
    assert world.patience.remaining_seconds() <= most
    assert (world.patience.remaining_seconds() == inf) == (most == inf)


@pytest.mark.parametrize(
    "arguments",
    [
        ["stop", "--ref", ""],
        ["stop", "--ref", "", "--package", "parser"],
        ["rerun", "--ref", "", "--dry-run"],
        ["rerun", "--commit", "", "--dry-run"],
        ["rerun", "--build", "", "--dry-run"],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_not_everything(place: Path, stopped: list[str], arguments: list[str]) -> None:
    """`--ref "$REF"` of a variable that is not set neither stops the builds of all refs, nor pays for other ones."""
    left(place, json.dumps({"builds": [OURS.__dict__]}))
    outcome = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert isinstance(outcome.exception, click.UsageError)
    assert stopped == []


@pytest.mark.usefixtures("place")
def test_a_ref_that_no_build_is_for_is_refused(stopped: list[str]) -> None:
    """Whoever writes the full name of a branch is told, instead of hearing that nothing runs."""
    outcome = CliRunner().invoke(cli, ["stop", "--ref", "refs/heads/main"])
    assert isinstance(outcome.exception, Refused)
    assert stopped == []
