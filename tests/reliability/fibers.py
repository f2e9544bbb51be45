"""Work that stops at every call to the outside, so that a test decides what happens there and who goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from orchestrator.errors import MachineryError


class Fate(Enum):
    """What becomes of a call, and of the one who makes it."""

    RIGHT = "it is made and answered"
    LOST_REQUEST = "it is not made, and fails"
    LOST_RESPONSE = "it is made, and fails"
    KILLED_BEFORE = "the caller dies, and it is not made"
    KILLED_AFTER = "it is made, and the caller dies"
    INTERRUPTED = "SIGTERM arrives before it"


class Killed(BaseException):
    """SIGKILL: nothing of the product may see it, so it is no `Exception`."""


class Interrupted(BaseException):
    """SIGTERM, as `orchestrator.cli.boundary` raises it."""


_ERRORS = {Fate.LOST_REQUEST, Fate.LOST_RESPONSE}
_DEATHS = {Fate.KILLED_BEFORE, Fate.KILLED_AFTER}
_current = threading.local()


class Fiber:
    """One run of a program, in a thread that never runs while another one does.

    After `step` it stands before its next call, `pending`, or has ended: with `result`, or with `failure`.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._fate = Fate.RIGHT
        self._shielded = False
        self._interrupted = False
        self.pending: str | None = ""
        self.result: Any = None
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._stands.acquire()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.pending is None

    def step(self, fate: Fate = Fate.RIGHT) -> None:
        """Let the pending call have its fate, and go on to the next one."""
        assert not self.ended
        self._fate = fate
        self._go.release()
        self._stands.acquire()
        if self.ended:
            self._thread.join()

    def finish(self) -> None:
        """Go on to the end, with every call right."""
        while not self.ended:
            self.step()

    def _run(self) -> None:
        _current.fiber = self
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            self.failure = error
        self.pending = None
        self._stands.release()

    def _meet(self, name: str, act: Callable[[], Any], *, lossless: bool) -> Any:
        self.pending = name
        self._stands.release()
        self._go.acquire()
        fate = self._fate
        if fate is Fate.INTERRUPTED:
            self._interrupted = True
            self._heed()
        if fate is Fate.KILLED_BEFORE:
            raise Killed
        if fate is Fate.LOST_REQUEST and not lossless:
            raise MachineryError(f"{name}: the request was lost", hint="again")
        done = act()
        if fate is Fate.KILLED_AFTER:
            raise Killed
        if fate is Fate.LOST_RESPONSE and not lossless:
            raise MachineryError(f"{name}: the response was lost", hint="again")
        return done

    def _heed(self) -> None:
        if self._interrupted and not self._shielded:
            self._interrupted = False
            raise Interrupted


@contextmanager
def shield() -> Iterator[None]:
    """Let a signal wait, as `orchestrator.cli.boundary.postponed` does."""
    fiber: Fiber = _current.fiber
    fiber._shielded = True
    try:
        yield
    finally:
        fiber._shielded = False
    fiber._heed()


def meet(name: str, act: Callable[[], Any], *, lossless: bool = False) -> Any:
    """Make a call to the outside; what is `lossless` may be cut short, but is never answered with an error."""
    fiber: Fiber = _current.fiber
    return fiber._meet(name, act, lossless=lossless)


class Port:
    """Stands before a model of a neighbour, and makes every method of it a call to the outside."""

    def __init__(self, model: Any, *, lossless: bool = False) -> None:
        self._model, self._lossless = model, lossless

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._model, name)
        if not callable(found):
            return found
        label = f"{type(self._model).__name__}.{name}"

        def call(*arguments: Any, **named: Any) -> Any:
            return meet(label, lambda: found(*arguments, **named), lossless=self._lossless)

        return call
