"""Whose package it is that a command waits for: that of the ref it was told, whatever job it runs in."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from world import FakeCodeBuild, FakeStore, project, record

from orchestrator.cli import waiting, wire
from orchestrator.cli.main import cli
from orchestrator.stages import build, rerun
from orchestrator.stages.rerun import RerunWorld

CONFIGURATION = (
    "project: demo\nregion: eu-central-1\ngitlab: {project: 7}\nreturn: wait\n"
    "packages: {parser: {source: ., build: {reuse_hours: 0}}}\n"
)
RUNS = record(status="IN_PROGRESS", complete=False)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Go to a checkout in a job of `feature`; return the refs for which commands wait."""
    (tmp_path / "orchestrator.yml").write_text(CONFIGURATION)
    (tmp_path / "handler.py").write_text("")
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "x"]):
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    for name, value in {"GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "feature", "CI_PIPELINE_ID": "5"}.items():
        monkeypatch.setenv(name, value)
    for name in ("CI_COMMIT_SHA", "CI_COMMIT_TAG", "ORCHESTRATOR_JOBS_RETURN"):
        monkeypatch.delenv(name, raising=False)
    waited: list[str] = []
    monkeypatch.setattr(waiting, "wait_for", lambda _project, _awaited, how: waited.append(how.ref))
    return waited


def test_a_build_for_another_ref_is_awaited_for_that_ref(job: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`build --ref main --wait` in a job of `feature` asks for the package of `main`, not for somebody else's."""
    monkeypatch.setattr(wire, "build_world", lambda *_: None)
    monkeypatch.setattr(build, "build", lambda *_: ())
    outcome = CliRunner().invoke(cli, ["build", "--ref", "main", "--wait"])
    assert (outcome.exception, job) == (None, ["main"])


@pytest.mark.parametrize(("extra", "ref"), [([], "main"), (["--local"], "")])
def test_a_rerun_for_another_ref_is_awaited_for_that_ref(
    job: list[str], monkeypatch: pytest.MonkeyPatch, extra: list[str], ref: str
) -> None:
    """`rerun --ref main --wait` likewise; what is built for nobody is asked for by nobody."""
    codebuild = FakeCodeBuild(known={"demo-parser": project("demo-parser")}, records={RUNS.id: RUNS})

    def world(*_: Any) -> RerunWorld:
        none: Any = None
        return RerunWorld(codebuild, none, lambda *_: FakeStore(), none, none, none, none)

    monkeypatch.setattr(wire, "rerun_world", world)
    monkeypatch.setattr(rerun, "rerun", lambda *_: [])
    outcome = CliRunner().invoke(cli, ["rerun", "--ref", "main", "--wait", *extra])
    assert (outcome.exception, job) == (None, [ref])
