"""Coming back to builds, several of one package among them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from world import SHA, record

from orchestrator.cli import waiting
from orchestrator.cli.main import cli
from orchestrator.cli.waiting import labels
from orchestrator.effects import codebuild
from orchestrator.errors import ConfigurationError
from orchestrator.stages import which_build
from orchestrator.stages.wait import Awaited

ONE, TWO = record(), record(id="demo-parser:ffffffff-4b5a-6978-8796-a5b4c3d2e1f0")


def test_two_packages_never_come_to_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two builds of one package the second would replace what the first has brought; that is refused at once."""
    (tmp_path / "orchestrator.yml").write_text("project: demo\nregion: eu-central-1\npackages: {parser: {}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(codebuild, "CodeBuildService", lambda *_: None)
    monkeypatch.setattr(which_build, "find_builds", lambda *_: [ONE, TWO])
    arguments: list[Any] = ["attach", ONE.id, TWO.id, "--output", "dist"]
    error = CliRunner().invoke(cli, arguments).exception
    assert isinstance(error, ConfigurationError)
    assert "parser" in error.detail
    assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(("pipeline", "told"), [("", False), ("98", False), ("99", True)])
def test_who_looks_on_tells_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, pipeline: str, told: bool
) -> None:
    """A package that is gone months later, or a full disk here, is no new word beside the commit of a good build."""
    (tmp_path / "orchestrator.yml").write_text("project: demo\nregion: eu-central-1\npackages: {parser: {}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI_PIPELINE_ID", pipeline)
    monkeypatch.setattr(codebuild, "CodeBuildService", lambda *_: None)
    monkeypatch.setattr(which_build, "find_builds", lambda *_: [ONE])
    asked: list[Any] = []
    monkeypatch.setattr(waiting, "wait_for", lambda _project, _awaited, how: asked.append(how))
    assert CliRunner().invoke(cli, ["attach", ONE.id, "--output", "dist"]).exception is None
    assert [how.untold for how in asked] == [not told]


def test_builds_of_one_package_are_told_apart() -> None:
    """Each line names its build: the package alone where it is the only one of it, else with the short id."""
    shown = labels([Awaited("parser", one.id, SHA, None) for one in (ONE, TWO)] + [Awaited("images", "i:1", SHA, None)])
    assert shown == {ONE.id: f"parser {ONE.uuid[:8]}", TWO.id: "parser ffffffff", "i:1": "images"}
