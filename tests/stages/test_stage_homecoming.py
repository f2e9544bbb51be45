"""The story of postbuild with `return: event`: who takes a build, and how each ending is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from world import (
    OTHER_SHA,
    SHA,
    UUID,
    FakeClock,
    FakeCodeBuild,
    FakeHistory,
    FakeLogs,
    FakeStatus,
    FakeStore,
    deliver,
    make,
    project,
    record,
)

from orchestrator.errors import BuildFailed, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.plan.model import Plan
from orchestrator.records import PhaseRecord
from orchestrator.stages.delivery import Desk
from orchestrator.stages.doorstep import TakenAlready
from orchestrator.stages.postbuild import PostbuildWorld, postbuild

EVENT = make("project: demo\nregion: eu-central-1\nreturn: event\nartifacts: {prefix: team}\npackages: {parser: {}}\n")
BUILD_ID = f"demo-parser:{UUID}"
KEY = f"team/handback/demo-parser/{UUID}.json"


@dataclass
class Home:
    """A build that has ended, and the pipelines that come for it. `meanwhile` acts between reading and writing."""

    folder: Path
    plan: Plan = EVENT
    store: FakeStore = field(default_factory=FakeStore)
    status: FakeStatus = field(default_factory=FakeStatus)
    codebuild: FakeCodeBuild = field(
        default_factory=lambda: FakeCodeBuild(known={"demo-parser": project("demo-parser")})
    )

    def ended(self, status: str) -> None:
        built = record(status=status, phases=(PhaseRecord("INSTALL", status, 3, "why"),))
        self.codebuild.records = {BUILD_ID: built}

    def run(self, pipeline_id: str, commit: str = SHA, ref: str = "main") -> Any:
        world = PostbuildWorld(
            codebuild=self.codebuild,
            logs=FakeLogs(),
            open_store=lambda bucket, account: self.store,
            status=self.status,
            history=FakeHistory(),
            clock=FakeClock(),
            desk=Desk(write=Path.write_bytes, inspect=lambda path, item: [], narrate=lambda line: None),
            pipeline_id=pipeline_id,
        )
        return postbuild(self.plan, BUILD_ID, commit, ref, world, self.folder)

    def marked(self, **fields: str) -> None:
        self.store.objects[KEY] = json.dumps({"build_id": BUILD_ID, **fields}).encode()

    @property
    def mark(self) -> dict[str, str] | None:
        return json.loads(self.store.objects[KEY]) if KEY in self.store.objects else None


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a build that has failed, told by the function."""
    made = Home(tmp_path)
    made.ended("FAILED")
    made.marked(state="triggered", pipeline_id="7")
    return made


@pytest.mark.parametrize(
    ("status", "failure", "state", "said"),
    [
        ("FAILED", BuildFailed, "failed", f"the whole log: `orchestrator logs {BUILD_ID}`, or https"),
        ("TIMED_OUT", BuildFailed, "failed", "build.timeout_minutes"),
        ("FAULT", MachineryError, "failed", "run a new pipeline"),
        ("STOPPED", Superseded, "canceled", f"`orchestrator rerun --build {BUILD_ID}`"),
    ],
)
def test_every_ending_is_told(home: Home, status: str, failure: type[OrchestratorError], state: str, said: str) -> None:
    """Each ending has its name, its phase and the last lines of the log, and leaves no status running."""
    home.ended(status)
    with pytest.raises(failure) as caught:
        home.run("7")
    for words in (f"ended {status}", "phase: INSTALL", "no such header", said):
        assert words in str(caught.value)
    assert home.status.reports == [(SHA, state)]
    assert home.mark == {"build_id": BUILD_ID, "state": "home", "pipeline_id": "7"}


@pytest.mark.parametrize(
    "fields", [{"state": "claimed", "until": "1"}, {"state": "released"}, {"state": "triggered"}, None]
)
def test_the_first_pipeline_takes_the_build(home: Home, fields: dict[str, str] | None) -> None:
    """The event is told at least once: one pipeline has the result, a second one ends with 4 and tells nothing."""
    home.store.objects.clear()
    if fields:
        home.marked(**fields)
    for _repeated in range(2):
        with pytest.raises(BuildFailed):
            home.run("8")
    assert home.mark == {"build_id": BUILD_ID, "state": "home", "pipeline_id": "8"}
    for commit in (SHA, OTHER_SHA):
        with pytest.raises(TakenAlready, match="come home already") as caught:
            home.run("9", commit=commit)
        assert caught.value.exit_code == 4
    assert home.status.reports == [(SHA, "failed")] * 2


