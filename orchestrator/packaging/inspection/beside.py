"""Two jobs at once. `concurrent.futures` does that too, and takes as long to import as a small package to inspect."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread


def run_beside(one: Callable[[], object], other: Callable[[], object]) -> None:
    """Run both to their ends, `other` in a thread of its own; raises what either of them raises."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            other()
        except BaseException as error:  # noqa: BLE001 - it is raised again, where somebody can catch it
            failures.append(error)

    thread = Thread(target=work)
    thread.start()
    try:
        one()
    finally:
        thread.join()
    if failures:
        raise failures[0]
