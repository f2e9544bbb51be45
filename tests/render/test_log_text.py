"""Log text of others, as it may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.redaction import Secrets
from orchestrator.render.log_text import LONGEST_LINE, SHORTENED, log_lines


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (["plain\n"], ["plain"]),
        (["no line feed", "next"], ["no line feed", "next"]),
        (["two\nlines\n"], ["two", "lines"]),
        (["windows\r\n"], ["windows"]),
        (["\n"], [""]),
        ([], []),
        (["10%\r50%\r100%\n"], ["100%"]),
        (["done\r\x1b[K\n"], ["done"]),
        (["10%\r", "50%\r", "100%\r"], ["100%"]),
        (["10%\r", "all done\n"], ["all done"]),
        (["\x1b[31mred\x1b[0m\n"], ["red"]),
        (["\x1b[2J\x1b]0;owned\x07error\n"], ["error"]),
        (["tab\tstays\n"], ["tab\tstays"]),
        (["a\x00b\x08c\n"], ["a�b�c"]),
        (["\u202etxt.exe\n"], ["�txt.exe"]),
        (["section_start:1700000000:fake\r\x1b[0Kheader\n"], ["header"]),
        (["section_end:1700000000:parser_2_install\n"], ["section_end :1700000000:parser_2_install"]),
        (["section_start: a heading\n"], ["section_start: a heading"]),
    ],
    ids=range(18),
)
def test_lines_are_shown_as_their_last_state(texts: list[str], shown: list[str]) -> None:
    """Lines, progress bars, colours, binary and borders of sections become plain lines."""
    assert list(log_lines(texts)) == shown


def test_a_long_line_is_shortened_and_says_so() -> None:
    """A line of a megabyte becomes a short one with a note; its neighbours stay whole."""
    first, long, last = log_lines(["before\n", "x" * 1_000_000, "after\n"])
    assert (first, last) == ("before", "after")
    assert long == "x" * LONGEST_LINE + SHORTENED


def test_a_long_progress_bar_shows_its_end() -> None:
    """What a progress bar of a megabyte shows in the end stands at its end."""
    assert list(log_lines(["\r".join(f"{number} of 200000" for number in range(200_001)) + "\n"])) == [
        "200000 of 200000"
    ]


def test_a_secret_is_hidden_before_a_line_is_cut() -> None:
    """A secret across the place where a line is shortened does not leave its first half."""
    known = Secrets({"GITLAB_TOKEN": "glpat-0123456789abcdef"})
    (shown,) = log_lines(["x" * (LONGEST_LINE - 8) + "glpat-0123456789abcdef" + "y" * 100], known.cleaned)
    assert "glpat" not in shown


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=50), max_size=20))
def test_nothing_steers_a_screen(texts: list[str]) -> None:
    """Whatever a build writes, what is shown has no control characters, no borders of sections, and no long lines."""
    for line in log_lines(texts):
        assert all(character == "\t" or character.isprintable() for character in line)
        assert "section_start:1" not in line
        assert len(line) <= LONGEST_LINE + len(SHORTENED)
