"""Threads that make calls, and that nobody has to wait for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any

_Work = tuple["Future[Any]", Callable[[], Any]]


class Calls:
    """Makes calls in at most so many threads, in their order.

    Unlike those of a ThreadPoolExecutor, for which Python waits at its end, these end with the process: a call that
    nobody answers must not hold up a person who leaves, or a job that is cancelled.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def submit(self, call: Callable[[], Any]) -> Future[Any]:
        """Make a call soon; return what will hold its answer, or its failure."""
        future: Future[Any] = Future()
        self._work.put((future, call))
        if len(self._threads) < self._most:
            thread = Thread(target=self._run, name="watch", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self, *, join: bool) -> None:
        """End each thread after what it is at; with `join` wait for that. A call that was cancelled is not made."""
        for _ in self._threads:
            self._work.put(None)
        if join:
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        while work := self._work.get():
            _make(*work)
            # An answer may be a megabyte of a log, and the next work may be long in coming.
            del work


def _make(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001 - raised where it can be told, by whoever asks for the answer
        future.set_exception(error)
