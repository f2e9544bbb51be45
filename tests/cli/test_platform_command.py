"""`orchestrator platform` at its door: mistakes cost no call of AWS, and nothing goes without an answer."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from orchestrator.cli import platform
from orchestrator.config.load import parse_file
from orchestrator.config.platform_file import PLATFORM, SCHEMA
from orchestrator.errors import ConfigurationError, Superseded
from orchestrator.plan.platform import Account, plan_platform

PLAN = plan_platform(parse_file(PLATFORM.example, "platform.yml", {}, PLATFORM), Account("123456789012", "aws"))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where no credentials are, nor a way to AWS."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", "platform", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("command", ["plan", "apply", "destroy"])
def test_mistakes_are_told_before_anybody_is_asked(tmp_path: Path, command: str) -> None:
    """A file that is wrong, or not there, is exit 2 with its lines, with no credentials at all."""
    missing = run(tmp_path, command)
    assert (missing.returncode, "three lines are a complete file" in missing.stderr) == (2, True)
    (tmp_path / "platform.yml").write_text("region: eu-central-1\nprojects: {shop: {}}\n")
    wrong = run(tmp_path, command, "--file", "platform.yml")
    assert (wrong.returncode, "platform.yml:2: projects.shop: expected" in wrong.stderr) == (2, True)


def test_the_schema_is_printed(tmp_path: Path) -> None:
    """An editor gets it from the command as well as from the documentation."""
    assert json.loads(run(tmp_path, "schema").stdout) == SCHEMA.document


def test_packages_cannot_both_stay_and_go(tmp_path: Path) -> None:
    """Of two opposite answers the last is not taken for the meant one."""
    outcome = run(tmp_path, "destroy", "--keep-artifacts", "--delete-artifacts")
    assert (outcome.returncode, "opposite" in outcome.stderr) == (2, True)


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_nobody_to_ask_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a job, or with its input closed, a destroy without `--yes` stops."""
    for stream in (None, io.StringIO("y\n")):
        monkeypatch.setattr(sys, "stdin", stream)
        with pytest.raises(ConfigurationError, match="--yes"):
            platform._ask(PLAN)


@pytest.mark.parametrize(("answer", "goes_on"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_only_a_yes_is_a_yes(monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool) -> None:
    """A no, or just the return key, leaves everything, with the exit code of what was stopped."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    if goes_on:
        platform._ask(PLAN)
        return
    with pytest.raises(Superseded) as caught:
        platform._ask(PLAN)
    assert caught.value.exit_code == 4


def test_a_closed_terminal_is_no_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-D is not an answer."""
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    with pytest.raises(click.Abort):
        platform._ask(PLAN)
