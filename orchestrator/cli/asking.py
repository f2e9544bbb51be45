"""Ctrl-C while somebody waits for builds: it asks what is to become of them, and loses no line meanwhile."""

from __future__ import annotations

import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, TracebackType
from typing import Any

from orchestrator.cli.screen import narrate
from orchestrator.errors import OrchestratorError, Superseded
from orchestrator.watching.model import Seen

_LOOK_SECONDS = 0.2
# A watcher that is ahead of the screen waits; what lies between is in memory.
_AHEAD = 8
_OVER = object()


class Detached(BaseException):
    """Somebody has left builds that go on: `hint` says how to come back.

    Not an `Exception`: it is raised wherever a second Ctrl-C finds us, and nothing there may mistake it for a failure
    of the build that comes home, or of the stop, just then.
    """

    exit_code = Superseded.exit_code

    def __init__(self, hint: str) -> None:
        super().__init__(hint)
        self.hint = hint


class AskingWatch:
    """Watches in a thread, so that a question can be asked here; for a person at a terminal.

    `watch` follows builds; `stop` stops those that still run. The first Ctrl-C asks, a second one raises `Detached` at
    once, wherever it finds us.
    """

    def __init__(self, watch: Callable[[Sequence[str]], Iterator[Seen]], stop: Callable[[Sequence[str]], None]) -> None:
        self._watch = watch
        self._stop = stop
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> AskingWatch:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def __call__(self, build_ids: Sequence[str]) -> Iterator[Seen]:
        """Give what is seen of the builds; ask when Ctrl-C was pressed."""
        seen: queue.Queue[Any] = queue.Queue(_AHEAD)
        left = threading.Event()
        thread = threading.Thread(target=_fill, args=(self._watch(build_ids), seen, left), name="watching", daemon=True)
        thread.start()
        try:
            while True:
                if self._asked:
                    self._ask(build_ids)
                try:
                    item = seen.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    continue
                if item is _OVER:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            left.set()

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise Detached("the builds may go on: `orchestrator attach` comes back to them")
        self._asked = True

    def _ask(self, build_ids: Sequence[str]) -> None:
        """Ask until there is an answer; the end of input and Ctrl-C mean that the builds go on without us."""
        many = "builds" if len(build_ids) > 1 else "build"
        while True:
            narrate(f"stop the {many}, or leave running? [s]top, [d]etach, Enter goes on watching:")
            answer = sys.stdin.readline()
            word = answer.strip().lower()
            if not answer or (word and "detach".startswith(word)):
                raise Detached(f"the {many} may go on: `orchestrator attach {' '.join(build_ids)}`")
            if not word:
                break
            if "stop".startswith(word):
                self._stop_all(build_ids)
                break
        self._asked = False

    def _stop_all(self, build_ids: Sequence[str]) -> None:
        try:
            self._stop(build_ids)
        except OrchestratorError as error:
            narrate(f"not stopped: {error}")


def _fill(watched: Iterator[Seen], seen: queue.Queue[Any], left: threading.Event) -> None:
    """Hand on what is seen, until it is over or nobody takes it any more."""
    try:
        for item in watched:
            if not _handed_on(item, seen, left):
                return
        _handed_on(_OVER, seen, left)
    except BaseException as error:  # noqa: BLE001 - raised where it can be told, in the thread of the command
        _handed_on(error, seen, left)
    finally:
        close = getattr(watched, "close", None)
        if close:
            close()


def _handed_on(item: object, seen: queue.Queue[Any], left: threading.Event) -> bool:
    while not left.is_set():
        try:
            seen.put(item, timeout=_LOOK_SECONDS)
        except queue.Full:
            continue
        return True
    return False