def test_refs_that_take_a_package_again_do_not_rob_each_other(home: Home) -> None:
    """A branch and a tag of a commit that was built for another ref have its package, each in one pipeline."""
    home.plan = make("project: demo\nregion: eu-central-1\nreturn: event\npackages: {parser: {}}\n")
    home.codebuild.records = {BUILD_ID: deliver(home.store, record())}
    for ref, first, second in (("release", "8", "9"), ("v1.0", "10", "11"), ("main", "12", "13")):
        assert home.run(first, ref=ref).package.exists()
        assert home.run(first, ref=ref).package.exists()
        with pytest.raises(TakenAlready):
            home.run(second, ref=ref)
    noted = home.store.objects[f"handback/demo-parser/{UUID}.json"]
    assert json.loads(noted) == {"build_id": BUILD_ID, "state": "home", "pipeline_id": "12"}


@pytest.mark.parametrize(
    ("ref", "commit", "pipeline", "told"),
    [("main", SHA, "8", "99"), ("v1.0", SHA, "8", "8"), ("v1.0", OTHER_SHA, "8", "99"), ("v1.0", SHA, "", "99")],
    ids=["its own ref", "another ref", "another commit", "a terminal"],
)
def test_a_package_that_is_taken_again_is_told_where_it_was_asked_for(
    home: Home, ref: str, commit: str, pipeline: str, told: str
) -> None:
    """What is wrong with a package is told in the pipeline of the other ref that takes it, not in that of its build."""
    home.ended("SUCCEEDED")
    with pytest.raises(OrchestratorError):
        home.run(pipeline, commit=commit, ref=ref)
    assert home.status.pipelines == [told]


def test_of_two_pipelines_at_once_one_has_the_build(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that is overtaken between its look and its note finds that out."""
    honest = FakeStore.replace

    def overtaken(store: FakeStore, key: str, content: bytes, *, tag: str | None) -> bool:
        home.marked(state="home", pipeline_id="1")
        return honest(store, key, content, tag=tag)

    monkeypatch.setattr(FakeStore, "replace", overtaken)
    with pytest.raises(TakenAlready):
        home.run("8")
    assert home.status.reports == []


def test_a_store_that_never_settles_ends_the_stage(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever cannot note that the build is home ends with 3: the job is repeated."""
    monkeypatch.setattr(FakeStore, "replace", lambda *_arguments, **_named: False)
    with pytest.raises(MachineryError, match="cannot note"):
        home.run("8")


def test_a_pipeline_of_another_commit_does_not_take_the_build(home: Home) -> None:
    """When the branch has moved on, the build stays there for a pipeline of its own commit."""
    with pytest.raises(Superseded, match="not of this commit"):
        home.run("8", commit=OTHER_SHA)
    assert home.mark == {"build_id": BUILD_ID, "state": "triggered", "pipeline_id": "7"}


def test_a_terminal_takes_nothing(home: Home) -> None:
    """At a terminal the stage brings a build as often as one likes, and leaves no note."""
    home.marked(state="home", pipeline_id="7")
    built = deliver(home.store, replace(record(), status="SUCCEEDED"))
    home.codebuild.records = {BUILD_ID: built}
    with pytest.raises(OrchestratorError, match="team/"):
        home.run("")
    assert home.mark == {"build_id": BUILD_ID, "state": "home", "pipeline_id": "7"}


@pytest.mark.parametrize("content", [b"", b"[]", b'{"build_id": "x", "state": "home"}', b"\xff"])
def test_a_strange_mark_is_refused(home: Home, content: bytes) -> None:
    """What is not ours neither counts as a mark nor is overwritten."""
    home.store.objects[KEY] = content
    with pytest.raises(Refused, match="not one of ours"):
        home.run("8")
    assert home.store.objects[KEY] == content
