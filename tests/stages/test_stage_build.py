"""The story of build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import (
    BUCKET,
    DIGEST,
    SHA,
    UUID,
    FakeCodeBuild,
    FakeGit,
    FakeMaker,
    FakeStatus,
    FakeStore,
    make,
    project,
    record,
)

from orchestrator.errors import ConfigurationError, MachineryError, Refused
from orchestrator.records import BuildRecord
from orchestrator.stages.assembled import Workshop
from orchestrator.stages.build import BuildWorld, Request, StartedBuild, build

PLAN = make()
REQUEST = Request(commit=SHA, ref="main", pipeline_id="99")


def world(recorded: list[list[StartedBuild]] | None = None, **changes: Any) -> BuildWorld:
    """Return a world in which prebuild has applied the plan."""
    store = FakeStore()
    keep = recorded if recorded is not None else []
    parts: dict[str, Any] = {
        "codebuild": FakeCodeBuild(known={"demo-parser": project("demo-parser")}),
        "git": FakeGit(),
        "open_store": lambda bucket, account: store,
        "status": FakeStatus(),
        "narrate": lambda line: None,
        "record": lambda started: keep.append(list(started)),
        "workshop": Workshop(FakeMaker(), None, lambda: UUID, lambda line: None, Path("nowhere")),
    }
    return BuildWorld(**{**parts, **changes})


def test_the_exact_commit_goes_in(tmp_path: Path) -> None:
    """The build gets the full SHA and the digest of the snapshot that was stored under it."""
    store = FakeStore()
    codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")})
    build(PLAN, DIGEST, REQUEST, world(codebuild=codebuild, open_store=lambda b, a: store), tmp_path)
    ((name, variables, _),) = codebuild.started
    assert name == "demo-parser"
    assert variables["ORCHESTRATOR_COMMIT_SHA"] == SHA
    assert store.digests[f"snapshots/{SHA}.tar.gz"] == variables["ORCHESTRATOR_SNAPSHOT_SHA256"]


def test_only_the_closed_list_of_variables_is_sent(tmp_path: Path) -> None:
    """No variable reaches the build that is not on the list."""
    codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")})
    build(PLAN, DIGEST, REQUEST, world(codebuild=codebuild), tmp_path)
    assert set(codebuild.started[0][1]) == {
        "ORCHESTRATOR_COMMIT_SHA",
        "ORCHESTRATOR_REF",
        "ORCHESTRATOR_SNAPSHOT_SHA256",
        "ORCHESTRATOR_PIPELINE_ID",
        "ORCHESTRATOR_MARKER",
    }


def test_a_retried_job_asks_for_the_same_build(tmp_path: Path) -> None:
    """Whoever wants the same build gives the same idempotency token; another commit or ref gives another."""
    codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")})
    for request in (REQUEST, REQUEST, replace(REQUEST, pipeline_id="100"), replace(REQUEST, commit="f" * 40),
                    replace(REQUEST, ref="other")):  # fmt: skip
        build(PLAN, DIGEST, request, world(codebuild=codebuild), tmp_path)
    first, again, other_pipeline, other_commit, other_ref = (token for _, _, token in codebuild.started)
    assert first == again == other_pipeline
    assert len({first, other_commit, other_ref}) == 3
    assert len(first) <= 64


@pytest.mark.parametrize(
    "known", [{}, {"demo-parser": project("demo-parser", tags={})}], ids=["none", "other settings"]
)
def test_nothing_is_built_with_other_settings(tmp_path: Path, known: dict[str, Any]) -> None:
    """A project that prebuild has not applied as planned starts no build."""
    codebuild = FakeCodeBuild(known=known)
    with pytest.raises(ConfigurationError, match="demo-parser") as caught:
        build(PLAN, DIGEST, REQUEST, world(codebuild=codebuild), tmp_path)
    assert "prebuild" in caught.value.hint
    assert codebuild.started == []


def test_the_first_build_id_survives_a_failing_second(tmp_path: Path) -> None:
    """When the second of two builds cannot be started, the id of the first is already written."""
    plan = make("project: demo\nregion: eu-central-1\npackages: {aaa: {}, broken: {}}\n")
    recorded: list[list[StartedBuild]] = []
    known = {name: project(name) for name in ("demo-aaa", "demo-broken")}
    with pytest.raises(MachineryError):
        build(plan, DIGEST, REQUEST, world(recorded, codebuild=FakeCodeBuild(known=known)), tmp_path)
    assert [started.package for started in recorded[-1]] == ["aaa"]


def test_a_snapshot_is_never_overwritten(tmp_path: Path) -> None:
    """Something else stored under the SHA ends the stage before a build starts."""
    store = FakeStore(bucket=BUCKET, objects={f"snapshots/{SHA}.tar.gz": b"other"})
    codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")})
    with pytest.raises(Refused):
        build(PLAN, DIGEST, REQUEST, world(codebuild=codebuild, open_store=lambda b, a: store), tmp_path)
    assert codebuild.started == []
    assert store.objects[f"snapshots/{SHA}.tar.gz"] == b"other"


def test_the_commit_shows_the_build(tmp_path: Path) -> None:
    """GitLab shows the build as running beside its commit."""
    status = FakeStatus()
    build(PLAN, DIGEST, REQUEST, world(status=status), tmp_path)
    assert status.reports == [(SHA, "running")]


@pytest.mark.parametrize("status", ["STOPPED", "FAULT"])
def test_a_dead_build_is_not_given_to_a_retry(tmp_path: Path, status: str) -> None:
    """When the token of a retry finds a build that was stopped or had a fault, another one is started, once."""
    dead = record("demo-parser", status=status, complete=True)
    answers = [dead, record("demo-parser", id=dead.id[:-1] + "1", status="IN_PROGRESS", complete=False)]
    tokens: list[str] = []

    class Forgetful(FakeCodeBuild):
        def start(self, name: str, variables: Mapping[str, str], idempotency_token: str) -> BuildRecord:
            tokens.append(idempotency_token)
            return answers[len(tokens) - 1]

    codebuild = Forgetful(known={"demo-parser": project("demo-parser")})
    (started,) = build(PLAN, DIGEST, REQUEST, world(codebuild=codebuild), tmp_path)
    assert started.build_id == answers[1].id
    assert len(set(tokens)) == 2


def test_the_snapshot_leaves_no_file(tmp_path: Path) -> None:
    """Whether the stage ends well or not, no archive of the commit stays on the machine."""
    build(PLAN, DIGEST, REQUEST, world(), tmp_path / "work")
    store = FakeStore(bucket=BUCKET, objects={f"snapshots/{SHA}.tar.gz": b"other"})
    with pytest.raises(Refused):
        build(PLAN, DIGEST, REQUEST, world(open_store=lambda b, a: store), tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []
