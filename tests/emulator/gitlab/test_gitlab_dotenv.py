"""The emulator reads dotenv reports as GitLab does."""

from __future__ import annotations

import pytest

from orchestrator.emulator.gitlab.runner.dotenv import DotenvError, parse


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (b"", []),
        (b"A=1", [("A", "1")]),
        (b"A=1\nB=x=y\n", [("A", "1"), ("B", "x=y")]),
        (b"A=1\nA=2\n", [("A", "2")]),
    ],
)
def test_reports_are_read(report: bytes, expected: list[tuple[str, str]]) -> None:
    """A report gives its variables, and an empty one (no build was started) gives none."""
    assert parse(report) == expected


@pytest.mark.parametrize(
    "report", [b"\n", b"A=1\n\n", b"# comment\n", b"A\n", b"a-b=1\n", b"A=\xff\n", b"A=1\n" * 2000]
)
def test_reports_that_gitlab_refuses_fail_the_job(report: bytes) -> None:
    """Blank lines, comments, names that are none and too much fail here as they would there."""
    with pytest.raises(DotenvError):
        parse(report)
