"""What needs nobody outside, on a real screen: sizes, colours, questions, closed pipes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pty_screen import CTRL_C, Screen, matches

SMALL = "project: demo\nregion: eu-central-1\ngitlab: {project: group/demo}\npackages:\n  parser: {}\n"
PYTHON = str(Path(sys.executable))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a checkout with a small configuration."""
    (tmp_path / "orchestrator.yml").write_text(SMALL)
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(tmp_path)], check=True)
    return tmp_path


def opened(folder: Path, *words: str, columns: int = 100, **environment: str) -> Screen:
    """Return a screen on which the command runs."""
    known = {"PATH": os.environ["PATH"], "HOME": str(folder), **environment}
    return Screen([PYTHON, "-m", "orchestrator", *words], folder=folder, environment=known, columns=columns)


def test_a_check_on_a_screen(project: Path) -> None:
    """What `check` finds is on the screen as it is in a file."""
    with opened(project, "check") as screen:
        assert screen.ended() == 0
        assert matches(screen.text(), "nothing found"), screen.text()


def test_help_fits_a_narrow_screen(project: Path) -> None:
    """At forty columns nothing of the help runs out of the screen, and no command is missing."""
    with opened(project, "--help", columns=40) as screen:
        assert screen.ended() == 0
        text = screen.text()
    for name in ("prebuild", "build", "postbuild", "builds", "logs", "completion", "local"):
        assert f"\n  {name} " in text, name
    assert "70 our bug." in " ".join(text.split())


def test_ctrl_c_at_a_question_is_an_interruption(project: Path) -> None:
    """Whoever answers a question with Ctrl-C ends the command with 4, without a traceback, and nothing is written."""
    (project / "orchestrator.yml").unlink()
    (project / "handler.py").write_text("def handler(event, context):\n    return 1\n")
    with opened(project, "init") as screen:
        screen.until(r"\]:$")
        assert screen.ended_by(CTRL_C) == 4
        # On a line of its own, not behind the question.
        assert "\nerror: interrupted\n" in screen.text()
        assert "Traceback" not in screen.text()
    assert not (project / "orchestrator.yml").exists()


def test_a_command_in_the_dark_is_quiet(project: Path) -> None:
    """`completion` prints the script and says nothing, so that `eval` in a start-up file shows nothing."""
    outcome = subprocess.run(
        [PYTHON, "-m", "orchestrator", "completion", "bash"], cwd=project, capture_output=True, text=True, check=True
    )
    assert outcome.stderr == ""
    assert "_orchestrator_completion" in outcome.stdout


@pytest.mark.parametrize("words", ["plan", "plan --json", "--help", "schema", "completion zsh"])
def test_a_reader_that_goes_is_no_failure(project: Path, words: str) -> None:
    """A pipe that closes before everything is read ends the command with 0 and without a word."""
    program = f'set -o pipefail; "$0" -m orchestrator {words} 2>errors | true; echo "${{PIPESTATUS[0]}}" > code'
    subprocess.run(["bash", "-c", program, PYTHON], cwd=project, check=False, timeout=60)
    assert (project / "code").read_text() == "0\n"
    assert (project / "errors").read_text() == ""


def test_screens_are_compared_line_by_line() -> None:
    """`…` stands for text within a line or, alone, for any lines; nothing else is forgiven."""
    assert matches("a 1 s\nb", "a … s\nb")
    assert matches("a\nx\ny\nb", "a\n…\nb")
    assert not matches("a\nx\nb", "a\nb")
    assert not matches("a\nb extra", "a\nb")
