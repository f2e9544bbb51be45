"""Guarantees about the page that lists the commands."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.cli.reference import PAGE, page

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def test_the_reference_of_commands_is_current() -> None:
    """The page in `docs/reference` says what the commands say."""
    hint = "run `python -m orchestrator.cli.reference docs/reference`"
    assert (REFERENCE / PAGE).read_text(encoding="utf-8") == page(), hint


def test_every_option_in_the_reference_has_a_meaning() -> None:
    """No row of a table is there without a word about it: what arguments are is said in the text above."""
    assert re.findall(r"^\| .* \| *\|$", page(), re.MULTILINE) == []


def test_every_command_has_an_example_that_calls_it() -> None:
    """Nobody reads about a command without seeing it called."""
    sections = re.findall(r"^## (orchestrator [^\n]*)\n(.*?)(?=^## |\Z)", page(), re.MULTILINE | re.DOTALL)
    assert len(sections) > 20
    for command, text in sections:
        examples = re.findall(r"^```sh\n(.+)\n```$", text, re.MULTILINE)
        assert any(command in example for example in examples), command
