"""Ctrl-C while somebody waits at a terminal."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest

from orchestrator.cli import asking
from orchestrator.cli.asking import AskingWatch, Detached
from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.watching.model import Seen, Trouble

BUILD = "demo-parser:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
SEEN = [Trouble(str(number)) for number in range(40)]


def watch(_build_ids: Sequence[str]) -> Iterator[Seen]:
    """Give more than lies between a watcher and a screen."""
    yield from SEEN


def press() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is said on standard error."""
    lines: list[str] = []
    monkeypatch.setattr(asking, "narrate", lines.append)
    return lines


def answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Type something."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


@pytest.mark.parametrize(
    ("typed", "stopped"), [("\n", []), ("s\n", [BUILD]), ("stop\n", [BUILD]), ("what?\n S \n", [BUILD])]
)
def test_an_answer_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, said: list[str], typed: str, stopped: list[str]
) -> None:
    """Whoever goes on, or stops the build, sees everything that the builds do; a wrong answer is asked again."""
    answers(monkeypatch, typed)
    told: list[str] = []
    seen: list[Seen] = []
    with AskingWatch(watch, told.extend) as asked:
        for number, item in enumerate(asked([BUILD])):
            seen.append(item)
            if number == 3:
                press()
    assert seen == SEEN
    assert told == stopped
    assert len(said) == len(typed.splitlines())


@pytest.mark.parametrize("typed", ["d\n", "detach\n", ""], ids=["d", "detach", "end of input"])
def test_builds_are_left_alone(monkeypatch: pytest.MonkeyPatch, said: list[str], typed: str) -> None:
    """Whoever detaches is told how to come back, and nothing is stopped."""
    answers(monkeypatch, typed)
    told: list[str] = []
    with pytest.raises(Detached) as caught, AskingWatch(watch, told.extend) as asked:
        for _ in asked([BUILD]):
            press()
    assert f"orchestrator attach {BUILD}" in caught.value.hint
    assert (caught.value.exit_code, told, len(said)) == (4, [], 1)


@pytest.mark.parametrize("where", ["before the question", "instead of an answer"])
def test_a_second_press_leaves_at_once(monkeypatch: pytest.MonkeyPatch, said: list[str], where: str) -> None:
    """Two presses of Ctrl-C never ask for a third."""
    if where == "instead of an answer":
        monkeypatch.setattr(sys, "stdin", type("Keys", (), {"readline": staticmethod(press)}))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Detached), AskingWatch(watch, lambda _: None) as asked:
        for _ in asked([BUILD]):
            press()
            if where == "before the question":
                press()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("where", ["while builds are stopped", "while a package comes home"])
def test_a_second_press_is_no_failure_of_what_it_meets(
    monkeypatch: pytest.MonkeyPatch, said: list[str], where: str
) -> None:
    """It is neither a stop that went wrong, after which the builds are watched on, nor a package that was refused."""
    answers(monkeypatch, "s\n")

    def stop(_build_ids: Sequence[str]) -> None:
        press()

    with pytest.raises(Detached), AskingWatch(watch, stop) as asked:
        for _ in asked([BUILD]):
            # As `stages.wait` notes what became of one build, and goes on with the others.
            with suppress(OrchestratorError):
                press()
                if where == "while a package comes home":
                    press()
    assert not [line for line in said if "not stopped" in line]


def test_a_build_that_cannot_be_stopped_is_watched_on(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    """When stopping fails it is said, and the builds are still shown."""
    answers(monkeypatch, "s\n")

    def fail(_build_ids: Sequence[str]) -> None:
        raise MachineryError("throttled")

    seen = []
    with AskingWatch(watch, fail) as asked:
        for item in asked([BUILD]):
            seen.append(item)
            if len(seen) == 1:
                press()
    assert seen == SEEN
    assert "not stopped: throttled" in said


def test_what_ends_the_watching_is_raised_here(said: list[str]) -> None:
    """A failure in the watching thread is the failure of the command."""

    def broken(_build_ids: Sequence[str]) -> Iterator[Seen]:
        yield SEEN[0]
        raise MachineryError("gone")

    with pytest.raises(MachineryError, match="gone"), AskingWatch(broken, lambda _: None) as asked:
        list(asked([BUILD]))
