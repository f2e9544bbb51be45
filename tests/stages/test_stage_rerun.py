"""The story of rerun."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from world import DIGEST, OTHER_SHA, SHA, FakeCodeBuild, FakeGit, FakeStatus, FakeStore, make, project, record

from orchestrator.errors import ConfigurationError
from orchestrator.plan.digest import marker
from orchestrator.plan.model import Plan
from orchestrator.records import BuildRecord, Commit
from orchestrator.stages.build import StartedBuild
from orchestrator.stages.rerun import Again, RerunWorld, choose, look, rerun

TEXT = "project: demo\nregion: eu-central-1\n{}packages: {{parser: {{}}, images: {{}}}}\n"
PLAN = make(TEXT.format(""))
KEY = f"snapshots/{SHA}.tar.gz"
STORED = "5" * 64
AGAIN = Again(SHA, "main", "99")


def earlier(name: str, number: int = 0, **changes: Any) -> BuildRecord:
    """Return an earlier build of a package."""
    variables = {"ORCHESTRATOR_COMMIT_SHA": SHA, "ORCHESTRATOR_REF": "main", "ORCHESTRATOR_SNAPSHOT_SHA256": STORED}
    one = record(f"demo-{name}", variables={**variables, **changes.pop("variables", {})})
    return replace(one, id=f"{one.id[:-1]}{number}", **changes)


class Checkout(FakeGit):
    """A checkout that has the commit, unless a test says otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def commit(self, revision: str) -> Commit:
        self.asked.append(revision)
        return Commit(revision)

    def changed_files(self) -> list[str]:
        raise AssertionError("a rerun does not look at what is checked out")


@dataclass
class Lab:
    """A world with earlier builds, and what came of a rerun."""

    codebuild: FakeCodeBuild
    store: FakeStore
    git: Checkout
    status: FakeStatus
    recorded: list[list[StartedBuild]]

    @property
    def world(self) -> RerunWorld:
        uuids = iter("abcdefgh")
        return RerunWorld(
            codebuild=self.codebuild,
            git=self.git,
            open_store=lambda bucket, account: self.store,
            status=self.status,
            narrate=lambda line: None,
            record=lambda started: self.recorded.append(list(started)),
            new_uuid=lambda: next(uuids),
        )

    def run(self, tmp_path: Path, again: Again = AGAIN, plan: Plan = PLAN) -> list[tuple[str, dict[str, str], str]]:
        """Choose and start; return what CodeBuild was asked for."""
        known = look(plan, self.codebuild)
        rerun(plan, again, choose(plan, again, known, self.world.open_store), self.world, tmp_path)
        return self.codebuild.started


def lab(*builds: BuildRecord) -> Lab:
    """Return a world in which prebuild has made the projects, and these builds were started in this order."""
    known = {name: project(name) for name in ("demo-parser", "demo-images")}
    records = {one.id: one for one in builds}
    return Lab(FakeCodeBuild(known=known, records=records), FakeStore(), Checkout(), FakeStatus(), [])


def test_the_stored_snapshot_is_used(tmp_path: Path) -> None:
    """With the archive in the store nothing of the checkout is needed, and the build is told the digest it had."""
    here = lab(earlier("parser"))
    here.store.objects[KEY] = b"archive"
    asked = here.run(tmp_path)
    assert here.git.asked == []
    assert {name for name, _, _ in asked} == {"demo-parser", "demo-images"}
    assert {variables["ORCHESTRATOR_SNAPSHOT_SHA256"] for _, variables, _ in asked} == {STORED}


@pytest.mark.parametrize("told", [True, False], ids=["deleted", "never told"])
def test_a_missing_snapshot_is_made(tmp_path: Path, told: bool) -> None:
    """Where the archive is gone, or nobody knows its digest, the commit of the checkout is archived and stored."""
    here = lab(earlier("parser", variables={} if told else {"ORCHESTRATOR_SNAPSHOT_SHA256": ""}))
    if not told:
        here.store.put_new(KEY, b"archive", sha256=hashlib.sha256(b"archive").hexdigest())
    asked = here.run(tmp_path)
    assert here.git.asked == [SHA]
    digest = hashlib.sha256(b"archive").hexdigest()
    assert here.store.digests[KEY] == digest
    assert asked[0][1]["ORCHESTRATOR_SNAPSHOT_SHA256"] == digest


def test_a_rerun_is_always_a_new_build(tmp_path: Path) -> None:
    """Two reruns of the same are two builds: no token is used twice, whatever has succeeded before."""
    here = lab(earlier("parser"), earlier("images"))
    here.store.objects[KEY] = b"archive"
    asked = here.run(tmp_path)
    assert len({token for _, _, token in asked}) == len(asked) == 2
    mark = marker("demo-parser", SHA, DIGEST)
    assert [variables["ORCHESTRATOR_MARKER"] for name, variables, _ in asked if name == "demo-parser"] == [mark]


