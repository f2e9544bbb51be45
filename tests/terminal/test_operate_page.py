"""The page about operating, as it stands: each command typed at a terminal, each screen compared."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from pty_screen import CTRL_C, Screen, matches
from terminal_site import Site, open_site

from orchestrator.emulator.control import Running

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "operate.md"
# A block with a command, what is done meanwhile, and a block with the screen in the end.
STEP = re.compile(
    r"^```sh\n(?P<line>.*?)\n```$\n+(?:^\*\*(?P<hand>[^*\n]+)\*\*$\n+)?^```text\n(?P<screen>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
HANDS = {"Press Ctrl-C, and answer `d`.": "d\n", "Press Ctrl-C, and answer `s`.": "s\n"}
# The digits that stand in the page for those of the first build of `parser`.
WRITTEN = "2ac8804b"
# Wide enough for what is printed in one line; a person may have less.
COLUMNS = 240
# Commands that are shown although they do not end well: somebody leaves a build, or stops it.
INTERRUPTED = 4


@pytest.fixture
def shop(stand_in: Running, tmp_path: Path) -> Site:
    """Return the project of the page, to which prebuild has been applied."""
    made = open_site(stand_in, tmp_path / "checkout", "shop")
    outcome = made.call("prebuild")
    assert outcome.returncode == 0, outcome.stderr
    return made


def typed(site: Site, line: str) -> Screen:
    """Return the screen on which somebody has typed a line."""
    path = os.pathsep.join([str(Path(sys.executable).parent), site.environment["PATH"]])
    known = {**site.environment, "PATH": path}
    return Screen(["bash", "-c", f"exec {line}"], folder=site.folder, environment=known, columns=COLUMNS)


def first_of_parser(site: Site) -> str:
    """Return the first eight digits of the oldest build of `parser`."""
    listed = json.loads(site.call("builds", "--package", "parser", "--json").stdout)["builds"]
    return str(listed[-1]["build_id"]).partition(":")[2][:8]


def test_the_page_shows_what_is_shown(shop: Site) -> None:
    """Whoever types what the page says sees what the page shows."""
    text = PAGE.read_text("utf-8")
    steps = list(STEP.finditer(text))
    assert len(steps) == text.count("\n```sh\n")
    digits = ""
    for step in steps:
        if WRITTEN in step["line"] and not digits:
            digits = first_of_parser(shop)
        line, expected = (part.replace(WRITTEN, digits or WRITTEN) for part in (step["line"], step["screen"]))
        with typed(shop, line) as screen:
            if step["hand"]:
                screen.until("Entering phase INSTALL")
                screen.type(CTRL_C)
                screen.until("Enter goes on watching:")
                screen.type(HANDS[step["hand"]])
            code = screen.ended()
            assert matches(screen.text(), expected), f"{line}\n{screen.text()}\n--- is not ---\n{expected}"
        assert code == (INTERRUPTED if step["hand"] else 0), line


def test_every_command_about_builds_is_on_the_page() -> None:
    """None of the commands with which people see and steer builds is missing."""
    lines = " ".join(step["line"] for step in STEP.finditer(PAGE.read_text("utf-8")))
    for words in ("build --wait", "builds", "show", "logs", "attach", "rerun", "stop", "explain", "artifacts"):
        assert f"orchestrator {words}" in lines
