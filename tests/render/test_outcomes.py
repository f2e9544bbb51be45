"""What became of builds, as a table and as JUnit."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from orchestrator.render.junit import Case, build_report
from orchestrator.render.outcome_table import Row, duration, outcome_table
from orchestrator.render.sections import Paint

PLAIN = Paint(wanted=False)
ROWS = [
    Row("images", "arm64 python3.12", "SUCCEEDED", "3 min 05 s", "$0.02", good=True),
    Row("parser", "x86_64 nodejs22.x", "FAILED", "47 s", "", good=False),
]


@pytest.mark.parametrize(
    ("width", "header"),
    [
        (None, "package  target             status     duration    cost"),
        (80, "package  target             status     duration    cost"),
        (50, "package  status     duration    cost"),
        (40, "package  status     duration    cost"),
        (32, "package  status     duration"),
        (20, "package  status"),
        (5, "package  status"),
    ],
)
def test_columns_go_where_there_is_no_room(width: int | None, header: str) -> None:
    """On a narrow screen the target goes first, then the cost, then the duration; package and status stay."""
    table = outcome_table(ROWS, width=width, paint=PLAIN).splitlines()
    assert table[0] == header
    assert len(table) == 3
    assert all(len(line) <= max(width or 1000, len("package  status") + 4) for line in table)


def test_colours_are_around_the_status_only() -> None:
    """Good is green, bad is red, and the columns stay where they are."""
    table = outcome_table(ROWS, width=None, paint=Paint(wanted=True))
    assert "\x1b[32;1mSUCCEEDED\x1b[0;m" in table
    assert "\x1b[31;1mFAILED   \x1b[0;m" in table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0, "0 s"), (46.7, "47 s"), (185, "3 min 05 s"), (7620, "2 h 07 min"), (-3, "0 s")],
)
def test_durations_are_said_as_people_do(seconds: float | None, text: str) -> None:
    """A time is seconds, minutes or hours, whatever it needs."""
    assert duration(seconds) == text


def test_a_report_has_a_test_for_every_package() -> None:
    """Success, failure and what was stopped are a passed, a failed and a skipped test; no text breaks the XML."""
    cases = [
        Case("images", "arm64 python3.12", 185.0),
        Case("parser", "", 47.0, "the build ended FAILED", "phase: BUILD\n\x1b[31m<&]]>\x00"),
        Case("layer", "", 0.0, "somebody stopped it", skipped=True),
    ]
    suite = ElementTree.fromstring(build_report("demo", cases))[0]  # noqa: S314 - our own text
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    passed, failed, skipped = suite
    assert (passed.get("name"), len(passed)) == ("images for arm64 python3.12", 0)
    assert (failed[0].tag, failed[0].get("message")) == ("failure", "the build ended FAILED")
    assert skipped[0].tag == "skipped"
