"""Seeing and steering builds as a person does: a real terminal, the real commands, the stand-in behind them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest
from json_documents import conforming
from pty_screen import CTRL_C, matches
from terminal_site import Built, Site

pytestmark = pytest.mark.e2e

QUESTION = r"\[d\]etach, Enter goes on watching:"


def uuid_of(build_id: str) -> str:
    """Return the part of a build id that a person copies."""
    return build_id.partition(":")[2][:8]


def test_two_packages_on_one_screen(built: Built) -> None:
    """`build --wait` shows both logs by package, then one table; both packages are there, and the exit code is 0."""
    assert built.exit_code == 0, built.text
    table = built.text.splitlines()[-3:]
    expected = "package  target                 status     duration…\n"
    expected += "images   arm64 provided.al2023  SUCCEEDED  … s…\nparser   arm64 python3.12       SUCCEEDED  … s…"
    assert matches("\n".join(table), expected), built.text
    for package in ("images", "parser"):
        assert f"{package} | " in built.text
        name = {"images": "bootstrap", "parser": "handler.py"}[package]
        assert name in zipfile.ZipFile(built.site.folder / "dist" / package / "package.zip").namelist()
    assert "green" in built.colours


def test_a_log_steers_no_terminal(built: Built) -> None:
    """What a build writes to clear the screen or to name the window is not obeyed, neither live nor afterwards."""
    with built.site.open("logs", uuid_of(built.ids["images"]), columns=120) as screen:
        assert screen.ended() == 0
        assert "hostile red" in screen.text()
        assert screen.colours() == set()
        later = screen.raw
    for raw in (built.raw, later):
        assert b"\x1b[2J" not in raw
        assert b"\x1b]0;" not in raw


@pytest.mark.parametrize(
    ("columns", "head"),
    [
        (120, "build     package  target                 ref   commit    status     age   duration…"),
        (40, "build     package  ref   status     age"),
    ],
    ids=["wide", "narrow"],
)
def test_the_list_fits_the_screen(built: Built, columns: int, head: str) -> None:
    """`builds` shows as many columns as fit, one line for each build."""
    with built.site.open("builds", "--commit", built.site.git("rev-parse", "HEAD"), columns=columns) as screen:
        assert screen.ended() == 0
        lines = screen.text().splitlines()
        assert matches(lines[0].rstrip(), head) or matches(f"{lines[0]} ", head), screen.text()
        assert len([line for line in lines if "SUCCEEDED" in line]) == 2
        assert all(len(line) <= columns for line in lines)
        assert screen.colours() == {"green"}


@pytest.mark.parametrize("words", ["builds", "show", "explain", "artifacts list"])
def test_no_colour_is_no_colour(built: Built, words: str) -> None:
    """With NO_COLOR nothing is coloured, on any screen that would have colours."""
    more = [built.ids["parser"]] if words in {"show", "explain"} else []
    with built.site.open(*words.split(), *more, NO_COLOR="1") as screen:
        assert screen.ended() == 0
        assert screen.colours() == set()
        assert b"\x1b[" not in screen.raw


@pytest.mark.parametrize("columns", [100, 40])
def test_one_build_as_a_page(built: Built, columns: int) -> None:
    """`show` draws the phases as bars that fit the screen, and says where package and console are."""
    with built.site.open("show", uuid_of(built.ids["parser"]), columns=columns) as screen:
        assert screen.ended() == 0
        text = screen.text()
    bars = [line for line in text.splitlines() if "█" in line]
    assert any(line.startswith("INSTALL ") for line in bars)
    assert all(line.endswith(" s") and len(line) <= columns for line in bars)
    assert "package.zip" in text.replace("\n", "")
    assert "console.aws.amazon.com" in text.replace("\n", "")


def test_the_log_is_complete(built: Built) -> None:
    """The log of a build that has ended has its first and its last line, at a terminal as in a pipe."""
    piped = built.site.call("logs", built.ids["parser"])
    lines = piped.stdout.splitlines()
    assert piped.returncode == 0
    assert lines[0].endswith("Waiting for DOWNLOAD_SOURCE")
    assert any("Phase complete: UPLOAD_ARTIFACTS State: SUCCEEDED" in line for line in lines[-2:])


@pytest.mark.parametrize("words", ["builds", "logs", "show", "builds --json", "artifacts list"])
def test_a_reader_that_goes_is_no_failure_of_builds(built: Built, words: str) -> None:
    """A pipe that closes early ends the command with 0 and without a word."""
    command, *more = words.split()
    identity = [built.ids["parser"]] if command in {"logs", "show"} else []
    line = 'set -o pipefail; "$@" 2>.orchestrator/errors | true; exit "${PIPESTATUS[0]}"'
    outcome = subprocess.run(
        ["bash", "-c", line, "bash", sys.executable, "-m", "orchestrator", command, *more, *identity],
        cwd=built.site.folder,
        env=built.site.environment,
        check=False,
        timeout=120,
    )
    errors = (built.site.folder / ".orchestrator" / "errors").read_text()
    assert outcome.returncode == 0, errors
    assert "error" not in errors


def test_documents_about_builds_are_those_of_their_schemas(built: Built) -> None:
    """Whatever these commands know of real builds is in their documents as the schemas say."""
    known = built.ids["parser"]
    for name, more in (
        ("builds", []),
        ("show", [known]),
        ("logs", [known]),
        ("explain", [known]),
        ("artifacts list", []),
        ("artifacts verify", [known]),
        ("attach", [known]),
        ("build", ["--no-wait"]),
        ("rerun", ["--dry-run", "--build", known]),
        ("reconcile", []),
    ):
        outcome = built.site.call(*name.split(), *more, "--json")
        assert outcome.returncode == 0, (name, outcome.stderr)
        assert conforming(name, outcome.stdout), name


def test_leave_come_back_and_stop(built: Built) -> None:
    """Ctrl-C asks: who leaves finds the build with `attach`; who stops it there sees it end, on every screen."""
    site = built.site
    with site.open("build", "--fresh", "--package", "parser", "--wait", columns=120) as screen:
        screen.until("Entering phase INSTALL")
        screen.type(CTRL_C)
        screen.until(QUESTION)
        screen.type("d\n")
        assert screen.ended() == 4
        assert "orchestrator attach" in screen.text()
    (running,) = json.loads(site.call("builds", "--json", "--status", "IN_PROGRESS").stdout)["builds"]
    with (
        site.open("attach", columns=120) as back,
        site.open("logs", "--follow", running["build_id"], columns=120) as following,
        site.open("builds", "--watch", "--limit", "1", columns=120) as board,
    ):
        following.until("Entering phase INSTALL")
        board.until("IN_PROGRESS")
        back.until("Entering phase INSTALL")
        back.type(CTRL_C)
        back.until(QUESTION)
        back.type("s\n")
        assert back.ended() == 4
        assert "STOPPED" in back.text()
        assert following.ended() == 0
        assert board.ended() == 0
        assert "STOPPED" in board.text()


def test_twice_is_at_once(site: Site, built: Built) -> None:
    """A second Ctrl-C asks nothing: the command is gone and the build goes on, until `stop` has ended it."""
    with site.open("build", "--fresh", "--package", "parser", "--wait", columns=120) as screen:
        screen.until("Entering phase INSTALL")
        screen.type(CTRL_C)
        screen.until(QUESTION)
        screen.type(CTRL_C)
        assert screen.ended() == 4
    (running,) = json.loads(site.call("builds", "--json", "--status", "IN_PROGRESS").stdout)["builds"]
    with site.open("stop", uuid_of(running["build_id"]), columns=120) as screen:
        assert screen.ended() == 0, screen.text()
    (found,) = json.loads(site.call("builds", "--json", "--limit", "1").stdout)["builds"]
    assert (found["build_id"], found["status"]) == (running["build_id"], "STOPPED")
