"""The text of a build's log as people may see it: nothing in it steers a terminal, or the log view of GitLab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from orchestrator.render.terminal import printable

LONGEST_LINE = 4096
SHORTENED = " [… shortened]"
# More of a line than is shown, so that what is to be hidden is found whole before the line is cut.
_LOOKED_AT = 64 * 1024
_CHUNK_CHARACTERS = 64 * 1024
# What GitLab's log view takes for the border of a section (GitLab docs: CI/CD job logs).
_MARKER = re.compile(r"section_(start|end)(?=:[0-9])")


def log_lines(texts: Iterable[str], cleaned: Callable[[str], str] = str) -> Iterator[str]:
    """Give the lines of log events, each as it may be shown; `cleaned` takes secrets out before anything is cut.

    A line over `LONGEST_LINE` characters is shortened and says so. Of a progress bar, which draws over itself, the last
    state is shown. An event is a line of its own, whether or not it ends with a line feed.
    """
    for chunk in _chunks(_last_states(texts)):
        for line in cleaned(chunk).split("\n"):
            yield _shown(line)


def _last_states(texts: Iterable[str]) -> Iterator[str]:
    """Give the events, without those that the next one draws over."""
    before: str | None = None
    for text in texts:
        if before is not None and not before.endswith("\r"):
            yield before
        before = text
    if before is not None:
        yield before


def _chunks(texts: Iterable[str]) -> Iterator[str]:
    """Give the events as texts of several lines: short enough for the memory, long enough for what spans lines."""
    lines: list[str] = []
    size = 0
    for text in texts:
        for line in text.removesuffix("\n").split("\n"):
            if size > _CHUNK_CHARACTERS:
                yield "\n".join(lines)
                lines, size = [], 0
            lines.append(_bounded(line))
            size += len(lines[-1])
    if lines:
        yield "\n".join(lines)


def _bounded(line: str) -> str:
    # What a progress bar shows in the end stands at its end.
    return line[-_LOOKED_AT:] if "\r" in line else line[:_LOOKED_AT]


def _shown(line: str) -> str:
    states = (printable(state) for state in reversed(line.split("\r")))
    text = next((state for state in states if state.strip()), "")
    harmless = _MARKER.sub(r"section_\1 ", text).rstrip()
    return harmless if len(harmless) <= LONGEST_LINE else harmless[:LONGEST_LINE] + SHORTENED
