"""Calls that a watcher makes in threads."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from orchestrator.watching.calls import Calls

_LEAVES = """
import threading
from orchestrator.watching.calls import Calls

begun = threading.Event()
Calls(1).submit(lambda: begun.set() or threading.Event().wait())
begun.wait()
"""


def test_a_process_ends_although_nobody_answers() -> None:
    """Whoever leaves while AWS is silent has the prompt back at once, not when the connection times out."""
    assert subprocess.run([sys.executable, "-c", _LEAVES], check=False, timeout=30).returncode == 0


def test_calls_have_their_answers() -> None:
    """Each has its own, an answer or a failure, however few threads there are; closing ends these."""
    calls = Calls(2)

    def call(number: int) -> int:
        if number == 3:
            raise ValueError(number)
        return number

    answers = [calls.submit(lambda number=number: call(number)) for number in range(6)]  # type: ignore[misc]
    assert [answer.result() for answer in answers if answer is not answers[3]] == [0, 1, 2, 4, 5]
    with pytest.raises(ValueError, match="3"):
        answers[3].result()
    calls.close(join=True)
    assert len([thread for thread in threading.enumerate() if thread.name == "watch"]) == 0


def test_a_call_that_was_cancelled_is_not_made() -> None:
    """What waits for its turn when somebody leaves is left out."""
    calls, gate, made = Calls(1), threading.Event(), list[int]()
    first = calls.submit(gate.wait)
    second = calls.submit(lambda: made.append(2))
    assert second.cancel()
    gate.set()
    calls.close(join=True)
    assert (first.result(), made) == (True, [])
