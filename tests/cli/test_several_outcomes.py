"""What is kept and said of builds that somebody has waited for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from world import SHA, make, record

from orchestrator.cli.outcomes import SeveralFailed, fetched, note, raise_failure, status_of
from orchestrator.errors import BuildFailed, ConfigurationError, Gone, MachineryError, OrchestratorError, Refused
from orchestrator.records import BuildRecord
from orchestrator.redaction import KNOWN
from orchestrator.stages.build import StartedBuild
from orchestrator.stages.delivery import Desk
from orchestrator.stages.wait import Awaited, Outcome

PLAN = make("project: demo\nregion: eu-central-1\npackages: {parser: {}, images: {}}\n")
BUILT = record()
ASSEMBLED = f"assembled:demo-parser:{SHA}:{BUILT.uuid}:{'d' * 64}"


def outcome(
    package: str = "parser",
    build_id: str = BUILT.id,
    built: BuildRecord | None = BUILT,
    error: OrchestratorError | None = None,
) -> Outcome:
    """Return what became of a build."""
    return Outcome(Awaited(package, build_id, SHA, None), PLAN.builds[0], built, error)


def project(folder: Path) -> Any:
    """Return as much of a project as is used here."""
    return SimpleNamespace(plan=PLAN, work=folder / ".orchestrator")


def desk(*own: str) -> Desk:
    """Return a desk in a repository that tracks these files."""
    return Desk(
        lambda *_: None, lambda *_: [], lambda line: None, lambda _, names: [one for one in names if one in own]
    )


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (outcome(), "SUCCEEDED"),
        (outcome(error=Refused("x")), "refused"),
        (outcome(error=Gone("x")), "not brought"),
        (outcome(built=replace(BUILT, status="FAILED"), error=BuildFailed("x")), "FAILED"),
        (outcome(built=None, error=MachineryError("x")), "lost"),
        (outcome(build_id=ASSEMBLED, built=None), "made here"),
        (outcome(build_id=ASSEMBLED, built=None, error=Refused("x")), "refused"),
        (outcome(build_id="", built=None), "made here"),
    ],
    ids=range(8),
)
def test_a_build_that_succeeded_is_not_yet_a_package(one: Outcome, status: str) -> None:
    """The table says how the build ended, and where the package got stuck if only that went wrong."""
    assert status_of(one) == status


def test_what_is_kept_grows_with_each_ending(tmp_path: Path) -> None:
    """Every build that was begun is in `builds.json`, those that have not ended as such; `junit.xml` has the others."""
    begun = [StartedBuild(name, f"demo-{name}:1", SHA, "https://console", ours=True) for name in ("parser", "images")]
    note(project(tmp_path), begun, [outcome(error=BuildFailed("no such header"))])
    first, second = json.loads((tmp_path / ".orchestrator" / "builds.json").read_text())["builds"]
    assert (first["exit_code"], first["error"], first["ours"]) == (1, "no such header", True)
    assert second["status"] == "waiting"
    assert "no such header" in (tmp_path / ".orchestrator" / "junit.xml").read_text()


def test_no_secret_is_kept(tmp_path: Path) -> None:
    """What the log says last goes into the report without the secrets of the job, and refuses nothing."""
    secret = KNOWN.hide("glpat-of-this-very-job", "CI_JOB_TOKEN")
    note(project(tmp_path), (), [outcome(error=BuildFailed("failed", detail=f"curl -H 'token: {secret}'"))])
    text = (tmp_path / ".orchestrator" / "junit.xml").read_text()
    assert "curl" in text
    assert secret not in text


def test_several_failures_are_told_one_by_one() -> None:
    """A single failure is raised as it is; of several each is told, and the worst class gives the exit code."""
    failed, refused = BuildFailed("failed", detail="why"), Refused("lies")
    raise_failure([outcome()])
    with pytest.raises(BuildFailed):
        raise_failure([outcome(), outcome(error=failed)])
    with pytest.raises(SeveralFailed) as caught:
        raise_failure([outcome(error=failed), outcome("images", error=refused)])
    assert caught.value.exit_code == 5
    assert "parser: failed\nwhy" in str(caught.value)
    assert "images: lies" in str(caught.value)


def test_what_was_made_here_goes_where_the_others_go(tmp_path: Path) -> None:
    """A package that needed no CodeBuild is brought to the same place, and replaces no file of the user."""
    kept = tmp_path / ".orchestrator" / "packages" / "parser"
    kept.mkdir(parents=True)
    (kept / "package.zip").write_bytes(b"PK")
    assert fetched(project(tmp_path), desk(), "parser", tmp_path / "dist").exit_code == 0
    assert (tmp_path / "dist" / "package.zip").read_bytes() == b"PK"
    refused = fetched(project(tmp_path), desk("package.zip"), "parser", tmp_path / "own")
    assert isinstance(refused.error, ConfigurationError)
    assert not (tmp_path / "own").exists()
