"""The story of waiting for builds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from world import (
    SHA,
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

from orchestrator.effects.files import file_errors
from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError, Refused, Superseded
from orchestrator.records import BuildRecord
from orchestrator.stages.delivery import Desk
from orchestrator.stages.follow import follow
from orchestrator.stages.postbuild import PostbuildWorld
from orchestrator.stages.wait import Awaited, Outcome, WaitWorld, exit_code, wait
from orchestrator.watching.model import Ended, Lost, Seen, Trouble

PLAN = make("project: demo\nregion: eu-central-1\npackages: {parser: {}, images: {}}\n")
PARSER, IMAGES = record("demo-parser"), record("demo-images")


class Town:
    """A world in which builds end as a test says, and what was told and noted."""

    def __init__(self, *ends: BuildRecord, lost: Sequence[str] = ()) -> None:
        self.ends, self.lost = ends, lost
        self.store = FakeStore()
        self.told: list[Seen] = []
        self.noted: list[list[tuple[str, int]]] = []
        self.watched: list[list[str]] = []
        self.codebuild = FakeCodeBuild(
            known={name: project(name) for name in ("demo-parser", "demo-images")},
            records={one.id: one for one in ends},
        )

    def watch(self, build_ids: Sequence[str]) -> Iterator[Seen]:
        self.watched.append(list(build_ids))
        yield Trouble("throttled")
        yield from (Ended(one) for one in self.ends if one.id in build_ids)
        yield from (Lost(build_id, "gone") for build_id in self.lost)

    def wait(self, *awaited: Awaited) -> list[Outcome]:
        home = PostbuildWorld(
            codebuild=self.codebuild,
            logs=FakeLogs(),
            open_store=lambda bucket, account: self.store,
            status=FakeStatus(),
            clock=FakeClock(),
            desk=Desk(write=Path.write_bytes, inspect=lambda *_: [], narrate=lambda line: None, files=file_errors),
            history=FakeHistory(),
        )

        def note(outcomes: Sequence[Outcome]) -> None:
            self.noted.append([(one.awaited.package, one.exit_code) for one in outcomes])

        return wait(PLAN, awaited, WaitWorld(self.watch, self.told.append, home, note=note))


def awaited(one: BuildRecord, output: Path | None = None) -> Awaited:
    """Return a build that somebody waits for."""
    return Awaited(one.project.removeprefix("demo-"), one.id, SHA, output)


def test_every_package_comes_home_verified(tmp_path: Path) -> None:
    """A build that has succeeded leaves its package in the folder that was named; the order is that of the question."""
    town = Town()
    parser = deliver(town.store, PARSER)
    images = deliver(town.store, IMAGES, package="images")
    town.ends = (images, parser)
    town.codebuild.records |= {one.id: one for one in town.ends}
    outcomes = town.wait(awaited(parser, tmp_path / "parser"), awaited(images, tmp_path / "images"))
    assert [one.awaited.package for one in outcomes] == ["parser", "images"]
    assert [one.exit_code for one in outcomes] == [0, 0]
    assert (tmp_path / "images" / "package.zip").read_bytes() == b"PK package"
    assert town.watched == [[parser.id, images.id]]


def test_one_failure_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    """A failed build is told as one, the other one's package is there, and each was noted when it ended."""
    town = Town()
    images = deliver(town.store, IMAGES, package="images")
    failed = replace(PARSER, status="FAILED")
    town.ends = (failed, images)
    town.codebuild.records |= {one.id: one for one in town.ends}
    first, second = town.wait(awaited(failed, tmp_path / "parser"), awaited(images, tmp_path / "images"))
    assert isinstance(first.error, BuildFailed)
    assert "no such header" in first.error.detail
    assert second.delivered is not None
    assert town.noted == [[("parser", 1)], [("parser", 1), ("images", 0)]]


def test_a_folder_that_cannot_be_written_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    """Where a file is in the way of one package, that is the failure of this package, and told as such."""
    town = Town()
    parser, images = deliver(town.store, PARSER), deliver(town.store, IMAGES, package="images")
    town.ends = (parser, images)
    town.codebuild.records |= {one.id: one for one in town.ends}
    (tmp_path / "parser").write_text("in the way")
    first, second = town.wait(awaited(parser, tmp_path / "parser"), awaited(images, tmp_path / "images"))
    assert isinstance(first.error, ConfigurationError)
    assert "parser" in first.error.what
    assert second.delivered is not None
    assert town.noted == [[("parser", 2)], [("parser", 2), ("images", 0)]]


def test_a_lying_package_is_refused(tmp_path: Path) -> None:
    """What postbuild would refuse is refused here, and no package is left."""
    town = Town()
    parser = deliver(town.store, PARSER, architecture="x86_64")
    town.ends = (parser,)
    town.codebuild.records[parser.id] = parser
    (outcome,) = town.wait(awaited(parser, tmp_path))
    assert isinstance(outcome.error, Refused)
    assert not (tmp_path / "package.zip").exists()


@pytest.mark.parametrize(("status", "code"), [("SUCCEEDED", 0), ("FAILED", 1), ("STOPPED", 4), ("FAULT", 3)])
def test_without_a_folder_nothing_is_fetched(status: str, code: int) -> None:
    """Who only looks gets the result of the build, and no package."""
    (outcome,) = Town(replace(PARSER, status=status)).wait(awaited(PARSER))
    assert (outcome.exit_code, outcome.delivered) == (code, None)


def test_what_had_ended_before_is_not_watched() -> None:
    """The log of a build that had ended before is not shown again; its end is."""
    town = Town()
    town.wait(replace(awaited(PARSER), ended=PARSER))
    assert town.watched == []
    assert town.told == [Ended(PARSER)]


@pytest.mark.parametrize("lost", [[PARSER.id], []], ids=["told", "never mentioned"])
def test_a_build_that_is_lost_is_no_success(lost: list[str]) -> None:
    """A build whose end nobody has told is a fault of the machinery, with the way back to it."""
    (outcome,) = Town(lost=lost).wait(awaited(PARSER))
    assert isinstance(outcome.error, MachineryError)
    assert f"orchestrator attach {PARSER.id}" in outcome.error.hint


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([], 0),
        ([Superseded("x")], 4),
        ([Superseded("x"), BuildFailed("x")], 1),
        ([BuildFailed("x"), MachineryError("x")], 3),
        ([MachineryError("x"), Refused("x"), BuildFailed("x")], 5),
    ],
    ids=["none", "stopped", "failed", "machinery", "refused"],
)
def test_the_worst_class_speaks_for_all(errors: list[OrchestratorError], code: int) -> None:
    """One exit code: a person must look, correct, retry, then the package's own failure, then what was stopped."""
    outcomes = [Outcome(awaited(PARSER), None, error=error) for error in [*errors, None]]
    assert exit_code(outcomes) == code


def test_what_has_ended_is_not_said_to_be_in_a_phase() -> None:
    """Whoever has seen the end of a build hears nothing of its way there."""
    said: list[str] = []
    assert follow(PARSER.id, FakeCodeBuild(records={PARSER.id: PARSER}), FakeClock(), said.append, deadline_seconds=1)
    assert said == []
