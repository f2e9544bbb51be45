"""What proves that a log is complete, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged import LAST
from world import record

from orchestrator.records import LogLine, PhaseRecord
from orchestrator.watching.closing import Closing
from orchestrator.watching.cursor import Cursor, Reading

COMPLETE, CONTEXT = LAST
BUILD_COMPLETE = COMPLETE.replace("UPLOAD_ARTIFACTS", "BUILD")
BUILD_FAILED = BUILD_COMPLETE.replace("SUCCEEDED", "FAILED")
EVERYTHING = ("PROVISIONING", "BUILD", "POST_BUILD", "UPLOAD_ARTIFACTS", "FINALIZING", "COMPLETED")


@pytest.mark.parametrize(
    ("texts", "phases", "last"),
    [
        ((COMPLETE, CONTEXT), EVERYTHING, True),
        ((COMPLETE + CONTEXT,), EVERYTHING, True),
        ((COMPLETE, CONTEXT, "\n"), EVERYTHING, True),
        ((COMPLETE.replace("State: SUCCEEDED", "Success: true"), CONTEXT), EVERYTHING, True),
        ((BUILD_FAILED, CONTEXT), ("BUILD", "FINALIZING", "COMPLETED"), True),
        ((BUILD_FAILED, CONTEXT), EVERYTHING, False),
        ((COMPLETE, CONTEXT, "printed by the build\n"), EVERYTHING, False),
        ((COMPLETE,), EVERYTHING, False),
        ((CONTEXT,), EVERYTHING, False),
        ((COMPLETE, "between\n", CONTEXT), EVERYTHING, False),
        ((f"echo {COMPLETE}", CONTEXT), EVERYTHING, False),
        ((COMPLETE, CONTEXT), ("SUBMITTED", "COMPLETED"), False),
        ((), EVERYTHING, False),
    ],
)
def test_the_last_line_is_that_of_the_last_phase(
    texts: tuple[str, ...], phases: tuple[str, ...], *, last: bool
) -> None:
    """Only what became of the last phase in the container, as the very last thing, ends a log."""
    closing = Closing()
    closing.read([LogLine(0, text) for text in texts])
    ended = replace(record(), phases=tuple(PhaseRecord(name, "SUCCEEDED", 1) for name in phases))
    assert closing.is_last(ended) == last


@pytest.mark.parametrize(
    ("text", "near"),
    [(COMPLETE, True), (BUILD_FAILED, True), (BUILD_COMPLETE, False), (CONTEXT, False), ("x" * 10**6, False)],
    ids=["uploaded", "failed", "built", "context", "a long line"],
)
def test_the_log_says_when_the_end_is_near(text: str, *, near: bool) -> None:
    """After the last phases, and after one that failed, the status is worth a look."""
    assert Closing().read([LogLine(0, text)]) == near


@given(
    moments=st.lists(st.integers(0, 5), max_size=15).map(sorted),
    reads=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 15)), max_size=6),
)
def test_a_cursor_tells_every_line_once(moments: list[int], reads: list[tuple[int, int]]) -> None:
    """However often a log is read again from somewhere before the cursor, and however far: each line, once."""
    lines = [LogLine(moment, f"{number}") for number, moment in enumerate(moments)]
    cursor = Cursor(0)
    told: list[LogLine] = []
    for back, shown in [*reads, (5, 15)]:
        since = max(0, cursor.moment - back)
        told += Reading(cursor).fresh([line for line in lines[: max(shown, len(told))] if line.moment >= since])
    assert told == lines