@pytest.mark.parametrize(
    ("builds", "expected"),
    [
        ([earlier("parser", status="FAILED"), earlier("images")], ["parser"]),
        ([earlier("parser", status="FAILED"), earlier("parser", 1), earlier("images")], []),
        ([earlier("parser"), earlier("parser", 1, status="STOPPED"), earlier("images")], ["parser"]),
        ([earlier("parser", status="IN_PROGRESS", complete=False), earlier("images")], []),
        ([earlier("images")], ["parser"]),
        ([earlier("parser", variables={"ORCHESTRATOR_COMMIT_SHA": OTHER_SHA}), earlier("images")], ["parser"]),
    ],
    ids=["failed", "mended", "stopped", "running", "never built", "another commit"],
)
def test_only_what_failed_is_repeated(builds: list[BuildRecord], expected: list[str]) -> None:
    """With `--failed` a package is built again if its newest build of the commit did not succeed, and only then."""
    here = lab(*builds)
    again = replace(AGAIN, only_failed=True)
    repeats = choose(PLAN, again, look(PLAN, here.codebuild), here.world.open_store)
    assert [one.item.package for one in repeats] == expected


def test_a_build_for_nobody_hides_no_ref() -> None:
    """After `rerun --local` of a commit it is still known which ref waits for it; one built for nobody has none."""
    local = {"ORCHESTRATOR_REF": ""}
    known = look(PLAN, lab(earlier("parser"), earlier("parser", 1, variables=local)).codebuild)
    assert known.ref_of(SHA) == "main"
    assert known.ref_of(OTHER_SHA) == ""
    assert look(PLAN, lab(earlier("parser", variables=local)).codebuild).ref_of(SHA) == ""


@pytest.mark.parametrize(("ref", "expected"), [("main", ["parser"]), ("", [])], ids=["for main", "local"])
def test_what_came_home_to_nobody_has_not_succeeded_for_a_ref(ref: str, expected: list[str]) -> None:
    """After a failure and a success of `rerun --local`, `--failed` still builds what the pipeline lacks."""
    told = {"ORCHESTRATOR_COMMIT_SHA": SHA, "ORCHESTRATOR_REF": ""}
    here = lab(earlier("parser", status="FAILED"), earlier("parser", 1, variables=told), earlier("images"))
    repeats = choose(PLAN, Again(SHA, ref, only_failed=True), look(PLAN, here.codebuild), here.world.open_store)
    assert [one.item.package for one in repeats] == expected


def test_the_newest_commit_of_a_ref(tmp_path: Path) -> None:
    """What was built last for a ref, by any package, says which commit that is."""
    moved = earlier("images", 1, variables={"ORCHESTRATOR_COMMIT_SHA": OTHER_SHA, "ORCHESTRATOR_REF": "feature"})
    here = lab(earlier("parser"), moved)
    known = look(PLAN, here.codebuild)
    assert known.newest(REF="feature") == moved
    assert known.newest(REF="gone") is None


def test_the_pipeline_that_asks_is_told(tmp_path: Path) -> None:
    """In a job its pipeline shows the build as running; without a pipeline nobody would tell the end."""
    here = lab()
    here.run(tmp_path)
    assert here.status.reports == [(SHA, "running")] * 2
    alone = lab()
    asked = alone.run(tmp_path, Again(SHA, "", ""))
    assert alone.status.reports == []
    assert {variables["ORCHESTRATOR_REF"] for _, variables, _ in asked} == {""}


def test_a_clone_needs_no_snapshot(tmp_path: Path) -> None:
    """With `source: clone` nothing is archived, and no digest is sent."""
    plan = make(
        TEXT.format("source: clone\nclone: {url: 'https://gitlab.example.com/a/b.git'}\ngitlab: {project: a/b}\n")
    )
    here = lab()
    asked = here.run(tmp_path, plan=plan)
    assert asked[0][1]["ORCHESTRATOR_SNAPSHOT_SHA256"] == ""
    assert here.store.objects == {}


@pytest.mark.parametrize("settings", [None, {}], ids=["no project", "never applied"])
def test_without_prebuild_nothing_is_built(settings: dict[str, str] | None) -> None:
    """A project that prebuild has not made starts no build."""
    here = lab()
    if settings is None:
        del here.codebuild.known["demo-parser"]
    else:
        here.codebuild.known["demo-parser"] = project("demo-parser", tags=settings)
    with pytest.raises(ConfigurationError, match="demo-parser"):
        look(PLAN, here.codebuild)


def test_each_start_is_recorded_at_once(tmp_path: Path) -> None:
    """When the second build cannot be started, the first one's id is known."""
    here = lab()
    here.run(tmp_path)
    assert [[one.package for one in some] for some in here.recorded] == [["images"], ["images", "parser"]]
