"""A plain install, without the extras."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli import extras
from orchestrator.cli.main import cli
from orchestrator.errors import ConfigurationError


@pytest.mark.parametrize("arguments", [["demo"], ["local", "up"], ["local", "status"]])
def test_missing_stand_ins_are_named(arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever installed without the extra is told which one to install, before anything is started."""

    def find(name: str) -> ModuleSpec | None:
        return None if name == "moto" else importlib.util.find_spec(name)

    monkeypatch.setattr(extras, "find_spec", find)
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(cli, arguments).exception
    assert isinstance(error, ConfigurationError)
    assert "moto" in error.detail
    assert "[emulator]" in error.hint
    assert list(tmp_path.iterdir()) == []
